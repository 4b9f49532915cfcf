"""Quantiles that the standard library lacks: of the beta distribution and of Student's t."""

import math
from collections.abc import Iterator
from typing import Final

_TINY: Final = 1e-300
_EXACT: Final = 1e-15
_BISECTIONS: Final = 200
"""More than it takes to halve (0, 1) down to neighbouring numbers near 0."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b).

    By the continued fraction of DLMF 8.17.22, from the side on which it converges fast, with the
    algorithm of Lentz.

    Args:
        x: 0 to 1.
        a: Above 0.
        b: Above 0.
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return math.exp(log_front) / (a * _fraction(x, a, b))


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the x of which `beta_cdf` is a probability, 0 to 1; by bisection."""
    lower, upper = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (lower + upper) / 2
        if middle in {lower, upper}:
            break
        if beta_cdf(middle, a, b) < probability:
            lower = middle
        else:
            upper = middle
    return upper


def student_t_quantile(upper_tail: float, degrees: int) -> float:
    """Return the t that Student's distribution exceeds with a probability.

    Args:
        upper_tail: Above 0 and below 0.5.
        degrees: Of freedom, from 1.
    """
    x = beta_quantile(2 * upper_tail, degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - x) / x)


def _fraction(x: float, a: float, b: float) -> float:
    """Value of 1 + d1 / (1 + d2 / (1 + …))."""
    value, above, below = 1.0, 1.0, 0.0
    for term in _terms(x, a, b):
        below = 1 / _not_zero(1 + term * below)
        above = _not_zero(1 + term / above)
        value *= above * below
        if abs(above * below - 1) < _EXACT:
            break
    return value


def _terms(x: float, a: float, b: float) -> Iterator[float]:
    """The numerators d1, d2, … of DLMF 8.17.23; a hundred thousand are more than ever needed."""
    for m in range(100_000):
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        n = m + 1
        yield n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n))


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
