"""Whether stable itself burns its error budget: no time to start or to advance a canary."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rocksteady.analysis.counts import TickCounts, Ticks, total

LONG_SECONDS: Final = 600.0
SHORT_SECONDS: Final = 60.0
"""Both must burn: the long window makes it sure, the short one ends it soon after recovery."""
BURN_RATE: Final = 2.0
"""How many times the budget's own pace; holding costs little, so that this is sensitive."""
BAD_LEAST: Final = 5
"""Bad requests in the long window below which nothing burns."""


@dataclass(frozen=True)
class Burn:
    """How fast stable burns its error budget; 1 uses it up exactly by the end of its window.

    Attributes:
        long_rate: Over 10 minutes, from 0; infinite with no budget; None without a request.
        short_rate: Over 1 minute, likewise.
        bad: Bad requests in the 10 minutes.
        burning: True when both exceed 2 with at least 5 bad requests.
    """

    long_rate: float | None
    short_rate: float | None
    bad: int
    burning: bool


def stable_burn(ticks: Ticks, *, objective_percent: Decimal | float, tick_seconds: float) -> Burn:
    """Measure how fast stable burns its budget.

    Args:
        ticks: To the latest; blind ones count neither way. Canary's counts are not looked at.
        objective_percent: Share of requests that should be good, 0 to 100.
        tick_seconds: Length of a tick, above 0.
    """
    budget = float(1 - Decimal(str(objective_percent)) / 100)
    long = total(_last(ticks, LONG_SECONDS, tick_seconds))
    long_rate = _rate(long, budget)
    short_rate = _rate(total(_last(ticks, SHORT_SECONDS, tick_seconds)), budget)
    rates_burn = all(rate is not None and rate > BURN_RATE for rate in (long_rate, short_rate))
    return Burn(
        long_rate=long_rate,
        short_rate=short_rate,
        bad=long.stable_bad,
        burning=rates_burn and long.stable_bad >= BAD_LEAST,
    )


def stable_burning(
    ticks: Ticks, *, objective_percent: Decimal | float, tick_seconds: float
) -> bool:
    """Tell whether stable burns its budget at over twice its pace; see `stable_burn`."""
    return stable_burn(
        ticks, objective_percent=objective_percent, tick_seconds=tick_seconds
    ).burning


def _last(ticks: Ticks, seconds: float, tick_seconds: float) -> Sequence[TickCounts | None]:
    """The ticks of the last seconds, at least one."""
    return ticks[-max(1, round(seconds / tick_seconds)) :]


def _rate(counts: TickCounts, budget: float) -> float | None:
    """Burn rate of stable; None without a request."""
    if counts.stable_total == 0:
        return None
    share = counts.stable_bad / counts.stable_total
    if budget > 0:
        return share / budget
    return float("inf") if share > 0 else 0.0
