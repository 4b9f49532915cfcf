"""What an attempt counts, and in which ticks: from what it froze, so that all count the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, RolloutTests, SignalTest
from rocksteady.queries.counting import Counted
from rocksteady.queries.plan import NO_GATEWAY, SignalPlan, plan_signals
from rocksteady.queries.samples import RevisionCounts, TickGrid, last_complete_tick
from rocksteady.queries.signals import Objective, Signal
from rocksteady.rollout.judging import series_of

LOOK_BACK_SECONDS: Final = 600
"""What is read before the canary has had a request: whether stable is seen, and is well."""


def plans_of(tests: RolloutTests) -> tuple[SignalPlan, ...]:
    """How the signals of an attempt are counted, from what it froze."""
    plans: list[SignalPlan] = []
    for test in tests.signals:
        seconds = (
            None if test.threshold_milliseconds is None else test.threshold_milliseconds / 1000
        )
        objective = Objective(Signal(test.signal), float(test.objective_percent), seconds)
        kind, _, type_ = test.profile.partition("/")
        engine, gateway = (type_, NO_GATEWAY) if kind == "engine" else ("custom", type_)
        found, _ = plan_signals([objective], engine, gateway)
        plans += found
    return tuple(plans)


def grid_of(attempt: LLMRollout, tests: RolloutTests, now: datetime) -> TickGrid:
    """The complete ticks of the evidence; before it begins, those of the last minutes."""
    tick, first = tests.tick_seconds, attempt.status.first_tick_at
    seconds = int(now.timestamp())
    start = (seconds - LOOK_BACK_SECONDS) // tick * tick if first is None else first.timestamp()
    last = last_complete_tick(now.timestamp(), tests.scrape_interval_seconds, tick, start)
    return TickGrid(start, tick, 0 if last is None else last + 1)


def side_by_side(test: SignalTest, counted: Counted, canary: str, stable: str) -> dict[str, Ticks]:
    """Counts side by side, by the series that the evidence takes."""
    if not test.boundaries:
        both = _paired(counted.counts[canary], counted.counts[stable])
        return {series_of(test.signal): both}
    found: dict[str, Ticks] = {}
    # As frozen, boundaries have nine digits.
    seen = {
        revision: {round(le, 9): ticks for le, ticks in by_boundary.items()}
        for revision, by_boundary in counted.by_boundary.items()
    }
    for index, boundary in enumerate(test.boundaries):
        le = float(boundary.le_seconds)
        # When there was no history, the objective's own boundary is found out by what is read now.
        of_now = counted.counts if index == 0 else {}
        sides = []
        for revision in (canary, stable):
            # A boundary that is gone, as with another version of the engine, is blind.
            gone = (None,) * len(counted.counts[revision])
            sides.append(seen.get(revision, {}).get(le, of_now.get(revision, gone)))
        found[series_of(test.signal, boundary.le_seconds)] = _paired(*sides)
    return found


def _paired(
    canary: Sequence[RevisionCounts | None], stable: Sequence[RevisionCounts | None]
) -> Ticks:
    """Ticks of both; blind when either is."""
    return tuple(
        None
        if one is None or other is None
        else TickCounts(one.total, one.bad, other.total, other.bad)
        for one, other in zip(canary, stable, strict=True)
    )
