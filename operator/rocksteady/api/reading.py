"""A manifest as a model: what can be read of it, and what in it cannot.

It reads what the API server returned and, for `lint`, what a person wrote.
"""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from rocksteady import conventions
from rocksteady.api import envelope
from rocksteady.api.crd import (
    evaluationsuite_schema,
    llmdeployment_schema,
    llmrollout_schema,
)
from rocksteady.api.fields import FieldError
from rocksteady.api.messages import explain
from rocksteady.api.shape import find_unknown_fields, without_nulls
from rocksteady.api.text import find_unwritable
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuite
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus

_SCHEMAS: Final = {
    conventions.KIND: llmdeployment_schema,
    conventions.SUITE_KIND: evaluationsuite_schema,
}
"""Of the kinds that people write."""

Read = TypeVar("Read", LLMDeployment, EvaluationSuite)


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
    return _read(manifest, conventions.KIND, LLMDeployment, strict=strict)


def read_suite(
    manifest: Mapping[str, Any], *, strict: bool
) -> tuple[EvaluationSuite | None, list[FieldError]]:
    """An EvaluationSuite as a model with an empty status; as `read_manifest`."""
    return _read(manifest, conventions.SUITE_KIND, EvaluationSuite, strict=strict)


def _read(
    manifest: Mapping[str, Any], kind: str, model: type[Read], *, strict: bool
) -> tuple[Read | None, list[FieldError]]:
    """The model, or why there is none.

    It is read as JSON, so that types are as strict as the API server's: `replicas: "2"` is wrong.
    """
    schema = _SCHEMAS[kind]()
    errors = envelope.check(manifest, kind)
    unwritable = list(find_unwritable(manifest.get("spec"), ("spec",)))
    if unwritable:
        return None, errors + unwritable
    errors += _unknown_fields(manifest, schema) if strict else []
    written = without_nulls({"spec": manifest.get("spec")}, schema)
    try:
        return model.model_validate_json(json.dumps(written), strict=True), errors
    except ValidationError as error:
        return None, errors + explain(error.errors(), schema)


def _unknown_fields(manifest: Mapping[str, Any], schema: Mapping[str, Any]) -> list[FieldError]:
    """Unknown fields outside of metadata and status, which are not the user's to spell."""
    written = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return list(find_unknown_fields(written, schema))


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


def kind_of(manifest: Mapping[str, Any]) -> str | None:
    """The kind that a manifest claims to be, of those that people write; None: none of ours.

    Whatever is in our API group is taken for the kind that is spelled most like it.
    """
    kind = str(manifest.get("kind"))
    if kind in _SCHEMAS:
        return kind
    group = str(manifest.get("apiVersion", "")).partition("/")[0]
    if group != conventions.GROUP:
        return None
    alike = difflib.get_close_matches(kind, _SCHEMAS, n=1)
    return alike[0] if alike else conventions.KIND
