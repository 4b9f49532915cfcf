"""What latencies are not compared by: bakes, and times in which suites are asked.

In a bake the canary's pods carry far more than stable's, and are slower for that alone.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.api.v1alpha1.llmrollout import (
    EARLIER_BAKES_MAX,
    EarlierBake,
    LLMRollout,
    LLMRolloutStatus,
    Phase,
)
from rocksteady.rollout.evaluation_times import loaded_ticks
from rocksteady.rollout.moves import whole

_NOTHING: Final = TickCounts(0, 0, 0, 0)


def with_requests(status: LLMRolloutStatus, now: datetime, phase: Phase) -> dict[str, Any]:
    """What changes when the canary is given requests in a phase.

    A bake begins, or one ends that the canary was taken out of. Until then it may still answer
    requests of the bake. One that is begun again without a step between goes on.
    """
    if phase is Phase.BAKING:
        return {"baking_since": status.baking_since or whole(now)}
    if status.baking_since is None:
        return {}
    earlier = ended(status.earlier_bakes, status.baking_since, whole(now))
    return {"baking_since": None, "earlier_bakes": earlier}


def ended(
    earlier: Sequence[EarlierBake], since: datetime, until: datetime
) -> tuple[EarlierBake, ...]:
    """Earlier bakes, with one more.

    Without room for it the last goes on to its end: what was between them is not compared either.
    """
    if len(earlier) < EARLIER_BAKES_MAX:
        return (*earlier, EarlierBake(since=since, until=until))
    return (*earlier[:-1], earlier[-1].model_copy(update={"until": until}))


def bake_tick(attempt: LLMRollout) -> int | None:
    """Index of the tick in which the bake began; None: it did not."""
    since = attempt.status.baking_since
    return None if since is None else _tick(attempt, since)


def comparable(attempt: LLMRollout, ticks: Ticks) -> Ticks:
    """Ticks by which latencies are compared: those before the bake.

    In those of earlier bakes, and of times in which suites were asked, nothing was answered, as it
    were. Blind ones would say the same of the canary; but after a bake they would read as if
    nothing had been measured for long.
    """
    compared = list(ticks[: bake_tick(attempt)])
    for bake in attempt.status.earlier_bakes:
        begin, last = _tick(attempt, bake.since), _tick(attempt, bake.until)
        if begin is not None and last is not None:
            end = min(len(compared), last + 1)
            compared[begin:end] = [_NOTHING] * max(0, end - begin)
    for index in loaded_ticks(attempt, len(compared)):
        compared[index] = _NOTHING
    return tuple(compared)


def _tick(attempt: LLMRollout, at: datetime) -> int | None:
    """Index of the tick that a time is in; None without ticks."""
    tests, first = attempt.spec.tests, attempt.status.first_tick_at
    if tests is None or first is None:
        return None
    return max(0, int((at - first).total_seconds()) // tests.tick_seconds)
