"""The canary's answers against stable's on the same items: correct or wrong.

Only items on which the two disagree tell them apart: what the canary lost and what it gained. The
interval of the difference is Tango's, "Equivalence test and confidence interval for the difference
in proportions for the paired-sample design", Statistics in Medicine 1998: the differences that the
score test does not refute. Unlike Wald's it has a width where nothing disagrees.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rocksteady.analysis.item_results import ItemResult

_BISECTIONS: Final = 60


@dataclass(frozen=True)
class PairedCounts:
    """Items of a suite by what they came to on both sides.

    Attributes:
        both: Correct on both sides.
        gained: Correct on the canary only.
        lost: Correct on stable only.
        neither: Correct on neither.
        unanswered_correct: The canary gave no answer, and stable's is correct.
        unanswered_wrong: The canary gave no answer, and stable's is wrong.
        uncompared: Stable gave no answer.

    Raises:
        ValueError: A count is negative.
    """

    both: int
    gained: int
    lost: int
    neither: int
    unanswered_correct: int = 0
    unanswered_wrong: int = 0
    uncompared: int = 0

    def __post_init__(self) -> None:
        if any(count < 0 for count in vars(self).values()):
            raise ValueError(f"{self} has a negative count")

    @property
    def compared(self) -> int:
        """Items that both sides answered."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def unanswered(self) -> int:
        """Items that only the canary did not answer."""
        return self.unanswered_correct + self.unanswered_wrong

    @property
    def items(self) -> int:
        """All items."""
        return self.compared + self.unanswered + self.uncompared

    def at_worst(self) -> "PairedCounts":
        """Return the counts with what the canary did not answer taken as wrong.

        So that a canary that stays silent where it knows nothing does not pass by that.
        """
        return replace(
            self,
            lost=self.lost + self.unanswered_correct,
            neither=self.neither + self.unanswered_wrong,
            unanswered_correct=0,
            unanswered_wrong=0,
        )


@dataclass(frozen=True)
class Changed:
    """Items that changed sides, as indices in the order of the suite, from 0.

    Attributes:
        gained: Correct on the canary only.
        lost: Correct on stable only.
    """

    gained: tuple[int, ...]
    lost: tuple[int, ...]


def pair(canary: Sequence[ItemResult], stable: Sequence[ItemResult]) -> PairedCounts:
    """Count items by what they came to on both sides.

    Args:
        canary: In the order of the suite's items.
        stable: In the same order, of the same content of the suite.

    Raises:
        ValueError: They are not equally many, so that they are not of the same items.
    """
    found = list(_pairs(canary, stable))
    correct, wrong, unanswered = ItemResult.CORRECT, ItemResult.WRONG, ItemResult.UNANSWERED
    return PairedCounts(
        both=found.count((correct, correct)),
        gained=found.count((correct, wrong)),
        lost=found.count((wrong, correct)),
        neither=found.count((wrong, wrong)),
        unanswered_correct=found.count((unanswered, correct)),
        unanswered_wrong=found.count((unanswered, wrong)),
        uncompared=sum(of_stable is unanswered for _, of_stable in found),
    )


def changed(canary: Sequence[ItemResult], stable: Sequence[ItemResult]) -> Changed:
    """Tell which items changed sides.

    Args:
        canary: See `pair`.
        stable: See `pair`.

    Raises:
        ValueError: See `pair`.
    """
    found = list(_pairs(canary, stable))
    gain = (ItemResult.CORRECT, ItemResult.WRONG)
    loss = (ItemResult.WRONG, ItemResult.CORRECT)
    return Changed(
        gained=tuple(index for index, sides in enumerate(found) if sides == gain),
        lost=tuple(index for index, sides in enumerate(found) if sides == loss),
    )


def score(gained: float, lost: float, items: float, difference: float) -> float:
    """Return the score statistic: how far the counts are above what a true difference leads to.

    (gained - lost - n d) / sqrt(n (2 q + d (1 - d))), in standard deviations, with q the most
    likely share of lost items if the difference is d: the larger root of
    2 n q^2 + (-gained - lost + (2 n - gained + lost) d) q - lost d (1 - d) = 0 (Tango 1998). At
    d = 0 its square is McNemar's. It falls as d grows, and grows with the root of n at equal
    shares.

    Args:
        gained: From 0; shares of an item are allowed, for forecasts.
        lost: From 0; together at most `items`.
        items: That were compared, above 0.
        difference: Supposed true share of correct items, canary less stable; -1 to 1.

    Returns:
        Infinite where the counts are impossible, 0 where they are the only possible ones.
    """
    b = -gained - lost + (2 * items - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    q = (math.sqrt(max(0.0, b * b - 8 * items * c)) - b) / (4 * items)
    variance = items * (2 * q + difference * (1 - difference))
    above = gained - lost - items * difference
    if variance <= 0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(variance)


def difference_bound(gained: int, lost: int, items: int, z: float) -> float:
    """Return a bound of the difference: the one at which `score` is z.

    Args:
        gained: See `score`.
        lost: See `score`.
        items: That were compared, from 0.
        z: In standard deviations; above 0 for the lower bound, below 0 for the upper.

    Returns:
        -1 to 1; without items the end of that.
    """
    lower, upper = -1.0, 1.0
    if items == 0:
        return lower if z > 0 else upper
    for _ in range(_BISECTIONS):
        middle = (lower + upper) / 2
        if score(gained, lost, items, middle) > z:
            lower = middle
        else:
            upper = middle
    return (lower + upper) / 2


def _pairs(
    canary: Sequence[ItemResult], stable: Sequence[ItemResult]
) -> "zip[tuple[ItemResult, ItemResult]]":
    if len(canary) != len(stable):
        raise ValueError(f"{len(canary)} results of the canary and {len(stable)} of stable")
    return zip(canary, stable, strict=True)
