"""Turn what pydantic says about a field into words for a person who writes manifests."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails

from rocksteady.api.crd import CURE, EXPECTS, UNQUOTED
from rocksteady.api.fields import FieldError, Path, child_schema, format_path, quote

_TYPE_WORDS: Final = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a group of fields",
}
_COUNTED: Final = {
    "too_long": ("at most", "maxItems", "maxProperties"),
    "too_short": ("at least", "minItems", "minProperties"),
}


def explain(details: Iterable[ErrorDetails], schema: Mapping[str, Any]) -> list[FieldError]:
    """One message for each field that pydantic rejects, in the order of the models.

    Args:
        details: `ValidationError.errors()`, of a validation with `loc_by_alias`.
        schema: Structural schema with the words of its patterns.
    """
    found: dict[Path, FieldError] = {}
    for detail in details:
        path, node = _resolve(detail["loc"], schema)
        if path not in found and not _only_follows(detail):
            found[path] = FieldError(format_path(path), _message(detail, node))
    return list(found.values())


def _only_follows(detail: ErrorDetails) -> bool:
    """True for a list that is too short only because entries of it are wrong, which is said."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _resolve(
    location: tuple[str | int, ...], schema: Mapping[str, Any]
) -> tuple[Path, Mapping[str, Any]]:
    """The part of a pydantic location that is a path; the rest names members of a union.

    What is not to be quoted is not to be quoted in parts either.
    """
    path: Path = ()
    private = UNQUOTED in schema
    for part in location:
        child = child_schema(schema, part)
        if child is None:
            break
        path, schema = (*path, part), child
        private = private or UNQUOTED in schema
    return path, {**schema, UNQUOTED: True} if private else schema


def _message(detail: ErrorDetails, node: Mapping[str, Any]) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return _missing(node)
    if kind in _COUNTED:
        return _count(kind, value, node)
    if kind in {"string_too_long", "string_too_short"}:
        return f"{_length(node)}, has {len(value)}{_cure(kind, node)}"
    if "enum" in node:
        return _choice(value, node)
    if kind in {"greater_than_equal", "less_than_equal"} and EXPECTS not in node:
        return f"must be {_bounds(node)}{_not(value, node)}"
    return _wanted(value, node)


def _missing(node: Mapping[str, Any]) -> str:
    about = node.get("description", "").partition(". ")[0].rstrip(".")
    return f"is required: {about}" if about else "is required"


def _count(kind: str, value: Any, node: Mapping[str, Any]) -> str:
    words, *keys = _COUNTED[kind]
    bound = next(node[key] for key in keys if key in node)
    entries = "entry" if bound == 1 else "entries"
    return f"must have {words} {bound} {entries}, has {len(value)}{_cure(kind, node)}"


def _cure(kind: str, node: Mapping[str, Any]) -> str:
    """What to do when there is too much, where the model says it."""
    return f": {node[CURE]}" if CURE in node and kind.endswith("too_long") else ""


def _length(node: Mapping[str, Any]) -> str:
    shortest, longest = node.get("minLength", 0), node.get("maxLength")
    if longest is None:
        return f"must have at least {shortest} characters"
    return (
        f"must have {shortest} to {longest} characters"
        if shortest
        else (f"must have at most {longest} characters")
    )


def _choice(value: Any, node: Mapping[str, Any]) -> str:
    allowed = node["enum"]
    similar = difflib.get_close_matches(str(value), [str(item) for item in allowed], n=1)
    meant = f"; did you mean {similar[0]}?" if similar else ""
    return f"must be one of {', '.join(map(str, allowed))}{_not(value, node)}{meant}"


def _not(value: Any, node: Mapping[str, Any]) -> str:
    return "" if UNQUOTED in node else f", not {quote(value)}"


def _bounds(node: Mapping[str, Any]) -> str:
    lowest, highest = node.get("minimum"), node.get("maximum")
    if lowest is None:
        return f"at most {highest}"
    return f"from {lowest} to {highest}" if highest is not None else f"{lowest} or more"


def _wanted(value: Any, node: Mapping[str, Any]) -> str:
    """A value of the wrong type or that does not match its pattern."""
    wanted = node.get(EXPECTS) or _TYPE_WORDS.get(node.get("type", ""), "something else")
    if UNQUOTED in node:
        return f"must be {wanted}{_quoting(value, node)}"
    return f"must be {wanted}, not {quote(value)}{_quoting(value, node)}"


def _quoting(value: Any, node: Mapping[str, Any]) -> str:
    """The cure when only quotation marks are wrong."""
    if node.get("type") == "string" and isinstance(value, int | float):
        return ": put it in quotes"
    if node.get("type") == "integer" and isinstance(value, str) and value.lstrip("-").isdigit():
        return ": leave out the quotes"
    return ""
