"""Read the samples of signals and count them: the same for the reconciler and for a replay."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rocksteady.analysis.counts import Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, RolloutTests
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.ports import MetricsReader
from rocksteady.queries.counting import Counted, count
from rocksteady.queries.plan import SignalPlan
from rocksteady.queries.problems import Problem
from rocksteady.queries.samples import TickGrid
from rocksteady.queries.signals import RevisionTarget
from rocksteady.rollout.measuring import plans_of, side_by_side


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
    counting: Counting, plan: SignalPlan, targets: Sequence[RevisionTarget], grid: TickGrid
) -> Counted:
    """Read and count one signal; when a revision is never seen, look why.

    Raises:
        MetricsError: The source refuses or does not answer.
    """
    start, end = grid.read_from_seconds, grid.end_seconds
    selectors, traps = plan.selectors(targets), plan.trap_selectors(targets)
    series = await counting.metrics.series(counting.source, selectors, start, end)

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

    first = counted()
    if not first.unseen or not traps:
        return first
    series = (*series, *await counting.metrics.series(counting.source, traps, start, end))
    return counted()


async def count_attempt(
    counting: Counting, attempt: LLMRollout, tests: RolloutTests, namespace: str, grid: TickGrid
) -> tuple[dict[str, Ticks], tuple[Problem, ...]]:
    """Count all signals of an attempt.

    Returns:
        Counts by series, and what is wrong with what was read.

    Raises:
        MetricsError: The source refuses or does not answer.
    """
    spec = attempt.spec
    canary, stable = (
        RevisionTarget(namespace, spec.deployment, one.hash) for one in (spec.canary, spec.stable)
    )
    plans = plans_of(tests)
    if len(plans) != len(tests.signals):
        raise MetricsError(
            MetricsReason.SOURCE_UNKNOWN,
            "This version of the operator no longer reads a signal that the attempt began with:"
            " abort it, or go back to the version before.",
        )
    # At once: reads of the same time share queries, and a slow source is waited for once.
    all_counted = await asyncio.gather(
        *(count_signal(counting, plan, [canary, stable], grid) for plan in plans)
    )
    ticks: dict[str, Ticks] = {}
    problems: list[Problem] = []
    for test, counted in zip(tests.signals, all_counted, strict=True):
        problems += counted.problems
        ticks |= side_by_side(test, counted, canary.revision, stable.revision)
    return ticks, tuple(problems)
