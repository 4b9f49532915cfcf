"""The table of decisions that is published, from simulated requests of our own.

A published median must lie between two order statistics of the simulated times that enclose the
true median in 999 of 1 000 samples of `RUNS` (ranks by the normal approximation to the binomial:
half the runs, plus and minus 3.29 standard deviations of sqrt(RUNS) / 2). Published medians are
rounded to 0.1 min below 10 min and to 1 min above, and come from 1 000 to 2 000 runs, so that they
may be off by a tick; both are allowed for. Harmed requests are means: four standard errors of the
simulated mean, and half a request of rounding. A canary without harm is condemned in 0.0 % of
thousands of published runs, so that one in `RUNS` is already too many. Seeds are fixed.
"""

import math
from functools import cache
from statistics import fmean, stdev

import pytest

from bench.decisions_simulated import SCENARIOS, End, Scenario, simulate
from bench.simulated_traffic import TICK_SECONDS

RUNS = 41
SEED = 20
REACH = math.ceil(3.29 * math.sqrt(RUNS) / 2)
LOWER, UPPER = (RUNS - 1) // 2 - REACH, (RUNS - 1) // 2 + REACH
TICK_MINUTES = TICK_SECONDS / 60

HARMFUL = [
    pytest.param(scenario, id=str(scenario))
    for scenario in SCENARIOS
    if scenario.median_minutes is not None and scenario.requests_per_second < 500
]
HARMLESS = [
    pytest.param(scenario, id=str(scenario))
    for scenario in SCENARIOS
    if scenario.median_minutes is None and scenario.requests_per_second < 500
]


@cache
def ends_of(scenario: Scenario) -> list[End]:
    return simulate(scenario, RUNS, SEED)


def rounding(minutes: float) -> float:
    return 0.05 if minutes < 10 else 0.5


@pytest.mark.parametrize("scenario", HARMFUL)
def test_harm__is_found_as_soon_as_published(scenario: Scenario) -> None:
    times = sorted(end.minutes for end in ends_of(scenario))
    assert scenario.median_minutes is not None
    tolerance = TICK_MINUTES + rounding(scenario.median_minutes)
    assert times[LOWER] - tolerance <= scenario.median_minutes <= times[UPPER] + tolerance


@pytest.mark.parametrize("scenario", HARMFUL)
def test_harm__costs_as_many_requests_as_published(scenario: Scenario) -> None:
    harmed = [end.harmed for end in ends_of(scenario)]
    assert scenario.harmed is not None
    tolerance = 4 * stdev(harmed) / math.sqrt(RUNS) + 0.5
    assert fmean(harmed) == pytest.approx(scenario.harmed, abs=tolerance)


@pytest.mark.parametrize("scenario", HARMLESS)
def test_no_harm__is_never_condemned(scenario: Scenario) -> None:
    assert [end.minutes for end in ends_of(scenario)] == [math.inf] * RUNS


def test_simulate__is_the_same_for_the_same_seed() -> None:
    scenario = SCENARIOS[4]
    assert simulate(scenario, 5, SEED) == simulate(scenario, 5, SEED)
    assert simulate(scenario, 5, SEED) != simulate(scenario, 5, SEED + 1)
