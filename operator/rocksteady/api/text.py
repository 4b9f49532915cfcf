"""What a manifest may hold in Python and nobody can read: text that is no UTF-8, endless pits."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rocksteady.api.fields import FieldError, Path, format_path

NESTED_MAX: Final = 100
"""Levels from the root. Pydantic reads 200, and what checks a JSON Schema uses several frames of
Python's 1000 for each; pod templates and schemas that people write have some 20."""
_SHOWN_MAX: Final = 8
"""Parts of the path to what is nested too deeply that are shown."""


def find_unwritable(value: Any, path: Path = ()) -> Iterator[FieldError]:
    """Texts with half of a surrogate pair, which YAML and JSON can spell, and too deep nesting.

    Args:
        value: As JSON has it.
        path: Where the value is.
    """
    if len(path) > NESTED_MAX:
        shown = format_path(path[:_SHOWN_MAX])
        yield FieldError(shown, f"is nested more than {NESTED_MAX} levels deep: simplify it")
    elif isinstance(value, str):
        yield from _check_text(value, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _check_text(str(key), path)
            yield from find_unwritable(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_unwritable(item, (*path, index))


def _check_text(text: str, path: Path) -> Iterator[FieldError]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        yield FieldError(
            format_path(path),
            f"character {error.start + 1} is half of a surrogate pair, which is no UTF-8: write"
            " the character itself",
        )
