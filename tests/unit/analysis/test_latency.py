"""Slow canaries: which boundaries tell, what is tolerated, and what the evidence is."""

import math

import pytest

from bench.simulated_traffic import latency_ticks, seeded, ttft_histogram
from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.analysis.evidence import Evidence, accumulate, threshold
from rocksteady.analysis.latency import (
    FALLBACK_SLOPE,
    Boundary,
    accumulate_latency,
    boundary_test,
    choose_boundaries,
    latency_values,
)

LIMIT = threshold(0.01, 3)
FALLBACK = 1.1**FALLBACK_SLOPE
FINE = {le / 10: round(100_000 * (1 - 2 ** (-le / 2))) for le in range(1, 41)} | {math.inf: 100_000}
"""Boundaries every tenth of a second; half as many requests are above each fifth."""


def evidence(
    boundaries: tuple[Boundary, ...], ticks: dict[float, Ticks], ticks_max: int = 240
) -> Evidence:
    return accumulate_latency(
        boundaries,
        ticks,
        design_effects=dict.fromkeys(ticks, 1.0),
        tick_seconds=15,
        ticks_max=ticks_max,
    )


def les(boundaries: tuple[Boundary, ...]) -> list[float]:
    return [boundary.le_seconds for boundary in boundaries]


@pytest.mark.parametrize(
    ("histogram", "slo_le", "chosen"),
    [
        pytest.param(ttft_histogram(), 0.75, [0.25, 0.5, 0.75, 1.0], id="all that tell"),
        pytest.param(
            ttft_histogram(), 2.5, [0.25, 0.75, 1.0, 2.5], id="an objective far in the tail"
        ),
        pytest.param(
            ttft_histogram(), 0.1, [0.1, 0.25, 0.75, 1.0], id="an objective that most fail"
        ),
        pytest.param(FINE, 0.5, [0.3, 0.5, 1.0, 1.5], id="of many, the ends and the middle"),
        pytest.param({0.5: 99_000, math.inf: 100_000}, 0.5, [0.5], id="a single boundary"),
        pytest.param({}, 0.75, [0.75], id="no history"),
        pytest.param({0.5: 900, 0.75: 999, math.inf: 999}, 0.75, [0.75], id="too short a history"),
    ],
)
def test_choose_boundaries__takes(
    histogram: dict[float, int], slo_le: float, chosen: list[float]
) -> None:
    boundaries = choose_boundaries(histogram, slo_le)
    assert les(boundaries) == chosen
    assert [boundary.le_seconds for boundary in boundaries if boundary.is_slo] == [slo_le]
    assert all(boundary.rho0 >= 1 for boundary in boundaries)


@pytest.mark.parametrize(
    ("histogram", "rho0"),
    [
        pytest.param({}, FALLBACK, id="no history: a steep tail is supposed"),
        pytest.param(
            {0.5: 100_000, 0.75: 100_000, 1.0: 100_000, math.inf: 100_000},
            FALLBACK,
            id="nothing was ever slow: likewise",
        ),
        pytest.param(
            {0.5: 98_000, 0.75: 98_000, 1.0: 98_000, math.inf: 100_000},
            1.0,
            id="a flat tail: slower by a tenth changes nothing",
        ),
        pytest.param(
            {0.375: 60_000, 0.75: 80_000, 1.5: 90_000, math.inf: 100_000},
            1.1,
            id="a share that halves as time doubles: slope 1",
        ),
        pytest.param({0.75: 90_000, math.inf: 100_000}, FALLBACK, id="no neighbour, no slope"),
    ],
)
def test_choose_boundaries__tolerates(histogram: dict[float, int], rho0: float) -> None:
    slo = next(boundary for boundary in choose_boundaries(histogram, 0.75) if boundary.is_slo)
    assert slo.rho0 == pytest.approx(rho0)


def test_choose_boundaries__tolerates_more_with_a_greater_tolerance() -> None:
    strict = choose_boundaries(ttft_histogram(), 0.75, tolerance=0.0)
    loose = choose_boundaries(ttft_histogram(), 0.75, tolerance=0.3)
    assert [boundary.rho0 for boundary in strict] == [1.0] * 4
    assert all(boundary.rho0 > 1.3 for boundary in loose)


@pytest.mark.parametrize(
    ("histogram", "slo_le", "delta"),
    [
        pytest.param(ttft_histogram(), 0.75, 0.0, id="enough of stable's requests are slow"),
        pytest.param(ttft_histogram(), 5.0, 0.003, id="next to none are: a tenth of the budget"),
        pytest.param({}, 0.75, 0.003, id="not known: likewise"),
    ],
)
def test_choose_boundaries__tolerates_a_handful_where_stable_has_none(
    histogram: dict[float, int], slo_le: float, delta: float
) -> None:
    boundaries = choose_boundaries(histogram, slo_le, objective_percent=97)
    assert [each.delta for each in boundaries if each.is_slo] == pytest.approx([delta])
    assert all(each.delta == 0 for each in boundaries if not each.is_slo)


@pytest.mark.parametrize(
    ("histogram", "slo_le", "words"),
    [
        pytest.param(ttft_histogram(), 0.6, "no boundary", id="an objective between boundaries"),
        pytest.param({0.5: 5000, 1.0: 4000}, 0.5, "cumulative", id="counts that fall"),
        pytest.param({0.0: 10, 1.0: 4000}, 1.0, "positive", id="a boundary at zero"),
        pytest.param({0.5: -1, 1.0: 4000}, 1.0, "negative", id="a negative count"),
    ],
)
def test_choose_boundaries__refuses(histogram: dict[float, int], slo_le: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        choose_boundaries(histogram, slo_le)


BOUNDARIES = choose_boundaries(ttft_histogram(), 0.75)


def ticks(slower: float, seed: int = 1) -> dict[float, Ticks]:
    counted = latency_ticks(seeded(seed), 50, tuple(les(BOUNDARIES)), slower)
    return dict(counted.items())


def test_accumulate_latency__condemns_a_slow_canary_and_no_other() -> None:
    assert evidence(BOUNDARIES, ticks(2.0)).strongest >= LIMIT
    assert evidence(BOUNDARIES, ticks(1.0)).strongest < 10
    assert evidence(BOUNDARIES, ticks(1.1)).strongest < LIMIT
    assert evidence(BOUNDARIES, ticks(0.5)).strongest < 10


def test_accumulate_latency__gives_half_its_weight_to_the_objective() -> None:
    counted = ticks(1.5)
    alone = {
        boundary.le_seconds: accumulate(
            boundary_test(boundary, design_effect=1.0, tick_seconds=15, ticks_max=240),
            counted[boundary.le_seconds],
        ).value
        for boundary in BOUNDARIES
    }
    others = [value for le, value in alone.items() if le != 0.75]
    expected = alone[0.75] / 2 + sum(others) / 6
    assert evidence(BOUNDARIES, counted).value == pytest.approx(expected, rel=1e-12)


def test_accumulate_latency__with_the_objective_alone_is_its_test() -> None:
    slo = Boundary(0.75, 1.4, is_slo=True)
    counted = {0.75: ticks(2.0)[0.75]}
    test = boundary_test(slo, design_effect=1.0, tick_seconds=15, ticks_max=240)
    assert evidence((slo,), counted) == accumulate(test, counted[0.75])


def test_accumulate_latency__needs_seven_ticks_however_slow_the_canary() -> None:
    stuck = {le: [TickCounts(750, 750, 6750, 0)] * 20 for le in les(BOUNDARIES)}
    path = list(
        latency_values(
            BOUNDARIES,
            stuck,
            design_effects=dict.fromkeys(stuck, 1.0),
            tick_seconds=15,
            ticks_max=240,
        )
    )
    assert next(look for look, value in enumerate(path, 1) if value >= LIMIT) == 7


def test_accumulate_latency__tells_since_when_within_a_minute() -> None:
    """An estimate: a slow tick or two before, by chance, are taken for harm already."""
    before, after = ticks(1.0), ticks(3.0, seed=2)
    counted: dict[float, Ticks] = {le: [*before[le][:100], *after[le][:20]] for le in before}
    assert evidence(BOUNDARIES, counted).first_harm_tick == pytest.approx(100, abs=4)


def test_accumulate_latency__of_nothing_is_one() -> None:
    nothing: dict[float, Ticks] = {le: [] for le in les(BOUNDARIES)}
    assert evidence(BOUNDARIES, nothing) == Evidence(1.0, 1.0, 0, 1.0, None)


def test_accumulate_latency__refuses_ticks_of_different_lengths() -> None:
    counted = ticks(1.0)
    counted[0.75] = counted[0.75][:-1]
    with pytest.raises(ValueError, match="shorter"):
        evidence(BOUNDARIES, counted)


@pytest.mark.parametrize(
    "boundaries",
    [
        pytest.param((), id="none at all"),
        pytest.param((Boundary(0.5, 1.2, is_slo=False),), id="none of the objective"),
        pytest.param(
            (Boundary(0.5, 1.2, is_slo=True), Boundary(0.75, 1.2, is_slo=True)), id="two of it"
        ),
    ],
)
def test_accumulate_latency__wants_one_boundary_of_the_objective(
    boundaries: tuple[Boundary, ...],
) -> None:
    with pytest.raises(ValueError, match="not 1"):
        evidence(boundaries, ticks(1.0))
