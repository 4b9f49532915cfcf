"""The LLMRollout: one attempt to replace the revision that serves, and the record of it.

Written by the operator only. The spec is what the attempt was judged by, frozen when it began; the
status is where it stands and why, and only ever grows.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.evaluationsuite import IncreasePercent, SuiteKind
from rocksteady.api.v1alpha1.policy import (
    Approval,
    Capacity,
    EvaluationStage,
    ExternalScore,
    MetricGate,
    OnDeadline,
)
from rocksteady.api.v1alpha1.schema import (
    ApiModel,
    DecimalPercent,
    DecimalPoints,
    DecimalString,
    cel,
    crd,
)
from rocksteady.api.v1alpha1.status import Hash10

EARLIER_BAKES_MAX: Final = 16
"""Bakes of an attempt that are kept apart from each other."""
DECISIONS_MAX: Final = 200
"""How many decisions one attempt keeps; its end is always among them."""

Text = Annotated[str, StringConstraints(max_length=1024)]
ContentHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]
PackedResults = Annotated[str, StringConstraints(max_length=32_768)]
Weight = Annotated[int, Field(ge=0, le=100)]


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


class BoundaryTest(ApiModel):
    """One bucket boundary of a latency histogram: slower than this is bad."""

    le_seconds: DecimalString
    """The bucket's upper bound, inclusive."""
    rho0: DecimalString
    """Ratio of slow shares that is tolerated: what being 10 % slower comes to at this boundary."""
    delta: DecimalString = "0"
    """Share of slow requests that is tolerated on top."""
    design_effect: DecimalString
    """Overdispersion of stable's own counts; evidence is divided by it."""


class SignalTest(ApiModel):
    """What one SLO is judged by."""

    signal: Annotated[str, StringConstraints(max_length=63)]
    """`availability`, `timeToFirstToken`, `timePerOutputToken` or `requestLatency`."""
    profile: Annotated[str, StringConstraints(max_length=63)]
    """Gateway or engine whose counters are read, for example `traefik`."""
    query: Annotated[str, StringConstraints(max_length=4096)]
    """The PromQL that reads them."""
    objective_percent: DecimalPercent
    """As in the SLO."""
    threshold_milliseconds: Annotated[int, Field(ge=1)] | None = None
    """As in the SLO; absent for availability."""
    design_effect: DecimalString = "1"
    """For availability; a latency has one for each boundary."""
    boundaries: Annotated[
        tuple[BoundaryTest, ...], Field(max_length=8, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """Of a latency: the SLO's own boundary first."""


class RolloutTests(ApiModel):
    """The statistics of an attempt, frozen when it began."""

    source: Annotated[str, StringConstraints(max_length=63)]
    """Name of the metrics source."""
    tick_seconds: Annotated[int, Field(ge=1, le=300)]
    """Counts are looked at in ticks of this length, which begin at whole multiples of it."""
    scrape_interval_seconds: Annotated[int, Field(ge=1, le=300)] = 15
    """How often the source scrapes; a tick is read once that time has passed."""
    blind_limit_seconds: Annotated[int, Field(ge=30, le=86_400)] = 900
    """How long a canary may have requests while nobody can see how it fares."""
    ticks_max: Annotated[int, Field(ge=1)]
    """How many ticks the evidence plans for."""
    alpha: DecimalString
    """Chance that a harmless canary is ever rolled back."""
    signals: Annotated[
        tuple[SignalTest, ...], Field(max_length=8, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """One for each SLO; each may roll back."""


class EvaluationTest(ApiModel):
    """What one evaluation judges by: `spec.evaluations` and the suite as they were."""

    suite: Annotated[str, StringConstraints(max_length=63)]
    """Name of the EvaluationSuite, or of the score."""
    stage: EvaluationStage
    """When it gates."""
    content_hash: ContentHash | None = None
    """Of the suite's content, which is kept for as long as the attempt is; absent: there is no
    suite."""
    items_digest: ContentHash | None = None
    """What runner Builtin must say that it read; absent: only the runner knows its items."""
    external: ExternalScore | None = None
    """A score in Prometheus in place of a suite, of which `suite` is the name."""
    kind: SuiteKind = SuiteKind.QUALITY
    """What an item that fails means."""
    looks: Annotated[
        tuple[Annotated[int, Field(ge=1)], ...],
        Field(max_length=3, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """After so many items it is judged; empty: once, after however many the runner has."""
    margin_points: DecimalPoints = "2"
    """How many points worse than stable the canary may score."""
    min_score_percent: DecimalPercent | None = None
    """Least score that passes; absent: any."""
    may_roll_back: bool = True
    """False: a failure only holds the attempt."""
    max_output_tokens_increase_percent: IncreasePercent | None = None
    """How much longer the answers may be; absent: not looked at."""
    max_latency_increase_percent: IncreasePercent | None = None
    """How much longer an answer may take; absent: not looked at."""

    @property
    def content(self) -> str:
        """The content as labels and names have it: the first 10 digits of its hash."""
        return (self.content_hash or "")[:10]


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


class Hold(ApiModel):
    """Why an attempt does not go on."""

    reason: Annotated[str, StringConstraints(max_length=63)]
    """CamelCase word for programs."""
    since: datetime
    """When this reason came up."""


class EarlierBake(ApiModel):
    """A bake that the canary was taken out of, back to the steps."""

    since: datetime
    """When the canary took nearly all requests."""
    until: datetime
    """When it got those of a step again."""


class SignalRecord(ApiModel):
    """What one signal said when a decision was made."""

    signal: Annotated[str, StringConstraints(max_length=63)]
    """As in `spec.slos`."""
    verdict: Annotated[str, StringConstraints(max_length=16)]
    """Passed, Failed, Inconclusive or Error."""
    evidence: Annotated[str, StringConstraints(max_length=32)]
    """Of harm, as a number that reads back to the last digit."""
    strongest: Annotated[str, StringConstraints(max_length=32)]
    """The most that it ever was."""
    threshold: Annotated[str, StringConstraints(max_length=32)]
    """From which evidence on the canary is rolled back."""
    canary_total: Annotated[int, Field(ge=0)]
    """Requests to the canary since the first tick."""
    canary_bad: Annotated[int, Field(ge=0)]
    """Bad ones of them."""
    stable_total: Annotated[int, Field(ge=0)]
    """Requests to stable in the same ticks."""
    stable_bad: Annotated[int, Field(ge=0)]
    """Bad ones of them."""
    blind_ticks: Annotated[int, Field(ge=0)] = 0
    """Ticks of which nothing is known."""
    message: Text = ""
    """All of it in a sentence."""


class EvaluationRecord(ApiModel):
    """What one evaluation says of the canary, with what it is computed from."""

    suite: Annotated[str, StringConstraints(max_length=63)]
    """As in `spec.evaluations`."""
    stage: EvaluationStage
    """As in `spec.evaluations`."""
    verdict: Annotated[str, StringConstraints(max_length=16)]
    """Passed, Failed, Inconclusive or Error; Running: there is none yet."""
    message: Text = ""
    """All of it in a sentence."""
    items: Annotated[int, Field(ge=0)] = 0
    """Items that it rests on."""
    score_percent: DecimalString | None = None
    """Share of correct items on the canary."""
    difference_points: DecimalString | None = None
    """To stable on the same items; absent: it was not compared."""
    at_least_points: DecimalString | None = None
    """Lower bound of the difference, for a pass."""
    at_most_points: DecimalString | None = None
    """Upper bound of the difference, for a failure."""
    completed_at: datetime | None = None
    """When the last result that it rests on came in."""
    canary: PackedResults = ""
    """What each item came to on the canary, as `n:base64` of two compressed bitsets."""
    stable: PackedResults = ""
    """The same on stable; empty: not asked."""


class Decision(ApiModel):
    """One decision, with what it was made from. Chained: each names the hash of the one before."""

    sequence: Annotated[int, Field(ge=1)]
    """Counts the decisions of an attempt."""
    time: datetime
    """When it was made."""
    action: Annotated[str, StringConstraints(max_length=32)]
    """What was done, for example `Advance`, `Hold` or `RollBack`."""
    reason: Annotated[str, StringConstraints(max_length=63)]
    """CamelCase word for programs."""
    message: Text
    """Sentence for people, with the numbers."""
    weight_percent: Weight
    """Share of the requests that the canary gets from now on."""
    ticks: Annotated[int, Field(ge=0)] = 0
    """How many ticks of evidence it rests on."""
    signals: Annotated[
        tuple[SignalRecord, ...], Field(max_length=24, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    """What the signals said."""
    actor: Text = "operator"
    """Who asked for it; `(unverified)` unless admission checks the annotation."""
    previous_hash: Annotated[str, StringConstraints(max_length=64)] = ""
    """Hash of the decision before; empty for the first."""
    hash: Annotated[str, StringConstraints(max_length=64)] = ""
    """Sha256 of this decision without this field, as canonical JSON."""


class CountedTicks(ApiModel):
    """The counts behind the evidence, one entry for each tick, so that it can be computed again."""

    series: Annotated[str, StringConstraints(max_length=128)]
    """`availability`, or `<signal>/<le in seconds>`."""
    ticks: Annotated[str, StringConstraints(max_length=65536)] = ""
    """`canaryTotal,canaryBad,stableTotal,stableBad` by tick, between semicolons; `-`: blind."""


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
