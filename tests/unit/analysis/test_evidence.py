"""Evidence: never paid without harm, and quick enough when there is some."""

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.evidence import (
    BOUND_CANDIDATES,
    Evidence,
    HarmTest,
    accumulate,
    error_test,
    harm_since,
    log_e,
    risk_ratio_bound,
    threshold,
    values,
    weigh,
)

TICKS_MAX = 240
TEST = error_test(99.5, design_effect=1, tick_seconds=15, ticks_max=TICKS_MAX)
LIMIT = threshold(0.01, 3)

GOOD = TickCounts(75, 0, 675, 1)
HARMED = TickCounts(75, 4, 675, 1)
DEAD = TickCounts(75, 75, 675, 1)
OUTAGE = TickCounts(75, 38, 675, 338)

tests = st.builds(
    HarmTest,
    rho0=st.floats(1, 3),
    delta=st.floats(0, 0.05),
    grid=st.lists(st.floats(1.05, 100), min_size=1, max_size=5).map(tuple),
    design_effect=st.floats(1, 20),
    cap_nats=st.floats(0.05, 8),
    ticks_max=st.integers(1, 20),
)


@st.composite
def tick_counts(draw: st.DrawFn, most: int = 200) -> TickCounts:
    canary, stable = draw(st.integers(0, most)), draw(st.integers(0, most))
    return TickCounts(canary, draw(st.integers(0, canary)), stable, draw(st.integers(0, stable)))


some_ticks = st.lists(st.one_of(st.none(), tick_counts()), max_size=30)


def binomial(requests: int, ratio: float) -> list[float]:
    """Probability of each number of bad requests."""
    return [
        math.comb(requests, bad) * ratio**bad * (1 - ratio) ** (requests - bad)
        for bad in range(requests + 1)
    ]


def outcomes(
    canary: int, canary_ratio: float, stable: int, stable_ratio: float
) -> Iterator[tuple[float, TickCounts]]:
    """Every outcome of a tick, with its probability."""
    for canary_bad, likely in enumerate(binomial(canary, canary_ratio)):
        for stable_bad, also in enumerate(binomial(stable, stable_ratio)):
            yield likely * also, TickCounts(canary, canary_bad, stable, stable_bad)


@st.composite
def tolerated(draw: st.DrawFn, test: HarmTest) -> tuple[int, float, int, float]:
    """Requests and bad ratios of a canary that is no worse than the test tolerates."""
    stable_ratio = draw(st.floats(0, 1))
    most = min(1.0, test.rho0 * stable_ratio + test.delta)
    return (
        draw(st.integers(0, 8)),
        most * draw(st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.0])),
        draw(st.integers(0, 8)),
        stable_ratio,
    )


@given(st.data(), tests, st.floats(1.05, 100))
def test_log_e__has_a_mean_of_at_most_one_without_harm(
    data: st.DataObject, test: HarmTest, factor: float
) -> None:
    null = data.draw(tolerated(test))
    mean = math.fsum(
        likely * math.exp(log_e(test, factor, counts)) for likely, counts in outcomes(*null)
    )
    assert mean <= 1 + 1e-9


@given(st.data(), tests, some_ticks)
def test_values__are_expected_to_fall_without_harm_whatever_was_seen_before(
    data: st.DataObject, test: HarmTest, seen: list[TickCounts | None]
) -> None:
    null = data.draw(tolerated(test))
    now = accumulate(test, seen).value
    expected = math.fsum(
        likely * accumulate(test, [*seen, counts]).value for likely, counts in outcomes(*null)
    )
    assert expected <= now * (1 + 1e-9)


@given(some_ticks, tick_counts(), tests)
def test_log_e__grows_with_every_bad_request_of_the_canary_and_falls_with_stables(
    seen: list[TickCounts | None], counts: TickCounts, test: HarmTest
) -> None:
    if counts.canary_bad < counts.canary_total:
        worse = replace(counts, canary_bad=counts.canary_bad + 1)
        assert accumulate(test, [*seen, worse]).value >= accumulate(test, [*seen, counts]).value
        assert log_e(test, 2, worse) >= log_e(test, 2, counts) - 1e-9
    if counts.stable_bad < counts.stable_total:
        better = replace(counts, stable_bad=counts.stable_bad + 1)
        assert log_e(test, 2, better) <= log_e(test, 2, counts) + 1e-9


@given(some_ticks, tests)
def test_accumulate__gives_the_same_digits_when_it_is_started_again(
    ticks: list[TickCounts | None], test: HarmTest
) -> None:
    first = accumulate(test, ticks)
    assert accumulate(test, tuple(ticks)) == first
    assert [float.hex(value) for value in values(test, iter(ticks))] == [
        float.hex(accumulate(test, ticks[: last + 1]).value) for last in range(len(ticks))
    ]


@given(some_ticks, tests)
def test_accumulate__remembers_the_strongest_value_and_takes_its_p_value_from_it(
    ticks: list[TickCounts | None], test: HarmTest
) -> None:
    path = list(values(test, ticks))
    evidence = accumulate(test, ticks)
    assert evidence.strongest == max([1.0, *path])
    assert evidence.p_value == pytest.approx(1 / evidence.strongest)
    assert evidence.ticks == len(ticks)


def test_accumulate__of_nothing_is_one() -> None:
    assert accumulate(TEST, []) == Evidence(1.0, 1.0, 0, 1.0, None)


def ticks_to_decide(test: HarmTest, counts: TickCounts, ticks: int = TICKS_MAX) -> int | None:
    path = values(test, [counts] * ticks)
    return next((look for look, value in enumerate(path, 1) if value >= LIMIT), None)


@pytest.mark.parametrize(
    ("counts", "ticks"),
    [
        pytest.param(DEAD, 7, id="everything fails: 105 seconds, since no tick adds over 1 nat"),
        pytest.param(TickCounts(7500, 7500, 67500, 1), 7, id="no faster at any traffic"),
        pytest.param(HARMED, 7, id="5 % bad against 0.15 % at 50 requests per second"),
        pytest.param(GOOD, None, id="no worse than stable"),
        pytest.param(OUTAGE, None, id="half of all requests fail on both: cancels"),
        pytest.param(TickCounts(75, 38, 0, 0), None, id="nothing to compare with"),
        pytest.param(TickCounts(0, 0, 675, 300), None, id="no request to the canary"),
        pytest.param(TickCounts(7500, 19, 67500, 135), None, id="0.25 % against 0.20 %: tolerated"),
    ],
)
def test_accumulate__decides_after(counts: TickCounts, ticks: int | None) -> None:
    assert ticks_to_decide(TEST, counts) == ticks


def test_accumulate__one_tick_never_decides() -> None:
    evidence = accumulate(TEST, [GOOD] * 20 + [DEAD] + [GOOD] * 20)
    assert evidence.strongest < 10
    assert evidence.value < evidence.strongest


@pytest.mark.parametrize("tick_seconds", [1, 5, 15, 30])
def test_error_test__harm_must_last_as_long_at_every_length_of_tick(tick_seconds: float) -> None:
    ticks = int(3600 / tick_seconds)
    test = error_test(99.5, design_effect=1, tick_seconds=tick_seconds, ticks_max=ticks)
    looks = ticks_to_decide(test, TickCounts(500, 500, 4500, 9), ticks)
    assert looks is not None
    assert 90 <= looks * tick_seconds <= 120


@pytest.mark.parametrize(
    ("objective_percent", "delta"),
    [
        pytest.param(Decimal("99.5"), 0.0005, id="a decimal"),
        pytest.param(99.5, 0.0005, id="the same as a float"),
        pytest.param(99.9, 0.0001, id="a float without an exact binary form"),
        pytest.param(Decimal(100), 0.0, id="no budget, no tolerance"),
        pytest.param(0, 0.1, id="everything is budget"),
    ],
)
def test_error_test__tolerates_a_tenth_of_the_budget(
    objective_percent: Decimal | float, delta: float
) -> None:
    test = error_test(objective_percent, design_effect=1, tick_seconds=15, ticks_max=9)
    assert test.delta == delta
    assert test.rho0 == 1


def test_accumulate__blind_ticks_say_nothing() -> None:
    """The evidence of harm stays; only the mass on harm that starts meanwhile moves over."""
    seen = [HARMED] * 4
    path = list(values(TEST, [*seen, None, None, None]))
    for before, after in pairwise(path[3:]):
        assert after == pytest.approx(before, rel=1e-12)
    assert all(weigh(TEST, factor, None) == 0 for factor in TEST.grid)


def test_accumulate__finds_harm_that_begins_late() -> None:
    ticks = [GOOD] * 120 + [HARMED] * 16
    path = list(values(TEST, ticks))
    found = next(look for look, value in enumerate(path) if value >= LIMIT)
    assert 127 <= found <= 135
    assert accumulate(TEST, ticks).first_harm_tick == 120


def test_accumulate__finds_harm_that_begins_after_the_expected_end() -> None:
    short = replace(TEST, ticks_max=20)
    ticks = [GOOD] * 20 + [HARMED] * 40
    assert accumulate(short, ticks).strongest >= LIMIT


@pytest.mark.parametrize(
    ("ticks", "since"),
    [
        pytest.param([], None, id="nothing was seen"),
        pytest.param([GOOD] * 5, None, id="nothing was bad"),
        pytest.param([GOOD, GOOD, HARMED, HARMED], 2, id="good, then bad"),
        pytest.param([None, None, HARMED], 2, id="blind ticks are no harm"),
        pytest.param([HARMED, None, HARMED], 0, id="harm goes on behind blind ticks"),
    ],
)
def test_harm_since__is_the_most_likely_start(
    ticks: list[TickCounts | None], since: int | None
) -> None:
    assert harm_since(TEST, ticks) == since


def test_design_effect__makes_evidence_grow_slower() -> None:
    doubted = replace(TEST, design_effect=3)
    assert accumulate(doubted, [HARMED] * 5).value < accumulate(TEST, [HARMED] * 5).value


@pytest.mark.parametrize(
    ("counts", "bound"),
    [
        pytest.param(TickCounts(750, 75, 6750, 14), 10.0, id="50 times worse: the largest tried"),
        pytest.param(TickCounts(7500, 400, 67500, 675), 3.0, id="5.3 times worse"),
        pytest.param(TickCounts(7500, 150, 67500, 675), 1.25, id="twice as bad"),
        pytest.param(TickCounts(7500, 100, 67500, 675), None, id="1.33 times: under (2-1)/ln 2"),
        pytest.param(TickCounts(7500, 75, 67500, 675), None, id="no worse"),
    ],
)
def test_risk_ratio_bound__stays_below_the_true_ratio(
    counts: TickCounts, bound: float | None
) -> None:
    assert risk_ratio_bound(TEST, [counts] * 100, LIMIT) == bound


@given(some_ticks)
def test_risk_ratio_bound__refutes_all_smaller_ratios_too(ticks: list[TickCounts | None]) -> None:
    bound = risk_ratio_bound(TEST, ticks, LIMIT)
    refuted = [
        candidate for candidate in BOUND_CANDIDATES if bound is not None and candidate <= bound
    ]
    for candidate in refuted:
        assert accumulate(replace(TEST, rho0=candidate), ticks).strongest >= LIMIT


def test_threshold__is_shared_by_the_signals() -> None:
    assert threshold(0.01, 3) == pytest.approx(300)
    assert threshold(0.01, 1) == pytest.approx(100)


@pytest.mark.parametrize(("alpha", "signals"), [(0, 1), (1, 1), (-0.1, 1), (0.01, 0)])
def test_threshold__refuses_what_is_no_probability(alpha: float, signals: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        threshold(alpha, signals)


@pytest.mark.parametrize(
    "change",
    [
        {"rho0": 0.9},
        {"delta": -0.1},
        {"delta": 1.0},
        {"grid": ()},
        {"grid": (2.0, 1.0)},
        {"design_effect": 0.5},
        {"cap_nats": 0.0},
        {"ticks_max": 0},
        {"rho0": math.nan},
    ],
    ids=str,
)
def test_harm_test__refuses_numbers_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        replace(TEST, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("objective", [-1, 100.5, Decimal("1e3")])
def test_error_test__refuses_an_objective_that_is_no_percentage(
    objective: Decimal | float,
) -> None:
    with pytest.raises(ValueError, match="out of range"):
        error_test(objective, design_effect=1, tick_seconds=15, ticks_max=240)
