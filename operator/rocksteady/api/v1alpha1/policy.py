"""What a change must prove and what is watched afterwards: SLOs, rollout, evaluations, guard.

With `slos` or `rollout` a changed revision becomes a canary. Without them it takes over as soon as
it is ready: there is nothing to judge it by. The guard is not acted on yet.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.schema import (
    ApiModel,
    DecimalPercent,
    DecimalPoints,
    DecimalString,
    DnsLabel,
    cel,
    crd,
)
from rocksteady.api.v1alpha1.serving import SectionName


class Availability(ApiModel):
    """Share of requests that must be answered without a server error."""

    objective_percent: DecimalPercent
    """From 0 to 100, for example `"99.5"`."""


class LatencyObjective(ApiModel):
    """Share of requests that must be faster than a threshold."""

    objective_percent: DecimalPercent
    """From 0 to 100, for example `"97"`."""
    threshold_milliseconds: Annotated[int, Field(ge=1, le=3_600_000)]
    """What counts as fast, inclusive."""


class Slos(ApiModel):
    """Service level objectives: what a canary is judged by."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    window_seconds: Annotated[int, Field(ge=3600, le=7_776_000)] = 604_800
    """Length of the error budget window. Not acted on yet."""
    availability: Availability | None = None
    time_to_first_token: LatencyObjective | None = None
    time_per_output_token: LatencyObjective | None = None
    request_latency: LatencyObjective | None = None


class OnDeadline(StrEnum):
    """What happens when a rollout makes no progress until its deadline."""

    HOLD = "Hold"
    ROLLBACK = "Rollback"


class Capacity(StrEnum):
    """Whether a rollout may ask for more than the wanted replicas."""

    AVAILABILITY = "Availability"
    RESOURCE_AWARE = "ResourceAware"


class Approval(StrEnum):
    """Whether a person must approve."""

    NONE = "None"
    BEFORE_PROMOTION = "BeforePromotion"


class GateAction(StrEnum):
    """What a failed gate does: hold the rollout, or roll it back."""

    GATE = "Gate"
    ROLLBACK = "Rollback"


class Step(ApiModel):
    """One step of a canary."""

    weight_percent: Annotated[int, Field(ge=1, le=100)]
    """Share of the requests that the canary gets."""


Query = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""PromQL."""

EVALUATION_MESSAGE: Final = "give either suite or external"


class MetricGate(ApiModel):
    """A gate on a query of one's own."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    "has(self.minValue) || has(self.maxValue) || has(self.tolerancePercent)",
                    "give at least one of minValue, maxValue and tolerancePercent",
                ),
                cel(
                    "!has(self.minValue) || !has(self.maxValue)"
                    " || double(self.minValue) <= double(self.maxValue)",
                    "minValue must not be greater than maxValue",
                ),
            ]
        )
    )

    name: DnsLabel
    """What the gate is called in decisions and messages."""
    query: Query
    """PromQL that gives one number; `{{namespace}}`, `{{deployment}}`, `{{revision}}`,
    `{{stable}}` and `{{window}}` are filled in. Needs a metrics source with customQueries."""
    min_value: DecimalString | None = None
    """Least value that passes."""
    max_value: DecimalString | None = None
    """Greatest value that passes."""
    tolerance_percent: DecimalPercent | None = None
    """How much worse than stable the canary may be."""
    min_samples: Annotated[int, Field(ge=1, le=60)] = 1
    """How many values, one at the end of each tick, must agree for a verdict."""
    action: GateAction = GateAction.GATE


class Rollout(ApiModel):
    """How a changed revision earns its traffic."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            stored_defaults=False,
            rules=[
                cel(
                    "!has(self.steps) || (self.steps.map(s, s.weightPercent).isSorted()"
                    " && self.steps.all(s, self.steps.exists_one(t,"
                    " t.weightPercent == s.weightPercent)))",
                    "steps must ascend, each weightPercent greater than the one before",
                )
            ],
        )
    )

    on_deadline: OnDeadline = OnDeadline.HOLD
    steps: (
        Annotated[
            tuple[Step, ...],
            Field(min_length=1, max_length=20, json_schema_extra=crd(list_type="atomic")),
        ]
        | None
    ) = None
    """Weights in ascending order, then 100; absent: 5, 10, 25, 50."""
    min_step_seconds: Annotated[int, Field(ge=1, le=604_800)] = 300
    """How long each step lasts at least."""
    min_step_requests: Annotated[int, Field(ge=0, le=10_000_000)] = 150
    """How many requests the canary must have answered before a step ends."""
    min_canary_replicas: Annotated[int, Field(ge=1, le=1000)] = 2
    """Least canary pods, never more than `replicas`: with one, a single pod's trouble looks like
    the revision's. Without a gateway, and with capacity ResourceAware, it counts as 1."""
    capacity: Capacity = Capacity.AVAILABILITY
    approval: Approval = Approval.NONE
    metrics: Annotated[
        tuple[MetricGate, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="map", list_map_keys=["name"])),
    ] = ()
    """Gates on queries of one's own."""
    progress_deadline_seconds: Annotated[int, Field(ge=60, le=2_592_000)] = 7200
    """How long a rollout may make no progress."""
    keep_stable_seconds: Annotated[int, Field(ge=0, le=604_800)] = 1800
    """How long the old revision stays warm after the last step."""


class EvaluationStage(StrEnum):
    """When an evaluation runs."""

    BEFORE_TRAFFIC = "BeforeTraffic"
    BEFORE_PROMOTION = "BeforePromotion"
    SCHEDULED = "Scheduled"


class ExternalScore(ApiModel):
    """A score that another system writes to Prometheus, for example one of a labelling team.

    Each query is asked once for the canary and once for stable. `{{namespace}}`, `{{deployment}}`
    and `{{revision}}` are filled in, and it must give one number. Needs a metrics source with
    customQueries.
    """

    name: DnsLabel
    """What the score is called in decisions and messages."""
    query: Query
    """PromQL that gives the score of a revision, from 0 to 100."""
    completed_query: Query
    """PromQL that gives when the score was found, in seconds since 1970. A gauge that nobody writes
    any more looks alive for as long as it is scraped; this one grows old."""
    standard_error_query: Query | None = None
    """PromQL that gives the standard error of the score, in points; absent: without it nobody knows
    how sure the score is, so it may hold a rollout and never rolls one back."""
    max_age_seconds: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400
    """How old a score may be; an older one says nothing, and the rollout holds."""


class Evaluation(ApiModel):
    """An evaluation as a gate: a suite, or a score that is found elsewhere."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    "(self.stage == 'Scheduled') == has(self.intervalSeconds)",
                    "intervalSeconds is needed for stage Scheduled and only there",
                ),
                cel("has(self.suite) != has(self.external)", EVALUATION_MESSAGE),
            ]
        )
    )

    suite: SectionName | None = None
    """Name of the EvaluationSuite in the same namespace."""
    external: ExternalScore | None = None
    """A score in Prometheus in place of a suite."""
    stage: EvaluationStage
    """`BeforeTraffic`: while the canary gets no request. `BeforePromotion`: after the last step.
    `Scheduled`: on the revision that serves, again and again."""
    margin_points: DecimalPoints | None = None
    """How many percentage points worse than stable the canary may score; absent: the suite's, of an
    external score 2."""
    min_score_percent: DecimalPercent | None = None
    """Least score that passes, whatever stable scores; absent: the suite's."""
    interval_seconds: Annotated[int, Field(ge=300, le=2_592_000)] | None = None
    """How often a scheduled evaluation runs."""
    action: GateAction = GateAction.ROLLBACK
    """What a failed evaluation does. A suite with checks that a model judges only ever holds the
    rollout, whatever is written here."""


class GuardAction(StrEnum):
    """What the guard does after promotion."""

    ROLLBACK = "Rollback"
    ALERT = "Alert"


class GuardRule(ApiModel):
    """One thing that the guard watches."""

    action: GuardAction = GuardAction.ROLLBACK


class Guard(ApiModel):
    """What is watched after promotion. Not acted on yet."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    error_budget: GuardRule = GuardRule()
    drift: GuardRule = GuardRule()
