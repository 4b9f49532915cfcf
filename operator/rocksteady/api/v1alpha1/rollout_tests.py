"""What an attempt is judged by, frozen when it began: part of the spec of an LLMRollout."""

from typing import Annotated

from pydantic import Field, StringConstraints

from rocksteady.api.v1alpha1.evaluationsuite import IncreasePercent, SuiteKind
from rocksteady.api.v1alpha1.policy import EvaluationStage, ExternalScore
from rocksteady.api.v1alpha1.schema import (
    ApiModel,
    DecimalPercent,
    DecimalPoints,
    DecimalString,
    crd,
)

ContentHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)]


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
