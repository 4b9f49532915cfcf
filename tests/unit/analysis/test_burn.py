"""Stable that burns its own budget."""

import math
from decimal import Decimal

import pytest

from rocksteady.analysis.burn import Burn, stable_burn, stable_burning
from rocksteady.analysis.counts import TickCounts, Ticks


def tick(bad: int, total: int = 100) -> TickCounts:
    """Stable's counts; the canary fails whole, which must not matter."""
    return TickCounts(50, 50, total, bad)


@pytest.mark.parametrize(
    ("ticks", "burning"),
    [
        pytest.param([], False, id="nothing was seen"),
        pytest.param([tick(0)] * 40, False, id="nothing is bad"),
        pytest.param([tick(1)] * 40, False, id="1 %: at twice the pace, not above"),
        pytest.param([tick(2)] * 40, True, id="2 %: at four times the pace"),
        pytest.param([tick(2)] * 36 + [tick(0)] * 4, False, id="over for a minute"),
        pytest.param([tick(0)] * 36 + [tick(3)] * 4, False, id="a minute's burn, spread over ten"),
        pytest.param([tick(0)] * 36 + [tick(12)] * 4, True, id="a minute that fails hard"),
        pytest.param([tick(2)] * 2, False, id="only 4 bad requests"),
        pytest.param([tick(5, 5)], True, id="5 bad requests, the first five"),
        pytest.param([tick(0, 0)] * 40, False, id="no request"),
        pytest.param([tick(50)] * 40 + [tick(0)] * 40, False, id="long ago"),
        pytest.param([tick(2)] * 38 + [None, None], True, id="blind ticks count neither way"),
        pytest.param([tick(50)] * 36 + [None] * 4, False, id="blind for the whole last minute"),
    ],
)
def test_stable_burning(ticks: Ticks, *, burning: bool) -> None:
    assert stable_burning(ticks, objective_percent=Decimal("99.5"), tick_seconds=15) is burning


def test_stable_burn__tells_both_rates() -> None:
    ticks = [tick(1)] * 36 + [tick(3)] * 4
    burn = stable_burn(ticks, objective_percent=99.5, tick_seconds=15)
    assert burn.long_rate == pytest.approx(2.4)
    assert burn.short_rate == pytest.approx(6.0)
    assert burn.bad == 48


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        pytest.param(0, Burn(0.0, 0.0, 0, burning=False), id="nothing bad"),
        pytest.param(5, Burn(math.inf, math.inf, 5, burning=True), id="everything is too much"),
    ],
)
def test_stable_burn__without_a_budget(bad: int, expected: Burn) -> None:
    assert stable_burn([tick(bad)], objective_percent=100, tick_seconds=15) == expected


def test_stable_burn__looks_at_the_same_times_at_every_tick() -> None:
    burst = [tick(0, 50)] * 120 + [tick(12, 50)] * 12
    assert stable_burning(burst, objective_percent=99.5, tick_seconds=5)
    assert not stable_burning(burst + [tick(0, 50)] * 12, objective_percent=99.5, tick_seconds=5)
