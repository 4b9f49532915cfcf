"""Random numbers of requests and items, for simulations: exact, repeatable, standard library."""

import math
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final

_REACH: Final = 12.0
"""Standard deviations beyond which a number of requests does not happen: under 1e-30."""


def poisson(source: Random, mean: float) -> int:
    """Draw a number of requests, given how many are expected, from 0.

    By inversion of the cumulative distribution: one uniform number for each draw, so that a seed
    gives the same numbers everywhere.
    """
    if mean == 0:
        return 0
    first, cumulative = _distribution(mean)
    return first + min(bisect_right(cumulative, source.random()), len(cumulative) - 1)


def binomial(source: Random, items: int, probability: float) -> int:
    """Draw how many of some items, from 0, have what each has with a probability of 0 to 1.

    By inversion, as `poisson`.
    """
    if items == 0 or probability <= 0:
        return 0
    if probability >= 1:
        return items
    first, cumulative = _binomial_distribution(items, probability)
    return first + min(bisect_right(cumulative, source.random()), len(cumulative) - 1)


@lru_cache(maxsize=4096)
def _binomial_distribution(items: int, probability: float) -> tuple[int, tuple[float, ...]]:
    """The smallest number that happens, and the cumulative probabilities from there on."""
    mean = items * probability
    reach = _REACH * math.sqrt(mean * (1 - probability)) + _REACH
    first, last = max(0, math.floor(mean - reach)), min(items, math.ceil(mean + reach))
    log_items = math.lgamma(items + 1)
    likely = [
        math.exp(
            log_items
            - math.lgamma(number + 1)
            - math.lgamma(items - number + 1)
            + number * math.log(probability)
            + (items - number) * math.log1p(-probability)
        )
        for number in range(first, last + 1)
    ]
    return first, tuple(accumulate(likely))


@lru_cache(maxsize=1024)
def _distribution(mean: float) -> tuple[int, tuple[float, ...]]:
    """The smallest number that happens, and the cumulative probabilities from there on."""
    reach = _REACH * math.sqrt(mean) + _REACH
    first, last = max(0, math.floor(mean - reach)), math.ceil(mean + reach)
    log_mean = math.log(mean)
    likely = [
        math.exp(number * log_mean - mean - math.lgamma(number + 1))
        for number in range(first, last + 1)
    ]
    return first, tuple(accumulate(likely))
