"""When an evaluation passes, fails or is undecided, and what is known of it then."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from rocksteady.analysis.looks import Looks
from rocksteady.analysis.verdict import Verdict

MARGIN: Final = 0.02
"""By how much the canary's score may be lower than stable's."""
PASS_ERROR: Final = 0.05
"""Probability to pass a canary that is worse by the whole margin."""
FAIL_ERROR: Final = 0.01
"""Probability to fail a canary that is as good as stable. Smaller: a failure quarantines."""
ANSWERED_LEAST: Final = 0.9
"""Share of the items that must have been answered. Fewer, and the suite was not really asked."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True)
class EvaluationRules:
    """What is tolerated, and how often a decision may be wrong.

    Attributes:
        margin: By how much the canary's score may be lower than stable's, 0 to 1.
        pass_error: Of passing at any look what is worse by the margin, 0 to 0.5, both excluded.
        fail_error: Of failing at any look, by any suite, what is as good as stable; the same range.
        suites: How many suites may fail this canary; each gets an equal part (Bonferroni). Passing
            needs no such parts, since every suite must pass.
        answered_least: Share of the items that must have been answered, 0 to 1.

    Raises:
        ValueError: A number is out of its range.
    """

    margin: float = MARGIN
    pass_error: float = PASS_ERROR
    fail_error: float = FAIL_ERROR
    suites: int = 1
    answered_least: float = ANSWERED_LEAST

    def __post_init__(self) -> None:
        sound = {
            "margin": 0 <= self.margin < 1,
            "pass_error": 0 < self.pass_error < 0.5,
            "fail_error": 0 < self.fail_error < 0.5,
            "suites": self.suites >= 1,
            "answered_least": 0 <= self.answered_least <= 1,
        }
        for name, holds in sound.items():
            if not holds:
                raise ValueError(f"{name}={getattr(self, name)} is out of range")


@dataclass(frozen=True)
class Look:
    """The look at which an evaluation is judged.

    Attributes:
        number: From 1.
        looks: All that were declared.
        rules: Whose errors they share.

    Raises:
        ValueError: There is no such look.
    """

    number: int
    looks: Looks
    rules: EvaluationRules

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.looks.last:
            raise ValueError(f"look {self.number} of {self.looks.last}")

    @property
    def items(self) -> int:
        """Items that were to be asked by now."""
        return self.looks.items[self.number - 1]

    @property
    def is_last(self) -> bool:
        """True when no look comes after it."""
        return self.number == self.looks.last

    @property
    def pass_error(self) -> float:
        """Part of the error of passing that this look may make."""
        return self.looks.error(self.number, self.rules.pass_error)

    @property
    def fail_error(self) -> float:
        """Part of the error of failing that this look of this suite may make."""
        return self.looks.error(self.number, self.rules.fail_error / self.rules.suites)

    @property
    def pass_z(self) -> float:
        """`pass_error` in standard deviations, above 0."""
        return -_NORMAL.inv_cdf(self.pass_error)

    @property
    def fail_z(self) -> float:
        """`fail_error` in standard deviations, above 0."""
        return -_NORMAL.inv_cdf(self.fail_error)


@dataclass(frozen=True)
class EvaluationJudgement:
    """What one suite says of the canary, with everything that it rests on.

    Attributes:
        suite: Its name.
        verdict: See `Verdict`; Error: too little was answered to say anything.
        measured: Share of correct items, or the difference to stable; None: nothing was answered.
        lower: What the truth is at least, but for the error of passing; None as for `measured`.
        upper: What it is at most, but for the error of failing; None as for `measured`.
        limit: What `lower` must exceed for a pass: less the margin, or the floor. Of a safety
            suite, what `upper` must not exceed.
        items: That were to be asked.
        answered: Those of them that the verdict rests on.
        look: Number of the look, from 1.
        looks: How many were declared.
        items_more: About how many more items would decide, if they go as these did; None: it is
            decided, or no number would.
        sentence: All of it for people, without a full stop.
    """

    suite: str
    verdict: Verdict
    measured: float | None
    lower: float | None
    upper: float | None
    limit: float
    items: int
    answered: int
    look: int
    looks: int
    items_more: int | None
    sentence: str


def items_more(items: int, look: Look, *, toward_pass: float, toward_fail: float) -> int | None:
    """Return about how many more items would decide, if they go as these did.

    A distance in standard deviations grows with the root of the items; what comes first counts.
    They are judged with the errors of the last look.

    Args:
        items: Seen so far, from 0.
        look: Of which the rules are.
        toward_pass: How far the result is above what must be exceeded for a pass, in standard
            deviations.
        toward_fail: How far it is below what fails, in standard deviations.

    Returns:
        From 1; None when it is neither above the one nor below the other.
    """
    last = Look(look.looks.last, look.looks, look.rules)
    needed = [
        math.ceil(items * (limit / distance) ** 2)
        for limit, distance in ((last.pass_z, toward_pass), (last.fail_z, toward_fail))
        if 0 < distance < math.inf
    ]
    return max(1, min(needed) - items) if needed else None
