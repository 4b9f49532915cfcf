"""Which results count for whom. What does not is hidden from who judges, and so is asked again.

A canary is asked in its own attempt: what the same revision answered before may have come from
other weights behind the same name, and a `retry` is to ask. What a revision answered as a canary is
no baseline once it serves: it was promoted because those answers were good, so part of them was
luck, and canaries that are as good would fail against it more often than the stated error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rocksteady.api.v1alpha1.llmrollout import EvaluationTest, LLMRollout, Outcome
from rocksteady.rollout.evaluation_runs import Failures, Run, Runs, RunSeen


@dataclass(frozen=True)
class Since:
    """From when on results count.

    Attributes:
        by_revision: Of each revision by its hash; one that is absent counts whenever it was asked.
        begun: When the attempt began; None: there is none.
    """

    by_revision: Mapping[str, datetime] = field(default_factory=dict)
    begun: datetime | None = None


def since_of(attempt: LLMRollout, attempts: Iterable[LLMRollout]) -> Since:
    """From when on results count for an attempt.

    Args:
        attempt: That judges.
        attempts: All that are on record. When the one that promoted stable is not among them, all
            results of stable count.
    """
    spec, begun = attempt.spec, attempt.status.started_at
    promoted = (
        one
        for one in attempts
        if one.status.outcome is Outcome.PROMOTED and one.spec.canary.hash == spec.stable.hash
    )
    newest = max(promoted, key=lambda one: one.spec.attempt, default=None)
    found = {
        spec.stable.hash: newest.status.finished_at if newest else None,
        spec.canary.hash: begun,
    }
    return Since({one: at for one, at in found.items() if at is not None}, begun)


def countable(runs: Runs, tests: Sequence[EvaluationTest], since: Since | None = None) -> Runs:
    """The runs without the results that do not count.

    Args:
        runs: All that are known.
        tests: That are judged; results of a content that only begins like theirs do not count.
        since: From when on; None: there is no attempt, and they count whenever they were asked.
    """
    hashes = {test.content: test.content_hash for test in tests if test.content_hash}
    return {
        run: _seen(run, known, hashes.get(run.content), since or Since())
        for run, known in runs.items()
    }


def _seen(run: Run, known: RunSeen, content_hash: str | None, since: Since) -> RunSeen:
    other = bool(content_hash and known.content_hash) and known.content_hash != content_hash
    from_before = _ended_before(known, since.begun)
    again = None if known.again is None else _seen(run, known.again, content_hash, since)
    if known.result is None:
        counts = not from_before
    else:
        counts = not _ended_before(known, since.by_revision.get(run.revision))
    if other or not counts:
        return again or _without_result(known)
    failures = _of_attempt(known.failures, since.begun)
    return replace(known, again=again, failures=failures, is_from_before=from_before)


def _ended_before(known: RunSeen, time: datetime | None) -> bool:
    return known.ended_at is not None and time is not None and known.ended_at < time


def _of_attempt(failures: Failures | None, begun: datetime | None) -> Failures | None:
    if failures is None or begun is None:
        return failures
    times = tuple(at for at in failures.times if at >= begun)
    return replace(failures, times=times) if times else None


def _without_result(known: RunSeen) -> RunSeen:
    """As if it had never been asked; but for its Job, which must go first."""
    return RunSeen(ended_at=known.ended_at, has_job=True) if known.has_job else RunSeen()
