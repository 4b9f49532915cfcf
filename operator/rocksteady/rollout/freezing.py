"""The statistics that an attempt freezes when it begins, from stable's own past."""

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Final

from rocksteady.analysis.dispersion import MOST_FOR_ERRORS, design_effect, windows
from rocksteady.analysis.latency import Boundary, choose_boundaries
from rocksteady.api.v1alpha1.llmrollout import BoundaryTest, RolloutPolicy, SignalTest
from rocksteady.queries.counting import Counted
from rocksteady.queries.plan import SignalPlan
from rocksteady.queries.samples import RevisionCounts, TickGrid
from rocksteady.queries.selectors import promql
from rocksteady.queries.signals import RevisionTarget

ALPHA: Final = "0.01"
"""Chance that a harmless canary is ever rolled back, split equally over the signals."""
HISTORY_SECONDS: Final = 6 * 3600
"""How much of stable's past tells how its errors scatter."""
LATENCY_HISTORY_SECONDS: Final = 3600
"""The same for latencies, of which there are ten times as many series."""
PLANNED_SECONDS_MIN: Final = 3600
"""The least time that the evidence plans for."""


def planned_seconds(policy: RolloutPolicy | None) -> int:
    """How long the evidence plans for: all steps and the bake, at their shortest."""
    planned = 0
    if policy is not None:
        planned = len(policy.steps) * policy.min_step_seconds + policy.keep_stable_seconds
    return max(PLANNED_SECONDS_MIN, planned)


def grid_before(now: datetime, seconds: int, tick_seconds: int) -> TickGrid:
    """The last complete ticks."""
    end = int(now.timestamp()) // tick_seconds * tick_seconds
    ticks = seconds // tick_seconds
    return TickGrid(end - ticks * tick_seconds, tick_seconds, ticks)


def signal_test(
    plan: SignalPlan, counted: Counted, stable: str, tick_seconds: int, target: RevisionTarget
) -> SignalTest:
    """The statistics of one signal, from stable's past."""
    objective = plan.objective
    query = " or ".join(promql([selector]) for selector in plan.selectors([target]))
    test = SignalTest(
        signal=objective.signal.value,
        profile=f"{plan.source.kind}/{plan.source.type}",
        query=query[:4096],
        objective_percent=f"{objective.objective_percent:g}",
        threshold_milliseconds=None
        if objective.threshold_seconds is None
        else round(objective.threshold_seconds * 1000),
    )
    if not plan.profile.is_latency:
        effect = design_effect(
            _history(counted.counts[stable]), windows(tick_seconds), MOST_FOR_ERRORS
        )
        return test.model_copy(update={"design_effect": _decimal(effect.value)})
    threshold = counted.boundary_seconds or objective.threshold_seconds or 0.0
    histogram = _histogram(counted, stable)
    chosen = choose_boundaries(histogram, threshold, objective_percent=objective.objective_percent)
    ordered = sorted(chosen, key=lambda one: not one.is_slo)
    tests = tuple(_boundary_test(one, counted, stable, tick_seconds) for one in ordered)
    return test.model_copy(update={"boundaries": tests})


def _boundary_test(
    boundary: Boundary, counted: Counted, stable: str, tick_seconds: int
) -> BoundaryTest:
    ticks = counted.by_boundary.get(stable, {}).get(boundary.le_seconds, ())
    effect = design_effect(_history(ticks), windows(tick_seconds), math.inf)
    return BoundaryTest(
        le_seconds=_decimal(boundary.le_seconds),
        rho0=_decimal(boundary.rho0),
        delta=_decimal(boundary.delta),
        design_effect=_decimal(effect.value),
    )


def _history(ticks: Sequence[RevisionCounts | None]) -> list[tuple[int, int] | None]:
    return [None if tick is None else (tick.total, tick.bad) for tick in ticks]


def _histogram(counted: Counted, revision: str) -> dict[float, int]:
    """Cumulative counts of stable's history by boundary; empty without any."""
    histogram: dict[float, int] = {}
    for le, ticks in counted.by_boundary.get(revision, {}).items():
        seen = [tick for tick in ticks if tick is not None]
        histogram[le] = sum(tick.total - tick.bad for tick in seen)
        histogram[math.inf] = sum(tick.total for tick in seen)
    # A bucket that was reset apart from the others would make it fall.
    boundaries = sorted(histogram)
    rising = accumulate((histogram[le] for le in boundaries), max)
    return dict(zip(boundaries, rising, strict=True))


def _decimal(number: float) -> str:
    """A number as the API writes them: at most 9 digits after the point."""
    text = format(round(Decimal(repr(number)), 9), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
