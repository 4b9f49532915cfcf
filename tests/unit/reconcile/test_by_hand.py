"""What somebody edits, deletes or loses comes back."""

from collections.abc import Callable

import pytest

from rocksteady import conventions
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import NAME, NAMESPACE, spec
from tests.fakes.simulation import Simulation
from tests.fakes.stories import (
    INVALID,
    SERVING,
    full,
    rolling,
    serving,
)

# --- edits and deletions by hand


OWNED = [
    pytest.param(kinds.DEPLOYMENT, "revision", id="Deployment"),
    pytest.param(kinds.SERVICE, "revision", id="Service of the revision"),
    pytest.param(kinds.SERVICE, "shared", id="Service that users talk to"),
    pytest.param(kinds.NETWORK_POLICY, "shared", id="NetworkPolicy"),
    pytest.param(kinds.POD_DISRUPTION_BUDGET, "shared", id="PodDisruptionBudget"),
    pytest.param(kinds.HTTP_ROUTE, "shared", id="HTTPRoute"),
    pytest.param(kinds.CONTROLLER_REVISION, "revision", id="ControllerRevision"),
    pytest.param(kinds.CONFIG_MAP, "copy", id="ConfigMap copy"),
]


@pytest.mark.parametrize(("kind", "role"), OWNED)
async def test_deleted_by_hand__comes_back_in_one_pass(kind: kinds.Kind, role: str) -> None:
    simulation = await full()
    before = simulation.end_state()
    name = {
        "shared": NAME,
        "revision": f"{NAME}-{simulation.stable}",
        "copy": f"{NAME}-{simulation.stable}-cfg",
    }[role]
    simulation.delete_child(kind, name)
    await simulation.reconcile()
    assert (kind.kind, NAMESPACE, name) in simulation.cluster.objects
    await simulation.settle()
    assert simulation.conditions == SERVING
    after = simulation.end_state()
    assert after.keys() == before.keys()


def change_type(manifest: Manifest) -> None:
    manifest["spec"]["type"] = "LoadBalancer"


def select_less(manifest: Manifest) -> None:
    manifest["spec"]["selector"]["extra"] = "key"


def select_other(manifest: Manifest) -> None:
    manifest["spec"]["selector"][conventions.LABEL_REVISION] = "cccccccccc"


def add_port(manifest: Manifest) -> None:
    manifest["spec"]["ports"].append({"name": "debug", "port": 81, "protocol": "TCP"})


def scale(manifest: Manifest) -> None:
    manifest["spec"]["replicas"] = 7


def add_container(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "x", "image": "x"})


def change_image(manifest: Manifest) -> None:
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = "llama:evil"


def loosen(manifest: Manifest) -> None:
    manifest["spec"]["maxUnavailable"] = "100%"


def cover_less(manifest: Manifest) -> None:
    manifest["spec"]["podSelector"]["matchLabels"]["extra"] = "key"


def take_labels(manifest: Manifest) -> None:
    del manifest["metadata"]["labels"][conventions.LABEL_REVISION]


@pytest.mark.parametrize(
    ("kind", "shared", "edit"),
    [
        pytest.param(kinds.SERVICE, True, change_type, id="the type of the Service"),
        pytest.param(kinds.SERVICE, True, select_less, id="one more selector key on the Service"),
        pytest.param(kinds.SERVICE, True, select_other, id="another revision in the Service"),
        pytest.param(kinds.SERVICE, False, select_less, id="the Service of the revision"),
        pytest.param(kinds.SERVICE, True, add_port, id="one more port on the Service"),
        pytest.param(kinds.DEPLOYMENT, False, scale, id="the Deployment's replicas"),
        pytest.param(kinds.DEPLOYMENT, False, add_container, id="one more container"),
        pytest.param(kinds.DEPLOYMENT, False, change_image, id="the image"),
        pytest.param(kinds.POD_DISRUPTION_BUDGET, True, loosen, id="the disruption budget"),
        pytest.param(kinds.NETWORK_POLICY, True, cover_less, id="the network policy's pods"),
    ],
)
async def test_edited_by_hand__is_restored_in_one_write_with_an_event(
    *, kind: kinds.Kind, shared: bool, edit: Callable[[Manifest], None]
) -> None:
    simulation = await serving()
    before = simulation.end_state()
    name = NAME if shared else f"{NAME}-{simulation.stable}"
    writes = len(simulation.cluster.writes)
    simulation.edit_child(kind, name, edit)
    await simulation.reconcile()
    children = [write for write in simulation.cluster.writes[writes:] if write.verb != "status"]
    assert [(write.kind, write.name) for write in children] == [(kind.kind, name)]
    assert simulation.recorder.announcements[-1].reason == "Restored"
    assert simulation.recorder.announcements[-1].message == (
        f"{kind.kind} {name} had been edited by hand and was restored."
    )
    await simulation.settle()
    assert simulation.end_state() == before


async def test_edited_by_hand__a_deployment_that_lost_its_revision_label_is_found_again() -> None:
    simulation = await serving()
    simulation.edit_child(kinds.DEPLOYMENT, f"{NAME}-{simulation.stable}", take_labels)
    await simulation.reconcile()
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.served() == 1


async def test_deleted_by_hand__the_record_of_the_serving_revision_during_a_rollout() -> None:
    simulation = await rolling(replicas=2)
    simulation.nodes.broken_images["llama:b"] = "ImagePullBackOff"
    simulation.cluster.remove(kinds.CONTROLLER_REVISION, NAMESPACE, f"{NAME}-{simulation.stable}")
    await simulation.settle()
    assert simulation.served() == 2


async def test_deleted_by_hand__the_record_while_the_spec_is_invalid() -> None:
    simulation = await serving(replicas=2)
    simulation.change(INVALID)
    simulation.cluster.remove(kinds.CONTROLLER_REVISION, NAMESPACE, f"{NAME}-{simulation.stable}")
    await simulation.settle()
    assert simulation.served() == 2
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")


# --- what is lost


def lose_status(manifest: Manifest) -> None:
    del manifest["status"]


def spoil_status(manifest: Manifest) -> None:
    manifest["status"] = {"conditions": "none", "revisions": 7}


@pytest.mark.parametrize(
    "lose",
    [
        pytest.param(lose_status, id="a status that is gone"),
        pytest.param(spoil_status, id="a status that cannot be read"),
    ],
)
async def test_lost_status__is_derived_anew(lose: Callable[[Manifest], None]) -> None:
    simulation = await serving()
    before = simulation.status
    simulation.cluster.edit(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lose)
    await simulation.settle()
    after = simulation.status
    for condition in (*before["conditions"], *after["conditions"]):
        del condition["lastTransitionTime"]
    assert after == before


async def test_lost_status__in_the_middle_of_a_rollout_forgets_nothing_that_serves() -> None:
    simulation = await rolling(replicas=2)
    serving_before = simulation.front
    simulation.cluster.edit(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lose_status)
    await simulation.reconcile()
    assert simulation.stable == simulation.front == serving_before
    assert simulation.served() == 2
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 2}


async def test_lost_status__of_a_first_revision_that_was_never_ready() -> None:
    simulation = Simulation(broken_images={"llama:a": "ImagePullBackOff"})
    simulation.create(spec("llama:a"))
    await simulation.settle()
    simulation.cluster.edit(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lose_status)
    await simulation.settle()
    assert simulation.stable is None
    assert simulation.condition("Ready") == ("False", "ImagePullFailed")
