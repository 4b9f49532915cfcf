"""Whole lives of an LLMDeployment, pass by pass, on a cluster that is simulated to the step.

`Simulation` checks after every pass that requests go to the stable revision, that it keeps its
pods, and that no more revisions run than needed.
"""

from collections.abc import Callable
from typing import Any

import pytest

from rocksteady import conventions, errors
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.decide import RECHECK_SECONDS
from rocksteady.rollout.revisions import HISTORY_LIMIT
from tests.builders import KEY, NAME, NAMESPACE, spec, with_gateway
from tests.fakes.cluster import FakeCluster, Fault, copy
from tests.fakes.simulation import Simulation

SERVING = {
    "Ready": "True/Serving",
    "Reconciling": "False/Settled",
    "Stalled": "False/NotStalled",
}
INVALID = {**spec("llama:a"), "replicas": -1}
GATEWAY = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "inference", "namespace": NAMESPACE},
    "spec": {"listeners": [{"name": "http"}]},
}


async def serving(**fields: Any) -> Simulation:
    """A simulation in which the first revision, image llama:a, serves."""
    simulation = Simulation()
    simulation.create(spec("llama:a", **fields))
    await simulation.settle()
    assert simulation.conditions == SERVING
    return simulation


async def rolling(**fields: Any) -> Simulation:
    """A simulation in which llama:a serves and llama:b has just been started."""
    simulation = await serving(**fields)
    simulation.change(spec("llama:b", **fields))
    await simulation.reconcile()
    assert set(simulation.replicas()) == {"llama:a", "llama:b"}
    return simulation


# --- creation


async def test_creation__ends_with_ready_pods_behind_the_service() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a", replicas=2))
    outcome = await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.served() == 2
    assert simulation.stable == simulation.front
    assert outcome.requeue_after_seconds is None
    assert simulation.recorder.reasons == ["Serving", "Promoted"]
    names = {key[0] for key in simulation.end_state()}
    assert names == {
        "LLMDeployment",
        "ControllerRevision",
        "Deployment",
        "Service",
        "NetworkPolicy",
        "PodDisruptionBudget",
    }


async def test_creation__reports_while_pods_start() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a", replicas=2))
    outcome = await simulation.reconcile()
    assert simulation.conditions == {
        "Ready": "False/Starting",
        "Reconciling": "True/ReplicasStarting",
        "Stalled": "False/NotStalled",
    }
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    assert simulation.status["observedGeneration"] == 1
    assert simulation.status["address"] == "http://chat.demo.svc:80/v1"
    assert simulation.status["revisions"] == {
        "canary": {"hash": simulation.front, "number": 1, "replicas": 2, "readyReplicas": 0}
    }


async def test_creation__with_an_image_that_cannot_be_pulled_says_so_and_heals() -> None:
    broken = {"llama:a": "ImagePullBackOff"}
    simulation = Simulation(broken_images=broken)
    simulation.create(spec("llama:a"))
    outcome = await simulation.settle()
    assert simulation.condition("Ready") == ("False", "ImagePullFailed")
    assert simulation.condition("Stalled") == ("True", "ImagePullFailed")
    assert "Check spec.engine.image and the pull secret." in simulation.message("Stalled")
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    simulation.change(spec("llama:b"))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 1}


async def test_deletion__leaves_nothing_to_do() -> None:
    simulation = await serving()
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    assert simulation.cluster.objects == {}
    with simulation.no_writes():
        outcome = await simulation.reconcile_gone()
    assert outcome.summary == "gone"
    assert simulation.observer.gone == [KEY]


async def test_deletion__in_the_foreground_is_not_worked_against() -> None:
    simulation = await serving()
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT,
        NAMESPACE,
        NAME,
        lambda manifest: manifest["metadata"].update(deletionTimestamp="2026-11-23T12:00:00Z"),
    )
    simulation.delete_child(kinds.SERVICE, NAME)
    with simulation.no_writes():
        outcome = await simulation.reconcile_gone()
    assert outcome.summary == "gone"


async def test_creation__under_the_name_of_one_just_deleted_takes_over_what_is_left() -> None:
    simulation = await serving()
    simulation.cluster.collects_garbage = False
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    simulation.create(spec("llama:b"), uid="22222222-2222-2222-2222-222222222222")
    await simulation.settle()
    simulation.cluster.collects_garbage = True
    simulation.cluster.collect_garbage()
    with simulation.no_writes():
        await simulation.reconcile()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 1}


# --- changes


async def test_change__replaces_the_revision_without_a_gap() -> None:
    simulation = await rolling(replicas=2)
    assert simulation.conditions == {
        "Ready": "True/Serving",
        "Reconciling": "True/RollingOut",
        "Stalled": "False/NotStalled",
    }
    assert simulation.front_image() == "llama:a"
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 2}
    assert simulation.status["revisions"]["stable"]["number"] == 2
    assert "canary" not in simulation.status["revisions"]
    assert simulation.recorder.reasons == ["Serving", "Promoted", "Promoted"]


async def test_change__serves_from_the_old_revision_for_as_long_as_the_new_one_is_broken() -> None:
    simulation = await serving(replicas=2)
    simulation.nodes.broken_images["llama:b"] = "CrashLoopBackOff"
    simulation.change(spec("llama:b", replicas=2))
    await simulation.settle()
    assert simulation.conditions == {
        "Ready": "True/Serving",
        "Reconciling": "True/RollingOut",
        "Stalled": "True/CrashLooping",
    }
    assert simulation.front_image() == "llama:a"
    assert simulation.served() == 2


async def test_change__back_in_the_middle_stops_the_new_revision() -> None:
    simulation = await rolling()
    simulation.change(spec("llama:a"))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:a": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 1


async def test_change__back_after_the_end_runs_the_recorded_revision_again() -> None:
    simulation = await serving()
    first = simulation.end_state()
    for image in ("llama:b", "llama:a"):
        simulation.change(spec(image))
        await simulation.settle()
    assert simulation.replicas() == {"llama:a": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 1
    again = simulation.end_state()
    assert first.keys() <= again.keys()
    same = {key for key in first if first[key] == again[key]}
    assert first.keys() - same <= {("LLMDeployment", NAMESPACE, NAME)}


async def test_change__to_a_third_revision_drops_the_second() -> None:
    simulation = await rolling()
    simulation.change(spec("llama:c"))
    await simulation.reconcile()
    assert set(simulation.replicas()) == {"llama:a", "llama:c"}
    await simulation.settle()
    assert simulation.replicas() == {"llama:c": 1}
    assert simulation.status["revisions"]["stable"]["number"] == 3


async def test_change__of_what_does_not_behave_starts_no_revision() -> None:
    simulation = await serving()
    before = set(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION))
    simulation.change(spec("llama:a", rollout={"minStepSeconds": 600}))
    await simulation.settle()
    assert set(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION)) == before
    assert simulation.status["observedGeneration"] == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 3, id="up"),
        pytest.param(3, 1, id="down"),
        pytest.param(2, 0, id="to zero"),
        pytest.param(0, 2, id="from zero"),
    ],
)
async def test_scaling__changes_the_pods_of_the_revision(before: int, after: int) -> None:
    simulation = Simulation()
    simulation.create(spec(replicas=before))
    await simulation.settle()
    simulation.change(spec(replicas=after))
    await simulation.settle()
    assert simulation.replicas() == {"llama:a": after}
    assert simulation.served() == after
    ready = "True/Serving" if after else "False/ScaledToZero"
    assert simulation.conditions == {**SERVING, "Ready": ready}
    assert len(simulation.cluster.of_kind(kinds.CONTROLLER_REVISION)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(1, 3, id="up"),
        pytest.param(3, 1, id="down"),
        pytest.param(2, 0, id="to zero"),
    ],
)
async def test_scaling__in_the_middle_of_a_rollout_reaches_both(before: int, after: int) -> None:
    simulation = await rolling(replicas=before)
    simulation.change(spec("llama:b", replicas=after))
    await simulation.reconcile()
    assert simulation.replicas() == {"llama:a": after, "llama:b": after}
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": after}


# --- invalid specs


async def test_invalid_spec__at_creation_starts_nothing_and_says_why() -> None:
    simulation = Simulation()
    simulation.create(INVALID)
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.condition("Ready") == ("False", "InvalidSpec")
    assert "spec.replicas" in simulation.message("Stalled")
    assert set(simulation.cluster.objects) == {("LLMDeployment", NAMESPACE, NAME)}
    simulation.change(spec())
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_invalid_spec__in_the_middle_of_a_rollout_holds_both_revisions() -> None:
    simulation = await rolling(replicas=2)
    before = simulation.replicas()
    simulation.change(INVALID)
    await simulation.settle()
    assert simulation.replicas() == before
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.served() == 2
    simulation.change(spec("llama:b", replicas=2))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert simulation.replicas() == {"llama:b": 2}


async def test_invalid_spec__keeps_everything_that_the_valid_one_had() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    before = simulation.end_state()
    simulation.change(INVALID)
    await simulation.settle()
    after = simulation.end_state()
    del before["LLMDeployment", NAMESPACE, NAME], after["LLMDeployment", NAMESPACE, NAME]
    assert after == before


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


async def full() -> Simulation:
    """A simulation that owns one of every kind."""
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.cluster.put(prompts("Be kind."))
    simulation.create(spec(routing=with_gateway("inference"), engine=ENGINE_WITH_PROMPT))
    await simulation.settle()
    assert simulation.conditions == SERVING
    return simulation


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


# --- history


async def test_history__keeps_the_stable_revision_and_the_limit() -> None:
    simulation = await serving()
    for number in range(HISTORY_LIMIT + 4):
        simulation.change(spec(f"llama:v{number}"))
        await simulation.settle()
    records = simulation.cluster.of_kind(kinds.CONTROLLER_REVISION).values()
    numbers = sorted(record["revision"] for record in records)
    last = HISTORY_LIMIT + 5
    assert numbers == list(range(last - HISTORY_LIMIT, last + 1))
    assert simulation.status["revisions"]["stable"]["number"] == last
    assert len(simulation.cluster.of_kind(kinds.DEPLOYMENT)) == 1


# --- ConfigMaps


ENGINE_WITH_PROMPT: dict[str, Any] = {
    "type": "llamacpp",
    "image": "llama:a",
    "env": [
        {
            "name": "PROMPT",
            "valueFrom": {"configMapKeyRef": {"name": "prompts", "key": "system"}},
        }
    ],
}


def prompts(text: str, key: str = "system") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "prompts", "namespace": NAMESPACE},
        "data": {key: text},
    }


def frozen(simulation: Simulation) -> dict[str, str]:
    """Content of the copy that the serving revision reads."""
    name = f"{NAME}-{simulation.stable}-cfg"
    content: dict[str, str] = simulation.cluster.of_kind(kinds.CONFIG_MAP)[name]["data"]
    return content


async def test_config_map__missing_is_said_and_heals_when_it_comes() -> None:
    simulation = Simulation()
    simulation.create(spec(engine=ENGINE_WITH_PROMPT))
    outcome = await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "ConfigMapNotFound")
    assert simulation.message("Stalled") == (
        "ConfigMap prompts does not exist. Create it in this namespace, or correct the reference."
    )
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    assert simulation.replicas() == {}
    simulation.cluster.put(prompts("Be kind.", key="other"))
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "ConfigMapKeyNotFound")
    assert simulation.message("Stalled") == (
        "ConfigMap prompts has no key system. Add the key, or correct the reference."
    )
    simulation.cluster.put(prompts("Be kind."))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert frozen(simulation) == {"prompts.system": "Be kind."}


async def test_config_map__is_copied_and_read_from_the_copy() -> None:
    simulation = await full()
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    [source] = [entry["valueFrom"] for entry in env if entry["name"] == "PROMPT"]
    assert source == {
        "configMapKeyRef": {"name": f"{NAME}-{simulation.stable}-cfg", "key": "prompts.system"}
    }


async def test_config_map__leaves_other_environment_variables_alone() -> None:
    simulation = Simulation()
    simulation.cluster.put(prompts("Be kind."))
    plain = [
        {"name": "THREADS", "value": "4"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "tokens", "key": "hf"}}},
    ]
    engine = {**ENGINE_WITH_PROMPT, "env": [*plain, *ENGINE_WITH_PROMPT["env"]]}
    simulation.create(spec(engine=engine))
    await simulation.settle()
    [deployment] = simulation.cluster.of_kind(kinds.DEPLOYMENT).values()
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [entry for entry in env if entry["name"] in {"THREADS", "TOKEN"}] == plain


async def test_config_map__changed_is_a_new_revision() -> None:
    simulation = await full()
    before = simulation.stable
    simulation.cluster.put(prompts("Be brief."))
    await simulation.settle()
    assert simulation.stable != before
    assert frozen(simulation) == {"prompts.system": "Be brief."}
    assert simulation.conditions == SERVING
    assert [name for name in simulation.cluster.of_kind(kinds.CONFIG_MAP) if "cfg" in name] == [
        f"{NAME}-{simulation.stable}-cfg"
    ]


async def test_config_map__gone_stops_nothing() -> None:
    simulation = await full()
    simulation.cluster.remove(kinds.CONFIG_MAP, NAMESPACE, "prompts")
    await simulation.settle()
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.condition("Stalled") == ("True", "ConfigMapNotFound")
    assert simulation.served() == 1


async def test_config_map__gone_while_a_record_was_deleted_renders_no_other_template() -> None:
    simulation = await full()
    before = simulation.end_state()
    simulation.cluster.remove(kinds.CONFIG_MAP, NAMESPACE, "prompts")
    simulation.delete_child(kinds.CONTROLLER_REVISION, f"{NAME}-{simulation.stable}")
    await simulation.settle()
    name = ("Deployment", NAMESPACE, f"{NAME}-{simulation.front}")
    assert simulation.end_state()[name]["spec"] == before[name]["spec"]
    assert simulation.cluster.of_kind(kinds.CONTROLLER_REVISION) == {}


async def test_config_map__chat_template_is_copied_under_its_own_key_too() -> None:
    simulation = Simulation()
    simulation.cluster.put(prompts("{{ messages }}", key="chat.jinja"))
    model = {
        "name": "smol",
        "uri": "image:///models/smol.gguf",
        "chatTemplate": {"name": "prompts", "key": "chat.jinja"},
    }
    simulation.create(spec(model=model))
    await simulation.settle()
    assert simulation.conditions == SERVING
    assert frozen(simulation) == {
        "prompts.chat.jinja": "{{ messages }}",
        "chat.jinja": "{{ messages }}",
    }


# --- Gateways


async def test_gateway__missing_is_said_and_heals_when_it_comes() -> None:
    simulation = Simulation()
    simulation.create(spec(routing=with_gateway("inference")))
    outcome = await simulation.settle()
    assert simulation.condition("Ready") == ("False", "GatewayNotFound")
    assert simulation.condition("Stalled") == ("True", "GatewayNotFound")
    assert simulation.message("Stalled") == (
        "Gateway demo/inference does not exist. Create it (and install the Gateway API), or correct"
        " spec.routing.gateway.parentRefs."
    )
    assert outcome.requeue_after_seconds == RECHECK_SECONDS
    simulation.cluster.put(copy(GATEWAY))
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__without_the_gateway_api_is_said_and_heals_when_it_is_installed() -> None:
    simulation = Simulation(FakeCluster(without=(kinds.GATEWAY, kinds.HTTP_ROUTE)))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    assert simulation.condition("Ready") == ("False", "GatewayNotFound")
    assert simulation.condition("Stalled") == ("True", "GatewayNotFound")
    assert simulation.served() == 1
    simulation.change(spec("llama:b", routing=with_gateway("inference")))
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}
    simulation.cluster.without.clear()
    simulation.cluster.put(copy(GATEWAY))
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__without_the_named_listener_is_said() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    parent = {"name": "inference", "sectionName": "https"}
    simulation.create(spec(routing={"gateway": {"parentRefs": [parent]}}))
    await simulation.settle()
    assert simulation.condition("Stalled") == ("True", "GatewayListenerNotFound")
    assert simulation.message("Stalled") == (
        "Gateway demo/inference has no listener https, only http. Correct sectionName in"
        " spec.routing.gateway.parentRefs."
    )


async def test_gateway__that_refuses_the_route_is_said() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    route = copy(simulation.cluster.objects["HTTPRoute", NAMESPACE, NAME])
    route["status"]["parents"][0]["conditions"][0] |= {
        "status": "False",
        "reason": "NotAllowedByListeners",
        "message": "namespace demo is not allowed.",
    }
    simulation.cluster.put(route)
    await simulation.reconcile()
    assert simulation.condition("Ready") == ("False", "RouteRefused")
    assert simulation.message("Stalled") == (
        "Gateway inference refuses the route (NotAllowedByListeners): namespace demo is not"
        " allowed. Check spec.routing.gateway."
    )


async def test_gateway__that_has_not_seen_the_last_change_has_not_accepted_it() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(spec(routing=with_gateway("inference")))
    await simulation.settle()
    simulation.change(spec(routing=with_gateway("inference", hostnames=["chat.example.com"])))
    await simulation.reconcile()
    await simulation.reconcile()
    assert simulation.condition("Ready") == ("False", "RoutePending")
    simulation.nodes.run()
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_gateway__taken_out_of_the_spec_takes_the_route_away() -> None:
    simulation = await full()
    simulation.change(spec(engine=ENGINE_WITH_PROMPT))
    await simulation.settle()
    assert simulation.cluster.of_kind(kinds.HTTP_ROUTE) == {}
    assert simulation.conditions == SERVING


async def test_gateway__route_goes_to_the_revision_that_serves() -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    routing = with_gateway("inference")
    simulation.create(spec("llama:a", routing=routing))
    await simulation.settle()
    simulation.change(spec("llama:b", routing=routing))
    await simulation.reconcile()
    assert backends(simulation) == [f"{NAME}-{simulation.front}"]
    assert simulation.front_image() == "llama:a"
    await simulation.settle()
    assert backends(simulation) == [f"{NAME}-{simulation.stable}"]
    assert simulation.front_image() == "llama:b"


def backends(simulation: Simulation) -> list[str]:
    [rule] = simulation.cluster.objects["HTTPRoute", NAMESPACE, NAME]["spec"]["rules"]
    return [backend["name"] for backend in rule["backendRefs"]]


# --- rest


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(spec(), id="a plain one"),
        pytest.param(spec(replicas=0), id="one without replicas"),
        pytest.param(spec(replicas=None), id="one that leaves replicas to the default"),
        pytest.param(INVALID, id="one that is invalid"),
        pytest.param(
            spec(routing=with_gateway("inference", hostnames=["chat.example.com"])),
            id="one with a Gateway",
        ),
        pytest.param(spec(engine=ENGINE_WITH_PROMPT), id="one that reads a ConfigMap"),
        pytest.param(
            spec(
                model={"name": "smol", "uri": "hf://org/smol/smol.gguf@" + "0" * 40},
                resources={"limits": {"nvidia.com/gpu": 2, "memory": "4096Mi"}},
            ),
            id="one that fetches its model and has GPUs",
        ),
        pytest.param(
            spec(podTemplate={"spec": {"nodeSelector": {"gpu": "a100"}, "priority": 0}}),
            id="one with a pod template",
        ),
    ],
)
async def test_rest__costs_no_write_not_even_after_a_restart(content: dict[str, Any]) -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.cluster.put(prompts("Be kind."))
    simulation.create(content)
    await simulation.settle()
    restarted = Simulation(simulation.cluster)
    with simulation.no_writes():
        for _ in range(3):
            await restarted.reconcile()
    assert restarted.recorder.announcements == []


async def test_rest__costs_no_write_when_only_the_users_annotations_change() -> None:
    simulation = await serving()
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT,
        NAMESPACE,
        NAME,
        lambda manifest: manifest["metadata"].update(annotations={"team": "search"}),
    )
    with simulation.no_writes():
        await simulation.reconcile()


async def test_conflict__somebody_changes_the_spec_in_the_middle_of_a_pass() -> None:
    simulation = Simulation()
    simulation.create(spec("llama:a"))
    original = simulation.cluster.on_write

    def change_once() -> None:
        simulation.cluster.on_write = original
        simulation.change(spec("llama:b"))

    simulation.cluster.on_write = change_once
    with pytest.raises(errors.Conflict):
        await simulation.reconcile()
    assert "status" not in simulation.manifest
    await simulation.settle()
    assert simulation.replicas() == {"llama:b": 1}


async def test_failure__of_a_write_ends_the_pass_and_the_next_goes_on() -> None:
    simulation = Simulation()
    simulation.create(spec())
    simulation.cluster.inject(Fault(3, errors.ClusterError("500", 500)))
    with pytest.raises(errors.ClusterError):
        await simulation.reconcile()
    assert len(simulation.cluster.writes) == 2
    await simulation.settle()
    assert simulation.conditions == SERVING


async def test_lost_lease__ends_the_pass_before_the_write() -> None:
    simulation = Simulation()
    simulation.create(spec())
    simulation.cluster.inject(Fault(3, errors.NotLeader("lost")))
    with pytest.raises(errors.NotLeader):
        await simulation.reconcile()
    assert len(simulation.cluster.writes) == 2
