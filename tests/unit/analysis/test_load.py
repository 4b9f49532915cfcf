"""Loads of both revisions' pods, and what their latencies may then say."""

import math

import pytest

from rocksteady.analysis.load import LoadComparison, compare_load


@pytest.mark.parametrize(
    ("canary", "stable", "ratio", "comparable", "harm_countable"),
    [
        pytest.param(4, 4, 1.0, True, True, id="the same load"),
        pytest.param(2, 4, 0.5, False, True, id="half: fast for that, slow for not"),
        pytest.param(0.67, 1, 0.67, True, True, id="the least that compares"),
        pytest.param(6, 4, 1.5, True, True, id="the most that compares"),
        pytest.param(8, 4, 2.0, False, False, id="double: slow for that"),
        pytest.param(0, 4, 0.0, False, True, id="an idle canary"),
        pytest.param(4, 0, math.inf, False, False, id="an idle stable"),
        pytest.param(0, 0, 1.0, True, True, id="both idle"),
    ],
)
def test_compare_load(
    canary: float, stable: float, ratio: float, *, comparable: bool, harm_countable: bool
) -> None:
    assert compare_load(canary, stable) == LoadComparison(
        ratio, comparable=comparable, harm_countable=harm_countable
    )


@pytest.mark.parametrize(("canary", "stable"), [(-1, 1), (1, -1), (math.nan, 1), (1, math.nan)])
def test_compare_load__refuses_what_is_no_load(canary: float, stable: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        compare_load(canary, stable)
