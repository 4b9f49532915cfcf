"""What the conditions about signals, traffic and rollback say."""

from rocksteady import conventions
from rocksteady.analysis.split import check_split
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome
from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.course import Course, why_blind
from rocksteady.rollout.judging import requests_of_step
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.plan import Claim
from rocksteady.rollout.policy import is_judged
from rocksteady.rollout.reading import Reading
from rocksteady.rollout.standing import ledger_of


def signal_claims(seen: Observation, course: Course) -> dict[str, Claim]:
    """The conditions that a judged rollout adds; none when nothing was ever judged."""
    judged = seen.deployment is not None and is_judged(seen.deployment.spec)
    if not judged and course.attempts == 0:
        return {}
    return {
        conventions.METRICS_AVAILABLE: _metrics_available(seen, course),
        conventions.TRAFFIC_SPLIT_VERIFIED: _split_verified(seen, course),
        conventions.ROLLED_BACK: _rolled_back(seen, course),
    }


def _metrics_available(seen: Observation, course: Course) -> Claim:
    start = seen.start
    against = (start.unmeasurable or start.unread) if start else None
    if not course.is_open and against is not None:
        return Claim(ConditionStatus.FALSE, against.reason, against.message)
    if not course.is_open or course.attempt is None:
        return Claim(ConditionStatus.UNKNOWN, "NotRead", "Signals are read while a rollout runs.")
    if course.attempt.spec.tests is None:
        return Claim(ConditionStatus.FALSE, "NotConfigured", _NOT_CONFIGURED)
    if seen.reading is None and seen.trip is not None:
        return _metrics_as_reported(seen)
    reading = seen.reading or Reading()
    blind = why_blind(course.attempt, reading, course.judgements)
    problem = blind or reading.invalid
    if problem is not None:
        return Claim(ConditionStatus.FALSE, problem.reason, problem.message)
    source = course.attempt.spec.tests.source
    return Claim(ConditionStatus.TRUE, "Read", f"The signals are read from {source}.")


def _metrics_as_reported(seen: Observation) -> Claim:
    """What was said last: a pass that takes requests away asks no source."""
    for one in seen.reported.conditions:
        if one.type == conventions.METRICS_AVAILABLE:
            return Claim(one.status, one.reason, one.message)
    return Claim(ConditionStatus.UNKNOWN, "NotRead", "Signals are read while a rollout runs.")


def _split_verified(seen: Observation, course: Course) -> Claim:
    attempt = course.attempt if course.is_open else None
    weight = attempt.status.weight_percent if attempt else 0
    counted = requests_of_step(attempt, seen.reading or Reading()) if attempt else None
    if attempt is None or weight == 0 or counted is None:
        return Claim(ConditionStatus.UNKNOWN, "NothingSplit", "No requests are split and counted.")
    split = check_split(counted.canary_total, counted.stable_total, weight)
    total = counted.canary_total + counted.stable_total
    observed = 0.0 if split.observed_percent is None else split.observed_percent
    said = f"the canary got {observed:.1f} % of {total} requests, and should get {weight} %"
    if split.mismatch:
        cure = "Look for another route, retries of the gateway, or series that are counted twice"
        return Claim(ConditionStatus.FALSE, "SplitMismatch", f"In this step {said}. {cure}.")
    return Claim(ConditionStatus.TRUE, "AsWanted", f"In this step {said}.")


def _rolled_back(seen: Observation, course: Course) -> Claim:
    """True while the spec describes a revision that failed."""
    failed = _failed_now(course) or _refused(seen, course)
    if failed is None:
        return Claim(ConditionStatus.FALSE, "NotRolledBack", "The spec's revision is not refused.")
    return Claim(ConditionStatus.TRUE, "RolledBack", failed)


def _failed_now(course: Course) -> str | None:
    attempt: LLMRollout | None = course.attempt
    if attempt is None or course.move is None:
        return None
    failed = attempt.status.outcome in {Outcome.ROLLED_BACK, Outcome.ABORTED}
    return course.move.message if failed else None


def _refused(seen: Observation, course: Course) -> str | None:
    if course.is_open or seen.target not in ledger_of(seen).refused:
        return None
    attempts = [
        attempt
        for attempt in seen.attempts.values()
        if attempt.spec.canary.hash == seen.target and attempt.status.decisions
    ]
    if attempts:
        newest = max(attempts, key=lambda attempt: attempt.spec.attempt)
        return newest.status.decisions[-1].message
    return course.refusal.message if course.refusal else "See status.refused."


_NOT_CONFIGURED = (
    "No SLO, or no metrics source of the operator: readiness and time are the only gates. Give"
    " spec.slos, and metricsSources in the operator's configuration."
)
