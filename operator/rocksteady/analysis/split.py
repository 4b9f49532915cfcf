"""Whether the canary gets the share of requests that it should: sample-ratio mismatch.

A split that is off means that routing, retries or the counting itself is wrong, and then nothing
that is counted can be trusted.
"""

import math
from dataclasses import dataclass
from typing import Final

DEVIATIONS_MOST: Final = 5.0
"""Standard deviations beyond which a split is off by more than chance."""
RELATIVE_MOST: Final = 0.20
"""Share by which a split may be off though it is no chance."""
STRAGGLERS: Final = 0.001
"""Share of requests that may go where none should: streams that end after weights were changed."""
STRAGGLERS_LEAST: Final = 5
"""So many may in any case."""


@dataclass(frozen=True)
class Split:
    """How requests were shared.

    Attributes:
        observed_percent: Share of the canary, 0 to 100; None without a request.
        z: How far that is from the weight, in standard deviations; 0 without a request.
        mismatch: True when it is too far to be chance and far enough to matter.
    """

    observed_percent: float | None
    z: float
    mismatch: bool


def check_split(canary_total: int, stable_total: int, weight_percent: float) -> Split:
    """Compare the observed split with the wanted one.

    Args:
        canary_total: Requests to the canary, over 5 minutes or so, from 0.
        stable_total: Requests to stable in the same time, from 0.
        weight_percent: Wanted share of the canary, 0 to 100; at both ends 5 requests or
            a thousandth of them may be stragglers.

    Raises:
        ValueError: A number is out of its range.
    """
    if min(canary_total, stable_total) < 0 or not 0 <= weight_percent <= 100:
        raise ValueError(
            f"{canary_total} and {stable_total} requests at {weight_percent} % cannot be"
        )
    requests = canary_total + stable_total
    if requests == 0:
        return Split(observed_percent=None, z=0.0, mismatch=False)
    if _only_stragglers(canary_total, stable_total, weight_percent):
        return Split(observed_percent=100 * canary_total / requests, z=0.0, mismatch=False)
    wanted = min(max(weight_percent / 100, STRAGGLERS), 1 - STRAGGLERS)
    z = (canary_total - requests * wanted) / math.sqrt(requests * wanted * (1 - wanted))
    # Relative to the smaller share: at 95 % canary, stable's 5 % are what must not double.
    off = abs(canary_total / requests - wanted) / min(wanted, 1 - wanted)
    return Split(
        observed_percent=100 * canary_total / requests,
        z=z,
        mismatch=abs(z) > DEVIATIONS_MOST and off > RELATIVE_MOST,
    )


def _only_stragglers(canary_total: int, stable_total: int, weight_percent: float) -> bool:
    """True when next to nothing went to the side that should get nothing."""
    if weight_percent not in {0, 100}:
        return False
    astray = canary_total if weight_percent == 0 else stable_total
    return astray <= max(STRAGGLERS_LEAST, STRAGGLERS * (canary_total + stable_total))
