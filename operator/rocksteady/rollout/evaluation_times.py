"""Times in which suites are asked while the canary has requests: runs load what they ask.

Both are slower then, each as much as it is asked, so that their latencies say nothing of each
other. Requests that fail still count. The times are those of passes, kept in the record, so that
whoever computes the evidence again leaves out the same ticks.
"""

from collections.abc import Iterable
from datetime import datetime

from rocksteady.api.v1alpha1.llmrollout import (
    EARLIER_EVALUATIONS_MAX,
    EarlierEvaluation,
    LLMRollout,
    LLMRolloutSpec,
    LLMRolloutStatus,
    Phase,
)
from rocksteady.rollout.evaluated import Evaluated
from rocksteady.rollout.evaluation_plan import open_stages
from rocksteady.rollout.evaluation_runs import Run


def is_loaded(
    spec: LLMRolloutSpec,
    status: LLMRolloutStatus,
    evaluated: Iterable[Evaluated],
    runs: Iterable[Run],
) -> bool:
    """True when suites are asked of the canary or of stable, or will be once a run is tried again.

    Args:
        spec: Of the attempt.
        status: As it is from now on.
        evaluated: What its evaluations say.
        runs: That there should be now, those that a person asked for too.
    """
    both = {spec.canary.hash, spec.stable.hash}
    stages = open_stages(spec, status)
    waits = any(one.needs and one.test.stage in stages for one in evaluated)
    return waits or any(run.revision in both for run in runs)


def with_load(status: LLMRolloutStatus, now: datetime, *, loaded: bool) -> LLMRolloutStatus:
    """The state in which it is remembered since when suites are asked, and until when they were.

    A time begins before its first Job is made, since the record is written first. Without room for
    one more, the last goes on to the end of the attempt.
    """
    if status.first_tick_at is None or status.phase is Phase.FINISHED:
        return status
    since, now = status.evaluating_since, now.replace(microsecond=0)
    if loaded and since is None:
        return status.model_copy(update={"evaluating_since": now})
    if loaded or since is None or len(status.earlier_evaluations) >= EARLIER_EVALUATIONS_MAX:
        return status
    over = EarlierEvaluation(since=since, until=now)
    earlier = (*status.earlier_evaluations, over)
    return status.model_copy(update={"evaluating_since": None, "earlier_evaluations": earlier})


def before(status: LLMRolloutStatus, decided_at: datetime) -> LLMRolloutStatus:
    """The state with these times as they were known when a decision was made."""
    earlier = status.earlier_evaluations
    begun = [one.since for one in earlier if one.until >= decided_at]
    begun += [] if status.evaluating_since is None else [status.evaluating_since]
    since = next((one for one in begun if one < decided_at), None)
    ended = tuple(one for one in earlier if one.until < decided_at)
    return status.model_copy(update={"evaluating_since": since, "earlier_evaluations": ended})


def loaded_ticks(attempt: LLMRollout, ticks: int) -> frozenset[int]:
    """Indices of those of so many ticks in which suites were asked.

    A time ends in the tick after the one that its end is in: an answer that took long is counted
    when it is whole.
    """
    status, tests = attempt.status, attempt.spec.tests
    first = status.first_tick_at
    if first is None or tests is None:
        return frozenset()
    found: set[int] = set()
    spans: list[tuple[datetime, datetime | None]] = []
    spans += [(one.since, one.until) for one in status.earlier_evaluations]
    spans += [] if status.evaluating_since is None else [(status.evaluating_since, None)]
    for since, until in spans:
        begin = int((since - first).total_seconds()) // tests.tick_seconds
        end = ticks
        if until is not None:
            end = int((until - first).total_seconds()) // tests.tick_seconds + 2
        found.update(range(max(0, begin), min(ticks, end)))
    return frozenset(found)
