"""What a manifest has that the schema has not: unknown fields, and fields without a value."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rocksteady.api.crd import UNQUOTED
from rocksteady.api.fields import FieldError, Path, child_schema, format_path

_PRESERVES: Final = "x-kubernetes-preserve-unknown-fields"
_STRANGE: Final = "unknown field: known here are"
"""What is said of a name that is like no known one."""
_SIMILAR: Final = 0.6
"""How alike two names must be to be taken for a slip of the pen; difflib's own default."""


def find_unknown_fields(
    value: Any, schema: Mapping[str, Any], path: Path = ()
) -> Iterator[FieldError]:
    """Fields that the schema does not know, each with what was probably meant.

    Below what is not to be quoted, a name that is like no known one is not shown either: it may be
    a question that was written in the wrong place.

    Args:
        value: What stands at `path`.
        schema: Structural schema of the value.
        path: Where the value is.
    """
    yield from _find_unknown(value, schema, path, root=schema, base=path)


def without_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    """A copy without the fields that are null, as the API server drops them when it reads.

    Parts of other APIs are kept as they are: there null means something.

    Source: kubernetes/apiextensions-apiserver:pkg/apiserver/schema/defaulting/prune.go.
    """
    if schema.get(_PRESERVES):
        return value
    if isinstance(value, Mapping):
        return {
            key: without_nulls(item, child_schema(schema, str(key)) or {})
            for key, item in value.items()
            if item is not None
        }
    if isinstance(value, list):
        return [without_nulls(item, schema.get("items", {})) for item in value]
    return value


def _find_unknown(
    value: Any,
    schema: Mapping[str, Any],
    path: Path,
    *,
    root: Mapping[str, Any],
    base: Path,
    private: bool = False,
) -> Iterator[FieldError]:
    private = private or UNQUOTED in schema
    for part, item in _parts(value, schema):
        child = child_schema(schema, part)
        if child is not None:
            yield from _find_unknown(
                item, child, (*path, part), root=root, base=base, private=private
            )
        elif "properties" in schema:
            message = _unknown(str(part), schema["properties"], _places(root, str(part), base))
            hidden = private and message.startswith(_STRANGE)
            yield FieldError(format_path(path if hidden else (*path, part)), message)


def _parts(value: Any, schema: Mapping[str, Any]) -> list[tuple[str | int, Any]]:
    """Fields or items of a value; none of a part of another API."""
    if schema.get(_PRESERVES):
        return []
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    return list(enumerate(value)) if isinstance(value, list) else []


def _unknown(name: str, known: Mapping[str, Any], places: list[str]) -> str:
    plain = {field.lower(): field for field in known}
    similar = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1, cutoff=_SIMILAR)
    if places and not (similar and similar[0] == name.lower()):
        return f"unknown field: it belongs to {' or '.join(places)}"
    if similar:
        return f"unknown field: did you mean {plain[similar[0]]}?"
    return f"{_STRANGE} {', '.join(known)}"


def _places(schema: Mapping[str, Any], name: str, path: Path) -> list[str]:
    """Where else a field of this name exists, outside lists; at most two places."""
    found: list[str] = []
    for field, child in schema.get("properties", {}).items():
        if field == name:
            found.append(format_path((*path, field)))
        found += _places(child, name, (*path, field))
    return found[:2]
