"""Good and bad requests by revision and tick, counted from raw samples.

Counts of a tick depend only on samples from `TickGrid.read_from_seconds` to the tick's end: read
again later, with more samples behind them, they are the same. What a counter grew by between two
samples belongs to the tick in which the later one was scraped.

Hygiene, each with what it would break otherwise: differences are taken series by series and then
summed (a restart of one pod is no loss of another's counts); a counter that is new counts from 0
when its target was scraped before (else the first errors of a canary are invisible); the series of
a pair of Prometheus count once; NaN is no number; a tick without a sample is blind, while errors
that are not there next to a total that is are none.

Source of the rules: prometheus/prometheus#1673 (new series), #5355, #3886.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rocksteady.queries.histograms import boundaries_of, count_latency
from rocksteady.queries.plan import SignalPlan
from rocksteady.queries.problems import Problem, find_problems, outside_histogram
from rocksteady.queries.profiles.base import Part, Parts, SourceKind
from rocksteady.queries.reading import Read, sort_series
from rocksteady.queries.samples import RevisionCounts, Series, TickGrid, Ticks
from rocksteady.queries.signals import RevisionTarget, Signal
from rocksteady.queries.timelines import Timeline


@dataclass(frozen=True)
class Counted:
    """What was counted for one signal.

    Attributes:
        signal: Which.
        counts: By revision: at the objective's threshold, rounded up to `boundary_seconds`.
        by_boundary: By revision and boundary in seconds; empty for availability.
        boundaries_seconds: The boundaries that all histograms have, ascending, without infinity.
        boundary_seconds: The one that stands for the threshold; None for availability, and when
            there is none: then all counts are None.
        unseen: Revisions without a single series. At a gateway that is scraped, its ticks are 0
            of 0: it got no request yet. Whoever knows that it got some, must hold.
        problems: What is wrong; whoever decides holds while there is any.
        newest: The newest sample of each series from before the grid's end. Who counts the time
            after it gives them to `count` again, with what is read then: nothing gets lost between.
    """

    signal: Signal
    counts: Mapping[str, Ticks]
    by_boundary: Mapping[str, Mapping[float, Ticks]]
    boundaries_seconds: tuple[float, ...] = ()
    boundary_seconds: float | None = None
    unseen: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    newest: tuple[Series, ...] = ()


def count(
    plan: SignalPlan,
    targets: Sequence[RevisionTarget],
    series: Sequence[Series],
    grid: TickGrid,
    *,
    now_seconds: float,
    scrape_interval_seconds: float,
) -> Counted:
    """Count one signal.

    Args:
        plan: How the signal is read.
        targets: The revisions, always the same ones for a rollout.
        series: What `plan.selectors(targets)` gave from `grid.read_from_seconds` on; what
            `plan.trap_selectors` gave may be among it, and so may series of other signals, and
            `Counted.newest` of the time before.
        grid: The ticks; none later than `last_complete_tick`.
        now_seconds: When it was read, as our clock says.
        scrape_interval_seconds: Of the gateway or the engine.
    """
    read = sort_series(plan, targets, series, grid, scrape_interval_seconds)
    unseen = read.unseen
    problems = find_problems(read, now_seconds, scrape_interval_seconds)
    if not plan.profile.is_latency:
        counts = {one.revision: _availability(read, one.revision) for one in targets}
        return Counted(
            plan.signal, counts, {}, unseen=unseen, problems=problems, newest=read.newest
        )
    return _latency(read, unseen, problems)


def _availability(read: Read, revision: str) -> Ticks:
    parts = {
        index: read.plan.profile.parts(line.labels)
        for index, line in enumerate(read.lines.get(revision, []))
    }
    lines, alive = read.lines.get(revision, []), read.alive
    return tuple(
        _tick(lines, parts, tick) or _nothing_yet(read, revision, tick, alive)
        for tick in range(read.grid.ticks)
    )


def _tick(
    lines: Sequence[Timeline], parts: Mapping[int, Parts], tick: int
) -> RevisionCounts | None:
    """What a revision's counters say about a tick; None: nothing."""
    sums = dict.fromkeys(Part, 0)
    heard = False
    for index, line in enumerate(lines):
        if tick in line.amounts:
            heard = True
            for part in parts[index]:
                sums[part] += line.amounts[tick]
    if not heard:
        return None
    bad = max(sums[Part.BAD], sums[Part.BAD_SEEN_OTHERWISE])
    return RevisionCounts(sums[Part.TOTAL], min(bad, sums[Part.TOTAL]))


def _nothing_yet(
    read: Read, revision: str, tick: int, alive: frozenset[int]
) -> RevisionCounts | None:
    """0 of 0 for a revision that a working gateway has not counted yet; None: blind."""
    if read.plan.source.kind is not SourceKind.GATEWAY:
        return None
    end = read.grid.start_seconds + (tick + 1) * read.grid.tick_seconds
    seen = any(line.first_seconds < end for line in read.lines.get(revision, []))
    return RevisionCounts(0, 0) if tick in alive and not seen else None


def _latency(read: Read, unseen: tuple[str, ...], problems: tuple[Problem, ...]) -> Counted:
    profile, objective = read.plan.profile, read.plan.objective
    boundaries = boundaries_of(profile, [line for lines in read.lines.values() for line in lines])
    threshold = objective.threshold_seconds or 0.0
    chosen = next((one for one in boundaries if one >= threshold), None)
    by_boundary = {
        target.revision: _latency_ticks(read, target.revision, boundaries)
        for target in read.targets
    }
    blind: Ticks = (None,) * read.grid.ticks
    counts = {
        revision: blind if chosen is None else ticks[chosen]
        for revision, ticks in by_boundary.items()
    }
    if boundaries and chosen is None:
        problems = (*problems, outside_histogram(objective.signal, threshold, boundaries))
    return Counted(
        objective.signal,
        counts,
        by_boundary,
        boundaries,
        chosen,
        unseen,
        problems,
        read.newest,
    )


def _latency_ticks(read: Read, revision: str, boundaries: tuple[float, ...]) -> dict[float, Ticks]:
    lines, alive = read.lines.get(revision, []), read.alive
    counted = count_latency(read.plan.profile, lines, boundaries, read.grid.ticks)
    return {
        one: tuple(
            tick_counts or _nothing_yet(read, revision, tick, alive)
            for tick, tick_counts in enumerate(ticks)
        )
        for one, ticks in counted.items()
    }
