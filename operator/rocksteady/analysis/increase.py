"""How much more the canary's answers take than stable's: longer ones, or later ones."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

ERROR: Final = 0.05
"""Probability to call an increase too great that is just what is allowed."""


@dataclass(frozen=True)
class Mean:
    """The mean of an amount over items, and how sure it is.

    Attributes:
        items: How many, from 0.
        value: Their mean, from 0.
        standard_error: Of the mean, from 0.
    """

    items: int
    value: float
    standard_error: float


def mean_of(count: int, total: float, total_of_squares: float) -> Mean:
    """Return the mean of what was added up.

    Args:
        count: Items, from 0.
        total: Sum of the amounts.
        total_of_squares: Sum of their squares.
    """
    if count == 0:
        return Mean(0, 0.0, 0.0)
    value = total / count
    variance = max(0.0, total_of_squares - total * value) / max(1, count - 1)
    return Mean(count, value, math.sqrt(variance / count))


@dataclass(frozen=True)
class Increase:
    """By how much a mean grew.

    Attributes:
        percent: As it was counted, in percent of stable.
        at_least_percent: What it truly is at least, but for the error.
    """

    percent: float
    at_least_percent: float


def increase_of(canary: Mean, stable: Mean, error: float = ERROR) -> Increase | None:
    """Compare two means by their ratio.

    The bound is the ratio's on a logarithmic scale, with the standard error of the delta method:
    sqrt((se_c / m_c)^2 + (se_s / m_s)^2). That both asked the same items is not made use of, which
    makes the bound lower than it need be.

    Args:
        canary: From its answers.
        stable: From its answers.
        error: 0 to 0.5, both excluded.

    Returns:
        None when either is not known or 0.
    """
    if min(canary.value, stable.value) <= 0:
        return None
    ratio = canary.value / stable.value
    relative = math.hypot(
        canary.standard_error / canary.value, stable.standard_error / stable.value
    )
    z = -NormalDist().inv_cdf(error)
    return Increase(100 * (ratio - 1), 100 * (ratio * math.exp(-z * relative) - 1))
