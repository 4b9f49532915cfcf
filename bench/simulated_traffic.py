"""Simulated requests to a canary and to stable, tick by tick, as a gateway would count them.

Arrivals are Poisson; good, bad, fast and slow ones are then Poisson too, each for itself.
"""

import math
from collections.abc import Callable, Iterator
from random import Random
from statistics import NormalDist
from typing import Final

from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.sampling import poisson

TICK_SECONDS: Final = 15
TICKS: Final = 240
"""An hour."""
HISTORY_TICKS: Final = 1440
"""Six hours of stable before the rollout."""
WEIGHT: Final = 0.10
"""Share of the requests that the canary gets."""
BASELINE: Final = 0.002
"""Share of stable's requests that are bad."""

VLLM_TTFT_LE: Final = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
"""Boundaries of vLLM's histogram of the time to the first token, in seconds."""
TTFT_MEDIAN_SECONDS: Final = 0.18
TTFT_SIGMA: Final = 0.7
"""Time to the first token is log-normal."""

Ratio = Callable[[int], float]
"""Share of bad requests by index of the tick."""


def seeded(seed: int | str) -> Random:
    """Return a source of numbers that are the same for the same seed."""
    return Random(seed)  # noqa: S311 - simulated requests, no secret


def error_ticks(
    source: Random, requests_per_second: float, canary: Ratio, stable: Ratio, ticks: int = TICKS
) -> Iterator[TickCounts]:
    """Requests that are bad independently of each other."""
    requests = requests_per_second * TICK_SECONDS
    for tick in range(ticks):
        canary_total, canary_bad = _counts(source, requests * WEIGHT, canary(tick))
        stable_total, stable_bad = _counts(source, requests * (1 - WEIGHT), stable(tick))
        yield TickCounts(canary_total, canary_bad, stable_total, stable_bad)


def burst_ticks(
    source: Random, requests_per_second: float, mean_burst: float, ticks: int = TICKS
) -> Iterator[TickCounts]:
    """Bad requests that come in bursts, alike for both; the length of a burst is geometric."""
    requests = requests_per_second * TICK_SECONDS
    for _ in range(ticks):
        canary_total, canary_bad = _bursts(source, requests * WEIGHT, mean_burst)
        stable_total, stable_bad = _bursts(source, requests * (1 - WEIGHT), mean_burst)
        yield TickCounts(canary_total, canary_bad, stable_total, stable_bad)


def error_history(source: Random, requests_per_second: float) -> list[tuple[int, int]]:
    """Stable before the rollout, with all requests."""
    mean = requests_per_second * TICK_SECONDS
    return [_counts(source, mean, BASELINE) for _ in range(HISTORY_TICKS)]


def burst_history(
    source: Random, requests_per_second: float, mean_burst: float
) -> list[tuple[int, int]]:
    """Stable before the rollout, with bursts."""
    mean = requests_per_second * TICK_SECONDS
    return [_bursts(source, mean, mean_burst) for _ in range(HISTORY_TICKS)]


def slow_share(le_seconds: float, slower: float = 1.0) -> float:
    """Share of requests above a boundary when all of them take `slower` times as long."""
    deviations = math.log(le_seconds / (TTFT_MEDIAN_SECONDS * slower)) / TTFT_SIGMA
    return NormalDist().cdf(-deviations)


def ttft_histogram(requests: int = 1_000_000) -> dict[float, int]:
    """Cumulative histogram of stable's past, as expected."""
    below = {le: round(requests * (1 - slow_share(le))) for le in VLLM_TTFT_LE}
    return {**below, math.inf: requests}


def slow_counts(
    source: Random, mean: float, boundaries: tuple[float, ...], slower: float, ticks: int
) -> dict[float, list[tuple[int, int]]]:
    """Requests of one revision, and those above each boundary, by boundary and tick."""
    shares = [1.0, *(slow_share(le, slower) for le in boundaries), 0.0]
    cells = [mean * (shares[index] - shares[index + 1]) for index in range(len(shares) - 1)]
    counted: dict[float, list[tuple[int, int]]] = {le: [] for le in boundaries}
    for _ in range(ticks):
        drawn = [poisson(source, cell) for cell in cells]
        total = sum(drawn)
        for index, le in enumerate(boundaries, 1):
            counted[le].append((total, sum(drawn[index:])))
    return counted


def latency_ticks(
    source: Random, requests_per_second: float, boundaries: tuple[float, ...], slower: float
) -> dict[float, list[TickCounts]]:
    """A canary that takes `slower` times as long as stable, by boundary."""
    requests = requests_per_second * TICK_SECONDS
    canary = slow_counts(source, requests * WEIGHT, boundaries, slower, TICKS)
    stable = slow_counts(source, requests * (1 - WEIGHT), boundaries, 1.0, TICKS)
    return {
        le: [
            TickCounts(*ours, *theirs) for ours, theirs in zip(canary[le], stable[le], strict=True)
        ]
        for le in boundaries
    }


def _counts(source: Random, mean: float, ratio: float) -> tuple[int, int]:
    bad = poisson(source, mean * ratio)
    return bad + poisson(source, mean * (1 - ratio)), bad


def _bursts(source: Random, mean: float, mean_burst: float) -> tuple[int, int]:
    requests = poisson(source, mean)
    bursts = poisson(source, requests * BASELINE / mean_burst)
    bad = sum(_geometric(source, mean_burst) for _ in range(bursts))
    return max(requests, bad), bad


def _geometric(source: Random, mean: float) -> int:
    """Length of a burst, from 1."""
    return 1 + math.floor(math.log(1 - source.random()) / math.log(1 - 1 / mean))
