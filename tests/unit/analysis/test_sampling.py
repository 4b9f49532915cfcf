"""Random numbers of requests that are what they should be."""

import math
from statistics import fmean, pvariance

import pytest

from bench.simulated_traffic import seeded
from rocksteady.analysis.sampling import poisson

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
