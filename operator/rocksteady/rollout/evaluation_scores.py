"""What evaluations came to, in numbers that outlive the runs: those of the newest attempt."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, LLMRollout
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluated import Evaluated
from rocksteady.rollout.evaluating import evaluate
from rocksteady.rollout.evaluation_plan import records_of
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.standing import settled_stable
from rocksteady.rollout.suites import freeze_tests


@dataclass(frozen=True)
class EvaluationScore:
    """What one evaluation of a revision came to.

    Attributes:
        revision: Hash of the revision that was judged.
        baseline: Hash of the one that it was compared with; empty: it was not compared.
        suite: Name of the suite.
        verdict: Passed, Failed, Inconclusive, Error or Running.
        score: Share of the answered items that are correct, 0 to 1; None: nothing was answered.
        standard_error: Of the score, from 0; None as for `score`.
        answered: Items with an answer; None: there are no results.
        unanswered: Items without one; None: there are no results.
        difference: Of the scores on the same items, canary less stable, -1 to 1; None: not
            compared.
        lower: What the difference is at least, for a pass; None: not compared.
        upper: What it is at most, for a failure; None: not compared.
        completed_at: When the last result came in; None: there are none.
    """

    revision: str
    baseline: str
    suite: str
    verdict: str
    score: float | None = None
    standard_error: float | None = None
    answered: int | None = None
    unanswered: int | None = None
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None
    completed_at: datetime | None = None


def scores_of(seen: Observation, course: Course) -> tuple[EvaluationScore, ...]:
    """What the evaluations of the newest attempt came to, or those of the first revision.

    They are read from its record, so that they are the same after a restart and after its end.
    """
    newest = max(seen.attempts.values(), key=lambda one: one.spec.attempt, default=None)
    attempt = course.attempt or newest
    if attempt is not None:
        return tuple(_of_attempt(attempt))
    revision = settled_stable(seen) or seen.target
    if revision is None:
        return ()
    found = course.evaluated or _of_first(seen, revision)
    return tuple(_score(record, revision, "") for record in records_of(found))


def _of_attempt(attempt: LLMRollout) -> Iterator[EvaluationScore]:
    spec = attempt.spec
    for record in attempt.status.evaluations:
        yield _score(record, spec.canary.hash, spec.stable.hash if record.stable else "")


def _of_first(seen: Observation, revision: str) -> Sequence[Evaluated]:
    """What the revision that serves from the start came to, while its results are kept."""
    tests = freeze_tests(seen.deployment.spec, seen.suites) if seen.deployment else ()
    return () if isinstance(tests, Finding) else evaluate(tests, revision, None, seen.runs)


def _score(record: EvaluationRecord, revision: str, baseline: str) -> EvaluationScore:
    results = _results(record.canary)
    correct = results.count(ItemResult.CORRECT)
    unanswered = results.count(ItemResult.UNANSWERED)
    answered = len(results) - unanswered
    score = correct / answered if answered else None
    return EvaluationScore(
        revision=revision,
        baseline=baseline,
        suite=record.suite,
        verdict=record.verdict,
        score=score,
        standard_error=None if score is None else standard_error(score, answered),
        answered=answered if results else None,
        unanswered=unanswered if results else None,
        difference=_share(record.difference_points),
        lower=_share(record.at_least_points),
        upper=_share(record.at_most_points),
        completed_at=record.completed_at,
    )


def standard_error(score: float, items: int) -> float:
    """Return the standard error of a share of correct items: sqrt(s (1 - s) / n).

    It is 0 where all or none are correct, which is no certainty: the bounds of the difference do
    not rest on it.

    Args:
        score: 0 to 1.
        items: That were answered, from 1.

    Source: Miller, "Adding Error Bars to Evals" (arXiv 2411.00640), section 2.1.
    """
    return math.sqrt(score * (1 - score) / items)


def _results(packed: str) -> tuple[ItemResult, ...]:
    """What each item came to; none when somebody edited the record."""
    try:
        return unpack(packed) if packed else ()
    except ValueError:
        return ()


def _share(points: str | None) -> float | None:
    return None if points is None else float(Decimal(points) / 100)
