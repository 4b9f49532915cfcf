"""A manifest as a model: what can be read of it, and what in it cannot.

It reads what the API server returned and, for `lint`, what a person wrote.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rocksteady import conventions
from rocksteady.api import envelope
from rocksteady.api.crd import llmdeployment_schema, llmrollout_schema
from rocksteady.api.fields import FieldError
from rocksteady.api.messages import explain
from rocksteady.api.shape import find_unknown_fields, without_nulls
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus


def read_manifest(
    manifest: Mapping[str, Any], *, strict: bool
) -> tuple[LLMDeployment | None, list[FieldError]]:
    """The manifest as a model with an empty status, and what is wrong with its single fields.

    Args:
        manifest: The whole object, as JSON has it: no dates, no cycles.
        strict: True: unknown fields are errors.

    Returns:
        None for the model when a field of the spec cannot be read.
    """
    errors = envelope.check(manifest)
    errors += _unknown_fields(manifest) if strict else []
    deployment, unreadable = _read(manifest)
    return deployment, errors + unreadable


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


def read_rollout(manifest: Mapping[str, Any]) -> LLMRollout | None:
    """An LLMRollout; None when it cannot be read, as one that a later operator wrote.

    Args:
        manifest: The whole object, as the API server returned it.
    """
    parts = {"spec": manifest.get("spec"), "status": manifest.get("status")}
    try:
        return LLMRollout.model_validate(without_nulls(parts, llmrollout_schema()))
    except ValidationError:
        return None


def is_ours(manifest: Mapping[str, Any]) -> bool:
    """True when a manifest claims our API group or kind, however it is spelled otherwise."""
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    return group == conventions.GROUP or manifest.get("kind") == conventions.KIND
