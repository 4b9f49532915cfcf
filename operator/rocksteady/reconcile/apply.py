"""Make the cluster what the Plan says. The only place that writes owned objects.

Nothing is written that is already so. A manifest that the API server rejects is reported, and the
others are applied all the same. What asks revisions comes after all that serves, and whatever the
API server answers there stops nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rocksteady import conventions, errors
from rocksteady.ports import Cluster, ClusterWriter, Manifest, ReconcileObserver
from rocksteady.reconcile.evaluations import run_of
from rocksteady.reconcile.snapshot import Snapshot, revision_of
from rocksteady.resources import kinds
from rocksteady.resources.drift import differs, has_foreign_entries, lacks
from rocksteady.resources.kinds import kind_of
from rocksteady.resources.owned import controller_of
from rocksteady.rollout.evaluation_runs import Run
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.plan import Plan

_DROPPED: Final = "the API server drops a part of it that this cluster does not have"


@dataclass(frozen=True)
class Applied:
    """What applying came to.

    Attributes:
        restored: Owned objects that somebody had edited or deleted, as `Kind name`.
        rejected: What the API server would not take; None: it took everything.
        front_refused: True when the Service that users talk to could not be made what it should be.
        unaddressed: True when that Service is not there at all, or not ours.
        unasked: Runs of suites that cannot begin, and why.
        unsettled: True when something of an evaluation is to be written or deleted once more.
    """

    restored: tuple[str, ...]
    rejected: Finding | None
    front_refused: bool = False
    unaddressed: bool = False
    unasked: Mapping[Run, Finding] = field(default_factory=dict)
    unsettled: bool = False


async def apply(
    snapshot: Snapshot,
    plan: Plan,
    manifests: Iterable[Manifest],
    cluster: Cluster,
    observer: ReconcileObserver,
) -> Applied:
    """Apply what differs, delete what is owned and no longer wanted, then apply what asks.

    Raises:
        ClusterError: The API server refused something that serves for a reason that may pass, or
            did not answer.
        NotLeader: The Lease was lost; nothing more was written.
    """
    wanted = list(manifests)
    findings, refused = await _rehearse(snapshot, wanted, cluster)
    restored: list[str] = []
    front_refused = False
    for manifest in wanted:
        if revision_of(manifest) in refused or _is_evaluation(manifest):
            continue
        try:
            finding = await _taken(snapshot, manifest, cluster)
            if finding is None and await _apply_one(snapshot, manifest, cluster, observer):
                restored.append(f"{manifest['kind']} {manifest['metadata']['name']}")
        except (errors.Invalid, errors.Forbidden) as error:
            finding = _rejection(manifest, error)
        except errors.NotServed:
            # Without the Gateway API there is no Gateway either, which has been reported.
            if kind_of(manifest) not in kinds.OPTIONAL:
                raise
        if finding is not None:
            findings.append(finding)
            front_refused = front_refused or _is_front(snapshot, manifest)
    unsettled = False
    if plan.prune:
        # What was rejected may be what sends requests to the new revision.
        held = _reached(snapshot) if findings else frozenset()
        unsettled = await _prune(snapshot, plan, held, wanted, cluster, observer)
    asking = [manifest for manifest in wanted if _is_evaluation(manifest)]
    troubles = await _apply_evaluations(snapshot, asking, cluster, observer)
    return Applied(
        restored=tuple(restored),
        rejected=findings[0] if findings else None,
        front_refused=front_refused,
        unaddressed=front_refused
        and snapshot.live.find(kinds.SERVICE, snapshot.owner.name) is None,
        unasked=_unasked(plan.course.runs, troubles),
        unsettled=unsettled or bool(troubles),
    )


async def _apply_evaluations(
    snapshot: Snapshot, asking: Sequence[Manifest], cluster: Cluster, observer: ReconcileObserver
) -> list[tuple[Manifest, Finding]]:
    """Apply what asks revisions, as far as the API server takes it.

    Returns:
        What it would not take, or did not answer for, and why.
    """
    troubles = []
    for manifest in asking:
        try:
            finding = await _taken(snapshot, manifest, cluster)
            if finding is None:
                await _apply_one(snapshot, manifest, cluster, observer)
        except errors.ClusterError as error:
            finding = _refusal(manifest, error)
        if finding is not None:
            troubles.append((manifest, finding))
    return troubles


def _refusal(manifest: Manifest, error: errors.ClusterError) -> Finding:
    """What the API server says of something that asks a revision."""
    return Finding(
        "RunnerRefused",
        f"{manifest['kind']} {manifest['metadata']['name']} cannot be written: {error}. Check"
        " runner and limits of the suite, and quotas and admission webhooks for its namespace.",
    )


def _unasked(
    runs: Iterable[Run], troubles: Sequence[tuple[Manifest, Finding]]
) -> dict[Run, Finding]:
    """The runs that wait for what could not be written: their Jobs, or what these mount and reach.

    A result that cannot be kept stops no run.
    """
    jobs = {run_of(manifest): finding for manifest, finding in troubles}
    contents = {
        manifest["metadata"]["labels"][conventions.LABEL_CONTENT]: finding
        for manifest, finding in troubles
        if revision_of(manifest) is None
    }
    found = {run: jobs.get(run) or contents.get(run.content) for run in runs}
    return {run: finding for run, finding in found.items() if finding is not None}


def _is_evaluation(manifest: Manifest) -> bool:
    """True for what asks a revision, and what is kept of it."""
    return conventions.LABEL_CONTENT in (manifest["metadata"].get("labels") or {})


def _is_front(snapshot: Snapshot, manifest: Manifest) -> bool:
    """True for the Service that users talk to."""
    name = manifest["metadata"]["name"]
    return kind_of(manifest) == kinds.SERVICE and name == snapshot.owner.name


async def _rehearse(
    snapshot: Snapshot, wanted: list[Manifest], cluster: ClusterWriter
) -> tuple[list[Finding], set[str | None]]:
    """Ask the API server about each new Deployment, before anything of its revision is created.

    Returns:
        What it would not take, or not take whole; and the revisions of all such.
    """
    findings: dict[str | None, Finding] = {}
    for manifest in wanted:
        name = manifest["metadata"]["name"]
        is_deployment = manifest["kind"] == kinds.DEPLOYMENT.kind
        if not is_deployment or snapshot.live.find(kinds.DEPLOYMENT, name) is not None:
            continue
        try:
            answer = await cluster.rehearse(kinds.DEPLOYMENT, manifest)
        except (errors.Invalid, errors.Forbidden) as error:
            findings[revision_of(manifest)] = _rejection(manifest, error)
        else:
            # What admission adds or changes is no reason to refuse; that something is missing is.
            if lacks(answer, manifest) and not has_foreign_entries(manifest, answer):
                findings[revision_of(manifest)] = _rejection(manifest, None)
    return list(findings.values()), set(findings)


async def _taken(snapshot: Snapshot, manifest: Manifest, cluster: Cluster) -> Finding | None:
    """Whether an object of this name belongs to somebody else: it is not ours to take over.

    What an LLMDeployment of the same name left behind is, whether or not it still names its owner.
    """
    kind, name = kind_of(manifest), manifest["metadata"]["name"]
    if snapshot.live.find(kind, name) is not None:
        return None
    found = await cluster.get(kind, snapshot.owner.namespace, name)
    if found is None or _is_left_behind(snapshot, found):
        return None
    return Finding(
        "NameTaken",
        f"{kind.kind} {name} exists and belongs to somebody else. Delete or rename it, or give the"
        " LLMDeployment another name.",
    )


def _is_left_behind(snapshot: Snapshot, found: Manifest) -> bool:
    """True when an LLMDeployment of this name is the controller, or we made it and nobody is."""
    metadata, name = found["metadata"], snapshot.owner.name
    controller = controller_of(found)
    if controller is not None:
        return (controller["kind"], controller["name"]) == (conventions.KIND, name)
    labelled = (metadata.get("labels") or {}).get(conventions.LABEL_LLMDEPLOYMENT) == name
    return labelled and conventions.ANNOTATION_APPLIED in (metadata.get("annotations") or {})


async def _apply_one(
    snapshot: Snapshot, manifest: Manifest, cluster: ClusterWriter, observer: ReconcileObserver
) -> bool:
    """Apply one manifest if it differs; True when that undid somebody's edit."""
    kind = kind_of(manifest)
    live = snapshot.live.find(kind, manifest["metadata"]["name"])
    if live is not None and not differs(manifest, live):
        return False
    if live is not None and has_foreign_entries(manifest, live):
        answer = await cluster.replace(
            kind, {**manifest, "metadata": _kept_metadata(manifest, live)}
        )
    else:
        answer = await cluster.apply(kind, manifest)
    observer.applied(kind.kind, "apply")
    return _was_edited(manifest, live) and not differs(manifest, answer)


def _kept_metadata(manifest: Manifest, live: Manifest) -> Manifest:
    """Our metadata over what others put on the object: replacing would take theirs away."""
    ours, theirs = manifest["metadata"], live["metadata"]
    kept = {
        **ours,
        "resourceVersion": theirs["resourceVersion"],
        "labels": {**(theirs.get("labels") or {}), **ours["labels"]},
        "annotations": {**(theirs.get("annotations") or {}), **ours["annotations"]},
    }
    if theirs.get("finalizers"):
        kept["finalizers"] = theirs["finalizers"]
    return kept


def _was_edited(manifest: Manifest, live: Manifest | None) -> bool:
    """True when the same manifest had been applied before, so that the difference is foreign."""
    if live is None:
        return False
    mark = live["metadata"].get("annotations") or {}
    return all(
        mark.get(name) == value for name, value in manifest["metadata"]["annotations"].items()
    )


def _rejection(manifest: Manifest, error: errors.ClusterError | None) -> Finding:
    """What the API server says of a manifest; None: it takes it, but not whole."""
    name = f"{manifest['kind']} {manifest['metadata']['name']}"
    said = _DROPPED if error is None else str(error)
    volumes = manifest.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", ())
    if any("image" in volume for volume in volumes) and (error is None or "volume" in said):
        where = "items.uri of the suite" if manifest["kind"] == "Job" else "spec.model.uri"
        return Finding(
            "ImageVolumeUnsupported",
            "this cluster cannot mount an image as a volume, which oci:// needs. Use Kubernetes"
            " 1.35 or newer (1.33 and 1.34 with the feature gate ImageVolume), or another scheme"
            f" in {where}. ({said})",
        )
    if isinstance(error, errors.Forbidden):
        return Finding(
            "RejectedByApiServer",
            f"{name}: {said}. Check quotas, admission policies and the operator's permissions.",
        )
    return Finding(
        "RejectedByApiServer",
        f"{name}: {said}. Check spec.podTemplate, spec.resources and spec.engine.env.",
    )


def _reached(snapshot: Snapshot) -> frozenset[str]:
    """The revisions that the front Service and the route sent requests to when they were read."""
    owner, live = snapshot.owner, snapshot.live
    front = live.find(kinds.SERVICE, owner.name) or {}
    selector = front.get("spec", {}).get("selector", {})
    route = live.find(kinds.HTTP_ROUTE, owner.name) or {}
    rules = route.get("spec", {}).get("rules", ())
    backends = {backend["name"] for rule in rules for backend in rule.get("backendRefs", ())}
    return frozenset(
        revision
        for revision in live.by_revision(kinds.DEPLOYMENT)
        if revision == selector.get(conventions.LABEL_REVISION)
        or owner.revision_name(revision) in backends
    )


async def _prune(
    snapshot: Snapshot,
    plan: Plan,
    reached: frozenset[str],
    wanted: list[Manifest],
    cluster: ClusterWriter,
    observer: ReconcileObserver,
) -> bool:
    """Delete owned objects that are not wanted; records only beyond the history limit.

    Args:
        snapshot: What is there.
        plan: Of the revisions that run nothing is deleted, and records go only of those forgotten.
        reached: Further revisions of which nothing is deleted.
        wanted: Manifests to hold.
        cluster: Where to delete.
        observer: Hears of each deletion.

    Returns:
        True when something of an evaluation is left that is to be deleted once more.
    """
    unsettled = False
    keep = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in wanted}
    forget = {snapshot.owner.revision_name(revision) for revision in plan.forget}
    held = {*plan.running, *reached}
    for (kind_name, name), live in reversed(tuple(snapshot.live.objects.items())):
        if (kind_name, name) in keep or "deletionTimestamp" in live["metadata"]:
            continue
        is_evaluation = conventions.LABEL_CONTENT in (live["metadata"].get("labels") or {})
        # While an attempt runs, and in the pass that ends it, nobody reads the suites of the spec
        # whose contents these are.
        if plan.course.attempt is not None and is_evaluation and kind_name != kinds.JOB.kind:
            continue
        if revision_of(live) in held and not is_evaluation:
            continue
        if kind_name == kinds.CONTROLLER_REVISION.kind and name not in forget:
            continue
        kind = kind_of(live)
        try:
            await cluster.delete(kind, snapshot.owner.namespace, name, live["metadata"]["uid"])
            observer.applied(kind.kind, "delete")
        except errors.ClusterError:
            if not is_evaluation:
                raise
            unsettled = True
    return unsettled
