"""Read the samples of signals and count them: the same for the reconciler and for a replay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rocksteady.analysis.counts import Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, RolloutTests
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.ports import MetricsReader
from rocksteady.queries.counting import Counted, count
from rocksteady.queries.plan import SignalPlan
from rocksteady.queries.problems import Problem
from rocksteady.queries.samples import Series, TickGrid
from rocksteady.queries.signals import RevisionTarget
from rocksteady.rollout.measuring import Segment, plans_of, segments_of, side_by_side

_UNREADABLE: Final = (
    "This version of the operator no longer reads a signal that the attempt began with: abort it,"
    " or go back to the version before."
)


@dataclass(frozen=True)
class Counting:
    """Where samples are read, and when.

    Attributes:
        metrics: Reads them.
        source: Name of the source.
        scrape_interval_seconds: Of the source.
        now: The time.
    """

    metrics: MetricsReader
    source: str
    scrape_interval_seconds: float
    now: datetime


async def count_signal(
    counting: Counting,
    plan: SignalPlan,
    targets: Sequence[RevisionTarget],
    grid: TickGrid,
    before: Sequence[Series] = (),
) -> Counted:
    """Read and count one signal; when a revision is never seen, look why.

    Args:
        counting: Where and when.
        plan: How the signal is read.
        targets: The revisions.
        grid: The ticks.
        before: `Counted.newest` of the time before them.

    Raises:
        MetricsError: The source refuses or does not answer.
    """
    start, end = grid.read_from_seconds, grid.end_seconds
    selectors, traps = plan.selectors(targets), plan.trap_selectors(targets)
    series = (*before, *await counting.metrics.series(counting.source, selectors, start, end))

    def counted() -> Counted:
        return count(
            plan,
            targets,
            series,
            grid,
            # Samples end with the grid, so their age is measured from there.
            now_seconds=min(counting.now.timestamp(), end),
            scrape_interval_seconds=counting.scrape_interval_seconds,
        )

    # In a thread, since it is long: the operator has to answer others, and to keep its Lease.
    first = await asyncio.to_thread(counted)
    if not first.unseen or not traps:
        return first
    series = (*series, *await counting.metrics.series(counting.source, traps, start, end))
    return await asyncio.to_thread(counted)


async def count_segments(
    counting: Counting,
    attempt: LLMRollout,
    tests: RolloutTests,
    namespace: str,
    grid: TickGrid,
    known: Sequence[Segment] = (),
) -> AsyncIterator[Segment]:
    """Count all signals of an attempt, segment by segment.

    Args:
        counting: Where and when.
        attempt: Whose revisions.
        tests: What it froze.
        namespace: Where it runs.
        grid: Its ticks, from its first.
        known: Segments that were counted before, from the first on, which are not read again. The
            last of them has what to count from.

    Yields:
        All segments of the grid, the known ones too.

    Raises:
        MetricsError: The source refuses or does not answer.
    """
    canary, stable = (
        RevisionTarget(namespace, attempt.spec.deployment, one.hash)
        for one in (attempt.spec.canary, attempt.spec.stable)
    )
    plans = plans_of(tests)
    if len(plans) != len(tests.signals):
        raise MetricsError(MetricsReason.SOURCE_UNKNOWN, _UNREADABLE)
    wanted = segments_of(grid)
    if tuple(one.grid for one in known) != wanted[: len(known)]:
        known = ()
    for segment in known:
        yield segment
    before = known[-1].newest if known else ((),) * len(plans)
    for part in wanted[len(known) :]:
        # At once: reads of the same time share queries, and a slow source is waited for once.
        counted = await asyncio.gather(
            *(
                count_signal(counting, plan, [canary, stable], part, newest)
                for plan, newest in zip(plans, before, strict=True)
            )
        )
        segment = _segment(tests, part, counted, canary.revision, stable.revision)
        before = segment.newest
        yield segment


def _segment(
    tests: RolloutTests, grid: TickGrid, counted: Sequence[Counted], canary: str, stable: str
) -> Segment:
    """The counts of all signals side by side."""
    ticks: dict[str, Ticks] = {}
    problems: list[Problem] = []
    for test, one in zip(tests.signals, counted, strict=True):
        problems += one.problems
        ticks |= side_by_side(test, one, canary, stable)
    return Segment(grid, ticks, tuple(one.newest for one in counted), tuple(problems))
