"""What an attempt counts, and in which ticks: from what it froze, so that all count the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final

from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, RolloutTests, SignalTest
from rocksteady.queries.counting import Counted
from rocksteady.queries.plan import NO_GATEWAY, SignalPlan, plan_signals
from rocksteady.queries.problems import Problem
from rocksteady.queries.samples import RevisionCounts, Series, TickGrid, last_complete_tick
from rocksteady.queries.signals import Objective, Signal
from rocksteady.rollout.judging import series_of

LOOK_BACK_SECONDS: Final = 600
"""What is read before the canary has had a request: whether stable is seen, and is well."""
SEGMENT_TICKS: Final = 240
"""So many ticks are read at once, an hour of ticks of 15 s: what a pass reads of an attempt of days
is no more than that, and the five minutes before."""
SETTLED_SECONDS: Final = 300
"""How long after its end a segment may still change. A scrape is there within its timeout, which
`last_complete_tick` waits for; what a source receives from elsewhere, as by remote write, is there
some seconds or minutes later, and what takes longer than Prometheus looks back for the newest
sample shows as a problem."""


@dataclass(frozen=True)
class Segment:
    """What was counted of some ticks of an attempt.

    Attributes:
        grid: The ticks.
        ticks: Counts by series, as `side_by_side` gives them.
        newest: By signal, in the order of the tests: what the next segment counts from.
        problems: What was wrong with what was read.
    """

    grid: TickGrid
    ticks: Mapping[str, Ticks]
    newest: tuple[tuple[Series, ...], ...] = ()
    problems: tuple[Problem, ...] = ()


def segments_of(grid: TickGrid, ticks: int = SEGMENT_TICKS) -> tuple[TickGrid, ...]:
    """The stretches of a grid that are read one by one: of so many ticks; the last has the rest.

    They begin with the grid, which begins with the attempt, so all who count it have the same.
    """
    return tuple(
        TickGrid(
            grid.start_seconds + first * grid.tick_seconds,
            grid.tick_seconds,
            min(ticks, grid.ticks - first),
        )
        for first in range(0, grid.ticks, ticks)
    )


def is_settled(segment: Segment, now_seconds: float) -> bool:
    """True when a segment has all its ticks, and none of them can change any more.

    One with a problem may have been read while the source lacked something: it is given as much
    time again as it lasts. What comes later than that is counted by a new process only.
    """
    grid = segment.grid
    length_seconds = grid.end_seconds - grid.start_seconds
    wait_seconds = length_seconds if segment.problems else SETTLED_SECONDS
    return grid.ticks == SEGMENT_TICKS and now_seconds >= grid.end_seconds + wait_seconds


def joined(segments: Sequence[Segment]) -> dict[str, Ticks]:
    """Counts by series of all segments, one after the other."""
    names = segments[0].ticks if segments else ()
    return {name: tuple(chain.from_iterable(one.ticks[name] for one in segments)) for name in names}


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
