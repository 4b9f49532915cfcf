"""The numbers are those of the published simulation, computed there with numpy on the same counts.

Both differ by rounding only, so that ten digits must agree.
"""

from dataclasses import replace
from random import Random

import pytest

from bench.simulated_traffic import seeded, ttft_histogram
from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.dispersion import design_effect
from rocksteady.analysis.evidence import HarmTest, accumulate, error_test
from rocksteady.analysis.latency import LATENCY_FACTORS, choose_boundaries

ERRORS = error_test(99.5, design_effect=1, tick_seconds=15, ticks_max=240)


def counted(source: Random) -> list[TickCounts]:
    return [
        TickCounts(75, source.choice([0, 0, 1, 2]), 675, source.choice([0, 1, 2, 3]))
        for _ in range(40)
    ]


@pytest.mark.parametrize(
    ("test", "value"),
    [
        pytest.param(ERRORS, 811.6245033588324, id="errors"),
        pytest.param(
            replace(ERRORS, design_effect=2.5), 21.234404242938655, id="errors that clump"
        ),
        pytest.param(
            replace(ERRORS, rho0=1.4, delta=0.0, grid=LATENCY_FACTORS),
            321.83390830845343,
            id="latency at one boundary",
        ),
    ],
)
def test_accumulate__gives_the_published_value(test: HarmTest, value: float) -> None:
    assert accumulate(test, counted(seeded(7))).value == pytest.approx(value, rel=1e-10)


def test_design_effect__gives_the_published_value() -> None:
    source = seeded(7)
    counted(source)
    history = [(source.randrange(50, 100), source.choice([0, 0, 0, 1, 0, 6])) for _ in range(600)]
    assert design_effect(history).raw == pytest.approx(4.44040337, rel=1e-8)


def test_choose_boundaries__gives_the_published_ratios() -> None:
    chosen = choose_boundaries(ttft_histogram(10**9), 0.75)
    assert {boundary.le_seconds: boundary.rho0 for boundary in chosen} == pytest.approx(
        {0.25: 1.1617651, 0.5: 1.2825715, 0.75: 1.3813615, 1.0: 1.5018377}, rel=1e-6
    )
