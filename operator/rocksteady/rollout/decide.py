"""Decide what should be: which revisions run, which one serves, and what the conditions say.

Pure and total: every observation gives a Plan, and a Plan carries its reasons. A changed revision
that nothing can judge takes over as soon as all its replicas are ready; one that something can
becomes the canary of an attempt (`rollout.course`, `rollout.machine`). The old one serves until
then and is stopped afterwards.
"""

from typing import Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.capacity import goal_of, share_at
from rocksteady.rollout.claims import claims_of
from rocksteady.rollout.course import Course, plot
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.plan import Plan, Roles
from rocksteady.rollout.policy import is_judged
from rocksteady.rollout.revisions import HISTORY_LIMIT
from rocksteady.rollout.standing import has_gateway, settled_stable

RECHECK_SECONDS: Final = 10.0
"""How often something is looked at again that no watch reports, such as a missing Gateway."""
REFERENCE_SECONDS: Final = 30.0
"""How often ConfigMaps are read that a settled spec refers to: reads only."""
AT_ONCE_SECONDS: Final = 0.5
"""When an attempt that got ahead is looked at again."""
UNMEASURED_SECONDS: Final = 2.0
"""How often an attempt is looked at that only time and readiness decide."""


def decide(seen: Observation) -> Plan:
    """Decide the state to hold for one LLMDeployment."""
    course = plot(seen)
    stable, canary = _stable_and_canary(seen, course)
    roles = Roles(stable, canary, stable or canary or _standing(seen))
    running = _running(seen, course, roles)
    claims = claims_of(seen, course, roles, running)
    settled = (
        claims[conventions.RECONCILING].status is ConditionStatus.FALSE
        and claims[conventions.STALLED].status is ConditionStatus.FALSE
    )
    return Plan(
        running=running,
        stable=stable,
        canary=canary,
        front=roles.front,
        forget=_forgotten(seen, keep={*running, stable, canary, seen.target}),
        prune=seen.target is not None,
        claims=claims,
        requeue_after_seconds=_next_look(seen, course, settled=settled),
        course=course,
        split=_split(seen, course),
        selected=_selected(seen, course),
        closed=stable is None and course.closed is not None,
    )


def _next_look(seen: Observation, course: Course, *, settled: bool) -> float | None:
    """When to look again without being woken, in seconds; None: not needed."""
    if course.move is not None:
        return _next_tick(course)
    if not settled:
        return RECHECK_SECONDS
    waits = (REFERENCE_SECONDS if seen.refers else None, course.due_seconds)
    return min((one for one in waits if one is not None), default=None)


def _next_tick(course: Course) -> float:
    """An attempt that got ahead is looked at again at once, else a few times in each tick."""
    if course.move is not None and course.move.action is not None:
        return AT_ONCE_SECONDS
    tests = course.attempt.spec.tests if course.attempt else None
    return max(AT_ONCE_SECONDS, tests.tick_seconds / 3) if tests else UNMEASURED_SECONDS


def _stable_and_canary(seen: Observation, course: Course) -> tuple[str | None, str | None]:
    """Stable and canary, of the attempt when there is one."""
    stable = settled_stable(seen)
    if course.attempt is not None:
        canary = course.attempt.spec.canary.hash if course.is_open else None
        return course.promoted or stable, canary
    judged = seen.deployment is not None and is_judged(seen.deployment.spec)
    if stable is not None and (judged or course.refusal is not None):
        return stable, None
    return _unjudged(seen, stable, course.closed)


def _unjudged(
    seen: Observation, stable: str | None, closed: Finding | None
) -> tuple[str | None, str | None]:
    """Without anything to judge it by, the target becomes stable as soon as it can serve.

    That is when all its wanted replicas are ready and requests can be sent to it, and when nothing
    is against a first one.
    """
    target = seen.target
    if target is None:  # the spec cannot be read: hold what stands, start nothing
        return stable, None
    if stable == target:
        return stable, None
    if _is_ready(seen, target) and not seen.front_refused and closed is None:
        return target, None
    return stable, target


def _standing(seen: Observation) -> str | None:
    """The newest revision that runs; what is fronted when nothing was ever ready."""
    standing = [record for record in seen.revisions.values() if record.hash in seen.workloads]
    return max(standing, key=lambda record: record.number).hash if standing else None


def _is_ready(seen: Observation, revision: str) -> bool:
    """True when all wanted replicas of a revision run and are ready; zero wanted are ready.

    Behind a gateway its Service must have addresses too, which come a moment later.
    """
    workload = seen.workloads.get(revision)
    wanted = seen.wanted_replicas
    return (
        workload is not None
        and wanted is not None
        and workload.current
        and workload.wanted == wanted
        and workload.ready >= wanted
        and (not seen.has_gateway or seen.addresses.get(revision, 0) >= wanted)
    )


def _running(seen: Observation, course: Course, roles: Roles) -> dict[str, int]:
    """Replicas by revision: the wanted number each, or what the attempt's weight needs.

    A revision that was stable or canary until now stays for this pass, and for as long as a gateway
    may go by an earlier form of the route. A spec that no revision can be made of stops nothing.
    """
    wanted = seen.wanted_replicas
    if wanted is None or (seen.target is None and not course.is_open):
        return {revision: workload.wanted for revision, workload in seen.workloads.items()}
    ended = course.attempt.spec.canary.hash if course.attempt else None
    routed = _still_routed(seen, roles.stable, roles.canary)
    kept = (roles.stable, roles.canary, settled_stable(seen), seen.stable, ended, routed)
    # Of those that have no role any more, none is started.
    running = {
        revision: wanted
        if revision in {roles.stable, roles.canary}
        else min(wanted, _wanted_now(seen, revision))
        for revision in kept
        if revision is not None
        and (revision in {roles.stable, roles.canary} or revision in seen.workloads)
    }
    if course.attempt is not None and course.is_open:
        policy, spec = course.attempt.spec.policy, course.attempt.spec
        share = share_at(policy, goal_of(course.attempt), wanted)
        running = {**running, spec.stable.hash: share.stable, spec.canary.hash: share.canary}
    return _without_spares(seen, running, roles.stable) if _saves(seen, course) else running


def _saves(seen: Observation, course: Course) -> bool:
    """True when no more pods may be asked for than are wanted."""
    if course.attempt is not None:
        return course.attempt.spec.policy.capacity is Capacity.RESOURCE_AWARE
    rollout = seen.deployment.spec.rollout if seen.deployment else None
    return rollout is not None and rollout.capacity is Capacity.RESOURCE_AWARE


def _without_spares(
    seen: Observation, running: dict[str, int], stable: str | None
) -> dict[str, int]:
    """The same, with each revision growing, stable first, only as others have ended their pods.

    A revision that leaves is kept without pods until the last of them has ended. Pods that were
    asked for count as soon as they are, since they may be made between this look and the next.
    """
    leaving = {
        revision: 0
        for revision, workload in seen.workloads.items()
        if revision not in running and (workload.holding or workload.wanted)
    }
    capped = leaving | {
        revision: min(replicas, _wanted_now(seen, revision))
        for revision, replicas in running.items()
    }
    wanted = seen.wanted_replicas or 0
    for revision in sorted(running, key=lambda one: one != stable):
        ending = sum(workload.ending for workload in seen.workloads.values())
        held = ending + sum(
            max(workload.existing, workload.wanted, capped.get(other, 0))
            for other, workload in seen.workloads.items()
            if other != revision
        )
        capped[revision] = min(running[revision], max(capped[revision], wanted - held))
    return capped


def _wanted_now(seen: Observation, revision: str) -> int:
    workload = seen.workloads.get(revision)
    return workload.wanted if workload else 0


def _split(seen: Observation, course: Course) -> dict[str, int]:
    """Weights by revision, stable first; only of revisions that requests can reach."""
    if course.attempt is None or course.promoted is not None:
        return {}
    spec, status = course.attempt.spec, course.attempt.status
    weights = {
        spec.stable.hash: conventions.ALL_PERCENT - status.weight_percent,
        spec.canary.hash: status.weight_percent,
    }
    reached = {
        revision: weight
        for revision, weight in weights.items()
        if seen.addresses.get(revision, 0) > 0
    }
    if not any(reached.values()) or not reached:
        return {spec.stable.hash: conventions.ALL_PERCENT}
    if len(reached) == 1:
        return dict.fromkeys(reached, conventions.ALL_PERCENT)
    return reached


def _selected(seen: Observation, course: Course) -> tuple[str, ...]:
    """Without a gateway the Service is the split: stable, then both; the canary when it serves."""
    if not course.is_open or course.attempt is None or has_gateway(seen, course.attempt):
        return ()
    spec, weight = course.attempt.spec, course.attempt.status.weight_percent
    if weight == 0 or seen.addresses.get(spec.canary.hash, 0) == 0:
        return ()
    return spec.stable.hash, spec.canary.hash


def _still_routed(seen: Observation, stable: str | None, canary: str | None) -> str | None:
    """The newest other revision with ready pods, while a gateway may still send it requests."""
    if not seen.route_behind:
        return None
    others = [
        record
        for record in seen.revisions.values()
        if record.hash not in {stable, canary}
        and (workload := seen.workloads.get(record.hash)) is not None
        and workload.ready > 0
    ]
    return max(others, key=lambda record: record.number).hash if others else None


def _forgotten(seen: Observation, keep: set[str | None]) -> tuple[str, ...]:
    """Recorded revisions beyond the history limit, oldest first."""
    idle = sorted(
        (record for record in seen.revisions.values() if record.hash not in keep),
        key=lambda record: record.number,
    )
    return tuple(record.hash for record in idle[: max(0, len(idle) - HISTORY_LIMIT)])
