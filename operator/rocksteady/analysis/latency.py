"""Evidence that a canary is slower, from counts above several boundaries of a histogram.

A revision that is `tolerance` slower than stable moves its share above a boundary c from p to about
(1 + tolerance)^beta p, where beta is the slope of stable's tail at c on log scales. That is the
tolerated ratio of the test at c; no absolute excess is tolerated on top of it where enough of
stable's requests are above c.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rocksteady.analysis.counts import Ticks
from rocksteady.analysis.evidence import (
    TOLERATED_BUDGET,
    Evidence,
    HarmTest,
    cap_nats,
    harm_since,
    summarize,
    values,
)

LATENCY_FACTORS: Final = (1.15, 1.4, 2.0, 3.0, 6.0)
"""How many times more requests above a boundary than tolerated the alternatives have."""
TOLERANCE: Final = 0.10
"""How much slower a canary may be: a shift by a tenth is never rolled back."""
LEAST_SHARE: Final = 0.005
MOST_SHARE: Final = 0.40
"""Boundaries with this share of stable's requests above them tell slow from fast."""
BOUNDARIES_MOST: Final = 4
HISTORY_REQUESTS_LEAST: Final = 1000
"""Requests to stable below which its tail is not known: 0.5 % of them are 5."""
FALLBACK_SLOPE: Final = 8.0
"""Slope of an unknown tail, chosen steep, so that more is tolerated: that of a log-normal with
sigma 0.3 above its 98th percentile. At a tolerance of 10 % twice as many slow requests pass."""

_SLO_WEIGHT: Final = 0.5
"""Share of the evidence that the boundary of the objective has."""


@dataclass(frozen=True)
class Boundary:
    """Where slow begins, and how many times more slow requests are tolerated.

    Attributes:
        le_seconds: Upper bound of a bucket; a request above it is slow.
        rho0: Tolerated ratio of canary's share above it to stable's, from 1.
        is_slo: True for the boundary that the objective is about.
        delta: Tolerated share on top of that, from 0.
    """

    le_seconds: float
    rho0: float
    is_slo: bool
    delta: float = 0.0


@dataclass(frozen=True)
class Loudest:
    """The boundary that speaks most against a canary.

    Attributes:
        boundary: Which one.
        test: Its test.
        weight: Its share of the evidence, 0 to 1. Its own evidence refutes at the threshold over
            this share: whichever boundary is picked, the error rate of all together holds.
    """

    boundary: Boundary
    test: HarmTest
    weight: float


def choose_boundaries(
    stable_histogram: Mapping[float, int],
    slo_le: float,
    tolerance: float = TOLERANCE,
    objective_percent: float | None = None,
) -> tuple[Boundary, ...]:
    """Choose the boundaries at which a canary is compared with stable.

    Those with 0.5 to 40 % of stable's requests above them, and always that of the objective; of
    more than four, the objective's and three that are spread over the others.

    Args:
        stable_histogram: Cumulative counts of stable's history by `le` in seconds; the last one,
            `math.inf` as a rule, counts all requests. Empty: no history.
        slo_le: The objective's boundary in seconds.
        tolerance: How much slower is tolerated, from 0.
        objective_percent: Share of requests that should be faster than `slo_le`, 0 to 100; when
            fewer than 0.5 % of stable's are slower than that, or when that is not known, a tenth
            of the objective's budget is tolerated on top: a handful of slow requests would be harm
            otherwise. None: nothing is.

    Returns:
        In ascending order. Without a usable history only the objective's boundary, with the slope
        `FALLBACK_SLOPE`; where the tail is too thin to have a slope, it is at least that.

    Raises:
        ValueError: Counts are not cumulative, a boundary is not positive, or the objective's is
            none of the histogram's.
    """
    tail = _tail(stable_histogram)
    if tail is None:
        rho0 = (1 + tolerance) ** FALLBACK_SLOPE
        return (Boundary(slo_le, rho0, is_slo=True, delta=_delta(0.0, objective_percent)),)
    if slo_le not in tail:
        raise ValueError(f"{slo_le} s is no boundary of the histogram: {sorted(tail)}")
    chosen = {slo_le, *_spread([le for le in _telling(tail) if le != slo_le])}
    return tuple(
        Boundary(
            le,
            (1 + tolerance) ** _slope(tail, le),
            is_slo=le == slo_le,
            delta=_delta(tail[le], objective_percent) if le == slo_le else 0.0,
        )
        for le in sorted(chosen)
    )


def boundary_test(
    boundary: Boundary, *, design_effect: float, tick_seconds: float, ticks_max: int
) -> HarmTest:
    """Return the test at one boundary; see `HarmTest`."""
    return HarmTest(
        rho0=boundary.rho0,
        delta=boundary.delta,
        grid=LATENCY_FACTORS,
        design_effect=design_effect,
        cap_nats=cap_nats(tick_seconds),
        ticks_max=ticks_max,
    )


def latency_values(
    boundaries: Sequence[Boundary],
    ticks_by_boundary: Mapping[float, Ticks],
    *,
    design_effects: Mapping[float, float],
    tick_seconds: float,
    ticks_max: int,
) -> Iterator[float]:
    """Yield the evidence of slowness after each tick.

    Half of the evidence is that of the objective's boundary, the other half the mean of the others:
    a weighted mean of evidence is evidence, however dependent its parts.

    Args:
        boundaries: From `choose_boundaries`; one of them is the objective's.
        ticks_by_boundary: By `le` in seconds; bad requests are those above it. Equally long.
        design_effects: By `le` in seconds; see `dispersion.design_effect`, with no upper limit.
        tick_seconds: Length of a tick.
        ticks_max: See `HarmTest`.

    Raises:
        ValueError: Not exactly one boundary is the objective's, or ticks differ in length.
        KeyError: Ticks or design effect of a boundary are missing.
    """
    weights = _weights(boundaries)
    tests = _tests(boundaries, design_effects, tick_seconds, ticks_max)
    paths = [values(test, ticks_by_boundary[le]) for le, test in tests.items()]
    for looks in zip(*paths, strict=True):
        yield _mixed(weights, looks)


def accumulate_latency(
    boundaries: Sequence[Boundary],
    ticks_by_boundary: Mapping[float, Ticks],
    *,
    design_effects: Mapping[float, float],
    tick_seconds: float,
    ticks_max: int,
) -> Evidence:
    """Return what all ticks say about slowness; arguments and errors as for `latency_values`.

    Harm began when it did at the boundary that speaks most against the canary.
    """
    weights = _weights(boundaries)
    tests = _tests(boundaries, design_effects, tick_seconds, ticks_max)
    paths = [list(values(test, ticks_by_boundary[le])) for le, test in tests.items()]

    def began(last: int) -> int | None:
        looks = [path[last] for path in paths]
        le, test = list(tests.items())[_loudest_place(weights, looks)]
        return harm_since(test, ticks_by_boundary[le][: last + 1])

    return summarize([_mixed(weights, looks) for looks in zip(*paths, strict=True)], began)


def loudest(
    boundaries: Sequence[Boundary],
    ticks_by_boundary: Mapping[float, Ticks],
    *,
    design_effects: Mapping[float, float],
    tick_seconds: float,
    ticks_max: int,
) -> Loudest:
    """Return the boundary that speaks most against the canary, at any look.

    Arguments and errors as for `latency_values`.
    """
    weights = _weights(boundaries)
    tests = _tests(boundaries, design_effects, tick_seconds, ticks_max)
    strongest = [
        max(values(test, ticks_by_boundary[le]), default=1.0) for le, test in tests.items()
    ]
    place = _loudest_place(weights, strongest)
    return Loudest(boundaries[place], list(tests.values())[place], weights[place])


def _tests(
    boundaries: Sequence[Boundary],
    design_effects: Mapping[float, float],
    tick_seconds: float,
    ticks_max: int,
) -> dict[float, HarmTest]:
    """Tests by boundary in seconds, in the order of the boundaries."""
    return {
        boundary.le_seconds: boundary_test(
            boundary,
            design_effect=design_effects[boundary.le_seconds],
            tick_seconds=tick_seconds,
            ticks_max=ticks_max,
        )
        for boundary in boundaries
    }


def _mixed(weights: Sequence[float], looks: Sequence[float]) -> float:
    """Weighted mean of the evidence of all boundaries after a tick."""
    return math.fsum(weight * value for weight, value in zip(weights, looks, strict=True))


def _loudest_place(weights: Sequence[float], looks: Sequence[float]) -> int:
    """Place of the boundary with the largest part in the evidence; the first of equals."""
    parts = [weight * value for weight, value in zip(weights, looks, strict=True)]
    return parts.index(max(parts))


def _tail(histogram: Mapping[float, int]) -> dict[float, float] | None:
    """Share of requests above each finite boundary, ascending; None when too little is known."""
    ordered = sorted(histogram.items())
    if any(fewer > more for (_, fewer), (_, more) in pairwise(ordered)):
        raise ValueError(f"counts are not cumulative: {ordered}")
    if ordered and (ordered[0][0] <= 0 or ordered[0][1] < 0):
        raise ValueError(f"boundaries are positive, counts are not negative: {ordered[0]}")
    total = ordered[-1][1] if ordered else 0
    if total < HISTORY_REQUESTS_LEAST:
        return None
    # Half a request above a boundary that none was above keeps the slope finite.
    return {le: max(total - count, 0.5) / total for le, count in ordered if math.isfinite(le)}


def _telling(tail: Mapping[float, float]) -> list[float]:
    """Boundaries with neither too few nor too many requests above them."""
    return [le for le, share in tail.items() if LEAST_SHARE <= share <= MOST_SHARE]


def _spread(others: list[float]) -> list[float]:
    """At most three of the boundaries beside the objective's: the ends and the middle."""
    if len(others) < BOUNDARIES_MOST:
        return others
    return [others[0], others[len(others) // 2], others[-1]]


def _slope(tail: Mapping[float, float], le: float) -> float:
    """Steepness of the tail at a boundary on log scales: mean of the slopes to both sides."""
    boundaries = list(tail)
    place = boundaries.index(le)
    near = boundaries[max(0, place - 1) : place + 2]
    slopes = [
        -math.log(tail[right] / tail[left]) / math.log(right / left)
        for left, right in pairwise(near)
    ]
    measured = math.fsum(slopes) / len(slopes) if slopes else FALLBACK_SLOPE
    return measured if tail[le] >= LEAST_SHARE else max(measured, FALLBACK_SLOPE)


def _delta(share: float, objective_percent: float | None) -> float:
    """Tolerated share above the objective's boundary when stable has next to nothing there."""
    if objective_percent is None or share >= LEAST_SHARE:
        return 0.0
    return float(TOLERATED_BUDGET) * (100 - objective_percent) / 100


def _weights(boundaries: Sequence[Boundary]) -> list[float]:
    """Share of the evidence of each boundary; 1 in all."""
    slos = sum(boundary.is_slo for boundary in boundaries)
    if slos != 1:
        raise ValueError(f"{slos} boundaries are the objective's, not 1")
    others = len(boundaries) - 1
    if not others:
        return [1.0]
    return [
        _SLO_WEIGHT if boundary.is_slo else (1 - _SLO_WEIGHT) / others for boundary in boundaries
    ]
