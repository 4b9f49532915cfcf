"""Metrics that are read where they are made."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from rocksteady.adapters.exposition import Expositions, parse
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.queries.live import names_read, read_totals
from rocksteady.queries.profiles import GATEWAYS
from rocksteady.queries.samples import RevisionCounts, Sample
from tests.fakes.scripted_server import (
    Answer,
    ScriptedServer,
    breaking_off,
    saying_text,
    scripted_server,
    silence,
)
from tests.fakes.watch_server import free_port
from tests.metrics import CANARY

TEXT = (Path(__file__).parents[1] / "cases" / "metrics" / "traefik-3.6.12.prom").read_text()


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as script:
        script.answer = saying_text(200, TEXT)
        yield script


@pytest.fixture
async def reader() -> AsyncIterator[Expositions]:
    async with aiohttp.ClientSession() as session:
        yield Expositions(session, timeout_seconds=0.3)


def port_of(server: ScriptedServer) -> int:
    return urlsplit(server.url).port or 0


async def test_samples__give_counts_of_a_revision(
    server: ScriptedServer, reader: Expositions
) -> None:
    profile = GATEWAYS["Traefik"]
    samples = await reader.samples("127.0.0.1", port_of(server), "/metrics", names_read(profile))
    assert read_totals(samples, profile, CANARY) == RevisionCounts(70, 20)
    assert server.asked[0].path == "/metrics"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(saying_text(503, "no"), id="an error"),
        pytest.param(saying_text(302, "no"), id="a redirect"),
        pytest.param(saying_text(200, 'up{a="b} x\n'), id="a line that cannot be read"),
        pytest.param(saying_text(200, 'up{a="b"}\n'), id="a line that ends early"),
        pytest.param(saying_text(200, "up one\n"), id="no number"),
        pytest.param(silence, id="silence"),
        pytest.param(breaking_off, id="broken off"),
    ],
)
async def test_samples__bad_answers_are_said_soon(
    server: ScriptedServer, reader: Expositions, answer: Answer
) -> None:
    server.answer = answer
    began = time.monotonic()
    with pytest.raises(MetricsError, match="check port and path") as caught:
        await reader.samples("127.0.0.1", port_of(server), "/metrics", ["up"])
    assert caught.value.reason is MetricsReason.EXPOSITION_UNREADABLE
    assert time.monotonic() - began < 2


async def test_samples__nobody_listens(reader: Expositions) -> None:
    with pytest.raises(MetricsError):
        await reader.samples("127.0.0.1", free_port(), "/metrics", ["up"])


def test_parse__keeps_names_of_counters_as_they_are() -> None:
    text = "# TYPE rq counter\nrq 1\n# TYPE rq_total counter\nrq_total 2\nother 3\n"
    assert list(parse(text, ["rq"])) == [Sample({"__name__": "rq"}, 1.0)]
    assert list(parse(text, ["rq_total"])) == [Sample({"__name__": "rq_total"}, 2.0)]


def test_parse__other_text_has_no_metrics() -> None:
    assert list(parse("<html>up</html>", ["up"])) == []
