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
    weight_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of the requests that it should get; absent when nothing is rolling out."""
    observed_percent: Annotated[int, Field(ge=0, le=100)] | None = None
    """Share of the requests that it got, as counted; absent when that is not known."""


class Revisions(ApiModel):
    """The revisions that matter now."""

    stable: RevisionStatus | None = None
    """Serves the users; absent until a first revision was ready."""
    canary: RevisionStatus | None = None
    """On its way to replace stable; absent when nothing is rolling out."""


class SignalStatus(ApiModel):
    """What one signal says of the canary now."""

    signal: Annotated[str, StringConstraints(max_length=63)]
    """As in `spec.slos`."""
    verdict: Annotated[str, StringConstraints(max_length=16)]
    """Passed, Failed, Inconclusive or Error."""
    evidence: Annotated[str, StringConstraints(max_length=32)]
    """Of harm: 1 says nothing, `threshold` rolls back."""
    threshold: Annotated[str, StringConstraints(max_length=32)]
    """Number of signals over the accepted chance of a false rollback."""
    message: Annotated[str, StringConstraints(max_length=1024)] = ""
    """The counts of both revisions and the evidence, in a sentence."""


class RolloutStatus(ApiModel):
    """The attempt that runs, or the last one."""

    name: Annotated[str, StringConstraints(max_length=253)]
    """Of the LLMRollout with all of its decisions."""
    phase: Annotated[str, StringConstraints(max_length=32)]
    """Starting, Stepping, Baking or Finished."""
    outcome: Annotated[str, StringConstraints(max_length=32)] = ""
    """Promoted, RolledBack, Aborted, Superseded or Cancelled; empty while it runs."""
    step: Annotated[int, Field(ge=0)] = 0
    """How many steps have begun."""
    steps: Annotated[int, Field(ge=0)] = 0
    """How many there are."""
    weight_percent: Annotated[int, Field(ge=0, le=100)] = 0
    """Share of the requests that the canary should get."""
    since: datetime | None = None
    """When the step began."""
    waiting_for: Annotated[str, StringConstraints(max_length=1024)] = ""
    """What comes next and what it waits for; empty when it is over."""
    signals: Annotated[
        tuple[SignalStatus, ...],
        Field(max_length=24, json_schema_extra=crd(list_type="map", list_map_keys=["signal"])),
    ] = ()
    """What each signal says."""


class RefusedRevision(ApiModel):
    """A revision that is not tried again until it changes or is released."""

    hash: Hash10
    """Identity of the revision."""
    number: Annotated[int, Field(ge=1)]
    """For people: shown as `r7`."""
    reason: Annotated[str, StringConstraints(max_length=63)]
    """Why its last attempt ended."""
    rollout: Annotated[str, StringConstraints(max_length=253)]
    """Name of the LLMRollout that says why."""
    quarantined: bool = True
    """True: it did harm, or a person aborted it. False: it merely did not make it in time."""
    since: datetime
    """When that was."""


class DecisionLine(ApiModel):
    """One decision in short."""

    time: datetime
    """When it was made."""
    rollout: Annotated[str, StringConstraints(max_length=253)]
    """Name of the LLMRollout that has all of it."""
    action: Annotated[str, StringConstraints(max_length=32)]
    """What was done, for example `Advance` or `RollBack`."""
    reason: Annotated[str, StringConstraints(max_length=63)]
    """CamelCase word for programs."""
    message: Annotated[str, StringConstraints(max_length=1024)]
    """Sentence for people, with the numbers."""


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
    rollout: RolloutStatus | None = None
    """The attempt that runs, or the last one; absent when there was none."""
    attempts: Annotated[int, Field(ge=0)] = 0
    """How many attempts there were, also of those that are no longer kept."""
    refused: Annotated[
        tuple[RefusedRevision, ...],
        Field(max_length=32, json_schema_extra=crd(list_type="map", list_map_keys=["hash"])),
    ] = ()
    """Revisions that are not tried again."""
    handled_requests: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=128)], ...],
        Field(max_length=32, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Annotations that were acted on, as `promote=<hash10>`: they are not acted on again."""
    decisions: Annotated[
        tuple[DecisionLine, ...],
        Field(max_length=10, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """The last decisions, newest first; all of them stand in the LLMRollouts."""
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
