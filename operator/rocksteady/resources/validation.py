"""Whether an LLMDeployment is valid: one answer for the reconciler, for `lint` and for tests.

Pure. The API server has checked the schema and the CEL rules of the CRD before the reconciler sees
an object; here they are checked again, since `lint` has no API server, together with what CEL
cannot say and with what the engine makes of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rocksteady.api.advice import ADVICE
from rocksteady.api.checks import CHECKS
from rocksteady.api.fields import FieldError
from rocksteady.api.reading import read_manifest
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.resources.engine_checks import ENGINE_ADVICE, ENGINE_CHECKS, check_rendering
from rocksteady.resources.slo_checks import SLO_CHECKS


@dataclass(frozen=True)
class Validation:
    """What is to be said about one manifest.

    Attributes:
        errors: Why it cannot be acted on; empty when it can.
        warnings: What is allowed but may surprise; empty when there are errors in single fields,
            since then there is nothing to judge.
        deployment: The manifest as a model, with an empty status: what was reported is not
            validated. None when there are errors.
    """

    errors: tuple[FieldError, ...]
    warnings: tuple[FieldError, ...]
    deployment: LLMDeployment | None


def validate_manifest(manifest: Mapping[str, Any], *, strict: bool) -> Validation:
    """Check an LLMDeployment as it was written or as the API server returned it.

    Args:
        manifest: The whole object, as JSON has it: no dates, no cycles.
        strict: True for `lint`: unknown fields are errors, as with kubectl. False for the
            reconciler: they are ignored, since a newer API version may know them.
    """
    deployment, errors = read_manifest(manifest, strict=strict)
    if deployment is None:
        return Validation(tuple(errors), (), None)
    spec = deployment.spec
    broken = [error for check in (*CHECKS, *ENGINE_CHECKS, *SLO_CHECKS) for error in check(spec)]
    errors += broken or check_rendering(spec)
    warnings = tuple(warning for advise in (*ADVICE, *ENGINE_ADVICE) for warning in advise(spec))
    return Validation(tuple(errors), warnings, None if errors else deployment)
