"""What the operator reports: the status subresource."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.schema import ApiModel, crd

Hash10 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{10}$")]
"""Identity of a revision."""


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One fact about the object, as Kubernetes writes conditions."""

    type: Annotated[str, StringConstraints(max_length=63)]
    """What the condition is about, for example `Ready`."""
    status: ConditionStatus
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]*$", max_length=128)]
    """CamelCase word for programs."""
    message: Annotated[str, StringConstraints(max_length=4096)] = ""
    """Sentence for people, with what to do."""
    last_transition_time: datetime
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this condition was computed from."""


class RevisionStatus(ApiModel):
    """One revision as it runs now."""

    hash: Hash10
    """Identity of the revision, as in labels and metrics."""
    number: Annotated[int, Field(ge=1)]
    """For people: shown as `r7`."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Wanted pods."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Pods that are ready."""


class Revisions(ApiModel):
    """The revisions that matter now."""

    stable: RevisionStatus | None = None
    """Serves the users; absent until a first revision was ready."""
    canary: RevisionStatus | None = None
    """On its way to replace stable; absent when nothing is rolling out."""


class LLMDeploymentStatus(ApiModel):
    """What is true now."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that all of this was computed from."""
    replicas: Annotated[int, Field(ge=0)] = 0
    """Pods that exist, over all revisions."""
    ready_replicas: Annotated[int, Field(ge=0)] = 0
    """Pods that are ready, over all revisions."""
    selector: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Label selector of the pods, for the scale subresource."""
    address: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Where the model answers inside the cluster."""
    revisions: Revisions = Revisions()
    warnings: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=1024)], ...],
        Field(max_length=32, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """What is allowed but may surprise, for example a model URI that is not pinned."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="map", list_map_keys=["type"])),
    ] = ()
    """Facts about the object, one for each type."""
