"""Make the cluster what the Plan says. The only place that writes owned objects.

Nothing is written that is already so. A manifest that the API server rejects is reported, and the
others are applied all the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from rocksteady import errors
from rocksteady.ports import ClusterWriter, Manifest, ReconcileObserver
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds
from rocksteady.resources.drift import differs, has_foreign_entries
from rocksteady.resources.kinds import kind_of
from rocksteady.rollout.observation import Finding
from rocksteady.rollout.plan import Plan


@dataclass(frozen=True)
class Applied:
    """What applying came to.

    Attributes:
        restored: Owned objects that somebody had edited or deleted, as `Kind name`.
        rejected: What the API server would not take; None: it took everything.
    """

    restored: tuple[str, ...]
    rejected: Finding | None


async def apply(
    snapshot: Snapshot,
    plan: Plan,
    manifests: Iterable[Manifest],
    cluster: ClusterWriter,
    observer: ReconcileObserver,
) -> Applied:
    """Apply what differs, then delete what is owned and no longer wanted.

    Raises:
        ClusterError: The API server refused for a reason that may pass, or did not answer.
        NotLeader: The Lease was lost; nothing more was written.
    """
    wanted = list(manifests)
    restored: list[str] = []
    rejected: Finding | None = None
    for manifest in wanted:
        try:
            if await _apply_one(snapshot, manifest, cluster, observer):
                restored.append(f"{manifest['kind']} {manifest['metadata']['name']}")
        except errors.Invalid as error:
            rejected = rejected or _rejection(manifest, error)
    if plan.prune and rejected is None:
        await _prune(snapshot, plan, wanted, cluster, observer)
    return Applied(tuple(restored), rejected)


async def _apply_one(
    snapshot: Snapshot, manifest: Manifest, cluster: ClusterWriter, observer: ReconcileObserver
) -> bool:
    """Apply one manifest if it differs; True when that undid somebody's edit."""
    kind = kind_of(manifest)
    live = snapshot.live.find(kind, manifest["metadata"]["name"])
    if live is not None and not differs(manifest, live):
        return False
    if live is not None and has_foreign_entries(manifest, live):
        version = live["metadata"]["resourceVersion"]
        metadata = {**manifest["metadata"], "resourceVersion": version}
        await cluster.replace(kind, {**manifest, "metadata": metadata})
    else:
        await cluster.apply(kind, manifest)
    observer.applied(kind.kind, "apply")
    return _was_edited(manifest, live)


def _was_edited(manifest: Manifest, live: Manifest | None) -> bool:
    """True when the same manifest had been applied before, so that the difference is foreign."""
    if live is None:
        return False
    mark = live["metadata"].get("annotations") or {}
    return all(
        mark.get(name) == value for name, value in manifest["metadata"]["annotations"].items()
    )


def _rejection(manifest: Manifest, error: errors.Invalid) -> Finding:
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    volumes = manifest["spec"].get("template", {}).get("spec", {}).get("volumes", ())
    if any("image" in volume for volume in volumes) and "volume" in str(error):
        return Finding(
            "ImageVolumeUnsupported",
            "this cluster cannot mount an image as a volume, which oci:// needs. Use Kubernetes"
            " 1.35 or newer (1.33 and 1.34 with the feature gate ImageVolume), or another scheme"
            f" in spec.model.uri. ({error})",
        )
    return Finding(
        "RejectedByApiServer",
        f"{name}: {error}. Check spec.podTemplate, spec.resources and spec.engine.env.",
    )


async def _prune(
    snapshot: Snapshot,
    plan: Plan,
    wanted: list[Manifest],
    cluster: ClusterWriter,
    observer: ReconcileObserver,
) -> None:
    """Delete owned objects that the plan does not have; records only beyond the history limit."""
    keep = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in wanted}
    forget = {snapshot.owner.revision_name(revision) for revision in plan.forget}
    for (kind_name, name), live in reversed(tuple(snapshot.live.objects.items())):
        if (kind_name, name) in keep or "deletionTimestamp" in live["metadata"]:
            continue
        if kind_name == kinds.CONTROLLER_REVISION.kind and name not in forget:
            continue
        kind = kind_of(live)
        await cluster.delete(kind, snapshot.owner.namespace, name, live["metadata"]["uid"])
        observer.applied(kind.kind, "delete")
