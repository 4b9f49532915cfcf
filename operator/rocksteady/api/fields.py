"""Fields of a manifest: how their paths are written, and the schema at a path."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
"""Keys and list indices from the manifest's root, in camelCase."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong, or may surprise, at one field.

    Attributes:
        path: As Kubernetes writes it, for example `spec.engine.env[0].value`.
        message: What is wrong and what would be right; a sentence without a full stop.
    """

    path: str
    message: str


def format_path(path: Iterable[str | int]) -> str:
    """The text of a path.

    >>> format_path(("spec", "resources", "limits", "nvidia.com/gpu"))
    'spec.resources.limits[nvidia.com/gpu]'
    """
    text = ""
    for part in path:
        if isinstance(part, int) or "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def child_schema(schema: Mapping[str, Any], part: str | int) -> Mapping[str, Any] | None:
    """The schema of a field, list item or map value; None when the schema has no such part."""
    if isinstance(part, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def quote(value: Any, max_characters: int = 80) -> str:
    """A value for a message, cut when it is long.

    >>> quote("0.5"), quote(True)
    ("'0.5'", 'true')
    """
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= max_characters else f"{text[: max_characters - 3]}..."
