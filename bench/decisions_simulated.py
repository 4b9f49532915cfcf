"""How soon the test condemns a bad canary, and how seldom a good one: simulated.

    python -m bench.decisions_simulated --runs 200

Every row is a canary at 10 % of the traffic, watched for an hour in ticks of 15 s; the rule is the
recommended one: cap, design effect measured on six hours of stable, three signals that share a
false-rollback rate of 1 %. Scrapes and routing add 15 to 30 s to every time.
"""

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from random import Random
from typing import Final

from bench import simulated_traffic as traffic
from bench.simulated_traffic import BASELINE, TICK_SECONDS, TICKS
from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.dispersion import design_effect
from rocksteady.analysis.evidence import error_test, threshold, values
from rocksteady.analysis.latency import choose_boundaries, latency_values

OBJECTIVE_PERCENT: Final = 99.5
SLO_LE_SECONDS: Final = 0.75
LIMIT: Final = threshold(0.01, 3)
HISTORIES: Final = 8
"""Runs of a scenario share so many histories: they only tell the design effect."""
OUTAGE: Final = range(40, 80)
"""Ticks of the shared outage: ten minutes, from the tenth on."""


@dataclass(frozen=True)
class End:
    """How one simulated rollout ended.

    Attributes:
        minutes: After which the canary was condemned; infinite if it never was.
        harmed: Bad or slow answers of the canary by then.
    """

    minutes: float
    harmed: int


@dataclass(frozen=True)
class Scenario:
    """One kind of canary under one load.

    Attributes:
        kind: `errors`, `ttft`, `outage` or `bursts`.
        harm: Error ratio, or how many times slower; without harm it is stable's.
        requests_per_second: To both revisions together.
        median_minutes: As published; None: not within the hour.
        harmed: Mean as published; None where the canary is not worse.
    """

    kind: str
    harm: float
    requests_per_second: int
    median_minutes: float | None = None
    harmed: int | None = None

    def __str__(self) -> str:
        harm = f"{self.harm:g}x" if self.kind == "ttft" else f"{100 * self.harm:g} %"
        return f"{self.kind} {harm} at {self.requests_per_second}/s"


SCENARIOS: Final = (
    Scenario("errors", 0.01, 5, 55, 15),
    Scenario("errors", 0.02, 5, 20, 12),
    Scenario("errors", 0.05, 5, 6.8, 10),
    Scenario("errors", 0.01, 50, 7.5, 23),
    Scenario("errors", 0.02, 50, 3.2, 20),
    Scenario("errors", 0.05, 50, 1.8, 29),
    Scenario("errors", 0.01, 500, 2.0, 66),
    Scenario("errors", 0.02, 500, 1.8, 106),
    Scenario("errors", 0.05, 500, 1.8, 262),
    Scenario("ttft", 1.2, 50, 13, 153),
    Scenario("ttft", 1.5, 5, 9.8, 22),
    Scenario("ttft", 2.0, 5, 3.8, 17),
    Scenario("ttft", 1.5, 50, 2.5, 53),
    Scenario("ttft", 2.0, 50, 1.8, 79),
    *(
        Scenario(kind, harm, requests_per_second)
        for kind, harm in (
            ("errors", BASELINE),
            ("errors", 0.0025),
            ("outage", 0.03),
            ("bursts", BASELINE),
            ("ttft", 1.0),
            ("ttft", 1.1),
        )
        for requests_per_second in (5, 50, 500)
    ),
)
"""With the published median minutes and harmed requests, of 1 000 to 2 000 runs each."""


def simulate(scenario: Scenario, runs: int, seed: int) -> list[End]:
    """Run a scenario; the same seed gives the same ends."""
    source = traffic.seeded(f"{seed} {scenario}")
    if scenario.kind == "ttft":
        return list(_latency_ends(scenario, source, runs))
    return list(_error_ends(scenario, source, runs))


def _error_ends(scenario: Scenario, source: Random, runs: int) -> Iterator[End]:
    tests = [
        error_test(
            OBJECTIVE_PERCENT,
            design_effect=design_effect(_history(scenario, source)).value,
            tick_seconds=TICK_SECONDS,
            ticks_max=TICKS,
        )
        for _ in range(HISTORIES)
    ]
    for _, test in zip(range(runs), cycle(tests), strict=False):
        ticks = list(_ticks(scenario, source))
        yield _end(values(test, ticks), ticks)


def _history(scenario: Scenario, source: Random) -> list[tuple[int, int]]:
    if scenario.kind == "bursts":
        return traffic.burst_history(source, scenario.requests_per_second, 5)
    return traffic.error_history(source, scenario.requests_per_second)


def _ticks(scenario: Scenario, source: Random) -> Iterator[TickCounts]:
    if scenario.kind == "bursts":
        return traffic.burst_ticks(source, scenario.requests_per_second, 5)
    if scenario.kind == "outage":

        def outage(tick: int) -> float:
            return scenario.harm if tick in OUTAGE else BASELINE

        return traffic.error_ticks(source, scenario.requests_per_second, outage, outage)
    return traffic.error_ticks(
        source, scenario.requests_per_second, lambda _: scenario.harm, lambda _: BASELINE
    )


def _latency_ends(scenario: Scenario, source: Random, runs: int) -> Iterator[End]:
    boundaries = choose_boundaries(traffic.ttft_histogram(), SLO_LE_SECONDS)
    les = tuple(boundary.le_seconds for boundary in boundaries)
    mean = scenario.requests_per_second * TICK_SECONDS
    histories = [
        traffic.slow_counts(source, mean, les, 1.0, traffic.HISTORY_TICKS) for _ in range(HISTORIES)
    ]
    effects = [
        {le: design_effect(history[le], most=math.inf).value for le in les} for history in histories
    ]
    for _, design_effects in zip(range(runs), cycle(effects), strict=False):
        ticks = traffic.latency_ticks(source, scenario.requests_per_second, les, scenario.harm)
        path = latency_values(
            boundaries,
            ticks,
            design_effects=design_effects,
            tick_seconds=TICK_SECONDS,
            ticks_max=TICKS,
        )
        yield _end(path, ticks[SLO_LE_SECONDS])


def _end(path: Iterable[float], ticks: list[TickCounts]) -> End:
    """When evidence condemned, and the harm done by then."""
    look = next((look for look, value in enumerate(path, 1) if value >= LIMIT), None)
    return End(
        minutes=math.inf if look is None else look * TICK_SECONDS / 60,
        harmed=sum(counts.canary_bad for counts in ticks[:look]),
    )


def quantile(ends: list[End], share: float) -> float:
    """Minutes after which a share of the canaries was condemned; infinite if fewer were."""
    return sorted(end.minutes for end in ends)[math.ceil(share * len(ends)) - 1]


def row(scenario: Scenario, ends: list[End]) -> str:
    """One row of the table."""
    condemned = 100 * sum(math.isfinite(end.minutes) for end in ends) / len(ends)
    harmed = math.fsum(end.harmed for end in ends) / len(ends)
    published = (
        "-"
        if scenario.median_minutes is None
        else (f"{scenario.median_minutes:g} min, {scenario.harmed}")
    )
    return (
        f"| {scenario} | {condemned:.1f} | {_minutes(quantile(ends, 0.5))}"
        f" | {_minutes(quantile(ends, 0.95))} | {harmed:.0f} | {published} |"
    )


def _minutes(minutes: float) -> str:
    return f"{minutes:.1f}" if math.isfinite(minutes) else "-"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200, help="rollouts of each kind")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("| canary | condemned % | median min | p95 min | harmed | published |")
    print("|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        print(row(scenario, simulate(scenario, asked.runs, asked.seed)), flush=True)


if __name__ == "__main__":
    main()
