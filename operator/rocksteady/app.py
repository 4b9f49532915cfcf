"""The operator process: puts adapters into ports, runs the parts, and ends them in order.

    main thread, one event loop                       watch thread, Kopf's event loop
    probes | Lease | queue + workers | resync   <---- keys ---- on.event

The watches start when the Lease is ours; dead ones are started again, for a while. The Lease lost,
watches that keep dying or a broken worker end the process: Kubernetes starts it again, and
everything is derived from the cluster anew.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import kopf
import structlog
from kubernetes.aio import client
from prometheus_client import CollectorRegistry

from rocksteady import errors
from rocksteady.adapters import endpoint
from rocksteady.adapters.clock import SystemClock
from rocksteady.adapters.events import EventRecorder
from rocksteady.adapters.kubernetes import KubernetesCluster
from rocksteady.adapters.lease import Elector
from rocksteady.adapters.probes import ProbeServer
from rocksteady.adapters.telemetry import Telemetry
from rocksteady.handlers.session import Endpoint, Pulse, open_session
from rocksteady.handlers.watch import SERVER_TIMEOUT_SECONDS, WatchThread
from rocksteady.ports import Key
from rocksteady.reconcile.queue import WorkQueue
from rocksteady.reconcile.reconciler import Dependencies, Outcome
from rocksteady.reconcile.workers import resync, work
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from rocksteady.settings import Settings

KIND_CHECK_SECONDS: Final = 5.0
"""How often the API server is asked for a kind that it does not serve yet."""
DRAIN_SECONDS: Final = 12.0
"""How long running passes may finish on shutdown, of a pod's 30 seconds."""
HEARTBEAT_LIMIT_SECONDS: Final = 10.0
JITTER: Final = 0.1
STEADY_SECONDS: Final = 60.0
"""Watches that lived so long were well."""
MAX_DEATHS: Final = 10
"""How often watches may die in a row: about four minutes."""

_log = structlog.get_logger("rocksteady")


class PassLog:
    """Writes one log line a pass and counts it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def passed(self, key: Key, outcome: Outcome, seconds: float) -> None:
        """See `reconcile.workers.PassObserver`."""
        self._telemetry.reconciled("success", seconds)
        _log.info("reconciled", namespace=key.namespace, name=key.name, outcome=outcome.summary)

    def failed(self, key: Key, error: BaseException, retry_seconds: float) -> None:
        """See `reconcile.workers.PassObserver`."""
        self._telemetry.reconciled("error", 0.0)
        expected = isinstance(error, errors.RocksteadyError | TimeoutError)
        _log.error(
            "reconcile failed",
            namespace=key.namespace,
            name=key.name,
            error=f"{type(error).__name__}: {error}",
            retry_seconds=retry_seconds,
            exc_info=None if expected else error,
        )


class Operator:
    """One operator process.

    Args:
        settings: How it is set up.
        api: Connected client.
    """

    def __init__(self, settings: Settings, api: client.ApiClient) -> None:
        self._settings = settings
        self._api = api
        self._clock = SystemClock()
        self._telemetry = Telemetry(CollectorRegistry())
        self._loop = asyncio.get_running_loop()
        self._heartbeat = self._loop.time()
        self._stopping = asyncio.Event()
        store = KubernetesCluster(api, on_request=self._telemetry.request)
        self._elector = Elector(
            store, settings.lease_namespace, settings.lease_name, settings.identity, self._clock
        )
        self._cluster = KubernetesCluster(
            api, may_write=self._elector.check, on_request=self._telemetry.request
        )
        self._queue = WorkQueue(
            self._telemetry,
            jitter=lambda: 1 + random.uniform(-JITTER, JITTER),  # noqa: S311
        )
        self._pulse = Pulse(self._clock, self._telemetry.watch_connected)
        self._watch: WatchThread | None = None
        self._probes = ProbeServer(
            self._telemetry.registry, self._wrong, self._unready, settings.probe_port
        )

    async def run(self) -> int:
        """Run until a signal, or until a part ends; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        await self._probes.start()
        parts = [asyncio.create_task(self._beat(), name="heartbeat")]
        try:
            if not await self._until_stopped(self._elector.acquire()):
                return 0
            self._telemetry.leads(leads=True)
            _log.info("leading", identity=self._settings.identity)
            parts.append(asyncio.create_task(self._keep_lease(), name="lease"))
            if not await self._until_stopped(self._wait_for_crd()):
                return 0
            parts.extend(self._start_parts())
            return await self._first_end(parts)
        finally:
            await self._shut_down(parts)

    def _start_parts(self) -> list[asyncio.Task[None]]:
        needs = Dependencies(
            cluster=self._cluster,
            recorder=EventRecorder(self._cluster, self._clock),
            clock=self._clock,
            observer=self._telemetry,
            settings=self._settings,
        )
        pass_log = PassLog(self._telemetry)
        jobs: list[tuple[str, Coroutine[Any, Any, None]]] = [
            (f"worker-{number}", work(self._queue, needs, pass_log))
            for number in range(self._settings.workers)
        ]
        jobs.append(("watch", self._keep_watching()))
        jobs.append(
            (
                "resync",
                resync(
                    self._queue,
                    self._cluster,
                    self._settings.resync_seconds,
                    lambda error: _log.warning("resync failed", error=str(error)),
                ),
            )
        )
        return [asyncio.create_task(job, name=name) for name, job in jobs]

    async def _first_end(self, parts: list[asyncio.Task[None]]) -> int:
        """Wait for a signal or for the first part to end; a part that ends is a failure."""
        stopped = asyncio.create_task(self._stopping.wait(), name="signal")
        done, _ = await asyncio.wait({stopped, *parts}, return_when=asyncio.FIRST_COMPLETED)
        if stopped in done:
            _log.info("stopping on a signal")
            return 0
        stopped.cancel()
        for part in done:
            error = part.exception() if not part.cancelled() else None
            _log.error("a part ended", part=part.get_name(), error=repr(error), exc_info=error)
        return 1

    async def _shut_down(self, parts: list[asyncio.Task[None]]) -> None:
        """End in order: no new keys, running passes finish, the Lease goes back."""
        self._stopping.set()
        if self._watch is not None:
            await self._watch.stop()
        self._queue.close()
        workers = {part for part in parts if part.get_name().startswith("worker-")}
        if workers:
            await asyncio.wait(workers, timeout=DRAIN_SECONDS)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        await self._elector.release()
        await self._probes.stop()
        _log.info("stopped")

    async def _until_stopped(self, job: Awaitable[None]) -> bool:
        """Wait for a job; False when a signal came first."""
        task = asyncio.ensure_future(job)
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            stopped.cancel()
            task.result()
            return True
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return False

    async def _beat(self) -> None:
        while True:
            self._heartbeat = self._loop.time()
            await asyncio.sleep(1)

    async def _keep_lease(self) -> None:
        await self._elector.keep()
        self._telemetry.leads(leads=False)
        raise errors.NotLeader("the Lease was lost")

    async def _wait_for_crd(self) -> None:
        """Wait until the API server serves LLMDeployments."""
        while not await self._serves(kinds.LLM_DEPLOYMENT):
            _log.warning(
                "the CRD is not installed yet: kubectl apply --server-side -f crds/",
                kind=kinds.LLM_DEPLOYMENT.kind,
            )
            await asyncio.sleep(KIND_CHECK_SECONDS)

    async def _serves(self, kind: Kind) -> bool:
        try:
            return await self._cluster.serves(kind)
        except errors.ClusterError as error:
            _log.warning("the API server does not answer", error=str(error))
            return False

    async def _keep_watching(self) -> None:
        """Watch all kinds that are served; start anew when a watch dies or a missing kind has come.

        Raises:
            ClusterError: The watches died again and again; a new process may fare better.
        """
        deaths = 0
        while True:
            started = self._loop.time()
            missing = await self._start_watch()
            await self._until_kind_comes(missing)
            steady = self._loop.time() - started > STEADY_SECONDS
            deaths = 0 if steady or self._is_watching() else deaths + 1
            await self._stop_watch(deaths)

    async def _start_watch(self) -> list[Kind]:
        """Start watching what is served; returns what is not."""
        wanted = (*kinds.OWNED, kinds.POD)
        served = [kind for kind in wanted if await self._is_watched(kind)]
        self._pulse.restart()
        self._watch = WatchThread(self._enqueue, self._login, served)
        self._watch.start()
        _log.info("watching", kinds=[kind.kind for kind in served])
        return [kind for kind in wanted if kind not in served]

    async def _stop_watch(self, deaths: int) -> None:
        """Clear away a watch that died, or that is to see more kinds."""
        if self._watch is None:
            return
        if self._watch.alive:
            await self._watch.stop()
            return
        error = self._watch.error
        if deaths >= MAX_DEATHS:
            raise errors.ClusterError(f"the watches died {deaths} times: {error!r}") from error
        _log.error("the watches died and are started again", error=repr(error), deaths=deaths)
        await asyncio.sleep(min(2.0**deaths, 30))

    def _is_watching(self) -> bool:
        return self._watch is not None and self._watch.alive

    async def _until_kind_comes(self, missing: list[Kind]) -> None:
        """Return when a missing kind is served, or when the watches have ended."""
        while self._is_watching():
            await asyncio.sleep(KIND_CHECK_SECONDS if missing else 1.0)
            for kind in missing:
                if await self._serves(kind):
                    return

    async def _is_watched(self, kind: Kind) -> bool:
        return kind not in kinds.OPTIONAL or await self._serves(kind)

    def _enqueue(self, key: Key) -> None:
        self._loop.call_soon_threadsafe(self._queue.add, key)

    def _login(self) -> kopf.AiohttpSession:
        authorization = endpoint.authorization_of(self._api)
        reached = Endpoint(
            server=endpoint.server_of(self._api),
            ssl_context=endpoint.ssl_context_of(self._api),
            authorization=authorization,
            expires_at=endpoint.expiry(authorization, self._clock.now()),
        )
        return open_session(reached, self._pulse)

    def _wrong(self) -> str | None:
        """What /healthz says."""
        late = self._loop.time() - self._heartbeat
        if late > HEARTBEAT_LIMIT_SECONDS:
            return f"the event loop has been stuck for {late:.0f} s"
        age = self._pulse.oldest_seconds()
        if age > 2 * SERVER_TIMEOUT_SECONDS:
            return f"a watch has not been reconnected for {age:.0f} s"
        return None

    def _unready(self) -> str | None:
        """What /readyz says: a standby is ready too."""
        return "stopping" if self._stopping.is_set() else None


def run_operator(settings: Settings, connect: Callable[[], Awaitable[client.ApiClient]]) -> int:
    """Run one operator process to its end; returns the exit code."""

    async def main() -> int:
        api = await connect()
        try:
            return await Operator(settings, api).run()
        finally:
            await api.close()  # type: ignore[no-untyped-call]

    return asyncio.run(main())
