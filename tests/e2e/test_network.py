"""Who reaches a model server, and whom it reaches: what its NetworkPolicy says, enforced."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.e2e.conftest import (
    MODEL_IMAGE,
    RESTRICTED,
    LocalCluster,
    client_for,
    small_model,
    wait_answer,
    wait_ready,
)
from tests.kubectl import KubectlError, Manifest, wait_until

API_SERVER = "kubernetes.default.svc"
CONNECT = (
    "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close();"
    " print('connected')"
)


def asking_pod(namespace: str, name: str) -> Manifest:
    """A pod that does nothing until it is told to connect somewhere."""
    container = {
        "name": "asker",
        "image": MODEL_IMAGE,
        "command": ["sleep", "3600"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "securityContext": RESTRICTED,
            "containers": [container],
            "terminationGracePeriodSeconds": 0,
        },
    }


def connects(cluster: LocalCluster, pod: Manifest, host: str, port: int) -> bool:
    """Whether a pod gets a connection within 3 s."""
    metadata = pod["metadata"]
    with suppress(KubectlError):
        said = cluster.kubectl.run(
            *("exec", metadata["name"], "-n", metadata["namespace"], "--"),
            *("python3", "-c", CONNECT, host, str(port)),
        )
        return "connected" in said
    return False


@pytest.fixture(scope="module")
def stranger(cluster: LocalCluster, namespace: str) -> Iterator[Manifest]:
    """A pod in a namespace that has nothing to do with the model."""
    elsewhere = f"{namespace}-elsewhere"
    pod = asking_pod(elsewhere, "stranger")
    metadata = {"name": elsewhere}
    cluster.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, pod)
    cluster.kubectl.run(
        *("wait", "--for=condition=Ready", "pod/stranger", "-n", elsewhere, "--timeout=60s")
    )
    yield pod
    cluster.kubectl.run("delete", "namespace", elsewhere, "--wait=false")


@pytest.fixture(scope="module")
def model_pod(cluster: LocalCluster, namespace: str) -> Manifest:
    cluster.kubectl.apply(small_model(namespace))
    wait_ready(cluster, namespace, "chat")
    [pod] = cluster.kubectl.items("pods", namespace, "rocksteady.dev/llmdeployment=chat")
    return pod


def test_network__a_stranger_does_not_reach_a_model_server_and_the_gateway_does(
    cluster: LocalCluster, namespace: str, stranger: Manifest, model_pod: Manifest
) -> None:
    address, port = model_pod["status"]["podIP"], 8080

    # The agent hears of a new pod a moment after the pod was started
    wait_until(lambda: not connects(cluster, stranger, address, port), "the pod is closed", 30)

    assert not connects(cluster, stranger, f"chat.{namespace}.svc", 80)
    assert connects(cluster, stranger, API_SERVER, 443), "the stranger has a network"
    with client_for(cluster, namespace) as client:
        wait_answer(client)


@pytest.mark.parametrize(
    ("namespace_of", "service", "port"),
    [
        pytest.param("kube-system", "kube-dns", 53, id="not DNS"),
        pytest.param("monitoring", "prometheus", 9090, id="not another pod"),
        pytest.param("default", "kubernetes", 443, id="not the API server, on the node"),
    ],
)
def test_network__a_model_from_an_image_reaches_nothing(
    cluster: LocalCluster,
    stranger: Manifest,
    model_pod: Manifest,
    namespace_of: str,
    service: str,
    port: int,
) -> None:
    address = cluster.kubectl.get("service", service, namespace_of)["spec"]["clusterIP"]

    wait_until(lambda: not connects(cluster, model_pod, address, port), "it cannot get out", 30)

    assert connects(cluster, stranger, address, port), "others can"


def test_network__a_policy_of_your_own_opens_what_ours_does_not(
    cluster: LocalCluster, namespace: str, stranger: Manifest, model_pod: Manifest
) -> None:
    address, elsewhere = model_pod["status"]["podIP"], stranger["metadata"]["namespace"]
    wait_until(lambda: not connects(cluster, stranger, address, 8080), "the pod is closed", 30)
    source = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": elsewhere}}}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "let-the-stranger-in", "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"rocksteady.dev/llmdeployment": "chat"}},
            "ingress": [{"from": [source]}],
        },
    }

    cluster.kubectl.apply(policy)

    wait_until(lambda: connects(cluster, stranger, address, 8080), "the stranger is let in", 30)
    cluster.kubectl.run("delete", "networkpolicy", "let-the-stranger-in", "-n", namespace)
    wait_until(lambda: not connects(cluster, stranger, address, 8080), "closed again", 30)
