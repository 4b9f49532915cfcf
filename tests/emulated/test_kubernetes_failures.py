"""What becomes of a call that the API server refuses, does not answer, or never hears."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from kubernetes.aio import client

from rocksteady import errors
from rocksteady.adapters import kubernetes
from rocksteady.adapters.kubernetes import KubernetesCluster
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.fakes.scripted_server import (
    Answer,
    ScriptedServer,
    breaking_off,
    refusing,
    saying,
    saying_text,
    scripted_server,
    silence,
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


def get(cluster: KubernetesCluster) -> Awaitable[object]:
    return cluster.get(kinds.SERVICE, "demo", "chat")


CALLS = [
    pytest.param(get, "GET services demo/chat", id="get"),
    pytest.param(
        lambda cluster: cluster.list(kinds.SERVICE, "demo"), "GET services demo/", id="list"
    ),
    pytest.param(
        lambda cluster: cluster.apply(kinds.SERVICE, SERVICE),
        "PATCH services demo/chat",
        id="apply",
    ),
]


@pytest.mark.parametrize(("call", "doing"), CALLS)
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(400, errors.Invalid, id="400"),
        pytest.param(401, errors.ClusterError, id="401"),
        pytest.param(403, errors.Forbidden, id="403"),
        pytest.param(409, errors.Conflict, id="409"),
        pytest.param(422, errors.Invalid, id="422"),
        pytest.param(429, errors.ClusterError, id="429"),
        pytest.param(500, errors.ClusterError, id="500"),
        pytest.param(503, errors.ClusterError, id="503"),
    ],
)
async def test_refused__says_what_was_done_and_why(
    server: ScriptedServer,
    cluster: KubernetesCluster,
    call: Call,
    doing: str,
    status: int,
    expected: type[errors.ClusterError],
) -> None:
    server.answer = refusing(status, "the reason")
    with pytest.raises(errors.ClusterError) as raised:
        await call(cluster)
    assert type(raised.value) is expected
    assert raised.value.status == status
    assert str(raised.value) == f"while doing {doing}: {status}: the reason"
    assert len(server.asked) == 1


@pytest.mark.parametrize(("call", "doing"), CALLS)
async def test_no_answer__is_a_failure_after_the_timeout(
    server: ScriptedServer,
    cluster: KubernetesCluster,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
    doing: str,
) -> None:
    monkeypatch.setattr(kubernetes, "CALL_TIMEOUT_SECONDS", 0.1)
    server.answer = silence
    with pytest.raises(errors.ClusterError, match=f"while doing {doing}: .*Timeout") as raised:
        await call(cluster)
    assert raised.value.status is None


@pytest.mark.parametrize(("call", "doing"), CALLS)
async def test_broken_answer__is_a_failure(
    server: ScriptedServer, cluster: KubernetesCluster, call: Call, doing: str
) -> None:
    server.answer = breaking_off
    with pytest.raises(errors.ClusterError, match=f"while doing {doing}: Client"):
        await call(cluster)


@pytest.mark.parametrize(("call", "doing"), CALLS)
async def test_nobody_listens__is_a_failure(call: Call, doing: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        port = taken.getsockname()[1]
        api = client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}"))
        try:
            with pytest.raises(errors.ClusterError, match=f"while doing {doing}: .*Connect"):
                await call(KubernetesCluster(api))
        finally:
            await api.close()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("call", "doing"), CALLS)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<html>Sign in</html>", id="a page"),
        pytest.param('["a list"]', id="a list"),
        pytest.param("null", id="null"),
        pytest.param("", id="nothing"),
    ],
)
async def test_no_api_server__is_told_from_one(
    server: ScriptedServer, cluster: KubernetesCluster, call: Call, doing: str, text: str
) -> None:
    server.answer = saying_text(200, text)
    with pytest.raises(errors.ClusterError) as raised:
        await call(cluster)
    assert str(raised.value) == f"while doing {doing}: 200: the answer is not an object: {text}"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param(
            saying_text(502, "<html>Bad Gateway</html>"), "<html>Bad Gateway</html>", id="a page"
        ),
        pytest.param(saying(500, ["a list"]), '["a list"]', id="a list"),
        pytest.param(saying(500, {"code": 500}), '{"code": 500}', id="a Status without a message"),
    ],
)
async def test_refused__without_a_status_shows_what_came(
    server: ScriptedServer, cluster: KubernetesCluster, answer: Answer, message: str
) -> None:
    server.answer = answer
    with pytest.raises(errors.ClusterError) as raised:
        await get(cluster)
    assert str(raised.value).endswith(f": {message}")


@pytest.mark.parametrize(
    "details", [pytest.param(None, id="null"), pytest.param({"kind": "services"}, id="nameless")]
)
async def test_not_found__without_a_name_is_the_kind(
    server: ScriptedServer, cluster: KubernetesCluster, details: object
) -> None:
    server.answer = saying(404, {"kind": "Status", "message": "no", "details": details})
    with pytest.raises(errors.NotServed):
        await get(cluster)


async def test_on_request__hears_of_every_request(
    server: ScriptedServer, api: client.ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[str, str, int]] = []
    cluster = KubernetesCluster(api, on_request=lambda *request: heard.append(request))
    await cluster.apply(kinds.SERVICE, SERVICE)
    server.answer = NOT_FOUND
    await cluster.get(kinds.SERVICE, "demo", "chat")
    monkeypatch.setattr(kubernetes, "CALL_TIMEOUT_SECONDS", 0.1)
    server.answer = silence
    with pytest.raises(errors.ClusterError):
        await cluster.list(kinds.POD)
    assert heard == [("PATCH", "services", 200), ("GET", "services", 404), ("GET", "pods", 0)]
