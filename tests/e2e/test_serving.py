"""A real model, served: answered through the gateway, scaled, restored, measured, deleted."""

import time

import pytest
from prometheus_api_client import PrometheusConnect

from tests.e2e.conftest import (
    OWNED,
    LocalCluster,
    client_for,
    small_model,
    wait_answer,
    wait_ready,
)
from tests.kubectl import condition, wait_until


@pytest.fixture(scope="module")
def chat(cluster: LocalCluster, namespace: str) -> str:
    cluster.kubectl.apply(small_model(namespace))
    wait_ready(cluster, namespace, "chat")
    return "chat"


@pytest.mark.usefixtures("chat")
def test_serving__kubectl_wait_for_ready_returns(cluster: LocalCluster, namespace: str) -> None:
    said = cluster.kubectl.run(
        *("wait", "--for=condition=Ready", "llmdep/chat", "-n", namespace, "--timeout=10s")
    )

    assert "condition met" in said


@pytest.mark.usefixtures("chat")
def test_serving__the_openai_client_gets_a_completion_through_the_gateway(
    cluster: LocalCluster, namespace: str
) -> None:
    with client_for(cluster, namespace) as client:
        wait_answer(client)
        completion = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "Say hello."}],
            max_tokens=16,
            temperature=0,
        )

    assert completion.choices[0].message.content
    assert completion.model == "smollm2"
    assert completion.usage is not None
    assert completion.usage.completion_tokens > 0


@pytest.mark.usefixtures("chat")
def test_serving__the_openai_client_gets_a_stream_through_the_gateway(
    cluster: LocalCluster, namespace: str
) -> None:
    with client_for(cluster, namespace) as client:
        wait_answer(client)
        stream = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "Count from one to five."}],
            max_tokens=16,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]

    assert len([piece for piece in pieces if piece]) > 1, "it came in one piece"


@pytest.mark.usefixtures("chat")
def test_serving__prometheus_has_the_model_servers_metrics_of_this_revision(
    cluster: LocalCluster, namespace: str
) -> None:
    found = cluster.kubectl.get("llmdep", "chat", namespace)
    revision = found["status"]["revisions"]["stable"]["hash"]
    prometheus = PrometheusConnect(url=cluster.prometheus)
    query = f'llamacpp:tokens_predicted_total{{namespace="{namespace}",pod=~"chat-{revision}-.+"}}'
    pods = cluster.kubectl.items("pods", namespace, f"rocksteady.dev/revision={revision}")
    [serving] = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def scraped() -> list[str]:
        """Pods with exactly one series; one that was replaced keeps its own for a while."""
        found = [series["metric"]["pod"] for series in prometheus.custom_query(query)]
        return [pod for pod in found if found.count(pod) == 1]

    wait_until(lambda: serving["metadata"]["name"] in scraped(), "its one series is there", 30, 1)


@pytest.mark.usefixtures("chat")
def test_serving__kubectl_scale_adds_and_removes_a_server(
    cluster: LocalCluster, namespace: str
) -> None:
    for replicas in (2, 1):
        cluster.kubectl.run("scale", "llmdep/chat", "-n", namespace, f"--replicas={replicas}")

        wait_ready(cluster, namespace, "chat")
        wait_until(
            lambda wanted=replicas: (  # type: ignore[misc]
                cluster.kubectl.get("llmdep", "chat", namespace)["status"]["readyReplicas"]
                == wanted
            ),
            f"{replicas} ready",
        )


@pytest.mark.usefixtures("chat")
@pytest.mark.parametrize("kind", ["deployment", "service", "httproute"])
def test_serving__a_deleted_child_is_back_within_two_seconds(
    cluster: LocalCluster, namespace: str, kind: str
) -> None:
    kubectl, selector = cluster.kubectl, "rocksteady.dev/llmdeployment=chat"
    before = {found["metadata"]["uid"] for found in kubectl.items(kind, namespace, selector)}

    kubectl.run("delete", kind, "-n", namespace, "-l", selector, "--wait=false")
    deleted = time.monotonic()

    def back() -> bool:
        now = {found["metadata"]["uid"] for found in kubectl.items(kind, namespace, selector)}
        return len(now) == len(before) and not now & before

    wait_until(back, f"{kind} is back", 10, 0.05)
    assert time.monotonic() - deleted < 2
    wait_ready(cluster, namespace, "chat")


def test_serving__deleting_an_llmdeployment_leaves_nothing_owned(
    cluster: LocalCluster, namespace: str
) -> None:
    cluster.kubectl.apply(small_model(namespace, "gone"))
    wait_ready(cluster, namespace, "gone")
    selector = "rocksteady.dev/llmdeployment=gone"
    assert cluster.kubectl.items(OWNED, namespace, selector)

    cluster.kubectl.run("delete", "llmdep", "gone", "-n", namespace)

    wait_until(lambda: not cluster.kubectl.items(OWNED, namespace, selector), "nothing is left", 60)


@pytest.mark.usefixtures("chat")
def test_serving__status_says_what_runs_in_numbers(cluster: LocalCluster, namespace: str) -> None:
    found = wait_ready(cluster, namespace, "chat")

    status = found["status"]
    revision = status["revisions"]["stable"]
    assert condition(found, "Ready")["message"] == (
        f"r{revision['number']} ({revision['hash']}) serves with 1 of 1 replica ready."
    )
    assert status["address"] == f"http://chat.{namespace}.svc:80/v1"
