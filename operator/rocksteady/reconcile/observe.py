"""Read the world of one LLMDeployment into a frozen Snapshot. The only place that reads."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from rocksteady import conventions
from rocksteady.api.reading import read_rollout, read_status
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference, GatewayRouting
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.ports import ClusterReader, Key, Manifest
from rocksteady.reconcile.evaluations import read_kept, read_suites
from rocksteady.reconcile.snapshot import Live, Snapshot, is_owned, revision_of
from rocksteady.resources import kinds
from rocksteady.resources.labels import owned_labels, selector_text, server_selector
from rocksteady.resources.owned import Owner
from rocksteady.resources.validation import Validation, validate_manifest
from rocksteady.resources.workload import NOBODY
from rocksteady.rollout.evaluation_by_hand import open_request
from rocksteady.rollout.evaluation_plan import needs_suites
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation, RevisionRecord, Workload
from rocksteady.rollout.pod_trouble import find_trouble
from rocksteady.rollout.revisions import FrozenText, referenced_keys, revision_hash


async def observe(key: Key, cluster: ClusterReader, now: datetime) -> Snapshot | None:
    """Read everything that a decision about one LLMDeployment rests on, but for its signals.

    Returns:
        None when the LLMDeployment is gone or being deleted: then nothing is to be done.

    Raises:
        ClusterError: The API server refused or did not answer.
    """
    manifest = await cluster.get(kinds.LLM_DEPLOYMENT, key.namespace, key.name)
    if manifest is None or "deletionTimestamp" in manifest["metadata"]:
        return None
    owner = Owner(key.namespace, key.name, manifest["metadata"]["uid"])
    validation = validate_manifest(manifest, strict=False)
    live = await _read_live(owner, cluster)
    frozen, missing = await read_frozen(owner.namespace, validation.deployment, cluster)
    gateways = await _read_gateways(owner, validation.deployment, cluster)
    status = read_status(manifest)
    rollouts, attempts_before = await _read_rollouts(owner, cluster)
    kept = read_kept(live, await _read_evaluating_pods(owner, live, cluster))
    obstacle = _obstacle(validation) or missing
    observation = Observation(
        namespace=key.namespace,
        name=key.name,
        generation=manifest["metadata"]["generation"],
        deployment=validation.deployment,
        obstacle=obstacle,
        target=_target(owner, validation.deployment, frozen, obstacle),
        stable=_stable(owner, status, live),
        revisions=_records(live),
        workloads=_workloads(live),
        route=gateways or _route_finding(owner, validation.deployment, live),
        route_settled=_route_settled(owner, validation.deployment, live),
        route_behind=_route_behind(owner, live),
        front_closed=_is_closed(owner, live),
        refers=bool(frozen),
        now=now,
        attempts=_attempts(rollouts),
        attempts_before=attempts_before,
        reported=status,
        annotations=manifest["metadata"].get("annotations") or {},
        addresses=await _read_addresses(owner, cluster),
        warnings=tuple(f"{warning.path}: {warning.message}" for warning in validation.warnings),
        contents={short: content.suite for short, content in kept.contents.items()},
        runs=kept.runs,
    )
    if needs_suites(observation):
        request = open_request(observation)
        asked = [request.suite] if request else []
        suites = await read_suites(owner.namespace, validation.deployment, cluster, asked)
        observation = replace(observation, suites=suites)
    return Snapshot(manifest, owner, status, observation, live, frozen, rollouts, kept.contents)


async def _read_live(owner: Owner, cluster: ClusterReader) -> Live:
    selector = selector_text(owned_labels(owner.name))
    pods = selector_text(server_selector(owner.name))
    lists = await asyncio.gather(
        cluster.list(kinds.POD, owner.namespace, pods),
        *(cluster.list(kind, owner.namespace, selector) for kind in kinds.OWNED),
    )
    mine = [found for listed in lists[1:] for found in listed if is_owned(owner, found)]
    objects = {(found["kind"], found["metadata"]["name"]): found for found in mine}
    return Live(objects, tuple(lists[0]))


async def _read_evaluating_pods(owner: Owner, live: Live, cluster: ClusterReader) -> list[Manifest]:
    """The pods of Jobs; none is looked for while there is no Job."""
    if not any(live.of_kind(kinds.JOB)):
        return []
    labels = owned_labels(owner.name, component=conventions.COMPONENT_EVALUATION)
    return await cluster.list(kinds.POD, owner.namespace, selector_text(labels))


async def _read_rollouts(owner: Owner, cluster: ClusterReader) -> tuple[dict[str, Manifest], int]:
    """LLMRollouts by name, and the highest number of one that an earlier owner left behind.

    Their names are taken, and what they say can never be changed.
    """
    selector = selector_text(owned_labels(owner.name))
    found = await cluster.list(kinds.LLM_ROLLOUT, owner.namespace, selector)
    ours = {one["metadata"]["name"]: one for one in found if is_owned(owner, one)}
    left = (one["spec"]["attempt"] for one in found if not is_owned(owner, one))
    return ours, max(left, default=0)


def _attempts(rollouts: Mapping[str, Manifest]) -> dict[str, LLMRollout]:
    """The attempts that can be read; what a newer operator wrote is passed over."""
    read = {name: read_rollout(found) for name, found in rollouts.items()}
    return {name: attempt for name, attempt in read.items() if attempt is not None}


async def _read_addresses(owner: Owner, cluster: ClusterReader) -> dict[str, int]:
    """Ready addresses by revision, as the gateway learns them from EndpointSlices.

    A pod counts as ready a moment before its address is there.
    """
    selector = selector_text(owned_labels(owner.name))
    ready: dict[str, set[str]] = {}
    for found in await cluster.list(kinds.ENDPOINT_SLICE, owner.namespace, selector):
        revision = revision_of(found)
        if revision is None or "deletionTimestamp" in found["metadata"]:
            continue
        addresses = ready.setdefault(revision, set())
        for endpoint in found.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is not False:
                addresses.update(endpoint.get("addresses") or ())
    return {revision: len(addresses) for revision, addresses in ready.items()}


async def read_frozen(
    namespace: str, deployment: LLMDeployment | None, cluster: ClusterReader
) -> tuple[tuple[FrozenText, ...], Finding | None]:
    """Contents of the ConfigMap keys that the spec refers to, or the first that is missing.

    Each ConfigMap is read once, so that its keys are of one moment.
    """
    references = referenced_keys(deployment.spec) if deployment else ()
    maps: dict[str, Manifest | None] = {}
    for name in {reference.name for reference in references}:
        maps[name] = await cluster.get(kinds.CONFIG_MAP, namespace, name)
    frozen: list[FrozenText] = []
    for reference in references:
        found = maps[reference.name]
        content = (found or {}).get("data", {}).get(reference.key)
        if content is None:
            return (), _missing_key(reference, exists=found is not None)
        frozen.append(FrozenText(reference, content))
    return tuple(frozen), None


def _missing_key(reference: ConfigMapKeyReference, *, exists: bool) -> Finding:
    if exists:
        message = (
            f"ConfigMap {reference.name} has no key {reference.key}. Add the key, or correct the"
            " reference."
        )
        return Finding("ConfigMapKeyNotFound", message)
    message = (
        f"ConfigMap {reference.name} does not exist. Create it in this namespace, or correct the"
        " reference."
    )
    return Finding("ConfigMapNotFound", message)


async def _read_gateways(
    owner: Owner, deployment: LLMDeployment | None, cluster: ClusterReader
) -> Finding | None:
    """The first Gateway of the spec that is not there."""
    gateway = _gateway(deployment)
    for parent in gateway.parent_refs if gateway else ():
        namespace = parent.namespace or owner.namespace
        found = await cluster.get(kinds.GATEWAY, namespace, parent.name)
        if found is None:
            return Finding(
                "GatewayNotFound",
                f"Gateway {namespace}/{parent.name} does not exist. Create it (and install the"
                " Gateway API), or correct spec.routing.gateway.parentRefs.",
            )
        listeners = [str(listener["name"]) for listener in found["spec"].get("listeners", ())]
        if parent.section_name is not None and parent.section_name not in listeners:
            return Finding(
                "GatewayListenerNotFound",
                f"Gateway {namespace}/{parent.name} has no listener {parent.section_name}, only"
                f" {', '.join(listeners)}. Correct sectionName in"
                " spec.routing.gateway.parentRefs.",
            )
    return None


def _gateway(deployment: LLMDeployment | None) -> GatewayRouting | None:
    return deployment.spec.routing.gateway if deployment else None


def _obstacle(validation: Validation) -> Finding | None:
    if not validation.errors:
        return None
    texts = [f"{error.path}: {error.message}" for error in validation.errors]
    return Finding("InvalidSpec", "; ".join(texts))


def _target(
    owner: Owner,
    deployment: LLMDeployment | None,
    frozen: tuple[FrozenText, ...],
    obstacle: Finding | None,
) -> str | None:
    if deployment is None or obstacle is not None:
        return None
    return revision_hash(owner.namespace, owner.name, deployment.spec, frozen)


def _stable(owner: Owner, status: LLMDeploymentStatus, live: Live) -> str | None:
    """Which revision serves: as reported, else, should the status be lost, as the Service says.

    A first revision that never was ready is fronted by the Service too; taking it for stable then
    costs nothing, since there is no other.
    """
    recorded = live.by_revision(kinds.CONTROLLER_REVISION)
    reported = status.revisions.stable
    if reported is not None:
        known = {*recorded, *live.by_revision(kinds.DEPLOYMENT)}
        return reported.hash if reported.hash in known else None
    if status.observed_generation:
        return None
    front = live.find(kinds.SERVICE, owner.name)
    selector: Mapping[str, Any] = (front or {}).get("spec", {}).get("selector", {})
    selected = revision_of({"metadata": {"labels": selector}})
    return selected if selected in recorded and _has_ready(live, selected) else None


def _is_closed(owner: Owner, live: Live) -> bool:
    front = live.find(kinds.SERVICE, owner.name)
    selector = (front or {}).get("spec", {}).get("selector", {})
    return front is None or revision_of({"metadata": {"labels": selector}}) == NOBODY


def _has_ready(live: Live, revision: str | None) -> bool:
    workload = _workloads(live).get(revision or "")
    return workload is not None and workload.ready > 0


def _records(live: Live) -> dict[str, RevisionRecord]:
    return {
        revision: RevisionRecord(revision, int(found["revision"]))
        for revision, found in live.by_revision(kinds.CONTROLLER_REVISION).items()
    }


def _workloads(live: Live) -> dict[str, Workload]:
    return {
        revision: _workload(found, [pod for pod in live.pods if revision_of(pod) == revision])
        for revision, found in live.by_revision(kinds.DEPLOYMENT).items()
    }


def _workload(deployment: Manifest, pods: Sequence[Manifest]) -> Workload:
    status = deployment.get("status", {})
    current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    wanted = deployment["spec"].get("replicas", 1)
    ready = min(status.get("readyReplicas", 0), wanted)
    trouble = find_trouble(deployment, pods) if ready < wanted else None
    ending = sum("deletionTimestamp" in pod["metadata"] for pod in pods)
    return Workload(
        wanted, status.get("replicas", 0), ready, trouble, current=current, ending=ending
    )


def _route_finding(owner: Owner, deployment: LLMDeployment | None, live: Live) -> Finding | None:
    """What a gateway says against the route."""
    if _gateway(deployment) is None:
        return None
    for name, conditions in _route_answers(owner, live):
        for condition in conditions:
            if condition["type"] in {"Accepted", "ResolvedRefs"} and condition["status"] == "False":
                return Finding(
                    "RouteRefused",
                    f"Gateway {name} refuses the route ({condition['reason']}):"
                    f" {condition.get('message', '')} Check spec.routing.gateway.",
                )
    return None


def _route_settled(owner: Owner, deployment: LLMDeployment | None, live: Live) -> bool:
    """True when every gateway of the spec has accepted the route as it is now."""
    gateway = _gateway(deployment)
    if gateway is None:
        return True
    accepted = [
        name
        for name, conditions in _route_answers(owner, live)
        if any(one["type"] == "Accepted" and one["status"] == "True" for one in conditions)
    ]
    return len(accepted) >= len(gateway.parent_refs)


def _route_behind(owner: Owner, live: Live) -> bool:
    """True when a gateway accepted an earlier form of the route and says nothing of this one."""
    route = live.find(kinds.HTTP_ROUTE, owner.name) or {}
    return any(
        condition["type"] == "Accepted"
        and condition["status"] == "True"
        and not _is_of_now(route, condition)
        for parent in route.get("status", {}).get("parents", ())
        for condition in parent.get("conditions", ())
    )


def _route_answers(owner: Owner, live: Live) -> list[tuple[str, list[dict[str, Any]]]]:
    """What each gateway says of the route: its name, and its conditions.

    A condition that was made from an older generation of the route says nothing about this one.
    """
    route = live.find(kinds.HTTP_ROUTE, owner.name)
    if route is None:
        return []
    return [
        (
            str(parent["parentRef"]["name"]),
            [one for one in parent.get("conditions", ()) if _is_of_now(route, one)],
        )
        for parent in route.get("status", {}).get("parents", ())
    ]


def _is_of_now(route: Manifest, condition: Mapping[str, Any]) -> bool:
    """True when a condition was made from the route's present generation."""
    generation = route["metadata"].get("generation", 0)
    return bool(condition.get("observedGeneration", generation) >= generation)
