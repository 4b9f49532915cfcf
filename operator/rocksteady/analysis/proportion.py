"""Bounds of a share that was counted, such as a suite's score or the attacks that succeeded.

Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 1934. Each bound errs at most as often as it says, for every share and every
number of items. Wilson's interval is shorter but does not: one-sided, near 0 and 1 (where good
models and safety suites live), it errs up to several times as often as it says (Cai, "One-sided
confidence intervals in discrete distributions", 2005).
"""

import math

from rocksteady.analysis.distributions import beta_quantile


def lower_bound(counted: int, items: int, error: float) -> float:
    """Return what the true share is at least; 0 without items.

    Args:
        counted: Items that count, 0 to `items`.
        items: All of them, from 0.
        error: Probability that the true share is lower, 0 to 1, both excluded.

    Raises:
        ValueError: A number is out of its range.
    """
    _check(counted, items, error)
    if counted == 0:
        return 0.0
    return beta_quantile(error, counted, items - counted + 1)


def upper_bound(counted: int, items: int, error: float) -> float:
    """Return what the true share is at most; 1 without items.

    None of n leaves 1 - error^(1/n), exactly: about 3/n at 5 % ("rule of three").

    Args:
        counted: See `lower_bound`.
        items: See `lower_bound`.
        error: Probability that the true share is higher, 0 to 1, both excluded.

    Raises:
        ValueError: A number is out of its range.
    """
    _check(counted, items, error)
    if counted == items:
        return 1.0
    if counted == 0:
        return -math.expm1(math.log(error) / items)
    return 1 - beta_quantile(error, items - counted, counted + 1)


def items_for_none(limit: float, error: float) -> int:
    """Return how many items, if none of them counts, show that the share is at most a limit.

    Args:
        limit: Above 0 and below 1.
        error: Above 0 and below 1.

    Raises:
        ValueError: A number is out of its range.
    """
    if not 0 < limit < 1 or not 0 < error < 1:
        raise ValueError(f"a limit of {limit} with an error of {error} is out of range")
    items = max(1, math.floor(math.log(error) / math.log1p(-limit)))
    return items if upper_bound(0, items, error) <= limit else items + 1


def _check(counted: int, items: int, error: float) -> None:
    if not 0 <= counted <= items:
        raise ValueError(f"{counted} of {items} items: no such counts")
    if not 0 < error < 1:
        raise ValueError(f"error={error} is out of range")
