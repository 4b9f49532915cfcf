"""What stands around the spec: API version, kind and name."""

import re
from collections.abc import Mapping
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.fields import FieldError, quote

_NAME: Final = re.compile(conventions.NAME_PATTERN)
_GENERATED_LENGTH: Final = 5
"""Characters that the API server adds to `generateName`."""


def check(manifest: Mapping[str, Any]) -> list[FieldError]:
    """Errors in `apiVersion`, `kind` and `metadata.name`."""
    errors = [
        FieldError(field, f"must be {wanted}, not {quote(manifest.get(field))}")
        for field, wanted in (("apiVersion", conventions.API_VERSION), ("kind", conventions.KIND))
        if manifest.get(field) != wanted
    ]
    return errors + _check_name(manifest.get("metadata"))


def _check_name(metadata: Any) -> list[FieldError]:
    if not isinstance(metadata, Mapping):
        return [FieldError("metadata", "is required, with a name")]
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if name is None and isinstance(prefix, str):
        return _check_text("metadata.generateName", prefix + "x" * _GENERATED_LENGTH, prefix)
    if not isinstance(name, str) or not name:
        return [FieldError("metadata.name", "is required, as text")]
    return _check_text("metadata.name", name, name)


def _check_text(path: str, name: str, written: str) -> list[FieldError]:
    if _NAME.fullmatch(name) and len(name) <= conventions.NAME_MAX_LENGTH:
        return []
    return [
        FieldError(
            path,
            f"must be at most {conventions.NAME_MAX_LENGTH} lower case letters, digits and '-', and"
            f" start with a letter, since Services are named after it; not {quote(written)}",
        )
    ]
