"""What was read of the signals, before anybody judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rocksteady.analysis.counts import Ticks
from rocksteady.analysis.external_score import ScoreFound
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import RolloutTests
from rocksteady.rollout.finding import Finding


@dataclass(frozen=True)
class Trip:
    """The fast lane saw nothing but failures.

    Attributes:
        at: When.
        revision: Hash of the canary that failed.
        message: What it counted, as a sentence without a full stop.
    """

    at: datetime
    revision: str
    message: str


@dataclass(frozen=True)
class Start:
    """What an attempt that begins now would be judged by.

    Attributes:
        tests: The statistics; None: there is nothing to measure, or nothing to measure it with.
        unmeasurable: Why an SLO can be measured by nobody: it would be no gate at all.
        unread: Why stable's history could not be read; the attempt waits for it.
    """

    tests: RolloutTests | None = None
    unmeasurable: Finding | None = None
    unread: Finding | None = None


@dataclass(frozen=True)
class Gate:
    """What a query of the user's own gave.

    Attributes:
        name: As in `rollout.metrics`.
        verdict: Failed rolls back when `condemns`; whatever else is not Passed holds.
        condemns: True when its action is Rollback.
        message: Sentence with the values.
    """

    name: str
    verdict: Verdict
    condemns: bool
    message: str


@dataclass(frozen=True)
class Reading:
    """What was counted for an open attempt.

    Attributes:
        ticks: Counts by series (`availability`, or `<signal>/<le in seconds>`), from the first tick
            of the evidence, or from that of the last minutes while there is none yet.
        blind: Why the signals cannot be read; None when they can.
        invalid: Why what was read cannot be trusted; None when it can.
        gates: What the user's own queries gave.
        scores: By name and revision, scores that were found elsewhere; None: there is none.
    """

    ticks: Mapping[str, Ticks] = field(default_factory=dict)
    blind: Finding | None = None
    invalid: Finding | None = None
    gates: tuple[Gate, ...] = ()
    scores: Mapping[tuple[str, str], ScoreFound | None] = field(default_factory=dict)
