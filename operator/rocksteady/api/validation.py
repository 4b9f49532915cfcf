"""Whether an LLMDeployment is valid: one answer for the reconciler, for `lint` and for tests.

Pure. The API server has checked the schema and the CEL rules of the CRD before the reconciler sees
an object; here they are checked again, since `lint` has no API server, together with what CEL
cannot say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from rocksteady import conventions
from rocksteady.api import envelope
from rocksteady.api.advice import ADVICE
from rocksteady.api.checks import CHECKS
from rocksteady.api.crd import llmdeployment_schema
from rocksteady.api.fields import FieldError
from rocksteady.api.messages import explain
from rocksteady.api.shape import find_unknown_fields, without_nulls
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus


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
    errors = envelope.check(manifest)
    errors += _unknown_fields(manifest) if strict else []
    deployment, unreadable = _read(manifest)
    if deployment is None:
        return Validation((*errors, *unreadable), (), None)
    errors += [error for check in CHECKS for error in check(deployment.spec)]
    warnings = tuple(warning for advise in ADVICE for warning in advise(deployment.spec))
    return Validation(tuple(errors), warnings, None if errors else deployment)


def _unknown_fields(manifest: Mapping[str, Any]) -> list[FieldError]:
    """Unknown fields outside of metadata and status, which are not the user's to spell."""
    schema = llmdeployment_schema()
    written = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return list(find_unknown_fields(written, schema))


def _read(manifest: Mapping[str, Any]) -> tuple[LLMDeployment | None, list[FieldError]]:
    """The model, or why there is none.

    It is read as JSON, so that types are as strict as the API server's: `replicas: "2"` is wrong.
    """
    schema = llmdeployment_schema()
    written = without_nulls({"spec": manifest.get("spec")}, schema)
    try:
        return LLMDeployment.model_validate_json(json.dumps(written), strict=True), []
    except ValidationError as error:
        return None, explain(error.errors(), schema)


def read_status(manifest: Mapping[str, Any]) -> LLMDeploymentStatus:
    """The status as it was reported last; an empty one when there is none that can be read.

    Args:
        manifest: The whole object, as the API server returned it.
    """
    written = without_nulls({"status": manifest.get("status")}, llmdeployment_schema())
    try:
        return LLMDeploymentStatus.model_validate(written.get("status", {}))
    except ValidationError:
        return LLMDeploymentStatus()


def is_ours(manifest: Mapping[str, Any]) -> bool:
    """True when a manifest claims our API group or kind, however it is spelled otherwise."""
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    return group == conventions.GROUP or manifest.get("kind") == conventions.KIND
