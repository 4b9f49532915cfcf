"""Turn a Plan into the manifests to hold. Pure: the objects come from the Snapshot."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference
from rocksteady.conventions import ALL_PERCENT
from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluation_render import render_evaluations
from rocksteady.reconcile.snapshot import Snapshot
from rocksteady.resources import kinds, network, workload
from rocksteady.resources.model_volume import egress_ports
from rocksteady.resources.owned import owned_manifest
from rocksteady.resources.pod_template import RenderContext, build_pod_template
from rocksteady.rollout.plan import Plan
from rocksteady.rollout.revisions import behaving_part, frozen_key_of
from rocksteady.settings import Settings

KEY_MAX_LENGTH: Final = 253
"""What the API server accepts as a key of a ConfigMap."""


def render(snapshot: Snapshot, plan: Plan, settings: Settings) -> list[Manifest]:
    """All manifests to hold, in the order of `kinds.OWNED`."""
    manifests = [
        *_revisions(snapshot, plan, settings),
        *_shared(snapshot, plan, settings),
        *render_evaluations(snapshot, plan.course, settings),
    ]
    order = [kind.kind for kind in kinds.OWNED]
    return sorted(manifests, key=lambda manifest: order.index(manifest["kind"]))


def frozen_key(reference: ConfigMapKeyReference) -> str:
    """Key in the immutable copy for a key of a ConfigMap that the spec refers to.

    The name of a ConfigMap has no `_`, so that no two references share a key.
    """
    readable = f"{reference.name}_{reference.key}"
    if len(readable) <= KEY_MAX_LENGTH:
        return readable
    return hashlib.sha256(readable.encode()).hexdigest()


def _revisions(snapshot: Snapshot, plan: Plan, settings: Settings) -> list[Manifest]:
    manifests: list[Manifest] = []
    recorded = snapshot.live.by_revision(kinds.CONTROLLER_REVISION)
    for revision, replicas in plan.running.items():
        record = recorded.get(revision)
        if record is None and revision != snapshot.observation.target:
            manifests.extend(_as_it_stands(snapshot, revision, replicas))
            continue
        if record is None:
            record = _new_revision(snapshot, revision, settings)
            manifests.append(record)
        data = record["data"]
        if data.get("configuration"):
            copy = workload.build_config_copy(snapshot.owner, revision, data["configuration"])
            manifests.append(copy)
        manifests.append(workload.build_revision_service(snapshot.owner, revision))
        manifests.append(
            workload.build_deployment(
                snapshot.owner, revision, replicas, data["template"], data["startupSeconds"]
            )
        )
    return manifests


def _as_it_stands(snapshot: Snapshot, revision: str, replicas: int) -> list[Manifest]:
    """A revision whose record somebody deleted: it is scaled, and otherwise left alone.

    The template is taken from its Deployment and not recorded again, since it may have been edited.
    """
    name = snapshot.owner.revision_name(revision)
    found = snapshot.live.find(kinds.DEPLOYMENT, name)
    if found is None:
        return []
    template = found["spec"]["template"]
    startup_seconds = found["spec"]["progressDeadlineSeconds"] - workload.PROGRESS_MARGIN_SECONDS
    return [
        workload.build_revision_service(snapshot.owner, revision),
        workload.build_deployment(snapshot.owner, revision, replicas, template, startup_seconds),
    ]


def _new_revision(snapshot: Snapshot, revision: str, settings: Settings) -> Manifest:
    """The record of a revision that is seen for the first time."""
    deployment = snapshot.observation.deployment
    if deployment is None:  # there is no target without a spec
        raise ValueError(f"revision {revision} has neither a record nor a spec")
    spec = deployment.spec
    numbers = [record.number for record in snapshot.observation.revisions.values()]
    copy_name = snapshot.owner.config_map_name(revision) if snapshot.frozen else None
    context = RenderContext(
        name=snapshot.owner.name,
        revision=revision,
        fetch_image=settings.fetch_image,
    )
    data = {
        "spec": behaving_part(spec),
        "template": build_pod_template(_reading_the_copy(spec, copy_name), context),
        "startupSeconds": spec.engine.startup_timeout_seconds,
        "configuration": {frozen_key(text.reference): text.content for text in snapshot.frozen},
        "egressPorts": list(egress_ports(spec)),
    }
    return workload.build_revision(snapshot.owner, revision, max(numbers, default=0) + 1, data)


def _reading_the_copy(spec: LLMDeploymentSpec, copy_name: str | None) -> LLMDeploymentSpec:
    """The spec with its env and chat template read from the immutable copy; None: it has none."""
    if copy_name is None:
        return spec
    env = tuple(_frozen_entry(entry, copy_name) for entry in spec.engine.env)
    template = spec.model.chat_template
    if template is not None:
        template = ConfigMapKeyReference(name=copy_name, key=frozen_key(template))
    engine = spec.engine.model_copy(update={"env": env})
    model = spec.model.model_copy(update={"chat_template": template})
    return spec.model_copy(update={"engine": engine, "model": model})


def _frozen_entry(entry: Mapping[str, Any], copy_name: str) -> dict[str, Any]:
    key = frozen_key_of(entry)
    if key is None:
        return dict(entry)
    reference = {"name": copy_name, "key": frozen_key(key)}
    return {**entry, "valueFrom": {"configMapKeyRef": reference}}


def _shared(snapshot: Snapshot, plan: Plan, settings: Settings) -> list[Manifest]:
    """What belongs to all revisions: the front Service, route, budget and network policy."""
    owner, deployment = snapshot.owner, snapshot.observation.deployment
    if plan.front is None:
        return []
    manifests = [
        workload.build_front_service(
            owner, workload.NOBODY if plan.closed else _selected(plan, plan.front)
        ),
        workload.build_disruption_budget(owner),
    ]
    weights = plan.split or {plan.front: 0 if plan.closed else ALL_PERCENT}
    gateway = deployment.spec.routing.gateway if deployment else None
    if gateway is None and not plan.prune:
        manifests.extend(_route_as_it_stands(snapshot, weights))
    if deployment is None:
        return manifests
    access = network.Access(
        client_namespaces=settings.client_namespaces,
        behind_gateway=gateway is not None,
        egress_ports=_egress_ports(deployment.spec, snapshot, plan),
    )
    manifests.append(network.build_network_policy(owner, access))
    if gateway is not None:
        manifests.append(network.build_route(owner, gateway, weights))
    return manifests


def _route_as_it_stands(snapshot: Snapshot, weights: Mapping[str, int]) -> list[Manifest]:
    """The live route with other weights, while there is no spec that says what else is in it.

    A canary that loses its requests must not keep them until somebody has corrected the spec.
    """
    owner = snapshot.owner
    found = snapshot.live.find(kinds.HTTP_ROUTE, owner.name)
    backends = network.build_backends(owner, weights)
    rules = found["spec"].get("rules", ()) if found else ()
    if found is None or all(_splits_alike(rule, backends) for rule in rules):
        return []
    changed = [{**rule, "backendRefs": backends} for rule in rules]
    body = {"spec": {**found["spec"], "rules": changed}}
    return [owned_manifest(owner, kinds.HTTP_ROUTE, owner.name, body)]


def _splits_alike(rule: Mapping[str, Any], backends: Sequence[Mapping[str, Any]]) -> bool:
    """True when a rule of a live route gives the same weights."""
    live = {one["name"]: one.get("weight", 1) for one in rule.get("backendRefs", ())}
    return live == {one["name"]: one["weight"] for one in backends}


def _selected(plan: Plan, front: str) -> str | None:
    """The revision that the Service selects; None: all that run."""
    if len(plan.selected) > 1:
        return None
    return plan.selected[0] if plan.selected else front


def _egress_ports(spec: LLMDeploymentSpec, snapshot: Snapshot, plan: Plan) -> list[int]:
    """From where pods fetch: those of the spec, and those that run and may start anew any time."""
    recorded = snapshot.live.by_revision(kinds.CONTROLLER_REVISION)
    running = (recorded[revision]["data"] for revision in plan.running if revision in recorded)
    ports = {port for data in running for port in data.get("egressPorts", ())}
    return sorted(ports.union(egress_ports(spec)))
