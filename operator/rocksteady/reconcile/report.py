"""Tell the user: status, conditions and Events. Pure, but for `report`, which writes the status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.status import (
    Condition,
    ConditionStatus,
    LLMDeploymentStatus,
    Revisions,
    RevisionStatus,
)
from rocksteady.ports import Announcement, EventType, Manifest
from rocksteady.reconcile.apply import Applied
from rocksteady.reconcile.rollout_report import (
    decision_events,
    last_decisions,
    missed_events,
    rollout_status,
)
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources.labels import selector_text, server_selector
from rocksteady.rollout.course import Course
from rocksteady.rollout.judging import requests_of_step
from rocksteady.rollout.observation import Observation, RevisionRecord
from rocksteady.rollout.plan import Claim, Plan
from rocksteady.rollout.requests import Verb, asked
from rocksteady.status.conditions import merge_conditions

WARNINGS_MAX: Final = 32
WARNING_MAX_LENGTH: Final = 1024
HANDLED_MAX: Final = 32
REFUSED_MAX: Final = 32
"""Bounds of `LLMDeploymentStatus`; a spec can give cause for more."""


def claims_after(plan: Plan, applied: Applied) -> dict[str, Claim]:
    """The plan's claims, corrected by what the API server would not take."""
    claims = dict(plan.claims)
    if applied.rejected is not None:
        reason, message = applied.rejected.reason, applied.rejected.message
        claims[conventions.STALLED] = Claim(ConditionStatus.TRUE, reason, message)
        if applied.unaddressed or claims[conventions.READY].status is not ConditionStatus.TRUE:
            claims[conventions.READY] = Claim(ConditionStatus.FALSE, reason, message)
    return claims


def new_status(
    snapshot: Snapshot, plan: Plan, claims: Mapping[str, Claim], now: datetime
) -> LLMDeploymentStatus:
    """The status to report."""
    seen, owner = snapshot.observation, snapshot.owner
    workloads = seen.workloads.values()
    return LLMDeploymentStatus(
        observed_generation=seen.generation,
        replicas=sum(workload.existing for workload in workloads),
        ready_replicas=sum(workload.ready for workload in workloads),
        selector=selector_text(server_selector(owner.name)),
        address=f"http://{owner.name}.{owner.namespace}.svc:{conventions.SERVICE_PORT}/v1",
        revisions=Revisions(
            stable=_revision_status(seen, plan, plan.stable),
            canary=_revision_status(seen, plan, plan.canary),
        ),
        rollout=rollout_status(snapshot.status, seen, plan.course),
        attempts=plan.course.attempts,
        refused=tuple(sorted(plan.course.refused, key=lambda entry: entry.number)[-REFUSED_MAX:]),
        handled_requests=_handled(seen, plan.course),
        decisions=last_decisions(snapshot.observation, plan.course),
        warnings=_bounded(seen.warnings),
        conditions=merge_conditions(snapshot.status.conditions, claims, seen.generation, now),
    )


def _handled(seen: Observation, course: Course) -> tuple[str, ...]:
    """Requests that were acted on; those that still stand there are the last to be forgotten."""
    standing = {text for verb in Verb for text in [asked(seen.annotations, verb)]}
    ordered = sorted(course.handled, key=lambda text: (text in standing, text))
    return tuple(sorted(ordered[-HANDLED_MAX:]))


def _bounded(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """As many warnings as the status has room for; the last says how many there are beside them."""
    cut = [warning[:WARNING_MAX_LENGTH] for warning in warnings]
    if len(cut) <= WARNINGS_MAX:
        return tuple(cut)
    more = len(cut) - WARNINGS_MAX + 1
    return (*cut[: WARNINGS_MAX - 1], f"and {more} more: see them all with rocksteady lint")


def _revision_status(seen: Observation, plan: Plan, revision: str | None) -> RevisionStatus | None:
    if revision is None:
        return None
    numbers = [record.number for record in seen.revisions.values()]
    unrecorded = RevisionRecord(revision, max(numbers, default=0) + 1)
    workload = seen.workloads.get(revision)
    return RevisionStatus(
        hash=revision,
        number=seen.revisions.get(revision, unrecorded).number,
        replicas=plan.running.get(revision, 0),
        ready_replicas=workload.ready if workload else 0,
        weight_percent=plan.split.get(revision) if plan.course.is_open else None,
        observed_percent=_observed_percent(seen, plan, revision),
    )


def _observed_percent(seen: Observation, plan: Plan, revision: str) -> int | None:
    """Share of the requests of this step that a revision got, as counted."""
    attempt = plan.course.attempt
    if attempt is None or not plan.course.is_open or seen.reading is None:
        return None
    counted = requests_of_step(attempt, seen.reading)
    total = counted.canary_total + counted.stable_total if counted else 0
    if counted is None or not total:
        return None
    canary = round(100 * counted.canary_total / total)
    return canary if revision == attempt.spec.canary.hash else 100 - canary


def status_manifest(snapshot: Snapshot, status: LLMDeploymentStatus) -> Manifest:
    """The status to apply, at the resourceVersion that was read: an overtaken pass fails."""
    metadata = snapshot.manifest["metadata"]
    content: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "status": content,
    }


def ours_of(live: Mapping[str, Any] | None, reported: Mapping[str, Any]) -> dict[str, Any] | None:
    """A live status without the conditions that are not among those reported; None: none yet."""
    if live is None:
        return None
    types = {condition["type"] for condition in reported["conditions"]}
    found = live.get("conditions")
    conditions = found if isinstance(found, list) else []
    return {**live, "conditions": [one for one in conditions if one.get("type") in types]}


def announcements(
    before: LLMDeploymentStatus, after: LLMDeploymentStatus, applied: Applied, course: Course
) -> list[Announcement]:
    """The Events that this pass is worth: what changed, once, in a sentence each."""
    said = [
        Announcement(
            EventType.WARNING, "Restored", f"{thing} had been edited by hand and was restored."
        )
        for thing in applied.restored
    ]
    known = {condition.type: condition for condition in before.conditions}
    for condition in after.conditions:
        announcement = _condition_event(known.get(condition.type), condition)
        if announcement is not None:
            said.append(announcement)
    said.extend(decision_events(course) or missed_events(before, after))
    if course.promoted is None:
        said.extend(_promotion_event(before, after))
    return said


def _condition_event(before: Condition | None, after: Condition) -> Announcement | None:
    if after.type == conventions.RECONCILING:
        return None
    changed = before is None or (before.status, before.reason) != (after.status, after.reason)
    holds = after.status is ConditionStatus.TRUE
    if not changed or (before is None and not holds):
        return None
    if after.type == conventions.READY and holds:
        return Announcement(EventType.NORMAL, after.reason, after.message)
    if after.type == conventions.STALLED and holds:
        return Announcement(EventType.WARNING, after.reason, after.message)
    return None


def _promotion_event(before: LLMDeploymentStatus, after: LLMDeploymentStatus) -> list[Announcement]:
    stable = after.revisions.stable
    if stable is None or (before.revisions.stable and before.revisions.stable.hash == stable.hash):
        return []
    message = f"r{stable.number} ({stable.hash}) is ready and serves from now on."
    return [Announcement(EventType.NORMAL, "Promoted", message)]
