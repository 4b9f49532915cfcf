"""What requests of people send, against a server on loopback that answers as each test says."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner
from kubernetes.aio import client

from rocksteady import errors
from rocksteady.__main__ import main
from rocksteady.adapters.kubeconfig import kubeconfig_path, namespace_of
from rocksteady.adapters.people import PersonsCluster
from rocksteady.resources import kinds
from rocksteady.resources.labels import owned_labels, selector_text
from tests.builders import UID, B, llm_deployment
from tests.fakes.rollout_story import RolloutStory, healthy
from tests.fakes.scripted_server import (
    ScriptedServer,
    refusing,
    saying,
    saying_text,
    scripted_server,
)


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as script:
        yield script


@pytest.fixture
async def cluster(server: ScriptedServer) -> AsyncIterator[PersonsCluster]:
    connected = client.ApiClient(client.Configuration(host=server.url))
    yield PersonsCluster(connected)
    await connected.close()  # type: ignore[no-untyped-call]


async def test_annotate__merges_into_this_very_object_under_a_name_of_its_own(
    server: ScriptedServer, cluster: PersonsCluster
) -> None:
    changes = {"rocksteady.dev/promote": "bbbbbbbbbb", "rocksteady.dev/requested-by": None}

    await cluster.annotate("demo", "chat", UID, changes)

    [asked] = server.asked
    assert (asked.method, asked.path) == (
        "PATCH",
        "/apis/rocksteady.dev/v1alpha1/namespaces/demo/llmdeployments/chat",
    )
    assert asked.headers["Content-Type"] == "application/merge-patch+json"
    assert asked.query == {"fieldManager": "kubectl-rocksteady"}
    assert asked.body == {"metadata": {"uid": UID, "annotations": changes}}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(403, errors.Forbidden, id="admission refuses"),
        pytest.param(409, errors.Conflict, id="another object has the name by now"),
    ],
)
async def test_annotate__tells_why_it_was_refused(
    server: ScriptedServer,
    cluster: PersonsCluster,
    status: int,
    error: type[errors.ClusterError],
) -> None:
    server.answer = refusing(status, "ada may not promote")

    with pytest.raises(error, match="ada may not promote"):
        await cluster.annotate("demo", "chat", UID, {})


async def test_user_name__asks_the_api_server_who_we_are(
    server: ScriptedServer, cluster: PersonsCluster
) -> None:
    server.answer = saying(201, {"status": {"userInfo": {"username": "ada@example.org"}}})

    assert await cluster.user_name() == "ada@example.org"
    [asked] = server.asked
    assert (asked.method, asked.path) == (
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    )
    assert asked.body == {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    }


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusing(403, "no"), id="we may not ask"),
        pytest.param(saying_text(404, "404 page not found"), id="it does not know the kind"),
        pytest.param(saying(201, {"status": {}}), id="it names nobody"),
    ],
)
async def test_user_name__is_none_when_nobody_says(
    server: ScriptedServer, cluster: PersonsCluster, answer: object
) -> None:
    server.answer = answer  # type: ignore[assignment]

    assert await cluster.user_name() is None


async def test_persons_cluster__writes_nothing_as_the_operator(
    server: ScriptedServer, cluster: PersonsCluster
) -> None:
    with pytest.raises(errors.NotLeader):
        await cluster.apply(kinds.LLM_DEPLOYMENT, llm_deployment())

    assert server.asked == []


# --- the whole way, from the command line to what the server is asked


async def test_promote__asks_the_server_of_the_kubeconfig_in_the_name_of_its_user(
    server: ScriptedServer, tmp_path: Path
) -> None:
    story = RolloutStory(healthy).run(90)
    manifest = story.manifest()
    manifest["metadata"]["uid"] = UID
    answers = {
        "GET llmdeployments": manifest,
        "GET llmrollouts": {"items": story.manifests()[1:]},
        "POST selfsubjectreviews": {"status": {"userInfo": {"username": "ada"}}},
        "PATCH llmdeployments": manifest,
    }

    async def answer(request: web.Request) -> web.StreamResponse:
        kind = next(part for part in reversed(request.path.split("/")) if part.endswith("s"))
        return web.json_response(answers[f"{request.method} {kind}"])

    server.answer = answer
    path = kubeconfig(tmp_path / "config", server.url, here="demo")

    arguments = ["promote", "chat", "--kubeconfig", path]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)

    assert result.exit_code == 0, result.output
    assert [(one.method, one.path.rpartition("/")[2]) for one in server.asked] == [
        ("GET", "chat"),
        ("GET", "llmrollouts"),
        ("POST", "selfsubjectreviews"),
        ("PATCH", "chat"),
    ]
    assert server.asked[1].query == {"labelSelector": selector_text(owned_labels("chat"))}
    assert server.asked[-1].body == {
        "metadata": {
            "uid": UID,
            "annotations": {
                "rocksteady.dev/promote": B,
                "rocksteady.dev/requested-by": "ada",
            },
        }
    }


async def test_status__of_a_server_that_refuses_is_one_sentence(
    server: ScriptedServer, tmp_path: Path
) -> None:
    server.answer = refusing(403, "ada cannot get llmdeployments")
    path = kubeconfig(tmp_path / "config", server.url, here="demo")

    arguments = ["status", "chat", "--kubeconfig", path]
    result = await asyncio.to_thread(CliRunner().invoke, main, arguments)

    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert "ada cannot get llmdeployments" in result.output
    assert "Traceback" not in result.output


# --- which namespace


def kubeconfig(path: Path, url: str = "https://127.0.0.1:1", **namespaces: str | None) -> str:
    contexts = [
        {
            "name": name,
            "context": {"cluster": "c", "user": "u"} | ({"namespace": value} if value else {}),
        }
        for name, value in namespaces.items()
    ]
    content = {
        "current-context": next(iter(namespaces)),
        "contexts": contexts,
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_namespace_of__is_that_of_the_context(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", here="demo", there="other", bare=None)

    assert namespace_of(path, None) == "demo"
    assert namespace_of(path, "there") == "other"
    assert namespace_of(path, "bare") == "default"


def test_namespace_of__an_unknown_context_names_those_that_there_are(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path / "config", here="demo")

    with pytest.raises(errors.ClusterError, match="no context away, only: here"):
        namespace_of(path, "away")


@pytest.mark.parametrize("content", ["", "[", "a: 1"])
def test_namespace_of__what_is_no_kubeconfig_is_an_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(errors.ClusterError, match="cannot be read"):
        namespace_of(str(path), None)


def test_kubeconfig_path__is_the_option_then_the_variable_then_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    (tmp_path / ".kube").mkdir()
    home = kubeconfig(tmp_path / ".kube" / "config", here=None)
    assert kubeconfig_path(None) == home

    other = kubeconfig(tmp_path / "other", here=None)
    monkeypatch.setenv("KUBECONFIG", other)
    assert kubeconfig_path(None) == other
    assert kubeconfig_path("~/.kube/config") == home


def test_kubeconfig_path__without_one_is_the_account_of_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert kubeconfig_path(None) is None

    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with pytest.raises(errors.ClusterError, match=r"there is no kubeconfig at .*none: give"):
        kubeconfig_path(None)
