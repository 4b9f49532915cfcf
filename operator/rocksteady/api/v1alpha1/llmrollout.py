"""The LLMRollout: one attempt to replace the revision that serves, and the record of it.

Written by the operator only. The spec is what the attempt was judged by, frozen when it began; the
status is where it stands and why, and only ever grows.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.policy import Approval, Capacity, MetricGate, OnDeadline
from rocksteady.api.v1alpha1.rollout_records import (
    DECISIONS_MAX,
    EARLIER_BAKES_MAX,
    EARLIER_EVALUATIONS_MAX,
    CountedTicks,
    Decision,
    EarlierBake,
    EarlierEvaluation,
    EvaluationRecord,
    Hold,
    SignalRecord,
    Text,
    Weight,
)
from rocksteady.api.v1alpha1.rollout_tests import (
    BoundaryTest,
    EvaluationTest,
    RolloutTests,
    SignalTest,
)
from rocksteady.api.v1alpha1.schema import ApiModel, cel, crd
from rocksteady.api.v1alpha1.status import Hash10

__all__ = [
    "DECISIONS_MAX",
    "EARLIER_BAKES_MAX",
    "EARLIER_EVALUATIONS_MAX",
    "BoundaryTest",
    "Cause",
    "CountedTicks",
    "Decision",
    "EarlierBake",
    "EarlierEvaluation",
    "EvaluationRecord",
    "EvaluationTest",
    "Hold",
    "LLMRollout",
    "LLMRolloutSpec",
    "LLMRolloutStatus",
    "Outcome",
    "Phase",
    "RevisionReference",
    "RolloutPolicy",
    "RolloutTests",
    "SignalRecord",
    "SignalTest",
]
"""All that an LLMRollout is made of, also what stands in modules of its own."""


class RevisionReference(ApiModel):
    """One revision."""

    hash: Hash10
    """Identity, as in labels and metrics."""
    number: Annotated[int, Field(ge=1)]
    """For people: shown as `r7`."""

    @property
    def label(self) -> str:
        """How people read it: `r7 (0123456789)`."""
        return f"r{self.number} ({self.hash})"


class Cause(StrEnum):
    """Why an attempt began."""

    INITIAL = "Initial"
    SPEC_CHANGE = "SpecChange"
    GUARD = "Guard"
    HUMAN = "Human"


class RolloutPolicy(ApiModel):
    """How the canary earns its traffic: `spec.rollout` as it was when the attempt began."""

    steps: Annotated[
        tuple[Annotated[int, Field(ge=1, le=100)], ...],
        Field(min_length=1, max_length=20, json_schema_extra=crd(list_type="atomic")),
    ]
    """Weights in percent, ascending; all traffic comes after the last."""
    min_step_seconds: Annotated[int, Field(ge=1)]
    """How long each step lasts at least."""
    min_step_requests: Annotated[int, Field(ge=0)]
    """How many requests the canary must have answered before a step ends."""
    min_canary_replicas: Annotated[int, Field(ge=1)]
    """Least canary pods, never more than the wanted replicas."""
    capacity: Capacity
    """Whether it may ask for more than the wanted replicas."""
    approval: Approval
    """Whether a person must approve."""
    on_deadline: OnDeadline
    """What happens when it makes no progress until its deadline."""
    progress_deadline_seconds: Annotated[int, Field(ge=1)]
    """How long it may make no progress."""
    keep_stable_seconds: Annotated[int, Field(ge=0)]
    """How long the bake lasts; 0: none."""
    holdback_percent: Annotated[int, Field(ge=0, le=50)]
    """Share of the requests that stays with the old revision in the bake; 0 without a gateway."""
    metrics: Annotated[
        tuple[MetricGate, ...], Field(max_length=16, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """Gates on queries of the user's own."""


class LLMRolloutSpec(ApiModel):
    """From where to where, and by what it is judged."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[cel("self == oldSelf", "an LLMRollout is a record: its spec never changes")]
        )
    )

    deployment: Annotated[str, StringConstraints(max_length=63)]
    """Name of the LLMDeployment."""
    attempt: Annotated[int, Field(ge=1)]
    """Counts the attempts of this LLMDeployment."""
    cause: Cause
    """Why it began."""
    stable: RevisionReference
    """Serves when the attempt begins, and takes everything back when it fails."""
    canary: RevisionReference
    """Is to take over."""
    policy: RolloutPolicy
    """How the canary earns its traffic."""
    tests: RolloutTests | None = None
    """Absent: no SLO, or no metrics source; then readiness and time are the gates."""
    evaluations: Annotated[
        tuple[EvaluationTest, ...], Field(max_length=16, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """Suites that gate it, as they were."""
    requested_by: Text = ""
    """The annotation that asked for it, as `retry=<hash10>`; empty: the spec did."""


class Phase(StrEnum):
    """Where an attempt stands."""

    STARTING = "Starting"
    STEPPING = "Stepping"
    BAKING = "Baking"
    FINISHED = "Finished"


class Outcome(StrEnum):
    """How an attempt ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    CANCELLED = "Cancelled"


class LLMRolloutStatus(ApiModel):
    """Where the attempt stands, and how it came there."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    phase: Phase = Phase.STARTING
    """Where it stands."""
    step: Annotated[int, Field(ge=0, le=20)] = 0
    """How many steps have begun: 0 while the canary starts."""
    step_since: datetime | None = None
    """When the step began."""
    weight_percent: Weight = 0
    """Share of the requests that the canary should get."""
    started_at: datetime | None = None
    """When the attempt began."""
    first_tick_at: datetime | None = None
    """Where the evidence begins: the first tick in which the canary may have had requests."""
    baking_since: datetime | None = None
    """When the canary took nearly all requests. From then on its pods carry far more than stable's,
    so that latencies are no longer compared."""
    earlier_bakes: Annotated[
        tuple[EarlierBake, ...],
        Field(max_length=EARLIER_BAKES_MAX, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Bakes that were ended by going back to the first step: nobody saw the canary for too long, or
    it failed every request. In them latencies are not compared."""
    evaluating_since: datetime | None = None
    """When suites began to be asked of the canary or of stable while it had requests; absent: none
    is asked. It loads them, so that latencies are not compared meanwhile."""
    earlier_evaluations: Annotated[
        tuple[EarlierEvaluation, ...],
        Field(max_length=EARLIER_EVALUATIONS_MAX, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Times in which suites were asked before, in which latencies are not compared either."""
    hold: Hold | None = None
    """Why it does not go on; absent while it does."""
    progress_since: datetime | None = None
    """When it last got ahead: the progress deadline counts from here. Moved on by the time that it
    was paused, waited for approval or was blind, for then the clock stands still."""
    taken_away_at: datetime | None = None
    """When the fast lane took the canary's requests away; absent: it did not, or gave them back."""
    outcome: Outcome | None = None
    """How it ended; absent while it runs."""
    outcome_reason: Annotated[str, StringConstraints(max_length=63)] = ""
    """CamelCase word for programs."""
    finished_at: datetime | None = None
    """When it ended."""
    quarantined: bool = False
    """True: this revision is refused until it changes or is released."""
    released_by: Text = ""
    """The annotation that lifted the quarantine or the refusal; empty: none did."""
    handled_requests: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=128)], ...],
        Field(max_length=32, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Annotations that were acted on, as `promote=<hash10>`."""
    decisions: Annotated[
        tuple[Decision, ...],
        Field(max_length=DECISIONS_MAX, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Every decision, oldest first."""
    evaluations: Annotated[
        tuple[EvaluationRecord, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """What the evaluations say, in the order of `spec.evaluations`."""
    counts: Annotated[
        tuple[CountedTicks, ...], Field(max_length=32, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """What was counted by the last decision."""


class LLMRollout(ApiModel):
    """One attempt to replace the revision that serves: the audit trail of a deployment."""

    spec: LLMRolloutSpec
    status: LLMRolloutStatus = LLMRolloutStatus()
