"""Kopf as watch plumbing: what happens in a cluster becomes keys, and nothing is written."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
import pytest

from rocksteady import conventions
from rocksteady.handlers import watch
from rocksteady.handlers.session import Endpoint, Pulse, open_session
from rocksteady.handlers.watch import Backoffs, WatchThread, owner_key
from rocksteady.ports import Key, Manifest
from rocksteady.resources import kinds
from rocksteady.resources.labels import owned_labels
from tests.builders import NAME, NAMESPACE, UID, A, llm_deployment, pod
from tests.fakes.recording import FakeClock
from tests.fakes.watch_server import WatchServer, watch_server

CHILDREN = (kinds.DEPLOYMENT, kinds.POD)
CHAT = Key(NAMESPACE, NAME)
PATIENCE_SECONDS = 8.0


def child(name: str = "chat-aaaaaaaaaa", **metadata: object) -> Manifest:
    """A Deployment that the LLMDeployment controls."""
    reference = {"kind": conventions.KIND, "name": NAME, "uid": UID, "controller": True}
    return {
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": owned_labels(NAME, A),
            "ownerReferences": [reference],
            **metadata,
        },
        "spec": {},
    }


class Watched:
    """What a watch thread reported."""

    def __init__(self, server: WatchServer) -> None:
        self.keys: list[Key] = []
        self.clock = FakeClock()
        self.connected: list[str] = []
        self.pulse = Pulse(
            self.clock,
            lambda resource, _: self.connected.append(resource),
            lambda: self.clock.now().timestamp(),
        )
        self.pulse.expect(kind.plural for kind in server.kinds.values())
        endpoint = Endpoint(server.url, ssl.create_default_context(), "Bearer planted", None)
        self.thread = WatchThread(
            self.keys.append, lambda: open_session(endpoint, self.pulse), CHILDREN
        )


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens in the other thread."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it never happened: {what}") from None


@pytest.fixture(autouse=True)
def _collect_what_kopf_left() -> Iterator[None]:
    """Tasks that Kopf abandons log when they are collected; not in the middle of something else.

    CPython 3.11 fails to parse when a traceback is formatted while it does.
    """
    yield
    gc.collect()


@pytest.fixture
async def server() -> AsyncIterator[WatchServer]:
    async with watch_server(kinds.LLM_DEPLOYMENT, kinds.EVALUATION_SUITE, *CHILDREN) as fake:
        yield fake


@asynccontextmanager
async def watching(server: WatchServer) -> AsyncIterator[Watched]:
    """Watches that are all connected."""
    watched = Watched(server)
    watched.thread.start()
    try:
        await until(lambda: len(server.watches) == len(server.kinds), "all watches are open")
        yield watched
        assert server.writes == []
    finally:
        await watched.thread.stop()
    assert not watched.thread.alive


async def ended(thread: WatchThread) -> None:
    """Wait until a thread ends by itself."""
    await until(lambda: not thread.alive, "the thread ends")


@contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kopf gives up a request after half a second."""
    with monkeypatch.context() as patch:
        patch.setattr(watch, "Backoffs", lambda: Backoffs((0.1,) * 5))
        yield


# --- what becomes a key


async def test_watch__reports_what_is_there_at_the_start(server: WatchServer) -> None:
    server.put(kinds.LLM_DEPLOYMENT, llm_deployment(name="talk"))
    server.put(kinds.DEPLOYMENT, child())
    async with watching(server) as watched:
        await until(lambda: set(watched.keys) == {CHAT, Key(NAMESPACE, "talk")}, "both keys")


async def test_watch__reports_creation_change_and_deletion(server: WatchServer) -> None:
    async with watching(server) as watched:
        for number in range(2):
            manifest = llm_deployment()
            manifest["spec"]["replicas"] = number
            server.put(kinds.LLM_DEPLOYMENT, manifest)
            await until(lambda n=number: len(watched.keys) == n + 1, "created, changed")  # type: ignore[misc]
        server.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
        await until(lambda: len(watched.keys) == 3, "deleted")
        assert set(watched.keys) == {CHAT}


async def test_watch__reports_a_child_that_is_deleted_by_hand(server: WatchServer) -> None:
    server.put(kinds.DEPLOYMENT, child())
    async with watching(server) as watched:
        await until(lambda: watched.keys == [CHAT], "it is there")
        server.remove(kinds.DEPLOYMENT, NAMESPACE, "chat-aaaaaaaaaa")
        await until(lambda: watched.keys == [CHAT, CHAT], "it is gone")


async def test_watch__reports_a_pod_by_its_label(server: WatchServer) -> None:
    async with watching(server) as watched:
        server.put(kinds.POD, pod())
        await until(lambda: watched.keys == [CHAT], "the pod")


async def test_watch__does_not_report_what_belongs_to_nobody(server: WatchServer) -> None:
    async with watching(server) as watched:
        server.put(kinds.DEPLOYMENT, child("foreign", ownerReferences=[], labels={}))
        server.put(kinds.DEPLOYMENT, child())  # comes after it on the same watch
        await until(lambda: watched.keys != [], "the other one")
        assert watched.keys == [CHAT]


async def test_watch__asks_for_managed_children_only_and_for_a_bounded_time(
    server: WatchServer,
) -> None:
    async with watching(server):
        for kind in CHILDREN:
            query = server.queries[kind.plural]
            assert query["labelSelector"] == "app.kubernetes.io/managed-by=rocksteady"
        query = server.queries[kinds.LLM_DEPLOYMENT.plural]
        assert "labelSelector" not in query
        assert query["timeoutSeconds"] == str(watch.SERVER_TIMEOUT_SECONDS)


# --- what goes wrong


async def test_watch__connects_again_when_the_server_ends_it(server: WatchServer) -> None:
    async with watching(server) as watched:
        server.end_watches()
        await until(lambda: min(server.watches.values()) == 2, "all watches are open again")
        server.put(kinds.LLM_DEPLOYMENT, llm_deployment())
        await until(lambda: watched.keys == [CHAT], "the key")
        assert watched.thread.alive


async def test_watch__beats_the_pulse_at_every_connection(server: WatchServer) -> None:
    async with watching(server) as watched:
        plurals = {kind.plural for kind in server.kinds.values()}
        await until(lambda: set(watched.connected) == plurals, "a beat for each")
        watched.clock.advance(100)
        assert watched.pulse.oldest_seconds() == 100
        server.end_watches()
        await until(lambda: len(watched.connected) == 2 * len(plurals), "a second beat for each")
        assert watched.pulse.oldest_seconds() == 0


async def test_watch__lists_again_when_its_version_is_too_old(server: WatchServer) -> None:
    async with watching(server) as watched:
        plural = kinds.LLM_DEPLOYMENT.plural
        server.put_unseen(kinds.LLM_DEPLOYMENT, llm_deployment())
        server.expired.add(plural)
        server.end_watches()
        await until(lambda: server.lists[plural] == 2, "a second list")
        await until(lambda: watched.keys == [CHAT], "what was missed")
        await until(lambda: server.watches[plural] == 3, "a watch after it")


async def test_watch__waits_for_a_server_that_is_gone_and_goes_on_when_it_is_back(
    server: WatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with impatient(monkeypatch):
        async with watching(server) as watched:
            await server.stop()
            watched.clock.advance(300)
            await asyncio.sleep(2)  # four times the patience for a single request
            assert watched.thread.alive
            assert watched.pulse.oldest_seconds() == 300
            await server.start()
            await until(lambda: watched.pulse.oldest_seconds() == 0, "all watches are open again")
            server.put(kinds.LLM_DEPLOYMENT, llm_deployment())
            await until(lambda: watched.keys == [CHAT], "the key")


async def test_watch__ends_with_an_error_when_there_never_was_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with impatient(monkeypatch):
        watched = Watched(WatchServer())
        watched.thread.start()
        await ended(watched.thread)
    assert isinstance(watched.thread.error, aiohttp.ClientConnectionError)


async def test_watch__ends_with_an_error_when_a_permission_is_missing(
    server: WatchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.forbidden.add(kinds.POD.plural)
    with impatient(monkeypatch):
        watched = Watched(server)
        watched.thread.start()
        await ended(watched.thread)
    assert "'code': 403" in str(watched.thread.error)


async def test_stop__ends_open_watches_within_two_seconds(server: WatchServer) -> None:
    watched = Watched(server)
    watched.thread.start()
    await until(lambda: len(server.watches) == len(server.kinds), "all watches are open")
    async with asyncio.timeout(2):
        await watched.thread.stop()
    assert not watched.thread.alive
    assert watched.thread.error is None


async def test_stop__while_watches_are_being_opened_ends_within_three_seconds(
    server: WatchServer,
) -> None:
    watched = Watched(server)
    watched.thread.start()
    async with asyncio.timeout(3):
        await watched.thread.stop()
    assert not watched.thread.alive
    await watched.thread.stop()


# --- owner_key


def with_references(*references: dict[str, object]) -> Manifest:
    return {"kind": "Service", **child(ownerReferences=list(references))}


@pytest.mark.parametrize(
    ("body", "key"),
    [
        pytest.param({"kind": "Service", **child()}, CHAT, id="a child that it controls"),
        pytest.param(
            with_references({"kind": "LLMDeployment", "name": "chat"}),
            CHAT,
            id="a label, and an owner that does not control",
        ),
        pytest.param(
            with_references({"kind": "Other", "name": "chat", "controller": True}),
            None,
            id="a controller of another kind",
        ),
        pytest.param(with_references(), CHAT, id="a label on what lost its owner reference"),
        pytest.param(
            {"kind": "Service", **child(ownerReferences=[], labels={})},
            None,
            id="neither label nor owner",
        ),
        pytest.param(pod(), CHAT, id="a pod with the label"),
        pytest.param(
            {"kind": "Pod", "metadata": {"name": "x", "namespace": NAMESPACE}},
            None,
            id="a pod without labels",
        ),
    ],
)
def test_owner_key__tells_whose_it_is(body: Manifest, key: Key | None) -> None:
    assert owner_key(body) == key
