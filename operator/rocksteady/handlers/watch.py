"""Watches, by Kopf, in a thread of their own: every event becomes a key on the work queue.

Kopf writes nothing here: with `on.event` alone it sets no finalizer and no annotation. A watch that
dies ends the thread, and that is noticed (see docs/adr/0001).
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import kopf

from rocksteady import conventions
from rocksteady.ports import Key
from rocksteady.resources.kinds import EVALUATION_SUITE, LLM_DEPLOYMENT, Kind
from rocksteady.resources.owned import controller_of

SERVER_TIMEOUT_SECONDS: Final = 240
"""How long the API server keeps one watch open: its reconnection is the watch's heartbeat."""

_GRACE_SECONDS: Final = 1.0
"""How long requests may go on once Kopf ends."""
_EXIT_SECONDS: Final = 5

_CONTROLLED_BY_OTHERS: Final = frozenset({"Pod", "EndpointSlice"})
"""A pod by its ReplicaSet or its Job."""

Login = Callable[[], kopf.ConnectionInfo | kopf.AiohttpSession]
Enqueue = Callable[[Key], None]


@dataclass(frozen=True)
class Backoffs:
    """Delays after failed requests, about five minutes in all, anew for each request.

    After them an answer that is an error ends the thread. While nothing listens at all Kopf begins
    anew for as long as it takes; the age of the pulse tells.
    """

    seconds: tuple[float, ...] = field(default=(1, 1, 2, 3, 5, 8, 13, 21, *(30,) * 8))

    def __iter__(self) -> Iterator[float]:
        return iter(self.seconds)


def owner_key(body: Any) -> Key | None:
    """Key of the LLMDeployment that controls an object; None when none does.

    A pod is controlled by a ReplicaSet, an EndpointSlice by a Service, and somebody may have taken
    the owner reference away: then the label tells.
    """
    metadata = body["metadata"]
    controller = controller_of(body)
    if controller is not None and controller["kind"] == conventions.KIND:
        return Key(metadata["namespace"], controller["name"])
    name = metadata.get("labels", {}).get(conventions.LABEL_LLMDEPLOYMENT)
    orphaned = controller is None or body["kind"] in _CONTROLLED_BY_OTHERS
    return Key(metadata["namespace"], name) if name and orphaned else None


def build_registry(enqueue: Enqueue, login: Login, kinds: Iterable[Kind]) -> kopf.OperatorRegistry:
    """Handlers for LLMDeployments, EvaluationSuites and the children of the given kinds."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry, errors=kopf.ErrorsMode.PERMANENT)
    async def connect(**_: Any) -> kopf.ConnectionInfo | kopf.AiohttpSession:
        return login()

    @kopf.on.event(
        LLM_DEPLOYMENT.group, LLM_DEPLOYMENT.version, LLM_DEPLOYMENT.plural, registry=registry
    )
    async def changed(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            enqueue(Key(namespace, name))

    @kopf.on.event(
        EVALUATION_SUITE.group, EVALUATION_SUITE.version, EVALUATION_SUITE.plural, registry=registry
    )
    async def suite_changed(namespace: str | None, name: str | None, **_: Any) -> None:
        if namespace and name:
            enqueue(Key(namespace, name, EVALUATION_SUITE.kind))

    async def child_changed(body: kopf.Body, **_: Any) -> None:
        key = owner_key(body)
        if key is not None:
            enqueue(key)

    for kind in kinds:
        kopf.on.event(
            kind.group, kind.version, kind.plural, id=f"child-{kind.plural}", registry=registry
        )(child_changed)
    return registry


def build_settings(kinds: Iterable[Kind]) -> kopf.OperatorSettings:
    """Kopf's settings for watching only, without any permission beyond list and watch."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True  # leadership is the Lease's
    settings.posting.enabled = False  # Events are ours
    settings.scanning.disabled = True  # no list of CRDs and namespaces
    settings.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    for kind in kinds:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = (
            conventions.MANAGED_SELECTOR
        )
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.networking.error_backoffs = Backoffs()
    settings.queueing.exit_timeout = 2
    return settings


class WatchThread:
    """Kopf in a thread with its own event loop.

    Its loop is its own because Kopf, when it ends, cancels every task of the loop that it ran in.

    Args:
        enqueue: Called in the watch thread for each event.
        login: Gives the connection.
        kinds: Kinds of children that the API server serves.
    """

    def __init__(self, enqueue: Enqueue, login: Login, kinds: Iterable[Kind]) -> None:
        self.kinds = tuple(kinds)
        self._enqueue = enqueue
        self._login = login
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.error: BaseException | None = None

    @property
    def alive(self) -> bool:
        """True while the watches run."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start watching."""
        self._thread.start()
        self._started.wait()

    async def stop(self) -> None:
        """Stop watching and wait for the end of the thread."""
        if self._loop is not None and self._stop is not None and self.alive:
            self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join, _EXIT_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._watch())
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks why it ended
            self.error = error
        finally:
            self._started.set()

    async def _watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._started.set()
        registry = build_registry(self._enqueue, self._login, self.kinds)
        breaker = asyncio.create_task(_break_off(_end_of(registry), asyncio.current_task()))
        try:
            await kopf.operator(
                registry=registry,
                settings=build_settings(self.kinds),
                clusterwide=True,
                # Else Kopf asks who runs it, and a container's user has no name.
                identity=conventions.MANAGED_BY,  # type: ignore[arg-type]
                stop_flag=self._stop,
            )
        finally:
            breaker.cancel()


def _end_of(registry: kopf.OperatorRegistry) -> asyncio.Event:
    """Is set when Kopf ends, for whatever reason."""
    ending = asyncio.Event()

    @kopf.on.cleanup(registry=registry)
    async def notice(**_: Any) -> None:
        ending.set()

    return ending


async def _break_off(ending: asyncio.Event, operator: asyncio.Task[Any] | None) -> None:
    """Cancel what is left when Kopf ends, until nothing is.

    Kopf 1.45 cancels it once and then waits for as long as it takes. A watch that is being opened
    takes that for a pause and goes on, so that a dead operator would look alive.
    """
    await ending.wait()
    while True:
        await asyncio.sleep(_GRACE_SECONDS)
        for task in asyncio.all_tasks() - {asyncio.current_task(), operator}:
            task.cancel()
