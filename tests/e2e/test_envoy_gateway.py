"""The Envoy Gateway in Traefik's place: what works behind the one works behind the other.

Needs `python -m hack.local_cluster up --with envoy-gateway`; a part of `make test-extended`.
"""

from dataclasses import replace

import pytest
from prometheus_api_client import PrometheusConnect

from tests.e2e.asker import Asker
from tests.e2e.conftest import (
    LocalCluster,
    ask_local_cluster,
    client_for,
    engine,
    host,
    small_model,
    wait_answer,
    wait_ready,
)
from tests.e2e.lanes import load_on, simulated_model
from tests.kubectl import Manifest, condition, wait_until

pytestmark = [pytest.mark.extended, pytest.mark.timeout(400)]

CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"


@pytest.fixture(scope="module")
def cluster(cluster: LocalCluster) -> LocalCluster:
    """The same cluster, asked through its other gateway."""
    return replace(cluster, gateway=ask_local_cluster("address", "envoy-gateway"))


def model_behind_envoy(namespace: str, name: str, **spec: object) -> Manifest:
    parent = {"name": "inference-envoy", "namespace": "rocksteady-gateway", "sectionName": "http"}
    gateway = {"parentRefs": [parent], "hostnames": [host(namespace, name)]}
    return small_model(namespace, name, routing={"gateway": gateway}, **spec)


@pytest.fixture(scope="module")
def chat(cluster: LocalCluster, namespace: str) -> str:
    cluster.kubectl.apply(model_behind_envoy(namespace, "chat"))
    wait_ready(cluster, namespace, "chat")
    return "chat"


def test_envoy_gateway__the_openai_client_gets_a_completion_and_a_stream(
    cluster: LocalCluster, namespace: str, chat: str
) -> None:
    with client_for(cluster, namespace, chat) as client:
        wait_answer(client)
        completion = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "Say hello."}],
            max_tokens=16,
        )
        stream = client.chat.completions.create(
            model="smollm2",
            messages=[{"role": "user", "content": "Count from one to five."}],
            max_tokens=16,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]

    assert completion.choices[0].message.content
    assert completion.usage is not None
    assert completion.usage.completion_tokens > 0
    assert len([piece for piece in pieces if piece]) > 1, "it came in one piece"


def test_envoy_gateway__it_is_ready_and_the_gateway_has_accepted_the_route_as_it_is(
    cluster: LocalCluster, namespace: str, chat: str
) -> None:
    found = wait_ready(cluster, namespace, chat)

    selector = f"rocksteady.dev/llmdeployment={chat}"
    [route] = cluster.kubectl.items("httproute", namespace, selector)
    [answer] = route["status"]["parents"]
    assert answer["controllerName"] == CONTROLLER
    for type_ in ("Accepted", "ResolvedRefs"):
        fact = condition({"status": answer}, type_)
        assert fact["status"] == "True", fact
        assert fact["observedGeneration"] == route["metadata"]["generation"]
    assert condition(found, "Stalled")["status"] == "False"


def test_envoy_gateway__prometheus_counts_requests_by_revision(
    cluster: LocalCluster, namespace: str, chat: str
) -> None:
    found = wait_ready(cluster, namespace, chat)
    revision = found["status"]["revisions"]["stable"]["hash"]
    with client_for(cluster, namespace, chat) as client:
        wait_answer(client)
    # The name is that of a Service only because the Gateway's backends are merged.
    cluster_name = f"service/{namespace}/{chat}-{revision}/.+"
    query = (
        f'envoy_cluster_upstream_rq{{envoy_cluster_name=~"{cluster_name}",'
        'envoy_response_code="200"}'
    )
    prometheus = PrometheusConnect(url=cluster.prometheus)

    series = wait_until(lambda: prometheus.custom_query(query), "the series is there", 30, 1)

    assert len(series) == 1
    assert float(series[0]["value"][1]) >= 1


def test_envoy_gateway__a_changed_revision_takes_over_without_a_failed_request(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given a model that serves
    kubectl = cluster.kubectl
    kubectl.apply(model_behind_envoy(namespace, "changing"))
    ready = wait_ready(cluster, namespace, "changing")
    old = ready["status"]["revisions"]["stable"]["hash"]

    # When its arguments change while somebody asks all the time
    with client_for(cluster, namespace, "changing") as client, Asker(client) as asker:
        wait_until(lambda: asker.answered > 3, "requests run")
        changed = engine(args=["--ctx-size", "512", "--parallel", "1"])
        kubectl.apply(model_behind_envoy(namespace, "changing", engine=changed))
        after = wait_ready(cluster, namespace, "changing")
        wait_until(
            lambda: not kubectl.items("pods", namespace, f"rocksteady.dev/revision={old}"),
            "the old pods are gone",
            90,
        )
        before_end = asker.answered
        wait_until(lambda: asker.answered > before_end + 3, "requests still run")

    # Then the new revision serves, and no request failed
    assert after["status"]["revisions"]["stable"]["hash"] != old
    assert asker.failures == []


def test_envoy_gateway__a_canary_with_errors_is_rolled_back_by_evidence(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given a model that serves under load
    parent = {"name": "inference-envoy", "namespace": "rocksteady-gateway", "sectionName": "http"}
    routing = {"gateway": {"parentRefs": [parent], "hostnames": [host(namespace, "judged")]}}

    def model(*args: str) -> Manifest:
        made = simulated_model(
            namespace,
            "judged",
            slos={"availability": {"objectivePercent": "99"}},
            rollout={"steps": [{"weightPercent": 20}], "minStepSeconds": 600},
            args=args,
        )
        made["spec"] |= {"routing": routing, "metricsSource": "envoy"}
        return made

    cluster.kubectl.apply(model())
    wait_ready(cluster, namespace, "judged")

    # When a revision that answers one request of five with an error becomes its canary
    with load_on(cluster, namespace, "judged", per_second=25, seconds=300):
        cluster.kubectl.apply(model("--error-percent", "20"))

        def ended() -> Manifest | None:
            found = cluster.kubectl.find("llmro", "judged-1", namespace) or {}
            status: Manifest = found.get("status", {})
            return status if status.get("outcome") else None

        status = wait_until(ended, "it is over", 240, 2)

    # Then it is rolled back for that
    assert status["outcome"] == "RolledBack", status["decisions"][-1]
    assert status["outcomeReason"] == "AvailabilityHarmed"
