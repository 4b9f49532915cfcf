"""What the test can see: how bad a canary must be to be caught, how soon, and at what harm."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Final

from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.evidence import HarmTest, error_test, threshold, values
from rocksteady.analysis.sampling import poisson

CAUGHT_WITH_90_PERCENT: Final = (
    (0.004, 67_032),
    (0.006, 9_813),
    (0.01, 2_999),
    (0.02, 961),
    (0.05, 303),
    (0.10, 158),
    (0.50, 63),
    (1.0, 62),
)
"""Error ratio, and the canary requests after which 90 % of such canaries are caught.

Simulated with a baseline of 0.2 %, an objective of 99.5 %, 0.5 canary requests per second (5 for
ratios under 1 %) at a weight of 10 %, design effect 1, three signals that share a false-rollback
rate of 1 %; `bench/decisions_simulated.py` repeats the test.
"""
SHORTEST_SECONDS: Final = 120.0
"""Watched for less than this, nothing is caught: the cap asks for 7 ticks of 15 s, and one more."""

_TABLE_BASELINE: Final = 0.002


@dataclass(frozen=True)
class Assumptions:
    """What a forecast supposes.

    Attributes:
        baseline_ratio: Share of stable's requests that are bad, 0 to 1.
        objective_percent: Share of requests that should be good, 0 to 100.
        alpha: False-rollback rate of a whole rollout, 0 to 1.
        signals: How many signals share `alpha`.
        design_effect: From 1.
        tick_seconds: Length of a tick.
        horizon_seconds: How long the canary is watched.
    """

    baseline_ratio: float = 0.002
    objective_percent: Decimal | float = field(default=Decimal("99.5"))
    alpha: float = 0.01
    signals: int = 3
    design_effect: float = 1.0
    tick_seconds: float = 15.0
    horizon_seconds: float = 3600.0


@dataclass(frozen=True)
class Detection:
    """How soon a bad canary is condemned.

    Attributes:
        found_percent: Share of such canaries that are condemned within the horizon.
        median_minutes: After which half of them are; None: less than half within the horizon.
        p95_minutes: After which 95 % of them are; None: fewer are.
        harmed_requests: Bad answers of the canary before that, or until the horizon: the mean.
        runs: Simulated rollouts.
    """

    found_percent: float
    median_minutes: float | None
    p95_minutes: float | None
    harmed_requests: float
    runs: int


_USUAL: Final = Assumptions()


def power_statement(
    canary_requests: int,
    *,
    baseline_ratio: float = _TABLE_BASELINE,
    design_effect: float = 1.0,
    watched_seconds: float | None = None,
) -> str:
    """Say what a pass is worth: the smallest error ratio that would have been caught.

    Args:
        canary_requests: That the canary has answered, from 0.
        baseline_ratio: Share of stable's requests that are bad, 0 to 1. Above 0.2 % both ratio
            and requests of the table are scaled, since only numbers of bad requests count.
        design_effect: Requests needed grow in proportion to it.
        watched_seconds: How long the canary had traffic; None: long enough.
    """
    requests = f"{canary_requests:,}".replace(",", " ") + " canary requests"
    if watched_seconds is not None and watched_seconds < SHORTEST_SECONDS:
        return f"{requests} in {watched_seconds:g} s: too short a time to have caught anything"
    ratio = caught_ratio(canary_requests, baseline_ratio, design_effect)
    if ratio is None:
        return f"{requests}: too few to have caught even a total failure with 90 % probability"
    return (
        f"{requests}: an error ratio >= {100 * ratio:.3g} % would have been caught"
        " with 90 % probability"
    )


def caught_ratio(
    canary_requests: int, baseline_ratio: float = _TABLE_BASELINE, design_effect: float = 1.0
) -> float | None:
    """Return the smallest error ratio of the table that is caught with a probability of 90 %.

    Args:
        canary_requests: See `power_statement`.
        baseline_ratio: See `power_statement`.
        design_effect: See `power_statement`.

    Returns:
        0 to 1; None when even a total failure would not be caught.
    """
    scale = max(1.0, baseline_ratio / _TABLE_BASELINE)
    least = CAUGHT_WITH_90_PERCENT[-1][1]  # not scaled: here the cap decides, not the counts
    return next(
        (
            ratio * scale
            for ratio, requests in CAUGHT_WITH_90_PERCENT
            if ratio * scale <= 1
            and canary_requests >= max(requests / scale, least) * design_effect
        ),
        None,
    )


def detection(
    error_ratio: float,
    requests_per_second: float,
    weight_percent: float,
    assumptions: Assumptions = _USUAL,
    *,
    runs: int = 200,
    seed: int = 1,
) -> Detection:
    """Forecast how soon a canary with an error ratio is condemned, by simulation of the real test.

    In each run requests arrive at random (Poisson) at both revisions and are bad independently,
    tick by tick, until the evidence reaches the threshold or the horizon ends. Scrapes and the
    gateway's own delay are not part of it: they add 15 to 30 s. With 200 runs the median lies
    between the true 43 % and 57 % points in 19 of 20 forecasts.

    Args:
        error_ratio: Of the canary, 0 to 1.
        requests_per_second: To both revisions together, from 0.
        weight_percent: Share of them that the canary gets, 0 to 100.
        assumptions: What else is supposed.
        runs: Rollouts to simulate, from 1.
        seed: The same seed gives the same forecast.
    """
    ticks = max(1, int(assumptions.horizon_seconds / assumptions.tick_seconds))
    test = error_test(
        assumptions.objective_percent,
        design_effect=assumptions.design_effect,
        tick_seconds=assumptions.tick_seconds,
        ticks_max=ticks,
    )
    limit = threshold(assumptions.alpha, assumptions.signals)
    means = _means(error_ratio, requests_per_second, weight_percent / 100, assumptions)
    source = Random(seed)  # noqa: S311 - simulated requests, no secret
    ends = [_run(source, test, means, limit) for _ in range(runs)]
    return _summary(ends, assumptions.tick_seconds / 60)


@dataclass(frozen=True)
class _Means:
    """Requests that are expected in a tick."""

    canary_good: float
    canary_bad: float
    stable_good: float
    stable_bad: float


def _means(
    error_ratio: float, requests_per_second: float, share: float, assumptions: Assumptions
) -> _Means:
    requests = requests_per_second * assumptions.tick_seconds
    canary, stable = requests * share, requests * (1 - share)
    return _Means(
        canary_good=canary * (1 - error_ratio),
        canary_bad=canary * error_ratio,
        stable_good=stable * (1 - assumptions.baseline_ratio),
        stable_bad=stable * assumptions.baseline_ratio,
    )


def _run(source: Random, test: HarmTest, means: _Means, limit: float) -> tuple[int | None, int]:
    """Ticks until the canary was condemned, None if it never was; and its bad answers by then."""
    harmed = 0

    def ticks() -> Iterator[TickCounts]:
        nonlocal harmed
        for _ in range(test.ticks_max):
            bad, stable_bad = poisson(source, means.canary_bad), poisson(source, means.stable_bad)
            harmed += bad
            yield TickCounts(
                canary_total=bad + poisson(source, means.canary_good),
                canary_bad=bad,
                stable_total=stable_bad + poisson(source, means.stable_good),
                stable_bad=stable_bad,
            )

    for look, value in enumerate(values(test, ticks()), 1):
        if value >= limit:
            return look, harmed
    return None, harmed


def _summary(ends: list[tuple[int | None, int]], tick_minutes: float) -> Detection:
    found = sorted(look for look, _ in ends if look is not None)

    def after(share: float) -> float | None:
        place = math.ceil(share * len(ends)) - 1
        return found[place] * tick_minutes if place < len(found) else None

    return Detection(
        found_percent=100 * len(found) / len(ends),
        median_minutes=after(0.5),
        p95_minutes=after(0.95),
        harmed_requests=math.fsum(harmed for _, harmed in ends) / len(ends),
        runs=len(ends),
    )
