"""What is recorded of an attempt: decisions, what they rest on, and times that matter."""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.api.v1alpha1.schema import ApiModel, DecimalString, crd

EARLIER_BAKES_MAX: Final = 16
"""Bakes of an attempt that are kept apart from each other."""
EARLIER_EVALUATIONS_MAX: Final = 32
"""Times in which suites were asked, of an attempt, that are kept apart from each other."""
DECISIONS_MAX: Final = 200
"""How many decisions one attempt keeps; its end is always among them."""

Text = Annotated[str, StringConstraints(max_length=1024)]
PackedResults = Annotated[str, StringConstraints(max_length=32_768)]
Weight = Annotated[int, Field(ge=0, le=100)]


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


class EarlierEvaluation(ApiModel):
    """A time in which suites were asked of canary or stable, beside the requests of users."""

    since: datetime
    """Before the first run began."""
    until: datetime
    """After the last one ended."""


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
