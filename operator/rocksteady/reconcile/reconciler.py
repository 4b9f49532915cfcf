"""One pass over one LLMDeployment: observe, decide, render, apply, report."""

from dataclasses import dataclass, replace
from typing import Final

from rocksteady.ports import (
    Clock,
    Cluster,
    Key,
    Manifest,
    ReconcileObserver,
    Recorder,
)
from rocksteady.reconcile.apply import apply
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
from rocksteady.rollout.decide import decide
from rocksteady.settings import Settings

REJECTED_SECONDS: Final = 30.0
"""When to try again what the API server rejected: quota and admission rules change."""


@dataclass(frozen=True)
class Dependencies:
    """What a pass needs of the world."""

    cluster: Cluster
    recorder: Recorder
    clock: Clock
    observer: ReconcileObserver
    settings: Settings


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
    snapshot = await observe(key, needs.cluster)
    if snapshot is None:
        needs.observer.forgotten(key)
        return Outcome(None, "gone")
    plan = decide(snapshot.observation)
    manifests = render(snapshot, plan, needs.settings)
    applied = await apply(snapshot, plan, manifests, needs.cluster, needs.observer)
    if applied.front_refused:  # then nothing was promoted
        plan = decide(replace(snapshot.observation, front_refused=True))
    claims = claims_after(plan, applied)
    status = new_status(snapshot, plan, claims, needs.clock.now())
    await _report(snapshot, status_manifest(snapshot, status), needs)
    await needs.recorder.record(snapshot.manifest, announcements(snapshot.status, status, applied))
    needs.observer.conditions(key, {type_: claim.status for type_, claim in claims.items()})
    summary = " ".join(f"{type_}={claim.status}/{claim.reason}" for type_, claim in claims.items())
    rejected = applied.rejected is not None
    return Outcome(REJECTED_SECONDS if rejected else plan.requeue_after_seconds, summary)


async def _report(snapshot: Snapshot, manifest: Manifest, needs: Dependencies) -> None:
    """Write the status, unless it already reads so but for conditions that others keep there."""
    if ours_of(snapshot.manifest.get("status"), manifest["status"]) != manifest["status"]:
        await needs.cluster.apply_status(kinds.LLM_DEPLOYMENT, manifest)
        needs.observer.applied(kinds.LLM_DEPLOYMENT.kind, "status")
