"""What the condition about evaluations says."""

from collections.abc import Sequence

from rocksteady import conventions
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord
from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_plan import RUNNING, records_of
from rocksteady.rollout.moves import EVALUATING
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.plan import Claim


def evaluation_claims(seen: Observation, course: Course) -> dict[str, Claim]:
    """The condition EvaluationsPassed; none where nothing is evaluated."""
    named = seen.deployment is not None and bool(seen.deployment.spec.evaluations)
    of_attempt = course.attempt.status.evaluations if course.attempt else ()
    records = of_attempt or records_of(course.evaluated) or _newest_records(seen)
    if not named and not records:
        return {}
    return {conventions.EVALUATIONS_PASSED: _claim(course, records)}


def _claim(course: Course, records: Sequence[EvaluationRecord]) -> Claim:
    if not records:
        against = course.closed or course.refusal
        if against is not None:
            return Claim(ConditionStatus.FALSE, against.reason, against.message)
        return Claim(ConditionStatus.UNKNOWN, "NotRun", "Suites are asked when a rollout begins.")
    for record in records:
        if record.verdict not in {Verdict.PASSED, RUNNING}:
            return Claim(ConditionStatus.FALSE, f"Evaluation{record.verdict}", f"{record.message}.")
    running = next((record for record in records if record.verdict == RUNNING), None)
    if running is not None:
        return Claim(ConditionStatus.UNKNOWN, EVALUATING, f"{running.message}.")
    return Claim(
        ConditionStatus.TRUE, "Passed", "; ".join(record.message for record in records) + "."
    )


def _newest_records(seen: Observation) -> tuple[EvaluationRecord, ...]:
    """What the evaluations of the newest attempt said."""
    newest = max(seen.attempts.values(), key=lambda one: one.spec.attempt, default=None)
    return newest.status.evaluations if newest else ()
