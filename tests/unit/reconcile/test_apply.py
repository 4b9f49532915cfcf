"""What is written, in which order, and what happens when the API server does not take it."""

import pytest

from rocksteady import errors
from rocksteady.ports import Manifest
from rocksteady.reconcile.reconciler import REJECTED_SECONDS
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from tests.builders import NAME, NAMESPACE, UID, spec, with_gateway
from tests.fakes.cluster import FakeCluster, Write
from tests.fakes.simulation import Simulation
from tests.fakes.stories import GATEWAY, SERVING


def refusing(kind: str, image: str = "", why: str = "spec.x: Invalid value") -> FakeCluster:
    """A cluster that rejects a kind, or only what has this image in it."""

    def refuse(manifest: Manifest) -> str | None:
        return why if manifest["kind"] == kind and image in str(manifest) else None

    return FakeCluster(refuse=refuse)


def select_less(manifest: Manifest) -> None:
    manifest["spec"]["selector"]["extra"] = "key"


async def test_apply__writes_what_pods_need_before_the_pods() -> None:
    simulation = Simulation()
    simulation.cluster.put(dict(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.reconcile()
    revision = f"{NAME}-{simulation.front}"
    assert simulation.cluster.writes == [
        Write("apply", "ControllerRevision", revision),
        Write("apply", "Service", revision),
        Write("apply", "Service", NAME),
        Write("apply", "NetworkPolicy", NAME),
        Write("apply", "PodDisruptionBudget", NAME),
        Write("apply", "Deployment", revision),
        Write("apply", "HTTPRoute", NAME),
        Write("status", "LLMDeployment", NAME),
    ]
    counted = [(write.verb, write.kind) for write in simulation.cluster.writes]
    assert simulation.observer.writes == counted


async def test_apply__sends_requests_elsewhere_before_it_stops_the_old_pods() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a"))
    await simulation.settle()
    old = f"{NAME}-{simulation.stable}"
    simulation.change(spec("llama:b"))
    before = len(simulation.cluster.writes)
    await simulation.settle()
    writes = simulation.cluster.writes[before:]
    moved = writes.index(Write("apply", "Service", NAME))
    promoted = writes.index(Write("status", "LLMDeployment", NAME), moved)
    stopped = writes.index(Write("delete", "Deployment", old))
    assert moved < promoted < stopped < writes.index(Write("delete", "Service", old))


async def test_apply__replaces_only_what_applying_cannot_mend() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    before = len(simulation.cluster.writes)
    simulation.edit_child(kinds.SERVICE, NAME, select_less)
    simulation.edit_child(
        kinds.POD_DISRUPTION_BUDGET,
        NAME,
        lambda manifest: manifest["spec"].update(maxUnavailable=9),
    )
    await simulation.reconcile()
    assert simulation.cluster.writes[before:] == [
        Write("replace", "Service", NAME),
        Write("apply", "PodDisruptionBudget", NAME),
    ]
    service = simulation.cluster.objects["Service", NAMESPACE, NAME]
    assert "extra" not in service["spec"]["selector"]
    assert simulation.recorder.reasons[-2:] == ["Restored", "Restored"]


async def test_apply__a_replacement_that_was_overtaken_is_a_conflict() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    for name in (NAME, f"{NAME}-{simulation.stable}"):
        simulation.edit_child(kinds.SERVICE, name, select_less)
    check = simulation.cluster.on_write

    def edit_the_other() -> None:
        simulation.cluster.on_write = check
        simulation.edit_child(
            kinds.SERVICE, NAME, lambda manifest: manifest["metadata"].update(annotations={})
        )

    simulation.cluster.on_write = edit_the_other
    with pytest.raises(errors.Conflict):
        await simulation.reconcile()
    await simulation.settle()
    assert simulation.served() == 1


async def test_rejected__is_said_and_the_rest_is_applied_all_the_same() -> None:
    simulation = Simulation(refusing("Deployment", why="spec.template: Invalid value: 7"))
    simulation.create(spec())
    outcome = await simulation.settle()
    assert simulation.conditions == {
        "Ready": "False/RejectedByApiServer",
        "Reconciling": "True/ReplicasStarting",
        "Stalled": "True/RejectedByApiServer",
    }
    assert simulation.message("Stalled") == (
        f"Deployment {NAME}-{simulation.front}: spec.template: Invalid value: 7. Check"
        " spec.podTemplate, spec.resources and spec.engine.env."
    )
    assert outcome.requeue_after_seconds == REJECTED_SECONDS
    assert simulation.recorder.reasons == ["RejectedByApiServer"]
    assert ("PodDisruptionBudget", NAMESPACE, NAME) in simulation.cluster.objects
    simulation.cluster.refuse = lambda _: None
    await simulation.settle()
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("False", "NotStalled")


async def test_rejected__in_a_rollout_leaves_the_old_revision_serving() -> None:
    simulation = Simulation(refusing("Deployment", image="llama:b"))
    simulation.create(spec("llama:a"))
    await simulation.settle()
    simulation.change(spec("llama:b"))
    await simulation.settle()
    assert simulation.conditions == {
        "Ready": "True/Serving",
        "Reconciling": "True/RollingOut",
        "Stalled": "True/RejectedByApiServer",
    }
    assert simulation.replicas() == {"llama:a": 1}
    assert len(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION)) == 1
    assert len(simulation.cluster.of_kind(kinds.SERVICE)) == 2
    simulation.change(spec("llama:c"))
    await simulation.settle()
    assert simulation.replicas() == {"llama:c": 1}
    assert simulation.condition("Stalled") == ("False", "NotStalled")


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        pytest.param(
            "spec.template.spec.volumes[0].image: Forbidden",
            "ImageVolumeUnsupported",
            id="the volume itself",
        ),
        pytest.param("exceeded quota: gpus", "RejectedByApiServer", id="something else"),
    ],
)
async def test_rejected__an_image_volume_is_told_from_the_rest(why: str, reason: str) -> None:
    simulation = Simulation(refusing("Deployment", why=why))
    uri = "oci://registry.example.com/smol@sha256:" + "0" * 64
    simulation.create(spec(model={"name": "smol", "uri": uri}))
    await simulation.reconcile()
    assert simulation.condition("Stalled") == ("True", reason)
    assert why in simulation.message("Stalled")


async def test_rejected__a_route_keeps_the_revision_that_it_still_sends_to() -> None:
    simulation = Simulation(refusing("HTTPRoute", image="never"))
    simulation.cluster.put(dict(GATEWAY))
    routing = with_gateway("inference")
    simulation.create(spec("llama:a", routing=routing))
    await simulation.settle()
    first = simulation.stable
    simulation.cluster.refuse = refusing("HTTPRoute").refuse
    simulation.change(spec("llama:b", routing=routing))
    await simulation.settle()
    assert set(simulation.replicas()) == {"llama:a", "llama:b"}
    [rule] = simulation.cluster.objects["HTTPRoute", NAMESPACE, NAME]["spec"]["rules"]
    assert [backend["name"] for backend in rule["backendRefs"]] == [f"{NAME}-{first}"]
    assert (kinds.SERVICE.kind, NAMESPACE, f"{NAME}-{first}") in simulation.cluster.objects
    simulation.cluster.refuse = lambda _: None
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}


async def test_rejected__for_long_does_not_let_old_revisions_pile_up() -> None:
    simulation = Simulation(refusing("HTTPRoute"))
    simulation.cluster.put(dict(GATEWAY))
    for number in range(6):
        content = spec(f"llama:v{number}", routing=with_gateway("inference"))
        if number:
            simulation.change(content)
        else:
            simulation.create(content)
        await simulation.settle()
    assert simulation.replicas() == {"llama:v5": 1}
    assert simulation.condition("Stalled") == ("True", "RejectedByApiServer")


class Denying(FakeCluster):
    """Admission, or a quota, denies a kind."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.denied: str | None = kind

    def _deny(self, kind: Kind) -> None:
        if kind.kind == self.denied:
            raise errors.Forbidden(f"403: {kind.plural} is forbidden: exceeded quota: team", 403)

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        self._deny(kind)
        return await super().apply(kind, manifest)

    async def rehearse(self, kind: Kind, manifest: Manifest) -> Manifest:
        self._deny(kind)
        return await super().rehearse(kind, manifest)


@pytest.mark.parametrize("kind", ["Deployment", "NetworkPolicy", "Service"])
async def test_denied__by_a_quota_is_said_with_the_cure_and_heals(kind: str) -> None:
    cluster = Denying(kind)
    simulation = Simulation(cluster)
    simulation.create(spec())
    outcome = await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "RejectedByApiServer")
    assert "exceeded quota: team. Check quotas, admission policies" in simulation.message("Stalled")
    assert outcome.requeue_after_seconds == REJECTED_SECONDS
    cluster.denied = None
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_admission__that_changes_a_value_is_no_reason_to_refuse() -> None:
    simulation = Simulation()

    def mirror(manifest: Manifest) -> None:
        if manifest["kind"] == "Deployment":
            container = manifest["spec"]["template"]["spec"]["containers"][0]
            container["image"] = container["image"].replace("llama:", "mirror.example.com/llama:")

    simulation.cluster.admit = mirror
    simulation.create(spec())
    for _ in range(4):  # each pass applies again what admission changes again
        await simulation.reconcile()
        simulation.nodes.run()
    assert simulation.conditions == SERVING
    assert simulation.recorder.reasons == ["Serving", "Promoted"]


async def test_taken__without_a_service_of_ours_nobody_is_told_that_it_serves() -> None:
    simulation = Simulation()
    simulation.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "spec": {"selector": {"app": "of-somebody-else"}},
        }
    )
    simulation.create(spec())
    await simulation.settle()
    assert simulation.condition("Ready") == ("False", "NameTaken")
    assert simulation.condition("Stalled") == ("True", "NameTaken")


async def test_taken__what_lost_its_owner_reference_is_ours_again() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    [name] = simulation.cluster.of_kind(kinds.DEPLOYMENT)
    simulation.edit_child(
        kinds.DEPLOYMENT, name, lambda manifest: manifest["metadata"].pop("ownerReferences")
    )
    await simulation.settle()
    assert simulation.conditions == SERVING
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == UID


async def test_apply__a_replacement_keeps_what_others_put_on_the_object() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()

    def mark(manifest: Manifest) -> None:
        select_less(manifest)
        metadata = manifest["metadata"]
        metadata["finalizers"] = ["example.com/mesh"]
        metadata["labels"]["example.com/team"] = "search"
        metadata["annotations"]["example.com/note"] = "kept"

    simulation.edit_child(kinds.SERVICE, NAME, mark)
    await simulation.settle()
    service = simulation.cluster.objects["Service", NAMESPACE, NAME]
    assert "extra" not in service["spec"]["selector"]
    assert service["metadata"]["finalizers"] == ["example.com/mesh"]
    assert service["metadata"]["labels"]["example.com/team"] == "search"
    assert service["metadata"]["annotations"]["example.com/note"] == "kept"


async def test_status__with_a_condition_of_somebody_else_costs_no_write() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    foreign = {**simulation.status["conditions"][0], "type": "example.com/Audited"}
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT,
        NAMESPACE,
        NAME,
        lambda manifest: manifest["status"]["conditions"].append(foreign),
    )
    with simulation.no_writes():
        await simulation.reconcile()


async def test_prune__leaves_what_is_not_controlled_by_this_very_object() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    mine = simulation.cluster.objects["Service", NAMESPACE, NAME]["metadata"]["labels"]
    reference = {"kind": "LLMDeployment", "name": NAME, "uid": UID}
    for name, owners in {
        "labelled-only": [],
        "of-another": [{**reference, "uid": "of another", "controller": True}],
        "not-controlled": [reference],
    }.items():
        simulation.cluster.collects_garbage = False
        simulation.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "labels": mine,
                    "ownerReferences": owners,
                },
                "spec": {},
            }
        )
    with simulation.no_writes():
        await simulation.reconcile()


async def test_prune__deletes_the_object_that_was_read_and_no_other() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a"))
    await simulation.settle()
    live = await simulation.cluster.get(kinds.SERVICE, NAMESPACE, NAME)
    assert live is not None
    await simulation.cluster.delete(kinds.SERVICE, NAMESPACE, NAME, "uid of another")
    assert await simulation.cluster.get(kinds.SERVICE, NAMESPACE, NAME) == live


async def test_apply__a_kind_that_is_not_served_yet_is_a_failure_unless_it_is_optional() -> None:
    simulation = Simulation()
    simulation.create(spec())
    await simulation.settle()
    simulation.cluster.without = {kinds.POD_DISRUPTION_BUDGET}
    with simulation.no_writes(), pytest.raises(errors.NotServed):
        await simulation.reconcile()
    simulation.cluster.without = {kinds.HTTP_ROUTE, kinds.GATEWAY}
    await simulation.settle()
    assert simulation.condition("Ready") == ("True", "Serving")


async def test_prune__does_not_delete_again_what_is_on_its_way_out() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a"))
    await simulation.settle()
    [leaving] = simulation.cluster.of_kind(kinds.DEPLOYMENT)
    simulation.change(spec("llama:b"))
    await simulation.reconcile()
    simulation.nodes.run()
    await simulation.reconcile()
    simulation.edit_child(
        kinds.DEPLOYMENT,
        leaving,
        lambda manifest: manifest["metadata"].update(deletionTimestamp="2026-11-23T12:00:00Z"),
    )
    await simulation.reconcile()
    assert Write("delete", "Deployment", leaving) not in simulation.cluster.writes


def inject_sidecar(manifest: Manifest) -> None:
    """What a service mesh's admission webhook does to a Deployment."""
    if manifest["kind"] == "Deployment":
        containers = manifest["spec"]["template"]["spec"]["containers"]
        if len(containers) == 1:
            containers.append({"name": "sidecar", "image": "mesh:1"})


async def test_rehearse__what_admission_adds_is_no_reason_to_refuse() -> None:
    simulation = Simulation()
    simulation.cluster.admit = inject_sidecar
    simulation.create(spec())
    for _ in range(4):
        await simulation.reconcile()
        simulation.nodes.run()
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("False", "NotStalled")
    assert "Restored" not in simulation.recorder.reasons


def drop_probes(manifest: Manifest) -> None:
    """What an API server does with fields that it does not know."""
    if manifest["kind"] == "Deployment":
        del manifest["spec"]["template"]["spec"]["containers"][0]["startupProbe"]


async def test_rehearse__what_the_api_server_drops_is_said_before_anything_is_created() -> None:
    simulation = Simulation()
    simulation.cluster.admit = drop_probes
    simulation.create(spec())
    await simulation.reconcile()
    assert simulation.condition("Stalled") == ("True", "RejectedByApiServer")
    assert simulation.message("Stalled") == (
        f"Deployment {NAME}-{simulation.front}: the API server drops a part of it that this cluster"
        " does not have. Check spec.podTemplate, spec.resources and spec.engine.env."
    )
    assert simulation.cluster.of_kind(kinds.DEPLOYMENT) == {}
    assert simulation.cluster.of_kind(kinds.CONTROLLER_REVISION) == {}


async def test_apply__a_kind_that_is_no_longer_served_in_the_middle_of_a_pass_ends_it() -> None:
    simulation = Simulation()
    simulation.create(spec())
    check = simulation.cluster.on_write

    def restart_api_server() -> None:
        check()
        simulation.cluster.without = {kinds.POD_DISRUPTION_BUDGET}

    simulation.cluster.on_write = restart_api_server
    with pytest.raises(errors.NotServed):
        await simulation.reconcile()
    simulation.cluster.on_write = check
    simulation.cluster.without = set()
    await simulation.settle()
    assert simulation.condition("Ready") == ("True", "Serving")


async def test_apply__never_takes_over_what_belongs_to_somebody_else() -> None:
    simulation = Simulation()
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "theirs"}},
    }
    simulation.cluster.put(foreign)
    simulation.create(spec())

    outcome = await simulation.reconcile()

    found = await simulation.cluster.get(kinds.SERVICE, NAMESPACE, NAME)
    assert found is not None
    assert found["spec"]["selector"] == {"app": "theirs"}
    assert "ownerReferences" not in found["metadata"]
    assert simulation.conditions["Stalled"] == "True/NameTaken"
    assert outcome.requeue_after_seconds == REJECTED_SECONDS


async def test_apply__goes_on_when_the_name_has_become_free() -> None:
    simulation = Simulation()
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"selector": {"app": "theirs"}},
    }
    simulation.cluster.put(foreign)
    simulation.create(spec())
    await simulation.reconcile()

    simulation.cluster.remove(kinds.SERVICE, NAMESPACE, NAME)
    await simulation.settle()

    assert simulation.conditions["Ready"] == "True/Serving"
    assert simulation.conditions["Stalled"] == "False/NotStalled"
