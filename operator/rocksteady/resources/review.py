"""Whether an LLMDeployment can work: its own rules, then what its engine makes of it.

Pure. The one question that the reconciler and `lint` ask of a manifest.
"""

from collections.abc import Mapping
from typing import Any

from rocksteady.api.fields import FieldError
from rocksteady.api.validation import Validation, validate_manifest
from rocksteady.resources.spec_problems import find_spec_problems


def review(manifest: Mapping[str, Any], *, strict: bool) -> Validation:
    """Everything there is to say about one manifest.

    Args:
        manifest: The whole object.
        strict: True for `lint`: unknown fields are errors.

    Returns:
        As `validate_manifest`, with the engine's errors and warnings added; `deployment` is None
        when there is any error.
    """
    validation = validate_manifest(manifest, strict=strict)
    if validation.deployment is None:
        return validation
    problems = find_spec_problems(validation.deployment.spec)
    errors = [FieldError(one.field, one.message) for one in problems if one.fatal]
    warnings = [FieldError(one.field, one.message) for one in problems if not one.fatal]
    return Validation(
        errors=(*validation.errors, *errors),
        warnings=(*validation.warnings, *warnings),
        deployment=None if errors else validation.deployment,
    )
