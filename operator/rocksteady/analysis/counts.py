"""What a tick counted: requests and bad ones, of the canary and of stable side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class TickCounts:
    """Requests that both revisions answered in one tick, and how many of them were bad.

    Attributes:
        canary_total: Requests to the canary, from 0.
        canary_bad: Those of them that were bad, 0 to `canary_total`.
        stable_total: Requests to stable in the same tick, from 0.
        stable_bad: Those of them that were bad, 0 to `stable_total`.

    Raises:
        ValueError: A count is negative, or more requests are bad than there were.
    """

    canary_total: int
    canary_bad: int
    stable_total: int
    stable_bad: int

    def __post_init__(self) -> None:
        _check("canary", self.canary_total, self.canary_bad)
        _check("stable", self.stable_total, self.stable_bad)


Ticks: TypeAlias = Sequence[TickCounts | None]
"""Ticks in the order of time, without gaps; None: a blind tick, of which nothing is known."""


def total(ticks: Iterable[TickCounts | None]) -> TickCounts:
    """Add up what all ticks counted; blind ticks add nothing."""
    seen = [counts for counts in ticks if counts is not None]
    return TickCounts(
        canary_total=sum(counts.canary_total for counts in seen),
        canary_bad=sum(counts.canary_bad for counts in seen),
        stable_total=sum(counts.stable_total for counts in seen),
        stable_bad=sum(counts.stable_bad for counts in seen),
    )


def blind_at_end(ticks: Ticks) -> int:
    """Count the blind ticks since the last one that counted something; all of them if none did."""
    for index, counts in enumerate(reversed(ticks)):
        if counts is not None:
            return index
    return len(ticks)


def _check(revision: str, requests: int, bad: int) -> None:
    if not 0 <= bad <= requests:
        raise ValueError(f"{bad} bad of {requests} requests to {revision}: no such counts")
