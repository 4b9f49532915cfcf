"""The canary's scores against stable's on the same items, where scores are not right or wrong.

A score of 0 to 1 may be graded, or the share of several answers to one item. Several answers to an
item depend on each other, so that an item is one observation, however many answers it has; items
that belong together, such as the turns of a conversation, must be given as one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Final, TypeAlias

from rocksteady.analysis.distributions import student_t_quantile

_PSEUDO_ITEMS: Final = (1.0, -1.0)
"""Differences of two items that nobody asked, one for each side."""

Samples: TypeAlias = Sequence[float | None]
"""Scores of one item's answers, 0 to 1; None: the answer never came."""


@dataclass(frozen=True)
class PairedScores:
    """Scores of a suite's items on both sides.

    Attributes:
        canary: Of the items that both sides answered.
        stable: Of the same items.
        unanswered: Stable's scores of the items that only the canary did not answer.
        uncompared: How many items stable did not answer.
    """

    canary: tuple[float, ...]
    stable: tuple[float, ...]
    unanswered: tuple[float, ...] = ()
    uncompared: int = 0

    @property
    def differences(self) -> tuple[float, ...]:
        """Canary less stable, of the items that both sides answered."""
        return tuple(of - to for of, to in zip(self.canary, self.stable, strict=True))

    @property
    def differences_at_worst(self) -> tuple[float, ...]:
        """The same, with what the canary did not answer scored 0."""
        return self.differences + tuple(-score for score in self.unanswered)

    @property
    def items(self) -> int:
        """All items."""
        return len(self.canary) + len(self.unanswered) + self.uncompared


@dataclass(frozen=True)
class MeanDifference:
    """A mean of differences, drawn a little towards 0, and how well it is known.

    Attributes:
        value: -1 to 1.
        standard_error: Above 0.
        degrees: Of freedom of Student's t.
    """

    value: float
    standard_error: float
    degrees: int

    def bound(self, error: float, *, is_upper: bool) -> float:
        """Return what the true mean is at least, or at most, but for an error of 0 to 0.5."""
        reach = student_t_quantile(error, self.degrees) * self.standard_error
        return min(1.0, self.value + reach) if is_upper else max(-1.0, self.value - reach)


def item_score(samples: Samples) -> float | None:
    """Return an item's score: the mean of its answers; None when there is none.

    Raises:
        ValueError: A score is not within 0 to 1.
    """
    scores = [score for score in samples if score is not None]
    if not all(0 <= score <= 1 for score in scores):
        raise ValueError("a score is not within 0 to 1")
    return fmean(scores) if scores else None


def pair_scores(canary: Sequence[Samples], stable: Sequence[Samples]) -> PairedScores:
    """Put the scores of both sides together, item by item.

    Args:
        canary: In the order of the suite's items.
        stable: In the same order, of the same content of the suite; answers to an item need not be
            equally many.

    Raises:
        ValueError: They are not of equally many items, or a score is not within 0 to 1.
    """
    if len(canary) != len(stable):
        raise ValueError(f"scores of {len(canary)} items of the canary and {len(stable)} of stable")
    sides = [(item_score(of), item_score(to)) for of, to in zip(canary, stable, strict=True)]
    compared = [(of, to) for of, to in sides if of is not None and to is not None]
    return PairedScores(
        canary=tuple(of for of, _ in compared),
        stable=tuple(to for _, to in compared),
        unanswered=tuple(to for of, to in sides if of is None and to is not None),
        uncompared=sum(to is None for _, to in sides),
    )


def mean_difference(differences: Sequence[float]) -> MeanDifference:
    """Return the mean of paired differences, for an interval with Student's t.

    Two items are added, one at +1 and one at -1: what Bonett and Price do for right and wrong
    ("Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", Journal of Educational and Behavioral Statistics 2012), so that an interval has a width
    also where nothing differs. A bootstrap of the items, the usual alternative, has none there,
    and needs random numbers that whoever checks a decision would have to draw again.

    Measured with 300 items at 5 %: wrong in 4 to 5 % for graded scores, in up to 7.3 % where hardly
    any item differs and those that do all differ to one side; 8.4 % then with 50 items.

    Args:
        differences: Of items, -1 to 1; there may be none.
    """
    padded = (*differences, *_PSEUDO_ITEMS)
    return MeanDifference(
        value=fmean(padded),
        standard_error=stdev(padded) / math.sqrt(len(padded)),
        degrees=len(padded) - 1,
    )
