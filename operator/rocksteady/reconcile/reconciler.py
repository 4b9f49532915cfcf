"""One pass over one LLMDeployment: observe, decide, commit, render, apply, report."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from rocksteady.ports import (
    Clock,
    Cluster,
    Key,
    Manifest,
    ReconcileObserver,
    Recorder,
)
from rocksteady.reconcile.apply import Applied, apply
from rocksteady.reconcile.commit import commit
from rocksteady.reconcile.observe import observe
from rocksteady.reconcile.render import render
from rocksteady.reconcile.report import (
    announcements,
    claims_after,
    new_status,
    ours_of,
    status_manifest,
)
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds
from rocksteady.rollout.course import Course, ends_unmeasured, takes_away
from rocksteady.rollout.decide import decide
from rocksteady.rollout.evaluation_runs import RunSeen
from rocksteady.rollout.evaluation_scores import scores_of
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.plan import Plan
from rocksteady.rollout.reading import Trip
from rocksteady.settings import Settings

REJECTED_SECONDS: Final = 30.0
"""When to try again what the API server rejected: quota and admission rules change."""


class Gatherer(Protocol):
    """Adds to what was seen what Prometheus says; see `reconcile.signals`."""

    async def add(self, seen: Observation) -> Observation:
        """What was seen, and what was counted."""

    def forget(self, key: Key) -> None:
        """The LLMDeployment is gone."""


class Lane(Protocol):
    """Watches canaries from second to second; see `reconcile.fast_lane`."""

    def follow(self, key: Key, course: Course) -> None:
        """What becomes of the attempt: its canary is watched for as long as it has requests."""

    def forget(self, key: Key) -> None:
        """The LLMDeployment is gone."""

    def trip_of(self, key: Key) -> Trip | None:
        """Why the canary must lose its requests at once; None: it need not."""

    async def tripped(self, key: Key) -> None:
        """Wait until the canary must lose its requests; for ever when it is not watched."""


@dataclass(frozen=True)
class Dependencies:
    """What a pass needs of the world."""

    cluster: Cluster
    recorder: Recorder
    clock: Clock
    observer: ReconcileObserver
    settings: Settings
    signals: Gatherer
    lane: Lane


@dataclass(frozen=True)
class Outcome:
    """What a pass came to.

    Attributes:
        requeue_after_seconds: When to look again without being woken; None: not needed.
        summary: For the log: `gone`, or the conditions in short.
    """

    requeue_after_seconds: float | None
    summary: str


async def reconcile(key: Key, needs: Dependencies) -> Outcome:
    """Bring one LLMDeployment closer to what its spec says.

    Raises:
        Conflict: Somebody else wrote meanwhile: do it again from the start.
        ClusterError: The API server refused or did not answer: try again later.
        NotLeader: The Lease was lost; nothing more was written.
    """
    snapshot = await observe(key, needs.cluster, needs.clock.now())
    if snapshot is None:
        needs.observer.forgotten(key)
        needs.lane.forget(key)
        needs.signals.forget(key)
        return Outcome(None, "gone")
    snapshot = replace(snapshot, observation=await _measured(key, snapshot.observation, needs))
    # In a thread, since the evidence of long attempts takes its time.
    plan = await asyncio.to_thread(decide, snapshot.observation)
    await commit(snapshot, plan.course, needs.cluster, needs.observer)
    needs.lane.follow(key, plan.course)  # its first look comes before the route gives requests
    manifests = render(snapshot, plan, needs.settings)
    applied = await apply(snapshot, plan, manifests, needs.cluster, needs.observer)
    if applied.front_refused:  # then nothing was promoted
        plan = decide(replace(snapshot.observation, front_refused=True))
    told = await _told(snapshot.observation, plan, applied)
    claims = claims_after(told, applied)
    status = new_status(snapshot, plan, claims, needs.clock.now())
    await _report(snapshot, status_manifest(snapshot, status), needs)
    said = announcements(snapshot.status, status, applied, plan.course)
    await needs.recorder.record(snapshot.manifest, said)
    needs.observer.decided(key, plan.course, needs.clock.now())
    needs.observer.evaluated(key, scores_of(snapshot.observation, plan.course))
    needs.observer.conditions(key, {type_: claim.status for type_, claim in claims.items()})
    summary = " ".join(f"{type_}={claim.status}/{claim.reason}" for type_, claim in claims.items())
    return Outcome(_requeue_after_seconds(plan, applied), summary)


async def _told(seen: Observation, plan: Plan, applied: Applied) -> Plan:
    """The plan with what conditions say when runs of suites cannot begin: it is their trouble.

    What was decided stands: the next pass tries again.
    """
    if not applied.unasked:
        return plan
    troubled = {
        run: replace(seen.runs.get(run, RunSeen()), trouble=finding)
        for run, finding in applied.unasked.items()
    }
    unasked = replace(seen, runs={**seen.runs, **troubled}, front_refused=applied.front_refused)
    return await asyncio.to_thread(decide, unasked)


def _requeue_after_seconds(plan: Plan, applied: Applied) -> float | None:
    """When to look again; what was not taken is tried again, and no later than planned."""
    planned = plan.requeue_after_seconds
    if applied.rejected is not None:
        return REJECTED_SECONDS
    if applied.unsettled:
        return REJECTED_SECONDS if planned is None else min(planned, REJECTED_SECONDS)
    return planned


async def _measured(key: Key, seen: Observation, needs: Dependencies) -> Observation:
    """What was seen, with what is counted.

    Nobody waits for Prometheus while every response fails, or when an attempt ends for what a
    person or Kubernetes says: the evidence comes with a later pass, or is not needed.
    """
    tripped = replace(seen, trip=needs.lane.trip_of(key))
    if takes_away(tripped) or ends_unmeasured(tripped):
        return tripped
    measuring = asyncio.ensure_future(needs.signals.add(tripped))
    tripping = asyncio.ensure_future(needs.lane.tripped(key))
    try:
        await asyncio.wait({measuring, tripping}, return_when=asyncio.FIRST_COMPLETED)
        tripped = replace(seen, trip=needs.lane.trip_of(key))
        # Else the trip is not about this canary: without its evidence nothing may go on.
        if not measuring.done() and takes_away(tripped):
            return tripped
        return await measuring
    finally:
        await _end(measuring, tripping)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what still runs, and wait until it has ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _report(snapshot: Snapshot, manifest: Manifest, needs: Dependencies) -> None:
    """Write the status, unless it already reads so but for conditions that others keep there."""
    if ours_of(snapshot.manifest.get("status"), manifest["status"]) != manifest["status"]:
        await needs.cluster.apply_status(kinds.LLM_DEPLOYMENT, manifest)
        needs.observer.applied(kinds.LLM_DEPLOYMENT.kind, "status")
