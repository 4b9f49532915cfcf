"""How restless stable is: measured on its history, at several lengths of time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.simulated_traffic import burst_history, error_history, seeded
from rocksteady.analysis.dispersion import UNKNOWN, DesignEffect, History, design_effect, windows

CALM = [(100, 1)] * 1440


def clumps(every: int, bad: int, ticks: int = 1440) -> list[tuple[int, int]]:
    """All bad requests in one tick of every so many."""
    return [(100, bad if tick % every == 0 else 0) for tick in range(ticks)]


def test_design_effect__of_independent_requests_is_about_one() -> None:
    effect = design_effect(error_history(seeded(1), 50))
    assert 1 <= effect.value < 1.3
    assert not effect.weak


def test_design_effect__of_bursts_is_more_than_one() -> None:
    """Geometric bursts with a mean of 5 have E[b^2] / E[b] = 9; the trim takes some of it."""
    effect = design_effect(burst_history(seeded(1), 500, 5))
    assert 3 < effect.value < 10


@pytest.mark.parametrize(
    ("history", "value"),
    [
        pytest.param([], UNKNOWN, id="no history"),
        pytest.param([None] * 1440, UNKNOWN, id="nothing but blind ticks"),
        pytest.param([(0, 0)] * 1440, UNKNOWN, id="not a single request"),
        pytest.param(CALM[:239], UNKNOWN, id="a tick short of an hour"),
        pytest.param(CALM[:240], 1.0, id="an hour of the same"),
        pytest.param([(100, 0)] * 1440, 1.0, id="nothing was ever bad"),
        pytest.param([(100, 100)] * 1440, 1.0, id="everything was always bad"),
        pytest.param(clumps(10, 100), 20.0, id="one tick of ten fails whole: limited"),
    ],
)
def test_design_effect__is(history: History, value: float) -> None:
    assert design_effect(history).value == pytest.approx(value)


def test_design_effect__of_a_history_that_is_too_short_has_no_measured_value() -> None:
    assert design_effect([(10, 1), None, (10, 0)]) == DesignEffect(UNKNOWN, None, 2)


def test_design_effect__says_when_evidence_is_weak() -> None:
    assert design_effect(clumps(10, 100)).weak
    assert not design_effect([]).weak


def test_design_effect__of_latency_has_no_limit() -> None:
    effect = design_effect(clumps(10, 100), most=math.inf)
    assert effect.value == effect.raw
    assert effect.value > 50


def test_design_effect__is_not_blinded_by_one_incident() -> None:
    history = error_history(seeded(2), 50)
    incident = [(750, 375) if 100 <= tick < 112 else seen for tick, seen in enumerate(history)]
    assert design_effect(incident).value < 1.5


def test_design_effect__sees_what_clumps_only_over_minutes() -> None:
    """Ten quiet minutes and ten restless ones in turn: each tick by itself looks innocent."""
    waves = [(100, (tick // 40 % 2) * 2) for tick in range(1440)]
    assert design_effect(waves, (1, 4, 20)).value > 5 * design_effect(waves, (1,)).value


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
        ),
        max_size=300,
    ),
    st.sampled_from([(1,), (1, 2), (1, 4, 20)]),
)
def test_design_effect__is_between_one_and_its_limit(
    history: list[tuple[int, int] | None], widths: tuple[int, ...]
) -> None:
    effect = design_effect(history, widths)
    assert 1 <= effect.value <= 20
    assert effect.ticks == sum(tick is not None for tick in history)
    assert effect.raw is None or effect.raw >= effect.value


@pytest.mark.parametrize(
    ("tick_seconds", "ticks"),
    [
        pytest.param(15, (1, 4, 20), id="the usual tick"),
        pytest.param(5, (3, 12, 60), id="a short tick"),
        pytest.param(30, (1, 2, 10), id="a tick longer than the shortest window"),
        pytest.param(60, (1, 5), id="two windows fall together"),
    ],
)
def test_windows__cover_the_same_times_at_every_tick(
    tick_seconds: float, ticks: tuple[int, ...]
) -> None:
    assert windows(tick_seconds) == ticks
