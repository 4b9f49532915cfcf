"""How much more stable's bad requests scatter than independent ones would: the design effect.

Failures come in bursts. Log evidence is divided by the design effect, so that bursts that stable
knows too are no evidence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

WINDOWS_SECONDS: Final = (15.0, 60.0, 300.0)
"""Lengths of time over which bad requests may clump."""
HISTORY_SECONDS: Final = 6 * 3600
"""How far to look back."""
UNKNOWN: Final = 3.0
"""Design effect where there is no history to measure it on."""
MOST_FOR_ERRORS: Final = 20.0
"""A larger one would make the test of an error ratio blind. Latency has no such limit."""
WEAK_ABOVE: Final = 10.0
"""Measured design effect beyond which evidence is called weak."""

_DROPPED: Final = 0.02
"""Share of the ticks with the largest excess that is left out: a rare incident must not blind."""
_LEAST_WINDOWS: Final = 12
"""History shorter than this many of the longest windows (an hour at 5 min) is none."""
_TINY: Final = 1e-9

History: TypeAlias = Sequence[tuple[int, int] | None]
"""Requests to stable and how many were bad, by tick; None: a blind tick."""


@dataclass(frozen=True)
class DesignEffect:
    """How much more the counts scatter than independent requests do.

    Attributes:
        value: What log evidence is divided by, from 1.
        raw: As measured, from 1; None without a usable history.
        ticks: Ticks of history that were seen.
    """

    value: float
    raw: float | None
    ticks: int

    @property
    def weak(self) -> bool:
        """True when stable is so restless that evidence says little."""
        return self.raw is not None and self.raw > WEAK_ABOVE


def windows(tick_seconds: float) -> tuple[int, ...]:
    """Return how many ticks, at least 1, make up 15 s, 60 s and 5 min."""
    return tuple(dict.fromkeys(max(1, round(width / tick_seconds)) for width in WINDOWS_SECONDS))


def design_effect(
    history: History,
    ticks_per_width: Sequence[int] = (1, 4, 20),
    most: float = MOST_FOR_ERRORS,
) -> DesignEffect:
    """Measure the design effect: the worst Pearson dispersion over several lengths of time.

    Dispersion is the mean of (bad - n p)^2 / (n p (1 - p)) over the windows with requests, after
    the worst 2 % of ticks were dropped; 1 for independent requests, and for no bad one at all.

    Args:
        history: Of stable, before the rollout; `HISTORY_SECONDS` of it.
        ticks_per_width: See `windows`.
        most: Upper limit of the value; `math.inf` for latency.

    Returns:
        With a history that is too short, or without a request, the value is `UNKNOWN`.
    """
    seen = [tick for tick in history if tick is not None]
    busy = [tick for tick in seen if tick[0] > 0]
    if len(busy) < _LEAST_WINDOWS * max(ticks_per_width):
        return DesignEffect(min(UNKNOWN, most), None, len(seen))
    calm = _without_worst(history)
    share = _share(calm)
    raw = max(1.0, *(_dispersion(calm, width, share) for width in ticks_per_width))
    return DesignEffect(min(raw, most), raw, len(seen))


def _share(ticks: Sequence[tuple[int, int]]) -> float:
    """Share of bad requests in all ticks."""
    return sum(bad for _, bad in ticks) / max(1, sum(total for total, _ in ticks))


def _without_worst(history: History) -> list[tuple[int, int]]:
    """History with the worst ticks, and the blind ones, put to no requests."""
    share = _share([tick for tick in history if tick is not None])
    excesses = sorted(_excess(tick, share) for tick in history if tick is not None)
    limit = _quantile(excesses, 1 - _DROPPED)
    return [
        tick if tick is not None and _excess(tick, share) <= limit else (0, 0) for tick in history
    ]


def _excess(tick: tuple[int, int], share: float) -> float:
    """Bad requests beyond the expected ones, in standard deviations."""
    total, bad = tick
    expected = total * share
    return (bad - expected) / math.sqrt(max(expected * (1 - share), _TINY))


def _quantile(ordered: Sequence[float], probability: float) -> float:
    """Quantile of sorted numbers, linear between them."""
    place = probability * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _dispersion(ticks: Sequence[tuple[int, int]], width: int, share: float) -> float:
    """Mean squared deviation over what independent requests would show, by windows of ticks."""
    squares = []
    for start in range(0, len(ticks) - width + 1, width):
        window = ticks[start : start + width]
        total = sum(requests for requests, _ in window)
        if total > 0:
            expected = total * share
            bad = sum(bad for _, bad in window)
            squares.append((bad - expected) ** 2 / max(expected * (1 - share), _TINY))
    return math.fsum(squares) / max(1, len(squares))
