"""Text that is none: what a manifest may hold in Python and no UTF-8 can say."""

from collections.abc import Iterator, Mapping
from typing import Any

from rocksteady.api.fields import FieldError, Path, format_path


def find_unwritable(value: Any, path: Path = ()) -> Iterator[FieldError]:
    """Texts with half of a surrogate pair, which YAML and JSON can spell as an escape.

    Args:
        value: As JSON has it.
        path: Where the value is.
    """
    if isinstance(value, str):
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
