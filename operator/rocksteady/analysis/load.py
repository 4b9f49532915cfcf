"""Whether pods of both revisions carry the same load, without which latencies cannot be compared.

One canary pod at 5 % of the traffic beside nine stable pods at 95 % carries half of their load, and
is faster for that alone.
"""

import math
from dataclasses import dataclass
from typing import Final

COMPARABLE_LEAST: Final = 0.67
COMPARABLE_MOST: Final = 1.5
"""Ratio of the loads between which latencies can be compared."""


@dataclass(frozen=True)
class LoadComparison:
    """Load of the canary's pods beside that of stable's.

    Attributes:
        ratio: Canary's load over stable's, from 0; 1 when both are idle, infinite when only stable
            is.
        comparable: True when a latency may pass.
        harm_countable: True when a slow canary is to blame: it carries no more than stable does.
    """

    ratio: float
    comparable: bool
    harm_countable: bool


def compare_load(canary_per_pod: float, stable_per_pod: float) -> LoadComparison:
    """Compare the loads, both in the same unit: running requests, or requests per second.

    Args:
        canary_per_pod: Mean over the canary's ready pods, from 0.
        stable_per_pod: Mean over stable's ready pods, from 0.

    Raises:
        ValueError: A load is negative or no number.
    """
    if not (canary_per_pod >= 0 and stable_per_pod >= 0):
        raise ValueError(f"loads of {canary_per_pod} and {stable_per_pod} cannot be")
    ratio = _ratio(canary_per_pod, stable_per_pod)
    return LoadComparison(
        ratio=ratio,
        comparable=COMPARABLE_LEAST <= ratio <= COMPARABLE_MOST,
        harm_countable=ratio <= COMPARABLE_MOST,
    )


def _ratio(canary: float, stable: float) -> float:
    if stable > 0:
        return canary / stable
    return math.inf if canary > 0 else 1.0
