"""Prometheus that answers, and all the ways in which it does not."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import BasicAuth, web

from hack.local_cluster.pki import Authority, Certificate
from rocksteady.adapters.prometheus import PrometheusSources
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.metrics_sources import MetricsSources
from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import Selector, equals, starts_with
from tests.fakes.scripted_server import (
    Answer,
    ScriptedServer,
    breaking_off,
    saying,
    saying_text,
    scripted_server,
    silence,
)
from tests.fakes.watch_server import free_port

UP = (Selector(("up",), (equals("job", "a"),)),)


class Clock:
    """The real time, but for a skew."""

    def __init__(self, skew_seconds: float = 0.0) -> None:
        self._skew = timedelta(seconds=skew_seconds)

    def now(self) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=_wall()) + self._skew


def _wall() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)


def answering(*series: tuple[dict[str, str], Sequence[tuple[float, str]]], **more: Any) -> Answer:
    """Answer with raw samples."""
    result = [
        {"metric": labels, "values": [[at, text] for at, text in samples]}
        for labels, samples in series
    ]
    return saying(
        200, {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    )


def giving(result_type: str, result: Any) -> Answer:
    """Answer with the result of a query of a user."""
    return saying(200, {"status": "success", "data": {"resultType": result_type, "result": result}})


def failing(status: int, kind: str, text: str) -> Answer:
    """Answer with an error as Prometheus says it."""
    return saying(status, {"status": "error", "errorType": kind, "error": text})


async def unscripted(_request: web.Request) -> web.StreamResponse:
    raise AssertionError("nothing was to be asked")


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as script:
        script.answer = answering()
        yield script


@asynccontextmanager
async def sources(
    url: str,
    clock: Clock | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    **fields: Any,
) -> AsyncIterator[PrometheusSources]:
    written = {"metricsSources": {"default": {"url": url, "timeoutSeconds": 5.0, **fields}}}
    made = PrometheusSources(MetricsSources.model_validate(written), clock or Clock(), monotonic)
    try:
        yield made
    finally:
        await made.close()


async def read(reader: PrometheusSources) -> tuple[Series, ...]:
    return await reader.series("default", UP, 1000.0, 1060.0)


async def reason_of(call: Awaitable[object]) -> MetricsReason:
    with pytest.raises(MetricsError) as caught:
        await call
    assert re.search(r"; |\. ", caught.value.message), "a cure follows what is wrong"
    assert caught.value.message.endswith(".")
    return caught.value.reason


async def test_series__come_with_their_own_times(server: ScriptedServer) -> None:
    labels = {"__name__": "up", "job": "a"}
    server.answer = answering((labels, [(1000.0, "1"), (1014.9, "2"), (1060.0, "3"), (1061, "4")]))
    async with sources(server.url) as reader:
        assert await read(reader) == (Series(labels, ((1014.9, 2.0), (1060.0, 3.0))),)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/api/v1/query", {})
    assert asked.body == {"query": 'up{job="a"}[60001ms]', "time": "1060.000", "timeout": "5000ms"}


async def test_series__none_is_no_error(server: ScriptedServer) -> None:
    async with sources(server.url) as reader:
        assert await read(reader) == ()


async def test_series__no_number_is_passed_on(server: ScriptedServer) -> None:
    server.answer = answering(({"__name__": "up", "job": "a"}, [(1010.0, "NaN")]))
    async with sources(server.url) as reader:
        ((_, value),) = (await read(reader))[0].samples
        assert value != value  # noqa: PLR0124 - NaN


async def test_path__of_the_url_stays(server: ScriptedServer) -> None:
    async with sources(f"{server.url}/prometheus/") as reader:
        await read(reader)
    assert server.asked[0].path == "/prometheus/api/v1/query"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(
            saying_text(200, "<html>Sign in</html>"), MetricsReason.NOT_PROMETHEUS, id="HTML"
        ),
        pytest.param(saying(200, {"a": 1}), MetricsReason.NOT_PROMETHEUS, id="other JSON"),
        pytest.param(saying(200, [1]), MetricsReason.NOT_PROMETHEUS, id="a list"),
        pytest.param(
            saying(200, {"status": "success", "data": "x"}),
            MetricsReason.NOT_PROMETHEUS,
            id="no data",
        ),
        pytest.param(
            giving("matrix", [{"metric": {}, "values": [["x", "y"]]}]),
            MetricsReason.NOT_PROMETHEUS,
            id="samples that are none",
        ),
        pytest.param(saying_text(302, ""), MetricsReason.NOT_PROMETHEUS, id="sent to a login"),
        pytest.param(saying_text(401, "no"), MetricsReason.REFUSED, id="401"),
        pytest.param(saying_text(403, "no"), MetricsReason.REFUSED, id="403"),
        pytest.param(saying_text(404, "no"), MetricsReason.NOT_FOUND, id="404"),
        pytest.param(saying_text(503, "starting"), MetricsReason.FAILED, id="503"),
        pytest.param(failing(500, "internal", "disk"), MetricsReason.FAILED, id="it says it fails"),
        pytest.param(failing(503, "timeout", "slow"), MetricsReason.TIMEOUT, id="it gave up"),
        pytest.param(
            failing(422, "execution", "too many samples"),
            MetricsReason.QUERY_INVALID,
            id="too many samples",
        ),
        pytest.param(
            failing(400, "bad_data", "parse error"), MetricsReason.QUERY_INVALID, id="a bad query"
        ),
        pytest.param(
            answering(warnings=["store is down"]), MetricsReason.PARTIAL, id="with a warning"
        ),
        pytest.param(answering(isPartial=True), MetricsReason.PARTIAL, id="in part"),
        pytest.param(breaking_off, MetricsReason.UNREACHABLE, id="broken off"),
    ],
)
async def test_bad_answers(server: ScriptedServer, answer: Answer, reason: MetricsReason) -> None:
    server.answer = answer
    async with sources(server.url) as reader:
        assert await reason_of(read(reader)) is reason


async def test_hints__are_no_warnings(server: ScriptedServer) -> None:
    server.answer = answering(infos=["PromQL info: metric might not be a counter"])
    async with sources(server.url) as reader:
        assert await read(reader) == ()


async def test_nobody_listens() -> None:
    async with sources(f"http://127.0.0.1:{free_port()}") as reader:
        assert await reason_of(read(reader)) is MetricsReason.UNREACHABLE


async def test_silence__ends_by_the_time_limit(server: ScriptedServer) -> None:
    server.answer = silence
    async with sources(server.url, timeoutSeconds=0.2) as reader:
        began = time.monotonic()
        assert await reason_of(read(reader)) is MetricsReason.TIMEOUT
        assert time.monotonic() - began < 2


async def test_dripping__ends_by_the_time_limit(server: ScriptedServer) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 300_000)
            await asyncio.sleep(0.05)
        return response

    server.answer = drip
    async with sources(server.url, timeoutSeconds=0.3) as reader:
        assert await reason_of(read(reader)) is MetricsReason.TIMEOUT


@pytest.mark.parametrize(
    ("skew", "fine"), [(0.0, True), (25.0, True), (120.0, False), (-120.0, False)]
)
async def test_clocks(server: ScriptedServer, skew: float, *, fine: bool) -> None:
    async with sources(server.url, Clock(skew)) as reader:
        if fine:
            assert await read(reader) == ()
        else:
            assert await reason_of(read(reader)) is MetricsReason.CLOCK_SKEW


async def test_token__is_read_anew_for_each_call(server: ScriptedServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    async with sources(server.url, authentication={"bearerTokenFile": str(token)}) as reader:
        for text in ("first\n", "second"):
            token.write_text(text)
            await read(reader)
        assert [one.headers["Authorization"] for one in server.asked] == [
            "Bearer first",
            "Bearer second",
        ]


@pytest.mark.parametrize("text", [None, "", "two\nlines"])
async def test_token__that_cannot_be_read_is_said(
    server: ScriptedServer, tmp_path: Path, text: str | None
) -> None:
    token = tmp_path / "token"
    if text is not None:
        token.write_text(text)
    async with sources(server.url, authentication={"bearerTokenFile": str(token)}) as reader:
        assert await reason_of(read(reader)) is MetricsReason.CREDENTIALS
    assert server.asked == []


async def test_basic(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pässword\n", encoding="utf-8")
    basic = {"username": "rocksteady", "passwordFile": str(tmp_path / "password")}
    async with sources(server.url, authentication={"basic": basic}) as reader:
        await read(reader)
    sent = BasicAuth.decode(server.asked[0].headers["Authorization"], encoding="utf-8")
    assert (sent.login, sent.password) == ("rocksteady", "pässword")


async def test_redirect__takes_no_token_elsewhere(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    async with scripted_server() as elsewhere:
        elsewhere.answer = unscripted

        async def away(_request: web.Request) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": elsewhere.url})

        server.answer = away
        given = {"bearerTokenFile": str(tmp_path / "token")}
        async with sources(server.url, authentication=given) as reader:
            assert await reason_of(read(reader)) is MetricsReason.NOT_PROMETHEUS
        assert elsewhere.asked == []


async def test_source__that_is_not_there_is_named() -> None:
    async with sources("http://127.0.0.1:1") as reader:
        call = reader.series("other", UP, 0, 1)
        assert await reason_of(call) is MetricsReason.SOURCE_UNKNOWN


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("pki"))
    server = Certificate("server", "prometheus", alternative_names=("IP:127.0.0.1",))
    made.issue([server, Certificate("client", "rocksteady")])
    return made


@pytest.fixture
async def secured(authority: Authority) -> AsyncIterator[ScriptedServer]:
    """A server that only answers who has a certificate of the authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(authority.certificate_of("server"), authority.key_of("server"))
    async with scripted_server(context) as script:
        script.answer = answering()
        yield script


async def test_certificates__of_both_sides(secured: ScriptedServer, authority: Authority) -> None:
    ours = {
        "certificateFile": str(authority.certificate_of("client")),
        "keyFile": str(authority.key_of("client")),
    }
    given = {"clientCertificate": ours}
    async with sources(
        secured.url, caFile=str(authority.certificate), authentication=given
    ) as reader:
        assert await read(reader) == ()


async def test_certificates__server_of_an_unknown_authority(secured: ScriptedServer) -> None:
    async with sources(secured.url) as reader:
        with pytest.raises(MetricsError, match="set caFile") as caught:
            await read(reader)
    assert caught.value.reason is MetricsReason.UNREACHABLE


async def test_certificates__ours_is_missing(secured: ScriptedServer, authority: Authority) -> None:
    async with sources(secured.url, caFile=str(authority.certificate)) as reader:
        assert await reason_of(read(reader)) is MetricsReason.UNREACHABLE


@pytest.mark.parametrize("missing", ["caFile", "certificateFile", "keyFile"])
async def test_certificates__file_that_is_not_there_is_named(
    secured: ScriptedServer, authority: Authority, missing: str
) -> None:
    files = {
        "caFile": str(authority.certificate),
        "certificateFile": str(authority.certificate_of("client")),
        "keyFile": str(authority.key_of("client")),
        missing: "/nowhere.pem",
    }
    trusted = files.pop("caFile")
    given = {"clientCertificate": files}
    async with sources(secured.url, caFile=trusted, authentication=given) as reader:
        with pytest.raises(MetricsError, match=r"/nowhere\.pem") as caught:
            await read(reader)
    assert caught.value.reason is MetricsReason.CREDENTIALS


def pod_selectors(names: tuple[str, ...], service: str) -> tuple[Selector, ...]:
    return (Selector(names, (equals("namespace", "demo"), starts_with("pod", f"{service}-"))),)


def echo(asked: ScriptedServer) -> web.StreamResponse:
    """One series for each pod that the query names, of the newest request."""
    query = asked.asked[-1].body["query"]
    found = re.search(r'pod=~"([^"]*)"', query)
    pods = [] if found is None else found.group(1).replace(".+", "x").split("|")
    result = [
        {"metric": {"__name__": "up", "namespace": "demo", "pod": pod}, "values": [[1010, "1"]]}
        for pod in pods
    ]
    return web.json_response(
        {"status": "success", "data": {"resultType": "matrix", "result": result}}
    )


async def test_batch__many_deployments_are_one_request(server: ScriptedServer) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return echo(server)

    server.answer = answer
    async with sources(server.url) as reader:
        reads = [
            reader.series("default", pod_selectors(("up",), f"chat-{n}"), 1000, 1060 + n / 100)
            for n in range(200)
        ]
        found = await asyncio.gather(*reads)
    assert len(server.asked) == 1
    assert [[one.labels["pod"] for one in series] for series in found] == [
        [f"chat-{n}-x"] for n in range(200)
    ]


async def test_batch__other_metrics_and_other_times_are_asked_apart(server: ScriptedServer) -> None:
    async with sources(server.url) as reader:
        await asyncio.gather(
            reader.series("default", pod_selectors(("up",), "a"), 1000, 1060),
            reader.series("default", pod_selectors(("up",), "b"), 1005, 1065),
            reader.series("default", pod_selectors(("down",), "b"), 1000, 1060),
            reader.series("default", pod_selectors(("up",), "c"), 100, 160),
        )
    asked = sorted(one.body["query"] for one in server.asked)
    assert asked == [
        'down{namespace="demo",pod=~"b-.+"}[60001ms]',
        'up{namespace="demo",pod=~"a-.+|b-.+"}[65001ms]',
        'up{namespace="demo",pod=~"c-.+"}[60001ms]',
    ]


async def test_batch__closing_leaves_nobody_waiting(server: ScriptedServer) -> None:
    server.answer = silence
    async with sources(server.url, timeoutSeconds=0.5) as reader:
        early = asyncio.create_task(read(reader))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(read(reader))
        await asyncio.sleep(0)
        await reader.close()
        done = await asyncio.gather(early, late, return_exceptions=True)
    assert [type(one) for one in done] == [asyncio.CancelledError] * 2


async def test_batch__one_that_is_given_up_takes_none_along(server: ScriptedServer) -> None:
    async with sources(server.url) as reader:
        given_up = asyncio.create_task(read(reader))
        kept = asyncio.create_task(read(reader))
        await asyncio.sleep(0)
        given_up.cancel()
        assert await kept == ()


class Monotonic:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_circuit__opens_after_five_failures_and_tries_again(server: ScriptedServer) -> None:
    server.answer = saying_text(503, "down")
    monotonic = Monotonic()
    async with sources(server.url, monotonic=monotonic) as reader:
        for _ in range(5):
            assert await reason_of(read(reader)) is MetricsReason.FAILED
        assert await reason_of(read(reader)) is MetricsReason.CIRCUIT_OPEN
        assert len(server.asked) == 5

        monotonic.now += 15
        assert await reason_of(read(reader)) is MetricsReason.FAILED
        assert await reason_of(read(reader)) is MetricsReason.CIRCUIT_OPEN

        monotonic.now += 15
        server.answer = answering()
        assert await read(reader) == ()
        assert await read(reader) == ()


async def test_circuit__query_of_a_user_is_not_the_trial(server: ScriptedServer) -> None:
    server.answer = saying_text(503, "down")
    monotonic = Monotonic()
    async with sources(server.url, monotonic=monotonic, customQueries=True) as reader:
        for _ in range(5):
            assert await reason_of(read(reader)) is MetricsReason.FAILED
        monotonic.now += 15
        server.answer = answering()
        call = reader.value("default", "x", 1000)
        assert await reason_of(call) is MetricsReason.CIRCUIT_OPEN
        assert await read(reader) == ()
        assert await reader.value("default", "x", 1000) is None


async def test_circuit__what_is_answered_is_no_failure(server: ScriptedServer) -> None:
    server.answer = failing(400, "bad_data", "parse error")
    async with sources(server.url) as reader:
        for _ in range(7):
            assert await reason_of(read(reader)) is MetricsReason.QUERY_INVALID


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(giving("vector", [{"metric": {}, "value": [1, "0.5"]}]), 0.5, id="one series"),
        pytest.param(giving("scalar", [1, "7"]), 7.0, id="a scalar"),
        pytest.param(giving("vector", []), None, id="nothing"),
        pytest.param(giving("vector", [{"metric": {}, "value": [1, "NaN"]}]), None, id="NaN"),
        pytest.param(giving("scalar", [1, "+Inf"]), None, id="infinity"),
    ],
)
async def test_value(server: ScriptedServer, answer: Answer, expected: float | None) -> None:
    server.answer = answer
    async with sources(server.url, customQueries=True) as reader:
        assert await reader.value("default", "x", 1000) == expected


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(giving("vector", [{"value": [1, "1"]}, {"value": [1, "2"]}]), id="two series"),
        pytest.param(giving("matrix", [{"metric": {}, "values": [[1, "1"]]}]), id="a range"),
        pytest.param(giving("string", [1, "x"]), id="a text"),
    ],
)
async def test_value__that_is_not_one_number_is_said(
    server: ScriptedServer, answer: Answer
) -> None:
    server.answer = answer
    async with sources(server.url, customQueries=True) as reader:
        call = reader.value("default", "x", 1000)
        assert await reason_of(call) is MetricsReason.QUERY_INVALID


async def test_value__needs_leave(server: ScriptedServer) -> None:
    async with sources(server.url) as reader:
        call = reader.value("default", "x", 1000)
        assert await reason_of(call) is MetricsReason.CUSTOM_QUERIES_OFF
    assert server.asked == []


async def test_value__failing_ones_leave_the_circuit_closed(server: ScriptedServer) -> None:
    async with sources(server.url, customQueries=True) as reader:
        server.answer = saying_text(503, "too heavy")
        for _ in range(6):
            assert await reason_of(reader.value("default", "x", 1)) is MetricsReason.FAILED
        server.answer = answering()
        assert await read(reader) == ()
