"""Bounds of a share: never more often wrong than they say."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.proportion import items_for_none, lower_bound, upper_bound


@pytest.mark.parametrize(
    ("counted", "items", "error", "lower", "upper"),
    [
        pytest.param(1, 10, 0.025, 0.0025, 0.4450, id="1 of 10, two-sided 95 %"),
        pytest.param(81, 263, 0.025, 0.2527, 0.3676, id="81 of 263: Newcombe 1998, table I"),
        pytest.param(15, 148, 0.025, 0.0578, 0.1617, id="15 of 148: the same"),
        pytest.param(0, 20, 0.025, 0.0, 0.1684, id="0 of 20: the same"),
        pytest.param(1, 29, 0.025, 0.0009, 0.1776, id="1 of 29: the same"),
        pytest.param(29, 29, 0.05, 0.05 ** (1 / 29), 1.0, id="all"),
    ],
)
def test_bounds__are_as_published(
    counted: int, items: int, error: float, lower: float, upper: float
) -> None:
    """Clopper-Pearson; Newcombe, "Two-sided confidence intervals for the single proportion"."""
    assert lower_bound(counted, items, error) == pytest.approx(lower, abs=6e-5)
    assert upper_bound(counted, items, error) == pytest.approx(upper, abs=6e-5)


@pytest.mark.parametrize("items", [30, 100, 300, 3000])
def test_upper_bound__of_none_is_about_three_over_n(items: int) -> None:
    assert upper_bound(0, items, 0.05) == pytest.approx(1 - 0.05 ** (1 / items))
    assert upper_bound(0, items, 0.05) == pytest.approx(3 / items, rel=0.06)


def test_bounds__without_items_say_nothing() -> None:
    assert (lower_bound(0, 0, 0.05), upper_bound(0, 0, 0.05)) == (0, 1)


@given(st.integers(1, 25), st.floats(0.01, 0.99), st.sampled_from([0.01, 0.05, 0.2]))
def test_bounds__are_wrong_at_most_as_often_as_they_say(
    items: int, share: float, error: float
) -> None:
    likely = [
        math.comb(items, counted) * share**counted * (1 - share) ** (items - counted)
        for counted in range(items + 1)
    ]
    too_high = math.fsum(
        probability
        for counted, probability in enumerate(likely)
        if lower_bound(counted, items, error) > share + 1e-12
    )
    too_low = math.fsum(
        probability
        for counted, probability in enumerate(likely)
        if upper_bound(counted, items, error) < share - 1e-12
    )
    assert max(too_high, too_low) <= error + 1e-9


@given(st.floats(1e-4, 0.9), st.floats(1e-4, 0.5))
def test_items_for_none__are_just_enough(limit: float, error: float) -> None:
    items = items_for_none(limit, error)
    assert upper_bound(0, items, error) <= limit
    assert items == 1 or upper_bound(0, items - 1, error) > limit


def test_items_for_none__are_299_for_one_percent() -> None:
    assert items_for_none(0.01, 0.05) == 299


@pytest.mark.parametrize(
    ("counted", "items", "error"),
    [
        pytest.param(-1, 5, 0.05, id="fewer than none"),
        pytest.param(6, 5, 0.05, id="more than all"),
        pytest.param(1, 5, 0.0, id="no error"),
        pytest.param(1, 5, 1.0, id="nothing but error"),
    ],
)
def test_bounds__refuse(counted: int, items: int, error: float) -> None:
    with pytest.raises(ValueError, match=r"no such counts|out of range"):
        lower_bound(counted, items, error)
    with pytest.raises(ValueError, match=r"no such counts|out of range"):
        upper_bound(counted, items, error)


@pytest.mark.parametrize(("limit", "error"), [(0.0, 0.05), (1.0, 0.05), (0.01, 0.0), (0.01, 1.0)])
def test_items_for_none__refuses(limit: float, error: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        items_for_none(limit, error)
