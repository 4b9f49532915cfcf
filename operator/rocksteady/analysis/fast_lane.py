"""The fast lane: a canary that answers nothing but errors loses its traffic within seconds.

It may only take traffic away; the verdict stays with the evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

WINDOW_SECONDS: Final = 10.0
"""How far back is looked."""
BAD_IN_A_ROW: Final = 5
"""Canary responses, all bad, after which it trips."""
STABLE_BAD_PERCENT_BELOW: Final = 10
"""With more bad answers of stable both may suffer from the same."""


@dataclass(frozen=True)
class Poll:
    """Counters as read at one time, summed over all pods or gateways that were read.

    Each sum is of counters that only grow; one that shrank was reset and counts from 0. Where
    several processes are summed, resets are to be taken out of each before (`counter` minus what it
    had lost), since a sum hides them. A read that failed is no Poll.

    Attributes:
        at_seconds: When, on any clock that does not jump.
        canary_total: Responses of the canary so far; None: no such series yet, which is 0.
        canary_bad: Bad ones; None likewise.
        stable_total: Responses of stable so far; None likewise.
        stable_bad: Bad ones; None likewise.
    """

    at_seconds: float
    canary_total: int | None
    canary_bad: int | None
    stable_total: int | None
    stable_bad: int | None


@dataclass(frozen=True)
class Trip:
    """Why a canary loses its traffic at once.

    Attributes:
        at_seconds: Of the poll that showed it.
        canary_bad: Bad responses in a row, the latest ones.
        stable_total: Responses of stable in the last 10 seconds.
        stable_bad: Bad ones of them.
    """

    at_seconds: float
    canary_bad: int
    stable_total: int
    stable_bad: int


@dataclass(frozen=True)
class _Grown:
    """Responses between two polls."""

    canary_total: int
    canary_bad: int
    stable_total: int
    stable_bad: int


def trip(polls: Sequence[Poll]) -> Trip | None:
    """Tell whether the canary must lose its traffic at once.

    It must when its latest responses in the last 10 seconds, five or more, were all bad, and under
    10 % of stable's in the same time. Within one interval the order of responses is not known, so a
    good one breaks the row for all of them. A stable that answered nothing is no better, as far as
    is known: then nothing trips.

    Args:
        polls: In the order of time; older ones than 10 seconds before the last are left out.

    Returns:
        None: there is no reason to.

    Raises:
        ValueError: Polls are not in the order of time.
    """
    if any(later.at_seconds <= earlier.at_seconds for earlier, later in pairwise(polls)):
        raise ValueError("polls are not in the order of time")
    if not polls:
        return None
    latest = polls[-1].at_seconds
    recent = [poll for poll in polls if poll.at_seconds >= latest - WINDOW_SECONDS]
    grown = [_grown(earlier, later) for earlier, later in pairwise(recent)]
    in_a_row = _bad_in_a_row(grown)
    stable_total = sum(each.stable_total for each in grown)
    stable_bad = sum(each.stable_bad for each in grown)
    healthy = stable_total > 0 and 100 * stable_bad < STABLE_BAD_PERCENT_BELOW * stable_total
    if in_a_row < BAD_IN_A_ROW or not healthy:
        return None
    return Trip(latest, in_a_row, stable_total, stable_bad)


def _bad_in_a_row(grown: Sequence[_Grown]) -> int:
    """The canary's latest responses that are certain to be all bad."""
    in_a_row = 0
    for each in reversed(grown):
        if each.canary_bad < each.canary_total:
            break
        in_a_row += each.canary_bad
    return in_a_row


def _grown(earlier: Poll, later: Poll) -> _Grown:
    canary_total, canary_bad = _grown_pair(
        (earlier.canary_total, earlier.canary_bad), (later.canary_total, later.canary_bad)
    )
    stable_total, stable_bad = _grown_pair(
        (earlier.stable_total, earlier.stable_bad), (later.stable_total, later.stable_bad)
    )
    return _Grown(canary_total, canary_bad, stable_total, stable_bad)


def _grown_pair(
    earlier: tuple[int | None, int | None], later: tuple[int | None, int | None]
) -> tuple[int, int]:
    """Responses and bad ones between two readings of the same two counters."""
    total_before, bad_before = earlier[0] or 0, earlier[1] or 0
    total_after, bad_after = later[0] or 0, later[1] or 0
    if total_after < total_before or bad_after < bad_before:  # reset: both begin at 0 again
        total_before = bad_before = 0
    responses = total_after - total_before
    return responses, min(bad_after - bad_before, responses)
