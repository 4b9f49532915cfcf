"""The fast lane reads a gateway over HTTP, in real time."""

import asyncio
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from rocksteady.adapters.clock import SystemClock
from rocksteady.adapters.exposition import Expositions
from rocksteady.adapters.telemetry import Telemetry
from rocksteady.api.v1alpha1.llmrollout import RevisionReference
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Key
from rocksteady.queries.profiles.traefik import PROFILE
from rocksteady.reconcile.exposed_pods import Place
from rocksteady.reconcile.fast_lane import FastLane
from rocksteady.reconcile.fast_lane_sources import Watched
from tests.builders import KEY, NAME, NAMESPACE, A, B
from tests.fakes.cluster import FakeCluster
from tests.fakes.counting_pods import GATEWAY_NAMESPACE, CountingPods
from tests.fakes.scripted_server import ScriptedServer, scripted_server

LIMIT_SECONDS = 2.0


class Gateway:
    """What Traefik shows."""

    def __init__(self) -> None:
        self.failed = 0
        self.served = 100

    async def answer(self, _request: web.Request) -> web.StreamResponse:
        lines = [
            "# HELP traefik_service_requests_total How many HTTP requests processed on a service",
            "# TYPE traefik_service_requests_total counter",
            self._line(A, "200", self.served),
            self._line(B, "502", self.failed),
        ]
        return web.Response(text="\n".join([*lines, ""]))

    @staticmethod
    def _line(revision: str, code: str, count: int) -> str:
        service = f"{NAMESPACE}-{NAME}-{revision}-http-80@kubernetesgateway"
        labels = f'code="{code}",method="POST",protocol="http",service="{service}"'
        return f"traefik_service_requests_total{{{labels}}} {count}"


def watched_at(cluster: FakeCluster, server: ScriptedServer) -> Watched:
    """A canary whose gateway is this server."""
    address = urlsplit(server.url)
    assert address.hostname
    CountingPods(cluster).start("traefik-1", address.hostname)
    place = Place(GATEWAY_NAMESPACE, "app=traefik", address.port or 80, "/metrics")
    canary, stable = (
        RevisionReference(hash=one, number=number) for number, one in ((2, B), (1, A))
    )
    return Watched(KEY, canary, stable, PROFILE, place)


async def test_trip__comes_within_two_seconds_and_stops_when_the_gateway_is_gone() -> None:
    cluster, gateway, loop = FakeCluster(), Gateway(), asyncio.get_running_loop()
    telemetry = Telemetry(CollectorRegistry())
    tripped: asyncio.Queue[Key] = asyncio.Queue()

    def polls(result: str) -> float | None:
        labels = {"result": result}
        return telemetry.registry.get_sample_value("rocksteady_fast_lane_polls_total", labels)

    async with scripted_server() as server, aiohttp.ClientSession() as session:
        server.answer = gateway.answer
        lane = FastLane(
            cluster,
            Expositions(session),
            MetricsSources(),
            urge=tripped.put_nowait,
            observer=telemetry.rollouts,
            clock=SystemClock(),
            monotonic=loop.time,
        )
        running = asyncio.create_task(lane.run())
        lane.watch(watched_at(cluster, server))
        await asyncio.sleep(0.5)
        gateway.failed, gateway.served = 5, 130
        failed = loop.time()
        assert await asyncio.wait_for(tripped.get(), LIMIT_SECONDS) == KEY
        assert loop.time() - failed < LIMIT_SECONDS
        trip = lane.trip_of(KEY)
        assert trip is not None
        assert "The last 5 responses" in trip.message
        assert {asked.path for asked in server.asked} == {"/metrics"}
        assert polls("failed") is None
        server.answer = nothing_but_refusal
        await asyncio.sleep(1.2)
        assert polls("failed") == 1
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def nothing_but_refusal(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)
