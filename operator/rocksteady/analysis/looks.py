"""How often an evaluation may be looked at before it is complete, and the error of each look.

Whoever looks several times and stops at the first good answer errs more often than once: so the
looks are declared before the first item is asked, and share the error.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

LOOKS_MOST: Final = 3
"""More looks save few items, and each costs power at the last."""

_NORMAL: Final = NormalDist()


@dataclass(frozen=True)
class Looks:
    """Numbers of items after which an evaluation is judged, declared before it starts.

    Attributes:
        items: Items asked by each look, all of them, from 1 and increasing; at most `LOOKS_MOST`.

    Raises:
        ValueError: There are no looks, too many, or they do not increase.
    """

    items: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.items) <= LOOKS_MOST:
            raise ValueError(f"{len(self.items)} looks are declared, 1 to {LOOKS_MOST} may be")
        if any(now >= then for now, then in zip((0, *self.items), self.items, strict=False)):
            raise ValueError(f"looks at {self.items} items do not increase")

    @property
    def last(self) -> int:
        """Number of the last look, from 1."""
        return len(self.items)

    def error(self, look: int, error: float) -> float:
        """Return the part of an error that one look may make.

        A look may make what the spending function allows by then and earlier looks were not given.
        The parts add up to the whole, so that it holds whatever the looks have to do with each
        other (Bonferroni); that they are nested is not made use of.

        Args:
            look: Its number, from 1.
            error: Probability of a wrong decision at any look, 0 to 1, both excluded.

        Raises:
            ValueError: There is no such look, or no such probability.
        """
        if not 1 <= look <= self.last or not 0 < error < 1:
            raise ValueError(f"look {look} of {self.last} with an error of {error}")
        whole = self.items[-1]
        before = spent(self.items[look - 2] / whole, error) if look > 1 else 0.0
        return spent(self.items[look - 1] / whole, error) - before


def evenly(items: int, looks: int = LOOKS_MOST) -> Looks:
    """Declare looks after equal numbers of items.

    Args:
        items: Of the whole evaluation, from 1; with fewer items than looks, every item is one.
        looks: How many, 1 to `LOOKS_MOST`.

    Raises:
        ValueError: A number is out of its range.
    """
    return Looks(tuple(dict.fromkeys(math.ceil(items * k / looks) for k in range(1, looks + 1))))


def spent(share: float, error: float) -> float:
    """Return the error that may be made by the time a share of the items was asked.

    2 - 2 Phi(z / sqrt(share)), with z of error / 2: the spending function of O'Brien-Fleming kind
    (Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 1983). Early
    looks get little, so that they stop only what is plain, and the last keeps nearly all: of 5 %,
    three even looks get 0.07, 1.57 and 3.36 %. Equal parts would need 43 % more items at the last
    look than a single look does, these 15 %.

    Args:
        share: Above 0 and up to 1.
        error: 0 to 1, both excluded.
    """
    if share >= 1:
        return error
    return 2 * _NORMAL.cdf(_NORMAL.inv_cdf(error / 2) / math.sqrt(share))
