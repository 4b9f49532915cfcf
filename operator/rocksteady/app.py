"""The operator process: puts adapters into ports, runs the parts, and ends them in order.

    main thread, one event loop                       watch thread, Kopf's event loop
    probes | Lease | queue + workers | resync   <---- keys ---- on.event
                     fast lane

Queue, workers, fast lane and watches live for as long as the Lease is ours; when it is lost,
because the API server was away for example, they end and the process waits to get it again. Watches
that keep dying or a broken worker end the process: Kubernetes starts it again, and everything is
derived from the cluster anew.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, Final

import aiohttp
import kopf
import structlog
from kubernetes.aio import client
from prometheus_client import CollectorRegistry

from rocksteady import errors
from rocksteady.adapters import endpoint
from rocksteady.adapters.clock import SystemClock
from rocksteady.adapters.events import EventRecorder
from rocksteady.adapters.exposition import Expositions
from rocksteady.adapters.kubernetes import KubernetesCluster
from rocksteady.adapters.lease import Elector
from rocksteady.adapters.probes import ProbeServer
from rocksteady.adapters.prometheus import PrometheusSources
from rocksteady.adapters.telemetry import Telemetry
from rocksteady.handlers.keeper import WatchKeeper
from rocksteady.handlers.session import Endpoint, Pulse, open_session
from rocksteady.handlers.watch import SERVER_TIMEOUT_SECONDS, WatchThread
from rocksteady.ports import Key
from rocksteady.reconcile.fast_lane import FastLane
from rocksteady.reconcile.queue import WorkQueue
from rocksteady.reconcile.reconciler import Dependencies, Outcome
from rocksteady.reconcile.signals import SignalGatherer
from rocksteady.reconcile.workers import resync, work
from rocksteady.resources.kinds import Kind
from rocksteady.settings import Settings

DRAIN_SECONDS: Final = 12.0
"""How long running passes may finish on shutdown, of a pod's 30 seconds."""
HEARTBEAT_LIMIT_SECONDS: Final = 10.0
JITTER: Final = 0.1

_log = structlog.get_logger("rocksteady")


class PassLog:
    """Writes one log line a pass and counts it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def passed(self, key: Key, outcome: Outcome, seconds: float) -> None:
        """See `reconcile.workers.PassObserver`."""
        self._telemetry.reconciled("success", seconds)
        _log.info("reconciled", namespace=key.namespace, name=key.name, outcome=outcome.summary)

    def overtaken(self, key: Key, error: errors.ClusterError, seconds: float) -> None:
        """See `reconcile.workers.PassObserver`."""
        self._telemetry.reconciled("overtaken", seconds)
        _log.info("overtaken", namespace=key.namespace, name=key.name, by=str(error))

    def failed(self, key: Key, error: BaseException, seconds: float, retry_seconds: float) -> None:
        """See `reconcile.workers.PassObserver`."""
        self._telemetry.reconciled("error", seconds)
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
        self._metrics = PrometheusSources(settings.sources, self._clock)
        self._session = aiohttp.ClientSession()
        self._pulse = Pulse(self._clock, self._telemetry.watch_connected)
        self._probes = ProbeServer(
            self._telemetry.registry, self._wrong, self._unready, settings.probe_port
        )

    async def run(self) -> int:
        """Run until a signal, or until a part fails; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        await self._probes.start()
        heartbeat = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            while await self._until_stopped(self._elector.acquire()):
                code = await self._lead()
                if code is not None:
                    return code
            return 0
        finally:
            heartbeat.cancel()
            await self._metrics.close()
            await self._session.close()
            await self._elector.release()
            await self._probes.stop()
            _log.info("stopped")

    async def _lead(self) -> int | None:
        """Do the work for as long as the Lease is ours.

        Returns:
            The exit code; None when the Lease was lost, and may be had again.
        """
        self._telemetry.leads(leads=True)
        _log.info("leading", identity=self._settings.identity)
        queue = WorkQueue(
            self._telemetry,
            jitter=lambda: 1 + random.uniform(-JITTER, JITTER),  # noqa: S311
        )
        keeper = WatchKeeper(partial(self._watches, queue), self._cluster.serves, self._pulse)
        lane = self._fast_lane(queue)
        feeders = _tasks(
            {"watch": keeper.keep(), "resync": self._resync(queue), "fast-lane": lane.run()}
        )
        needs, pass_log = self._needs(lane), PassLog(self._telemetry)
        jobs = {
            f"worker-{number}": work(queue, needs, pass_log)
            for number in range(self._settings.workers)
        }
        urgent = work(queue, needs, pass_log, first_only=True)
        workers = _tasks({**jobs, "worker-urgent": urgent})
        lease = asyncio.create_task(self._keep_lease(), name="lease")
        try:
            return await self._first_end({*feeders, *workers, lease})
        finally:
            self._telemetry.leads(leads=False)
            await _end(feeders)
            await keeper.stop()
            queue.close()
            await asyncio.wait(workers, timeout=DRAIN_SECONDS)
            await _end({*workers, lease})

    def _fast_lane(self, queue: WorkQueue) -> FastLane:
        return FastLane(
            self._cluster,
            Expositions(self._session),
            self._settings.sources,
            urge=queue.add_first,
            observer=self._telemetry.rollouts,
            clock=self._clock,
            monotonic=self._loop.time,
        )

    def _needs(self, lane: FastLane) -> Dependencies:
        return Dependencies(
            cluster=self._cluster,
            recorder=EventRecorder(self._cluster, self._clock),
            clock=self._clock,
            observer=self._telemetry,
            settings=self._settings,
            signals=SignalGatherer(
                self._metrics,
                self._settings.sources,
                self._settings.tick_seconds,
                self._settings.blind_limit_seconds,
            ),
            lane=lane,
        )

    def _resync(self, queue: WorkQueue) -> Coroutine[Any, Any, None]:
        return resync(
            queue,
            self._cluster,
            self._settings.resync_seconds,
            lambda error: _log.warning("resync failed", error=str(error)),
        )

    async def _first_end(self, parts: set[asyncio.Task[None]]) -> int | None:
        """Wait for a signal or for the first part to end: the Lease is lost, or a part failed."""
        stopped = asyncio.create_task(self._stopping.wait(), name="signal")
        done, _ = await asyncio.wait({stopped, *parts}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if stopped in done:
            _log.info("stopping on a signal")
            return 0
        failures = {part.get_name(): part.exception() for part in done}
        for name, error in failures.items():
            if not isinstance(error, errors.NotLeader):
                _log.error("a part ended", part=name, error=repr(error), exc_info=error)
                return 1
        _log.warning("the Lease was lost: waiting to get it again")
        return None

    async def _keep_lease(self) -> None:
        await self._elector.keep()
        raise errors.NotLeader("the Lease was lost")

    async def _until_stopped(self, job: Awaitable[None]) -> bool:
        """Wait for a job; False when a signal came first."""
        task = asyncio.ensure_future(job)
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not self._stopping.is_set():
            stopped.cancel()
            task.result()
            return True
        await _end({task})
        return False

    async def _beat(self) -> None:
        while True:
            self._heartbeat = self._loop.time()
            await asyncio.sleep(1)

    def _watches(self, queue: WorkQueue, children: Sequence[Kind]) -> WatchThread:
        def enqueue(key: Key) -> None:
            self._loop.call_soon_threadsafe(queue.add, key)

        return WatchThread(enqueue, self._login, children)

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
        """What /healthz says. A standby and who waits for the CRD expect no watch."""
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


def _tasks(jobs: Mapping[str, Coroutine[Any, Any, None]]) -> set[asyncio.Task[None]]:
    return {asyncio.create_task(job, name=name) for name, job in jobs.items()}


async def _end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended, however they do."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def run_operator(settings: Settings, connect: Callable[[], Awaitable[client.ApiClient]]) -> int:
    """Run one operator process to its end; returns the exit code."""

    async def main() -> int:
        api = await connect()
        try:
            return await Operator(settings, api).run()
        finally:
            await api.close()  # type: ignore[no-untyped-call]

    return asyncio.run(main())
