"""What the conditions say. Pure: from what was seen and what is planned."""

from collections.abc import Mapping
from typing import Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_claims import evaluation_claims
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.moves import EVALUATING
from rocksteady.rollout.observation import Observation, RevisionRecord
from rocksteady.rollout.plan import Claim, Roles
from rocksteady.rollout.signal_claims import signal_claims


def claims_of(
    seen: Observation, course: Course, roles: Roles, running: Mapping[str, int]
) -> dict[str, Claim]:
    """Every condition that there is something to say about.

    Args:
        seen: What was seen.
        course: What becomes of the attempts.
        roles: Which revision serves, and which is on its way.
        running: Replicas by revision.
    """
    claims = {
        conventions.READY: _ready(seen, course, roles),
        conventions.RECONCILING: _reconciling(seen, course, running, roles),
        conventions.STALLED: _stalled(seen, course, roles),
    }
    return {**claims, **signal_claims(seen, course), **evaluation_claims(seen, course)}


def _ready(seen: Observation, course: Course, roles: Roles) -> Claim:
    """True when users get answers."""
    front, stable = roles.front, roles.stable
    workload = seen.workloads.get(front or "")
    if seen.wanted_replicas == 0:
        return Claim(
            ConditionStatus.FALSE, "ScaledToZero", "No replicas are wanted; scale up to serve."
        )
    if workload is None or workload.ready == 0 or stable is None:
        started = workload is not None and workload.ready > 0
        closed = course.closed if started else None
        problem = _problem(seen, front, None) or seen.route or closed
        if problem is not None:
            return Claim(ConditionStatus.FALSE, problem.reason, problem.message)
        return Claim(ConditionStatus.FALSE, "Starting", _progress(seen, front) + ".")
    if seen.route is not None:
        return Claim(ConditionStatus.FALSE, seen.route.reason, seen.route.message)
    if not seen.route_settled:
        return Claim(ConditionStatus.FALSE, "RoutePending", _ROUTE_PENDING)
    return Claim(
        ConditionStatus.TRUE,
        "Serving",
        f"{_label(seen, front)} serves with {workload.ready} of"
        f" {_count(workload.wanted, 'replica')} ready.",
    )


def _reconciling(
    seen: Observation, course: Course, running: Mapping[str, int], roles: Roles
) -> Claim:
    """True while something is on its way."""
    canary, front = roles.canary, roles.front
    if course.move is not None and course.is_open:
        hold = course.attempt.status.hold if course.attempt else None
        paused = hold is not None and hold.reason in _WAITING_FOR_PEOPLE
        reason = hold.reason if hold is not None and paused else "RollingOut"
        return Claim(ConditionStatus.TRUE, reason, course.move.message)
    if canary is not None and canary != front:
        message = f"{_progress(seen, canary)}; {_label(seen, front)} serves until then."
        return Claim(ConditionStatus.TRUE, "RollingOut", message)
    starting = [
        revision
        for revision, replicas in running.items()
        if (workload := seen.workloads.get(revision)) is None
        or workload.ready < replicas
        or workload.wanted != replicas
    ]
    if starting:
        return Claim(ConditionStatus.TRUE, "ReplicasStarting", _progress(seen, starting[0]) + ".")
    if running and not seen.route_settled:
        return Claim(ConditionStatus.TRUE, "RoutePending", _ROUTE_PENDING)
    leaving = sorted(set(seen.workloads) - {roles.stable, canary})
    if leaving and seen.target is not None:
        message = f"{_label(seen, leaving[0])} is being stopped."
        return Claim(ConditionStatus.TRUE, "StoppingOldRevision", message)
    return Claim(ConditionStatus.FALSE, "Settled", "What is wanted is what runs.")


def _stalled(seen: Observation, course: Course, roles: Roles) -> Claim:
    """True when it will not go on without somebody's help."""
    stalled = course.move.stalled if course.move else None
    closed = course.closed if course.closed and course.closed.reason != EVALUATING else None
    problem = (
        _problem(seen, roles.front, roles.canary)
        or seen.route
        or stalled
        or course.refusal
        or closed
    )
    if problem is None:
        return Claim(ConditionStatus.FALSE, "NotStalled", "Nothing is in the way.")
    return Claim(ConditionStatus.TRUE, problem.reason, problem.message)


def _problem(seen: Observation, front: str | None, canary: str | None) -> Finding | None:
    """What is in the way: the spec itself first, then the new revision, then the serving one."""
    if seen.obstacle is not None:
        return seen.obstacle
    for revision in filter(None, (canary, front)):
        workload = seen.workloads.get(revision)
        if workload is not None and workload.trouble is not None:
            trouble = workload.trouble
            return Finding(trouble.reason, f"{_label(seen, revision)}: {trouble.message}")
    return None


def _progress(seen: Observation, revision: str | None) -> str:
    """How far a revision has come, without a full stop."""
    if revision is None:
        return "No revision has been started yet"
    workload = seen.workloads.get(revision)
    ready = workload.ready if workload else 0
    wanted = seen.wanted_replicas if seen.wanted_replicas is not None else 1
    return f"{_label(seen, revision)} has {ready} of {_count(wanted, 'replica')} ready"


def _label(seen: Observation, revision: str | None) -> str:
    if revision is None:
        return "nothing"
    number = max((record.number for record in seen.revisions.values()), default=0) + 1
    return seen.revisions.get(revision, RevisionRecord(revision, number)).label


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


_WAITING_FOR_PEOPLE: Final = frozenset({"Paused", "AwaitingApproval"})
_ROUTE_PENDING: Final = "The gateway has not accepted the route yet."
