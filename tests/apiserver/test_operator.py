"""The operator process against a real API server: what it makes, keeps, restores and survives.

There are no nodes: `DeploymentController` stands in for Kubernetes' own and says what is ready.
"""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.local_cluster.control_plane import ControlPlane, api_server, free_ports
from hack.local_cluster.go_build import ensure_binary
from hack.local_cluster.paths import Layout
from hack.local_cluster.processes import Processes
from hack.local_cluster.tools import kubernetes
from tests.apiserver.conftest import VERSIONS
from tests.kubectl import Kubectl, Manifest, condition, wait_until
from tests.operator_process import DeploymentController, OperatorProcess, running_operator

VERSION = VERSIONS[0]
NAMESPACE = "default"
OWNED = "controllerrevisions,configmaps,services,networkpolicies,poddisruptionbudgets,deployments"
REPOSITORY = Path(__file__).parents[2]


def chat(name: str = "chat", **spec: Any) -> Manifest:
    """An LLMDeployment that needs nothing from outside."""
    return {
        "apiVersion": "rocksteady.dev/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "model": {"name": "tiny", "uri": "image:///models/tiny.gguf"},
            "engine": {"type": "llamacpp", "image": "example.com/llamacpp:1"},
            **spec,
        },
    }


def kubectl_for(kubeconfig: Path) -> Kubectl:
    return Kubectl(ensure_binary(kubernetes(), "kubectl"), kubeconfig)


def install_crd(kubectl: Kubectl) -> None:
    kubectl.run("apply", "--server-side", "-f", str(REPOSITORY / "crds"))
    kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


def owned(kubectl: Kubectl, name: str) -> list[Manifest]:
    return kubectl.items(OWNED, NAMESPACE, f"rocksteady.dev/llmdeployment={name}")


def names(manifests: list[Manifest]) -> list[str]:
    return sorted(f"{found['kind']}/{found['metadata']['name']}" for found in manifests)


def wait_ready(kubectl: Kubectl, name: str, seconds: float = 30) -> Manifest:
    def ready() -> Manifest | None:
        found = kubectl.get("llmdep", name, NAMESPACE)
        current = found["metadata"]["generation"]
        fact = condition(found, "Ready")
        settled = condition(found, "Reconciling")["status"] == "False"
        holds = fact["status"] == "True" and fact["observedGeneration"] == current
        return found if holds and settled else None

    return wait_until(ready, f"{name} is ready and settled", seconds)


def wait_reason(
    kubectl: Kubectl, name: str, type_: str, reason: str, seconds: float = 30
) -> Manifest:
    def there() -> Manifest | None:
        fact = condition(kubectl.get("llmdep", name, NAMESPACE), type_)
        return fact if fact["reason"] == reason else None

    return wait_until(there, f"{name}: {type_}/{reason}", seconds)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("operator")


@pytest.fixture(scope="module")
def kubectl(directory: Path) -> Iterator[Kubectl]:
    with api_server(VERSION, directory) as kubeconfig:
        found = kubectl_for(kubeconfig)
        install_crd(found)
        yield found


@pytest.fixture(scope="module")
def controller(kubectl: Kubectl) -> Iterator[DeploymentController]:
    with DeploymentController(kubectl.kubeconfig) as running:
        yield running


@pytest.fixture
def operator(
    kubectl: Kubectl, controller: DeploymentController, directory: Path
) -> Iterator[OperatorProcess]:
    controller.gets_ready = lambda _: True
    with running_operator(kubectl.kubeconfig, directory) as running:
        yield running
    kubectl.run("delete", "llmdep", "--all", "-n", NAMESPACE)
    # Nobody collects garbage here.
    kubectl.run("delete", OWNED, "-n", NAMESPACE, "-l", "app.kubernetes.io/managed-by=rocksteady")
    kubectl.run("delete", "lease,events", "--all", "-n", NAMESPACE)


def test_operator__makes_what_an_llmdeployment_needs_and_reports_it_ready(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(chat())

    found = wait_ready(kubectl, "chat")

    revision = found["status"]["revisions"]["stable"]["hash"]
    assert names(owned(kubectl, "chat")) == [
        f"ControllerRevision/chat-{revision}",
        f"Deployment/chat-{revision}",
        "NetworkPolicy/chat",
        "PodDisruptionBudget/chat",
        "Service/chat",
        f"Service/chat-{revision}",
    ]
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert "finalizers" not in found["metadata"]
    assert not [key for key in found["metadata"].get("annotations", {}) if "kopf" in key]
    assert operator.probe("/healthz") == "ok"
    assert "rocksteady_leader 1.0" in operator.probe("/metrics")


def test_operator__scales_by_the_scale_subresource_without_a_new_revision(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(chat())
    before = wait_ready(kubectl, "chat")["status"]["revisions"]["stable"]["hash"]

    kubectl.run("scale", "llmdep/chat", "-n", NAMESPACE, "--replicas=3")
    wait_until(
        lambda: kubectl.get("llmdep", "chat", NAMESPACE)["status"]["readyReplicas"] == 3,
        "three replicas are ready",
    )

    after = wait_ready(kubectl, "chat")["status"]
    assert after["revisions"]["stable"]["hash"] == before
    assert "rocksteady.dev/llmdeployment=chat" in after["selector"]
    assert operator.running


def test_operator__keeps_the_old_revision_until_the_new_one_is_ready(
    kubectl: Kubectl, operator: OperatorProcess, controller: DeploymentController
) -> None:
    kubectl.apply(chat())
    old = wait_ready(kubectl, "chat")["status"]["revisions"]["stable"]["hash"]
    controller.gets_ready = lambda name: name == f"chat-{old}"

    kubectl.apply(chat(engine={"type": "llamacpp", "image": "example.com/llamacpp:2"}))
    rolling = wait_reason(kubectl, "chat", "Reconciling", "RollingOut")
    found = kubectl.get("llmdep", "chat", NAMESPACE)
    new = found["status"]["revisions"]["canary"]["hash"]
    front = kubectl.get("service", "chat", NAMESPACE)["spec"]["selector"]
    assert (front["rocksteady.dev/revision"], new != old) == (old, True)
    assert f"({old}) serves until then" in rolling["message"]

    controller.gets_ready = lambda _: True
    after = wait_ready(kubectl, "chat")
    assert after["status"]["revisions"]["stable"]["hash"] == new
    wait_until(
        lambda: kubectl.find("deployment", f"chat-{old}", NAMESPACE) is None,
        "the old Deployment is gone",
    )
    assert kubectl.get("controllerrevision", f"chat-{old}", NAMESPACE)["revision"] == 1
    assert operator.running


@pytest.mark.parametrize("kind", ["deployment", "service", "networkpolicy", "poddisruptionbudget"])
def test_operator__brings_a_deleted_child_back_within_two_seconds(
    kubectl: Kubectl, operator: OperatorProcess, kind: str
) -> None:
    kubectl.apply(chat())
    wait_ready(kubectl, "chat")
    selector = "rocksteady.dev/llmdeployment=chat"
    before = kubectl.items(kind, NAMESPACE, selector)

    kubectl.run("delete", kind, "-n", NAMESPACE, "-l", selector, "--wait=false")
    deleted = time.monotonic()
    uids = {found["metadata"]["uid"] for found in before}
    wait_until(
        lambda: (
            names(now := kubectl.items(kind, NAMESPACE, selector)) == names(before)
            and not uids & {found["metadata"]["uid"] for found in now}
        ),
        f"{kind} is back",
        seconds=10,
        every_seconds=0.05,
    )

    assert time.monotonic() - deleted < 2
    assert operator.running


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        pytest.param(
            "service", {"spec": {"selector": {"app": "else"}}}, id="a selector is added to"
        ),
        pytest.param(
            "deployment", {"spec": {"progressDeadlineSeconds": 77}}, id="a number is changed"
        ),
        pytest.param("networkpolicy", {"spec": {"ingress": []}}, id="a list is emptied"),
    ],
)
def test_operator__restores_a_hand_edited_child_and_says_so(
    kubectl: Kubectl, operator: OperatorProcess, kind: str, patch: Manifest
) -> None:
    kubectl.apply(chat())
    wait_ready(kubectl, "chat")
    edited = owned_of(kubectl, kind)

    kubectl.patch(kind, edited["metadata"]["name"], NAMESPACE, patch)
    wait_until(lambda: owned_of(kubectl, kind)["spec"] == edited["spec"], f"{kind} is restored", 10)

    said = wait_until(
        lambda: [
            event
            for event in kubectl.items("events", NAMESPACE)
            if event["reason"] == "Restored"
            and event["message"].startswith(f"{edited['kind']} {edited['metadata']['name']} had")
        ],
        "an Event says so",
    )
    assert said[0]["involvedObject"]["kind"] == "LLMDeployment"
    assert operator.running


def owned_of(kubectl: Kubectl, kind: str) -> Manifest:
    return kubectl.items(kind, NAMESPACE, "rocksteady.dev/llmdeployment=chat")[0]


def test_operator__freezes_a_referenced_config_map_into_the_revision(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    template = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "templates", "namespace": NAMESPACE},
        "data": {"plain.jinja": "first"},
    }
    model = {**chat()["spec"]["model"], "chatTemplate": {"name": "templates", "key": "plain.jinja"}}
    kubectl.apply(chat(model=model))
    missing = wait_reason(kubectl, "chat", "Stalled", "ConfigMapNotFound")
    assert "ConfigMap templates does not exist. Create it" in missing["message"]

    kubectl.apply(template)
    first = wait_ready(kubectl, "chat")["status"]["revisions"]["stable"]["hash"]
    copy = kubectl.get("configmap", f"chat-{first}-cfg", NAMESPACE)
    assert (copy["immutable"], copy["data"]["templates_plain.jinja"]) == (True, "first")

    kubectl.apply({**template, "data": {"plain.jinja": "second"}})
    second = wait_until(
        lambda: (
            (now := wait_ready(kubectl, "chat")["status"]["revisions"]["stable"]["hash"]) != first
            and now
        ),
        "the changed ConfigMap is a new revision",
        seconds=40,
    )
    copy = kubectl.get("configmap", f"chat-{second}-cfg", NAMESPACE)
    assert copy["data"]["templates_plain.jinja"] == "second"
    kubectl.run("delete", "configmap", "templates", "-n", NAMESPACE)
    assert operator.running


def test_operator__keeps_serving_when_the_new_spec_is_rejected_by_the_api_server(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(chat())
    old = wait_ready(kubectl, "chat")["status"]["revisions"]["stable"]["hash"]

    broken = {"spec": {"containers": [{"name": "model-server", "ports": [{"containerPort": -1}]}]}}
    kubectl.apply(chat(podTemplate=broken))
    stalled = wait_reason(kubectl, "chat", "Stalled", "RejectedByApiServer")

    assert "spec.podTemplate" in stalled["message"]
    found = kubectl.get("llmdep", "chat", NAMESPACE)
    assert condition(found, "Ready")["status"] == "True"
    assert kubectl.get("deployment", f"chat-{old}", NAMESPACE)["status"]["readyReplicas"] == 1

    kubectl.apply(chat(podTemplate={}))
    healed = wait_ready(kubectl, "chat")
    assert condition(healed, "Stalled")["status"] == "False"
    assert operator.running


def test_operator__writes_nothing_while_nothing_changes_even_after_a_restart(
    kubectl: Kubectl, operator: OperatorProcess, directory: Path
) -> None:
    kubectl.apply(*(chat(f"idle-{number}", replicas=number) for number in range(1, 6)))
    for number in range(1, 6):
        wait_ready(kubectl, f"idle-{number}")
    time.sleep(2)
    assert count_writes(directory, "idle-") > 5, "the audit log has the operator's writes"

    operator.stop()
    operator.start()
    wait_until(lambda: operator.has_said("watching"), "it is at work again")
    before = count_writes(directory)
    time.sleep(15)

    assert count_writes(directory) - before == 0
    assert operator.running


def count_writes(directory: Path, name: str = "") -> int:
    """The operator's writes to what is called so: all but kubectl's and the stand-in controller's.

    Leases are left out.
    """
    writes = 0
    for line in (directory / "logs" / "audit.log").read_text().splitlines():
        entry = json.loads(line)
        target = entry.get("objectRef", {})
        resource = target.get("resource")
        wrote = entry["verb"] in {"create", "update", "patch", "delete"}
        by_kubectl = "kubectl" in entry.get("userAgent", "")
        by_controller = resource == "deployments" and target.get("subresource") == "status"
        others = by_kubectl or by_controller or resource == "leases"
        if wrote and not others and target.get("name", "").startswith(name):
            writes += 1
    return writes


@pytest.mark.parametrize("seed", range(10))
def test_operator__killed_at_a_random_moment_of_creation_converges_to_the_same_objects(
    kubectl: Kubectl, controller: DeploymentController, directory: Path, seed: int
) -> None:
    # Creation is eight writes: six objects, and the status before and after they are ready
    writes = random.Random(seed).randint(0, 7)  # noqa: S311 - a moment, not a secret
    controller.gets_ready = lambda _: False
    name = f"killed-{seed}"
    operator = OperatorProcess(kubectl.kubeconfig, directory)
    operator.start()
    try:
        wait_until(lambda: operator.has_said("watching"), "it is at work", 30, 0.05)
        kubectl.apply(chat(name))
        wait_until(lambda: count_writes(directory, name) >= writes, f"{writes} writes", 30, 0.005)
        operator.kill()
        assert condition(kubectl.get("llmdep", name, NAMESPACE), "Ready")["status"] != "True"
        controller.gets_ready = lambda _: True
        operator.start()
        revision = wait_ready(kubectl, name, 60)["status"]["revisions"]["stable"]["hash"]
        assert names(owned(kubectl, name)) == [
            f"ControllerRevision/{name}-{revision}",
            f"Deployment/{name}-{revision}",
            f"NetworkPolicy/{name}",
            f"PodDisruptionBudget/{name}",
            f"Service/{name}",
            f"Service/{name}-{revision}",
        ]
    finally:
        operator.kill()
        kubectl.run("delete", "llmdep", name, "-n", NAMESPACE)
        selector = f"rocksteady.dev/llmdeployment={name}"
        kubectl.run("delete", OWNED, "-n", NAMESPACE, "-l", selector)


def tail(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def test_operator__started_before_its_crd_waits_for_it(tmp_path: Path) -> None:
    with api_server(VERSION, tmp_path) as kubeconfig:
        kubectl = kubectl_for(kubeconfig)
        with running_operator(kubeconfig, tmp_path) as operator:
            wait_until(lambda: "a CRD is not installed yet" in tail(operator.log), "it says so")
            assert operator.probe("/healthz") == "ok"

            install_crd(kubectl)
            kubectl.apply(chat())
            with DeploymentController(kubeconfig):
                wait_ready(kubectl, "chat")
            assert operator.running


@pytest.mark.parametrize(
    "away_seconds",
    [
        pytest.param(3, id="that takes a moment"),
        pytest.param(35, id="that takes longer than the Lease"),
    ],
)
def test_operator__survives_a_restart_of_the_api_server(
    tmp_path: Path, away_seconds: float
) -> None:
    layout = Layout(tmp_path)
    processes = Processes(
        layout.processes, layout.logs, marker=str(layout.root), die_with_parent=True
    )
    flags = ("--disable-admission-plugins=ServiceAccount",)
    api, etcd, etcd_peer = free_ports(3)
    plane = ControlPlane(layout, VERSION, api, etcd, etcd_peer, extra_flags=flags)
    plane.start(processes)
    try:
        kubectl = kubectl_for(layout.kubeconfig)
        install_crd(kubectl)
        with running_operator(layout.kubeconfig, tmp_path) as operator:
            kubectl.apply(chat(replicas=0))
            wait_reason(kubectl, "chat", "Ready", "ScaledToZero")

            processes.stop("kube-apiserver")
            time.sleep(away_seconds)
            plane.start(processes)

            kubectl.run("scale", "llmdep/chat", "-n", NAMESPACE, "--replicas=1")
            with DeploymentController(layout.kubeconfig):
                wait_ready(kubectl, "chat", 60)
            assert operator.running
    finally:
        processes.stop("kube-apiserver")
        processes.stop("etcd")


def test_operator__two_of_them_take_turns_and_never_lead_together(tmp_path: Path) -> None:
    with api_server(VERSION, tmp_path) as kubeconfig:
        kubectl = kubectl_for(kubeconfig)
        install_crd(kubectl)
        first, second = (
            OperatorProcess(kubeconfig, directory, identity=identity)
            for identity, directory in (("first", tmp_path / "a"), ("second", tmp_path / "b"))
        )
        try:
            for operator in (first, second):
                operator.directory.mkdir()
            first.start()
            wait_until(lambda: "leading" in tail(first.log), "the first leads")
            second.start()
            wait_until(lambda: readable(second), "the second stands by")
            assert "leading" not in tail(second.log)
            assert second.probe("/readyz") == "ok"

            assert first.stop() == 0
            stopped = time.monotonic()
            wait_until(lambda: "leading" in tail(second.log), "the second leads", 20, 0.1)
            assert time.monotonic() - stopped < 5, "a clean exit gives the Lease back at once"
            holder = kubectl.get("lease", "rocksteady-leader", NAMESPACE)["spec"]["holderIdentity"]
            assert holder == "second"
        finally:
            first.kill()
            second.kill()


def readable(operator: OperatorProcess) -> bool:
    try:
        return operator.probe("/healthz") == "ok"
    except OSError:
        return False


def test_operator__leaves_a_service_alone_that_somebody_else_has_under_its_name(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    foreign: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    }
    kubectl.apply(foreign)
    kubectl.apply(chat())

    stalled = wait_reason(kubectl, "chat", "Stalled", "NameTaken")
    assert "Service chat exists and belongs to somebody else" in stalled["message"]
    found = kubectl.get("service", "chat", NAMESPACE)
    assert found["spec"]["selector"] == {"app": "theirs"}
    assert "ownerReferences" not in found["metadata"]

    kubectl.run("delete", "service", "chat", "-n", NAMESPACE)
    wait_ready(kubectl, "chat", 60)
    assert operator.running
