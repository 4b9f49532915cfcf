"""What stands around the spec: API version, kind and name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.fields import FieldError, quote

_GENERATED_LENGTH: Final = 5
"""Characters that the API server adds to `generateName`."""


@dataclass(frozen=True)
class _Naming:
    """What names of a kind look like, and what to say otherwise."""

    pattern: str
    max_length: int
    reason: str


_NAMING: Final = {
    conventions.KIND: _Naming(
        conventions.NAME_PATTERN,
        conventions.NAME_MAX_LENGTH,
        ", and start with a letter, since Services are named after it",
    ),
    conventions.SUITE_KIND: _Naming(
        conventions.SUITE_NAME_PATTERN,
        conventions.SUITE_NAME_MAX_LENGTH,
        ", since it becomes the value of a label",
    ),
}


def check(manifest: Mapping[str, Any], kind: str) -> list[FieldError]:
    """Errors in `apiVersion`, `kind` and `metadata.name`.

    Args:
        manifest: The whole object.
        kind: That it should be.
    """
    errors = [
        FieldError(field, f"must be {wanted}, not {quote(manifest.get(field))}")
        for field, wanted in (("apiVersion", conventions.API_VERSION), ("kind", kind))
        if manifest.get(field) != wanted
    ]
    return errors + _check_name(manifest.get("metadata"), _NAMING[kind])


def _check_name(metadata: Any, naming: _Naming) -> list[FieldError]:
    if not isinstance(metadata, Mapping):
        return [FieldError("metadata", "is required, with a name")]
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if name is None and isinstance(prefix, str):
        generated = prefix + "x" * _GENERATED_LENGTH
        return _check_text("metadata.generateName", generated, prefix, naming)
    if not isinstance(name, str) or not name:
        return [FieldError("metadata.name", "is required, as text")]
    return _check_text("metadata.name", name, name, naming)


def _check_text(path: str, name: str, written: str, naming: _Naming) -> list[FieldError]:
    if re.fullmatch(naming.pattern, name) and len(name) <= naming.max_length:
        return []
    return [
        FieldError(
            path,
            f"must be at most {naming.max_length} lower case letters, digits and '-'"
            f"{naming.reason}; not {quote(written)}",
        )
    ]
