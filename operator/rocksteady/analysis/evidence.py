"""Evidence that a canary is worse than stable: a product of bets that never pays without harm.

The null hypothesis, tick by tick: `p_canary <= rho0 * p_stable + delta`. Under it the evidence has
a mean of at most 1 at every look, whatever the weights and however often one looks, so that it ever
reaches `1 / alpha` with probability `alpha` at most (Ville's inequality). A shared outage raises
both ratios in the same tick and cancels.

For an alternative that is `factor` times worse, with K = canary_bad + stable_bad and
r = (rho0 * factor * canary_total + stable_total) / (rho0 * canary_total + stable_total), one tick
gives

    log e = canary_bad * ln(factor) - K * ln(r) - canary_total * delta * (factor / r - 1)

whose mean of e is at most 1 exactly: E[a^k b^l] <= exp(n p (a - 1) + m q (b - 1)) for independent
requests, and the exponent is n (a - 1) (p - rho0 q) <= n (a - 1) delta. `log e` is divided by the
design effect (still valid, by Jensen) and capped from above (smaller, so still valid).

Half of the prior mass bets that harm is there from the first tick, the other half is spread over
the later ticks (the form of Shiryaev and Roberts; Shin, Ramdas and Rinaldo, "E-detectors"). The
constants were chosen by simulation, which `bench/decisions_simulated.py` repeats.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from rocksteady.analysis.counts import TickCounts, Ticks

ERROR_FACTORS: Final = (2.0, 4.0, 8.0, 20.0, 100.0)
"""How many times worse the alternatives are for errors: the truth may be anywhere between."""
TOLERATED_BUDGET: Final = Decimal("0.1")
"""Share of the error budget that a canary may burn more than stable: 0.20 % may become 0.25 %."""
CAP_NATS_PER_SECOND: Final = 1 / 15
"""The most that log evidence may grow: one nat in 15 s, so that no burst and no scrape decides."""
BOUND_CANDIDATES: Final = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Risk ratios that are tried as a lower bound."""

_NOTHING: Final = 1.0
"""Evidence before the first tick."""
_FROM_START: Final = 0.5
"""Prior mass on harm from the first tick on."""
_SMALLEST_LOG: Final = -200.0
_LARGEST: Final = 1e150
"""Keeps products inside the range of a float; far beyond every threshold."""


@dataclass(frozen=True)
class HarmTest:
    """What counts as harm, and how carefully evidence of it is gathered. Frozen for a rollout.

    Attributes:
        rho0: Tolerated ratio of canary's bad share to stable's, from 1.
        delta: Tolerated share of bad requests on top of that, 0 to 1.
        grid: How many times worse than tolerated the alternatives are, each above 1.
        design_effect: How much more the counts scatter than independent requests do, from 1.
        cap_nats: The most that one tick may add to the log evidence, above 0.
        ticks_max: Ticks over which the start of harm is expected, from 1; later ticks count too,
            but no harm is expected to begin there.

    Raises:
        ValueError: A number is out of its range.
    """

    rho0: float
    delta: float
    grid: tuple[float, ...]
    design_effect: float
    cap_nats: float
    ticks_max: int

    def __post_init__(self) -> None:
        sound = {
            "rho0": self.rho0 >= 1,
            "delta": 0 <= self.delta < 1,
            "grid": bool(self.grid) and all(factor > 1 for factor in self.grid),
            "design_effect": self.design_effect >= 1,
            "cap_nats": self.cap_nats > 0,
            "ticks_max": self.ticks_max >= 1,
        }
        for name, holds in sound.items():
            if not holds:
                raise ValueError(f"{name}={getattr(self, name)} is out of range")


@dataclass(frozen=True)
class Evidence:
    """What all ticks so far say.

    Attributes:
        value: Evidence after the last tick; 1 before the first, below 1 speaks for the canary.
        strongest: The largest value at any look, from 1; this is what decides.
        ticks: How many ticks were looked at, blind ones included.
        p_value: min(1, 1 / strongest); holds at every look.
        first_harm_tick: Index of the tick at which harm most likely began, seen from the tick of
            the strongest evidence; None while nothing ever spoke against the canary.
    """

    value: float
    strongest: float
    ticks: int
    p_value: float
    first_harm_tick: int | None


def error_test(
    objective_percent: Decimal | float,
    *,
    design_effect: float,
    tick_seconds: float,
    ticks_max: int,
) -> HarmTest:
    """Return the test for an error ratio: worse than stable by a tenth of the error budget.

    Args:
        objective_percent: Share of requests that should be good, 0 to 100.
        design_effect: See `HarmTest`.
        tick_seconds: Length of a tick, above 0; the cap scales with it.
        ticks_max: See `HarmTest`.

    Raises:
        ValueError: A number is out of its range.
    """
    objective = Decimal(str(objective_percent))
    if not 0 <= objective <= 100:
        raise ValueError(f"objective_percent={objective_percent} is out of range")
    return HarmTest(
        rho0=1.0,
        delta=float(TOLERATED_BUDGET * (100 - objective) / 100),
        grid=ERROR_FACTORS,
        design_effect=design_effect,
        cap_nats=cap_nats(tick_seconds),
        ticks_max=ticks_max,
    )


def cap_nats(tick_seconds: float) -> float:
    """Return the most that a tick may add to the log evidence: one nat in 15 s."""
    return tick_seconds * CAP_NATS_PER_SECOND


def threshold(alpha: float, signals: int) -> float:
    """Return the evidence that condemns a canary.

    Args:
        alpha: Probability with which a good canary may be condemned in a whole rollout, 0 to 1.
        signals: How many signals may condemn it; each gets an equal part (Bonferroni).

    Raises:
        ValueError: A number is out of its range.
    """
    if not 0 < alpha < 1 or signals < 1:
        raise ValueError(f"alpha={alpha} for {signals} signals is out of range")
    return signals / alpha


def log_e(test: HarmTest, rho_factor: float, counts: TickCounts) -> float:
    """Return what one tick says for harm `rho_factor` times beyond the tolerated, in nats.

    Neither divided by the design effect nor capped. A tick without requests says 0.
    """
    tolerated = test.rho0 * counts.canary_total + counts.stable_total
    if tolerated == 0:
        return 0.0
    worse = test.rho0 * rho_factor * counts.canary_total + counts.stable_total
    r = worse / tolerated
    bad = counts.canary_bad + counts.stable_bad
    return (
        counts.canary_bad * math.log(rho_factor)
        - bad * math.log(r)
        - counts.canary_total * test.delta * (rho_factor / r - 1)
    )


def weigh(test: HarmTest, rho_factor: float, counts: TickCounts | None) -> float:
    """Return what one tick adds to the log evidence: divided, capped, and 0 for a blind one."""
    if counts is None:
        return 0.0
    nats = log_e(test, rho_factor, counts) / test.design_effect
    return max(_SMALLEST_LOG, min(nats, test.cap_nats))


def values(test: HarmTest, ticks: Iterable[TickCounts | None]) -> Iterator[float]:
    """Yield the evidence after each tick.

    A pure fold from the first tick on: whoever starts it again gets the same digits.
    """
    products = [_FROM_START] * len(test.grid)
    for index, counts in enumerate(ticks):
        left = max(0, test.ticks_max - index)
        starting = (1 - _FROM_START) / test.ticks_max if left else 0.0
        products = [
            min((product + starting) * math.exp(weigh(test, factor, counts)), _LARGEST)
            for product, factor in zip(products, test.grid, strict=True)
        ]
        yield math.fsum(products) / len(products) + starting * max(0, left - 1)


def accumulate(test: HarmTest, ticks: Ticks) -> Evidence:
    """Return what all ticks say, from the first with canary traffic to the latest."""
    path = list(values(test, ticks))
    return summarize(path, lambda last: harm_since(test, ticks[: last + 1]))


def summarize(path: Sequence[float], began: Callable[[int], int | None]) -> Evidence:
    """Return what a path of evidence says.

    Args:
        path: Evidence after each tick.
        began: Tells the tick at which harm began, seen from the tick with a given index.
    """
    strongest = max(path, default=_NOTHING)
    return Evidence(
        value=path[-1] if path else _NOTHING,
        strongest=max(strongest, _NOTHING),
        ticks=len(path),
        p_value=min(1.0, 1 / max(strongest, _NOTHING)),
        first_harm_tick=began(path.index(strongest)) if strongest > _NOTHING else None,
    )


def harm_since(test: HarmTest, ticks: Ticks) -> int | None:
    """Return the index of the tick from which on the ticks together speak most against the canary.

    The start of harm with the largest likelihood, over all alternatives; the latest of equals, so
    that blind ticks before it are left out. None when no stretch up to the last tick speaks
    against it.
    """
    strongest, since = 0.0, None
    for factor in test.grid:
        nats = 0.0
        for index in reversed(range(len(ticks))):
            nats += weigh(test, factor, ticks[index])
            if nats > strongest:
                strongest, since = nats, index
    return since


def risk_ratio_bound(test: HarmTest, ticks: Ticks, threshold: float) -> float | None:
    """Return by how many times the canary is worse at least, beyond the tolerated excess.

    A candidate counts when it is refuted as a tolerated ratio, and all smaller ones are: the
    smallest one that is not refuted covers the truth, so that the bound is wrong with the error
    rate of the threshold only, at every look.

    Args:
        test: Its `rho0` is replaced by each of `BOUND_CANDIDATES`.
        ticks: As for `accumulate`.
        threshold: Evidence that refutes.

    Returns:
        One of `BOUND_CANDIDATES`; None when not even 1 is refuted.
    """
    bound = None
    for candidate in BOUND_CANDIDATES:
        path = values(replace(test, rho0=candidate), ticks)
        if not any(value >= threshold for value in path):
            break
        bound = candidate
    return bound
