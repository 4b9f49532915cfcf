"""Random numbers of requests that are what they should be."""

import math
from statistics import fmean, pvariance

import pytest

from bench.simulated_traffic import seeded
from rocksteady.analysis.sampling import binomial, poisson

DRAWS = 4000


@pytest.mark.parametrize("mean", [0.001, 0.15, 1.35, 7.5, 75.0, 675.0, 6750.0])
def test_poisson__has_mean_and_variance_of_what_is_expected(mean: float) -> None:
    """Within four standard errors, of sqrt(mean / n) and sqrt((mean + 2 mean^2) / n)."""
    source = seeded(3)
    drawn = [poisson(source, mean) for _ in range(DRAWS)]
    assert fmean(drawn) == pytest.approx(mean, abs=4 * math.sqrt(mean / DRAWS))
    error = math.sqrt((mean + 2 * mean**2) / DRAWS)
    assert pvariance(drawn) == pytest.approx(mean, abs=4 * error)


def test_poisson__of_nothing_is_nothing() -> None:
    assert poisson(seeded(1), 0) == 0


def test_poisson__is_the_same_for_the_same_seed() -> None:
    first, second = seeded(5), seeded(5)
    assert [poisson(first, 30.0) for _ in range(50)] == [poisson(second, 30.0) for _ in range(50)]


@pytest.mark.parametrize(
    ("items", "probability"), [(1, 0.3), (20, 0.05), (517, 0.1), (517, 0.999), (10_000, 0.5)]
)
def test_binomial__has_mean_and_variance_of_what_is_expected(
    items: int, probability: float
) -> None:
    """Within four standard errors; that of a variance by the fourth moment of the binomial."""
    source = seeded(3)
    drawn = [binomial(source, items, probability) for _ in range(DRAWS)]
    variance = items * probability * (1 - probability)
    assert fmean(drawn) == pytest.approx(items * probability, abs=4 * math.sqrt(variance / DRAWS))
    fourth = variance * (1 + 3 * (items - 2) * probability * (1 - probability))
    error = math.sqrt((fourth - variance**2) / DRAWS)
    assert pvariance(drawn) == pytest.approx(variance, abs=4 * error)


@pytest.mark.parametrize(
    ("items", "probability", "number"),
    [
        pytest.param(0, 0.5, 0, id="no items"),
        pytest.param(9, 0.0, 0, id="never"),
        pytest.param(9, 1.0, 9, id="always"),
    ],
)
def test_binomial__of_what_is_certain(items: int, probability: float, number: int) -> None:
    assert binomial(seeded(1), items, probability) == number
