"""Write what was decided about attempts, before anything is done about it.

One write commits a decision and the state that it leads to. Whoever is killed after it goes on from
there, whoever is killed before it decides again.
"""

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmrollout import LLMRolloutStatus
from rocksteady.ports import ClusterWriter, Manifest, ReconcileObserver
from rocksteady.reconcile.evaluation_render import render_contents
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds
from rocksteady.resources.kinds import kind_of
from rocksteady.resources.owned import owned_manifest
from rocksteady.rollout.course import Course


async def commit(
    snapshot: Snapshot, course: Course, cluster: ClusterWriter, observer: ReconcileObserver
) -> None:
    """Write the attempt that goes on, begins or ends, and forget those beyond the history.

    Raises:
        Conflict: Somebody wrote meanwhile: decide again.
        ClusterError: The API server refused or did not answer.
        NotLeader: The Lease was lost.
    """
    for name, request in course.lifts.items():
        status = snapshot.observation.attempts[name].status
        lifted = status.model_copy(update={"released_by": request})
        await _write_status(snapshot, name, lifted, cluster, observer)
    if course.attempt is not None and course.name is not None:
        if course.begins:
            # What it is judged by is kept before it is judged.
            for manifest in render_contents(snapshot, course):
                await cluster.apply(kind_of(manifest), manifest)
                observer.applied(manifest["kind"], "apply")
            spec = course.attempt.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
            body = {"spec": spec}
            revision = course.attempt.spec.canary.hash
            manifest = owned_manifest(
                snapshot.owner, kinds.LLM_ROLLOUT, course.name, body, revision
            )
            await cluster.apply(kinds.LLM_ROLLOUT, manifest)
            observer.applied(kinds.LLM_ROLLOUT.kind, "apply")
        await _write_status(snapshot, course.name, course.attempt.status, cluster, observer)
    for name in course.surplus:
        uid = snapshot.rollouts[name]["metadata"]["uid"]
        await cluster.delete(kinds.LLM_ROLLOUT, snapshot.owner.namespace, name, uid)
        observer.applied(kinds.LLM_ROLLOUT.kind, "delete")


async def _write_status(
    snapshot: Snapshot,
    name: str,
    status: LLMRolloutStatus,
    cluster: ClusterWriter,
    observer: ReconcileObserver,
) -> None:
    """Write a status at the resourceVersion that was read, unless it reads so already."""
    live = snapshot.rollouts.get(name)
    content = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if live is not None and live.get("status") == content:
        return
    metadata: Manifest = {"name": name, "namespace": snapshot.owner.namespace}
    if live is not None:
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    manifest = {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.ROLLOUT_KIND,
        "metadata": metadata,
        "status": content,
    }
    await cluster.apply_status(kinds.LLM_ROLLOUT, manifest)
    observer.applied(kinds.LLM_ROLLOUT.kind, "status")
