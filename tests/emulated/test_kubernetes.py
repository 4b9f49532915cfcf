"""The adapter to the API server, against a server on loopback that answers as each test says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from kubernetes.aio import client

from rocksteady import errors
from rocksteady.adapters import endpoint
from rocksteady.adapters.kubernetes import KubernetesCluster, connect
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from tests.builders import NOW
from tests.fakes.scripted_server import (
    Answer,
    ScriptedServer,
    refusing,
    saying,
    saying_text,
    scripted_server,
)

Call = Callable[[KubernetesCluster], Awaitable[object]]
NOT_SERVED = saying_text(404, "404 page not found\n")
NOT_FOUND = refusing(404, 'services "chat" not found', name="chat", kind="services")
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "chat", "namespace": "demo"},
    "spec": {"type": "ClusterIP"},
}


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as script:
        yield script


@pytest.fixture
async def api(server: ScriptedServer) -> AsyncIterator[client.ApiClient]:
    configuration = client.Configuration(host=server.url)
    configuration.api_key = {"BearerToken": "Bearer planted"}
    connected = client.ApiClient(configuration)
    yield connected
    await connected.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def cluster(api: client.ApiClient) -> KubernetesCluster:
    return KubernetesCluster(api)


# --- reads


async def test_get__returns_the_object(server: ScriptedServer, cluster: KubernetesCluster) -> None:
    server.answer = saying(200, SERVICE)
    assert await cluster.get(kinds.SERVICE, "demo", "chat") == SERVICE
    [asked] = server.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/namespaces/demo/services/chat")
    assert asked.headers["Authorization"] == "Bearer planted"
    assert asked.body is None


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        pytest.param(kinds.SERVICE, "/api/v1/namespaces/demo/services/chat", id="the core group"),
        pytest.param(
            kinds.DEPLOYMENT, "/apis/apps/v1/namespaces/demo/deployments/chat", id="another group"
        ),
        pytest.param(
            kinds.LLM_DEPLOYMENT,
            "/apis/rocksteady.dev/v1alpha1/namespaces/demo/llmdeployments/chat",
            id="our own",
        ),
    ],
)
async def test_get__asks_where_the_kind_is(
    server: ScriptedServer, cluster: KubernetesCluster, kind: Kind, path: str
) -> None:
    await cluster.get(kind, "demo", "chat")
    assert server.asked[0].path == path


async def test_get__is_none_when_the_object_is_not_there(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = NOT_FOUND
    assert await cluster.get(kinds.SERVICE, "demo", "chat") is None


async def test_get__is_none_when_an_optional_kind_is_not_served(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = NOT_SERVED
    assert await cluster.get(kinds.GATEWAY, "demo", "inference") is None


async def test_get__of_a_kind_that_is_not_served_yet_is_no_proof_that_it_is_gone(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = NOT_SERVED
    with pytest.raises(errors.NotServed, match="404 page not found"):
        await cluster.get(kinds.LLM_DEPLOYMENT, "demo", "chat")


async def test_list__gives_every_item_its_kind(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    items = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]
    server.answer = saying(200, {"kind": "DeploymentList", "items": items})
    assert await cluster.list(kinds.DEPLOYMENT, "demo", "a=1,b=2") == [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b"}},
    ]
    [asked] = server.asked
    assert asked.path == "/apis/apps/v1/namespaces/demo/deployments"
    assert asked.query == {"labelSelector": "a=1,b=2"}


async def test_list__of_all_namespaces_names_none(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = saying(200, {"items": []})
    assert await cluster.list(kinds.LLM_DEPLOYMENT) == []
    [asked] = server.asked
    assert asked.path == "/apis/rocksteady.dev/v1alpha1/llmdeployments"
    assert asked.query == {}


async def test_list__of_nothing_may_be_null(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = saying(200, {"kind": "PodList", "items": None})
    assert await cluster.list(kinds.POD, "demo") == []


async def test_list__is_empty_when_an_optional_kind_is_not_served(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = NOT_SERVED
    assert await cluster.list(kinds.HTTP_ROUTE, "demo") == []


async def test_list__of_a_kind_that_is_not_served_yet_is_no_proof_that_there_are_none(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = NOT_SERVED
    with pytest.raises(errors.NotServed):
        await cluster.list(kinds.DEPLOYMENT, "demo")


@pytest.mark.parametrize(
    ("answer", "served"),
    [
        pytest.param(saying(200, {"items": []}), True, id="it is"),
        pytest.param(NOT_SERVED, False, id="it is not"),
    ],
)
async def test_serves__asks_for_the_kind(
    server: ScriptedServer, cluster: KubernetesCluster, answer: Answer, *, served: bool
) -> None:
    server.answer = answer
    assert await cluster.serves(kinds.HTTP_ROUTE) is served
    [asked] = server.asked
    assert asked.path == "/apis/gateway.networking.k8s.io/v1/httproutes"
    assert asked.query == {"limit": "1"}


# --- writes


async def test_apply__is_a_server_side_apply_by_one_manager(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    server.answer = saying(200, {**SERVICE, "status": {}})
    assert await cluster.apply(kinds.SERVICE, SERVICE) == {**SERVICE, "status": {}}
    [asked] = server.asked
    assert (asked.method, asked.path) == ("PATCH", "/api/v1/namespaces/demo/services/chat")
    assert asked.query == {"fieldManager": "rocksteady", "force": "true"}
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.body == SERVICE


async def test_rehearse__is_an_apply_that_changes_nothing(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    await cluster.rehearse(kinds.SERVICE, SERVICE)
    [asked] = server.asked
    assert asked.query == {"fieldManager": "rocksteady", "force": "true", "dryRun": "All"}


async def test_apply_status__goes_to_the_subresource(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    manifest = {
        "apiVersion": "rocksteady.dev/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"name": "chat", "namespace": "demo", "resourceVersion": "7"},
        "status": {"replicas": 1},
    }
    await cluster.apply_status(kinds.LLM_DEPLOYMENT, manifest)
    [asked] = server.asked
    assert asked.path == "/apis/rocksteady.dev/v1alpha1/namespaces/demo/llmdeployments/chat/status"
    assert asked.headers["Content-Type"] == "application/apply-patch+yaml"
    assert asked.body == manifest


async def test_replace__is_an_update_of_the_whole_object(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    await cluster.replace(kinds.SERVICE, SERVICE)
    [asked] = server.asked
    assert (asked.method, asked.path) == ("PUT", "/api/v1/namespaces/demo/services/chat")
    assert asked.query == {"fieldManager": "rocksteady"}
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.body == SERVICE


async def test_create__posts_to_the_collection(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    await cluster.create(kinds.SERVICE, SERVICE)
    [asked] = server.asked
    assert (asked.method, asked.path) == ("POST", "/api/v1/namespaces/demo/services")
    assert asked.body == SERVICE


async def test_delete__names_the_very_object(
    server: ScriptedServer, cluster: KubernetesCluster
) -> None:
    await cluster.delete(kinds.SERVICE, "demo", "chat", "uid-7")
    [asked] = server.asked
    assert (asked.method, asked.path) == ("DELETE", "/api/v1/namespaces/demo/services/chat")
    assert asked.body == {"propagationPolicy": "Background", "preconditions": {"uid": "uid-7"}}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(NOT_FOUND, id="it is gone"),
        pytest.param(refusing(409, "uid mismatch"), id="there is another of that name"),
    ],
)
async def test_delete__is_done_when_nothing_of_ours_is_left(
    server: ScriptedServer, cluster: KubernetesCluster, answer: Answer
) -> None:
    server.answer = answer
    await cluster.delete(kinds.SERVICE, "demo", "chat", "uid-7")


WRITES = [
    pytest.param(lambda cluster: cluster.apply(kinds.SERVICE, SERVICE), id="apply"),
    pytest.param(lambda cluster: cluster.rehearse(kinds.SERVICE, SERVICE), id="rehearse"),
    pytest.param(lambda cluster: cluster.apply_status(kinds.SERVICE, SERVICE), id="apply status"),
    pytest.param(lambda cluster: cluster.replace(kinds.SERVICE, SERVICE), id="replace"),
    pytest.param(
        lambda cluster: cluster.delete(kinds.SERVICE, "demo", "chat", "uid-7"), id="delete"
    ),
]


@pytest.mark.parametrize("write", WRITES)
async def test_write__starts_only_while_the_lease_is_ours(
    server: ScriptedServer, api: client.ApiClient, write: Call
) -> None:
    def refuse() -> None:
        raise errors.NotLeader("the Lease is not ours")

    with pytest.raises(errors.NotLeader):
        await write(KubernetesCluster(api, may_write=refuse))
    assert server.asked == []


@pytest.mark.parametrize("write", WRITES)
async def test_write__asks_each_time_whether_it_may(
    server: ScriptedServer, api: client.ApiClient, write: Call
) -> None:
    asked: list[int] = []
    cluster = KubernetesCluster(api, may_write=lambda: asked.append(len(server.asked)))
    await write(cluster)
    await write(cluster)
    assert asked == [0, 1]


async def test_read__needs_no_lease(server: ScriptedServer, api: client.ApiClient) -> None:
    def refuse() -> None:
        raise errors.NotLeader("the Lease is not ours")

    server.answer = saying(200, {"items": []})
    cluster = KubernetesCluster(api, may_write=refuse)
    await cluster.get(kinds.SERVICE, "demo", "chat")
    await cluster.list(kinds.SERVICE, "demo")
    assert await cluster.serves(kinds.SERVICE)


# --- connecting


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: planted}}]
contexts:
- {name: here, context: {cluster: c, user: u}}
"""


async def test_connect__reads_a_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(KUBECONFIG)
    api = await connect(str(path))
    try:
        assert endpoint.server_of(api) == "http://127.0.0.1:1"
        assert endpoint.authorization_of(api) == "Bearer planted"
        assert endpoint.ssl_context_of(api).verify_mode.name == "CERT_REQUIRED"
    finally:
        await api.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "context", [pytest.param("there", id="no such context"), pytest.param(None, id="no such file")]
)
async def test_connect__names_the_cure(tmp_path: Path, context: str | None) -> None:
    path = tmp_path / "kubeconfig"
    if context is not None:
        path.write_text(KUBECONFIG)
    with pytest.raises(errors.ClusterError, match="run inside a pod, or set KUBECONFIG"):
        await connect(str(path), context)


def test_expiry__a_token_is_read_again_and_a_certificate_is_not() -> None:
    assert endpoint.expiry(None, NOW) is None
    again = endpoint.expiry("Bearer planted", NOW)
    assert again is not None
    assert again - NOW == endpoint.TOKEN_LIFETIME
