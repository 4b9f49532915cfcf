"""Decide what should be: which revisions run, which one serves, and what the conditions say.

Pure and total: every observation gives a Plan, and a Plan carries its reasons. A changed revision
takes over as soon as all its replicas are ready; the old one serves until then and is stopped
afterwards.
"""

from typing import Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.observation import Finding, Observation, RevisionRecord
from rocksteady.rollout.plan import Claim, Plan
from rocksteady.rollout.revisions import HISTORY_LIMIT

RECHECK_SECONDS: Final = 10.0
"""How often something is looked at again that no watch reports, such as a missing Gateway."""
REFERENCE_SECONDS: Final = 30.0
"""How often ConfigMaps are read that a settled spec refers to: reads only."""


def decide(seen: Observation) -> Plan:
    """Decide the state to hold for one LLMDeployment."""
    stable, canary = _roles(seen)
    front = stable or canary or _standing(seen)
    running = _running(seen, stable, canary)
    claims = {
        conventions.READY: _ready(seen, front, stable),
        conventions.RECONCILING: _reconciling(seen, running, front, canary),
        conventions.STALLED: _stalled(seen, front, canary),
    }
    settled = (
        claims[conventions.RECONCILING].status is ConditionStatus.FALSE
        and claims[conventions.STALLED].status is ConditionStatus.FALSE
    )
    return Plan(
        running=running,
        stable=stable,
        canary=canary,
        front=front,
        forget=_forgotten(seen, keep={*running, stable, canary, seen.target}),
        prune=seen.target is not None,
        claims=claims,
        requeue_after_seconds=_next_look(seen, settled=settled),
    )


def _next_look(seen: Observation, *, settled: bool) -> float | None:
    """When to look again without being woken, in seconds; None: not needed."""
    if not settled:
        return RECHECK_SECONDS
    return REFERENCE_SECONDS if seen.refers else None


def _roles(seen: Observation) -> tuple[str | None, str | None]:
    """Stable and canary.

    The target becomes stable when all its wanted replicas are ready and requests can be sent to it.
    """
    target, stable = seen.target, seen.stable
    if target is None:  # the spec cannot be read: hold what stands, start nothing
        return stable, None
    if stable == target:
        return stable, None
    if _is_ready(seen, target) and not seen.front_refused:
        return target, None
    return stable, target


def _standing(seen: Observation) -> str | None:
    """The newest revision that runs; what is fronted when nothing was ever ready."""
    standing = [record for record in seen.revisions.values() if record.hash in seen.workloads]
    return max(standing, key=lambda record: record.number).hash if standing else None


def _is_ready(seen: Observation, revision: str) -> bool:
    """True when all wanted replicas of a revision run and are ready; zero wanted are ready."""
    workload = seen.workloads.get(revision)
    wanted = seen.wanted_replicas
    return (
        workload is not None
        and wanted is not None
        and workload.current
        and workload.wanted == wanted
        and workload.ready >= wanted
    )


def _running(seen: Observation, stable: str | None, canary: str | None) -> dict[str, int]:
    """Replicas by revision: the wanted number each.

    A revision that was stable until now stays for this pass, and for as long as a gateway may go by
    an earlier form of the route. A spec that no revision can be made of stops nothing.
    """
    if seen.target is None:
        return {revision: workload.wanted for revision, workload in seen.workloads.items()}
    wanted = seen.wanted_replicas or 0
    kept = (stable, canary, seen.stable, _still_routed(seen, stable, canary))
    return {revision: wanted for revision in kept if revision is not None}


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


def _ready(seen: Observation, front: str | None, stable: str | None) -> Claim:
    """True when users get answers."""
    workload = seen.workloads.get(front or "")
    if seen.wanted_replicas == 0:
        return Claim(
            ConditionStatus.FALSE, "ScaledToZero", "No replicas are wanted; scale up to serve."
        )
    if workload is None or workload.ready == 0 or stable is None:
        problem = _problem(seen, front, None) or seen.route
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
    seen: Observation, running: dict[str, int], front: str | None, canary: str | None
) -> Claim:
    """True while something is on its way."""
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
    leaving = sorted(set(seen.workloads) - {seen.target, canary})
    if leaving and seen.target is not None:
        message = f"{_label(seen, leaving[0])} is being stopped."
        return Claim(ConditionStatus.TRUE, "StoppingOldRevision", message)
    return Claim(ConditionStatus.FALSE, "Settled", "What is wanted is what runs.")


def _stalled(seen: Observation, front: str | None, canary: str | None) -> Claim:
    """True when it will not go on without somebody's help."""
    problem = _problem(seen, front, canary) or seen.route
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


_ROUTE_PENDING: Final = "The gateway has not accepted the route yet."
