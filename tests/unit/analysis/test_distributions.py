"""Quantiles, against tables and closed forms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.distributions import beta_cdf, beta_quantile, student_t_quantile


def tail(items: int, least: int, share: float) -> float:
    """Probability of at least so many of some items, term by term."""
    return math.fsum(
        math.comb(items, number) * share**number * (1 - share) ** (items - number)
        for number in range(least, items + 1)
    )


@given(st.integers(1, 60), st.data(), st.floats(0.001, 0.999))
def test_beta_cdf__is_the_tail_of_a_binomial(items: int, data: st.DataObject, x: float) -> None:
    """DLMF 8.17.5."""
    least = data.draw(st.integers(1, items))
    expected = tail(items, least, x)
    assert beta_cdf(x, least, items - least + 1) == pytest.approx(expected, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(("x", "value"), [(-1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (2.0, 1.0)])
def test_beta_cdf__ends_where_the_distribution_does(x: float, value: float) -> None:
    assert beta_cdf(x, 3, 4) == value


@given(
    st.floats(1e-6, 1 - 1e-6),
    st.one_of(st.floats(0.5, 50), st.integers(1, 10_000)),
    st.one_of(st.floats(0.5, 50), st.integers(1, 10_000)),
)
def test_beta_quantile__is_where_the_distribution_has_the_probability(
    probability: float, a: float, b: float
) -> None:
    """Where x is near 1 its neighbours are the wider apart, in probability."""
    x = beta_quantile(probability, a, b)
    assert 0 < x <= 1
    below, above = beta_cdf(x * (1 - 1e-9), a, b), beta_cdf(min(1.0, x * (1 + 1e-9)), a, b)
    assert below - 1e-9 <= probability <= above + 1e-9


@pytest.mark.parametrize(
    ("upper_tail", "degrees", "t"),
    [
        pytest.param(0.05, 1, 6.3138, id="1 degree of freedom"),
        pytest.param(0.025, 10, 2.2281, id="10"),
        pytest.param(0.01, 30, 2.4573, id="30"),
        pytest.param(0.005, 120, 2.6174, id="120"),
    ],
)
def test_student_t_quantile__is_as_in_the_tables(upper_tail: float, degrees: int, t: float) -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2."""
    assert student_t_quantile(upper_tail, degrees) == pytest.approx(t, abs=6e-4)


@pytest.mark.parametrize("upper_tail", [0.4, 0.05, 0.001, 1e-6])
def test_student_t_quantile__of_one_and_two_degrees_is_the_closed_form(upper_tail: float) -> None:
    assert student_t_quantile(upper_tail, 1) == pytest.approx(1 / math.tan(math.pi * upper_tail))
    two = (1 - 2 * upper_tail) / math.sqrt(2 * upper_tail * (1 - upper_tail))
    assert student_t_quantile(upper_tail, 2) == pytest.approx(two)
