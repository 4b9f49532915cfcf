"""What kubelet and Prometheus get."""

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from rocksteady.adapters.probes import ProbeServer
from rocksteady.adapters.telemetry import Telemetry
from tests.fakes.watch_server import free_port


class Process:
    """A process whose state a test sets."""

    def __init__(self) -> None:
        self.wrong: str | None = None
        self.unready: str | None = None
        self.telemetry = Telemetry(CollectorRegistry())
        self.port = free_port()
        self.server = ProbeServer(
            self.telemetry.registry, lambda: self.wrong, lambda: self.unready, self.port
        )

    async def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()


@pytest.fixture
async def process() -> AsyncIterator[Process]:
    made = Process()
    await made.server.start()
    yield made
    await made.server.stop()


async def test_healthz__says_what_is_wrong(process: Process) -> None:
    assert await process.get("/healthz") == (200, "ok")
    process.wrong = "the event loop has been stuck for 12 s"
    assert await process.get("/healthz") == (503, "the event loop has been stuck for 12 s")
    assert await process.get("/readyz") == (200, "ok")


async def test_readyz__says_why_not(process: Process) -> None:
    process.unready = "stopping"
    assert await process.get("/readyz") == (503, "stopping")
    assert await process.get("/healthz") == (200, "ok")


async def test_metrics__are_shown_as_they_are_now(process: Process) -> None:
    process.telemetry.leads(leads=True)
    status, text = await process.get("/metrics")
    assert status == 200
    assert "rocksteady_leader 1.0" in text.splitlines()


async def test_start__says_that_the_port_is_taken(process: Process) -> None:
    second = ProbeServer(CollectorRegistry(), lambda: None, lambda: None, process.port)
    with pytest.raises(OSError, match="address already in use"):
        await second.start()
    await second.stop()


async def test_stop__frees_the_port(process: Process) -> None:
    await process.server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", process.port)) != 0
