"""The simulated engine over real HTTP: vLLM's API and metrics, and what is made to go wrong."""

import asyncio
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from openai import APIStatusError, AsyncOpenAI, DefaultAsyncHttpxClient
from prometheus_client.parser import text_string_to_metric_families

from hack.simulated_engine.flags import Behaviour, Serving
from hack.simulated_engine.server import Engine
from tests.fakes.watch_server import free_port
from tests.kubectl import wait_until

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 8
HELLO: Any = [{"role": "user", "content": "Hello"}]
REAL_METRICS = ROOT / "tests" / "cases" / "metrics" / "vllm-0.32.0.prom"
QUICK = Behaviour(first_token_seconds=0.001, token_seconds=0.0001, seed=1)

# vllm-project/vllm:vllm/v1/metrics/buckets.py, from the table that the objectives are written for.
FIRST_TOKEN = (
    "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 "
    "160.0 640.0 2560.0 +Inf"
)
TOKEN = (
    "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1.0 2.5 5.0 7.5 10.0 20.0 40.0 80.0 +Inf"
)
REQUEST = (
    "0.3 0.5 0.8 1.0 1.5 2.0 2.5 5.0 10.0 15.0 20.0 30.0 40.0 50.0 60.0 120.0 240.0 480.0 960.0 "
    "1920.0 7680.0 +Inf"
)
LENGTH = "1.0 2.0 5.0 10.0 20.0 50.0 100.0 200.0 500.0 1000.0 2000.0 5000.0 +Inf"


class Served:
    """An engine that runs in this process, and who asks it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, client: AsyncOpenAI) -> None:
        self.url = url
        self.session = session
        self.client = client

    async def ask(self, **options: Any) -> int:
        """Ask for a chat; returns the status."""
        body = {"model": "chat", "messages": HELLO, "max_tokens": 4, **options}
        async with self.session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
            await answer.read()
            return answer.status

    async def status(self, path: str) -> int:
        async with self.session.get(f"{self.url}{path}") as answer:
            return answer.status

    async def samples(self) -> dict[str, float]:
        """All samples, under their names as they are written, labels but le and reason left out."""
        async with self.session.get(f"{self.url}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        found = {}
        for sample in (sample for family in families for sample in family.samples):
            told_apart = [sample.labels.get(label, "") for label in ("le", "finished_reason")]
            found[" ".join([sample.name, *filter(None, told_apart)])] = sample.value
        return found


@asynccontextmanager
async def served(behaviour: Behaviour = QUICK, **serving: Any) -> AsyncIterator[Served]:
    """An engine on a free port of loopback, for the length of a block."""
    what = Serving(names=("chat", "alias"), host="127.0.0.1", port=0, **serving)
    application = Engine(what, behaviour, time.monotonic()).application()
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, what.host, what.port).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    http_client = DefaultAsyncHttpxClient(trust_env=False, timeout=PATIENCE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession() as session,
            AsyncOpenAI(
                base_url=f"{url}/v1", api_key="none", http_client=http_client, max_retries=0
            ) as client,
        ):
            yield Served(url, session, client)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("max_tokens", "words", "reason"),
    [
        pytest.param(3, 3, "length", id="cut by max_tokens"),
        pytest.param(10, 10, "stop", id="just long enough"),
        pytest.param(None, 10, "stop", id="as long as it gets"),
    ],
)
async def test_chat__is_as_long_as_was_asked_for(
    max_tokens: int | None, words: int, reason: str
) -> None:
    behaviour = Behaviour(first_token_seconds=0.001, token_seconds=0.0001, output_tokens=10)
    async with served(behaviour) as engine:
        answer = await engine.client.chat.completions.create(
            model="chat", messages=HELLO, max_tokens=max_tokens
        )
    assert answer.model == "chat"
    assert answer.choices[0].finish_reason == reason
    assert len((answer.choices[0].message.content or "").split()) == words
    assert answer.usage is not None
    assert answer.usage.completion_tokens == words


@pytest.mark.parametrize("stream", [False, True])
async def test_table__is_answered_from_to_the_letter(tmp_path: Path, *, stream: bool) -> None:
    table = tmp_path / "answers.json"
    table.write_text(json.dumps({"Hello": "Guten  Tag,\nWelt"}), encoding="utf-8")
    async with served(dataclasses.replace(QUICK, answers=table)) as engine:
        if stream:
            chunks = await engine.client.chat.completions.create(
                model="chat", messages=HELLO, stream=True
            )
            pieces = [chunk.choices[0].delta.content or "" async for chunk in chunks]
            assert "".join(pieces) == "Guten  Tag,\nWelt"
        else:
            answer = await engine.client.chat.completions.create(model="chat", messages=HELLO)
            assert answer.choices[0].message.content == "Guten  Tag,\nWelt"


async def test_completion__answers_a_prompt() -> None:
    async with served() as engine:
        answer = await engine.client.completions.create(
            model="alias", prompt="Once upon a time", max_tokens=5
        )
    assert answer.object == "text_completion"
    assert answer.model == "alias"
    assert len(answer.choices[0].text.split()) == 5


async def test_stream__tells_the_same_token_by_token() -> None:
    async with served() as engine:
        whole = await engine.client.chat.completions.create(
            model="chat", messages=HELLO, max_tokens=6
        )
        stream = await engine.client.chat.completions.create(
            model="chat",
            messages=HELLO,
            max_tokens=6,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    pieces = [chunk.choices[0] for chunk in chunks if chunk.choices]
    told = "".join(piece.delta.content or "" for piece in pieces)
    assert told == whole.choices[0].message.content
    assert [piece.finish_reason for piece in pieces] == [None] * 5 + ["length"]
    assert pieces[0].delta.role == "assistant"
    assert chunks[-1].usage == whole.usage


async def test_stream__is_events_up_to_done() -> None:
    async with served() as engine:
        body = {"model": "chat", "prompt": "Hello", "max_tokens": 2, "stream": True}
        async with engine.session.post(f"{engine.url}/v1/completions", json=body) as answer:
            assert answer.content_type == "text/event-stream"
            events = (await answer.text()).split("\n\n")
    assert events[2:] == ["data: [DONE]", ""]
    told = [json.loads(event.removeprefix("data: "))["choices"][0]["text"] for event in events[:2]]
    assert told == ["lorem", " ipsum"]


async def test_models__lists_every_name() -> None:
    async with served() as engine:
        assert [model.id async for model in engine.client.models.list()] == ["chat", "alias"]


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        pytest.param({"model": "gpt"}, 404, "`gpt` does not exist", id="a model it does not have"),
        pytest.param({"messages": []}, 400, "messages is required", id="nothing asked"),
        pytest.param({"max_tokens": 0}, 400, "at least 1, got 0", id="no room for an answer"),
    ],
)
async def test_chat__refuses(options: dict[str, Any], status: int, message: str) -> None:
    asked = {"model": "chat", "messages": HELLO, **options}
    async with served() as engine:
        with pytest.raises(APIStatusError, match=message) as refused:
            await engine.client.chat.completions.create(**asked)
    assert refused.value.status_code == status


@pytest.mark.parametrize("body", [b"{", b"[]"])
async def test_chat__refuses_what_is_no_object(body: bytes) -> None:
    async with served() as engine:
        url = f"{engine.url}/v1/chat/completions"
        async with engine.session.post(url, data=body) as answer:
            assert answer.status == 400


async def test_errors__come_at_the_asked_rate_and_at_the_same_requests_again() -> None:
    behaviour = Behaviour(
        first_token_seconds=0.001, token_seconds=0.0001, error_percent=20, seed=11
    )
    runs = []
    for _ in range(2):
        async with served(behaviour) as engine:
            runs.append([await engine.ask(stream=number % 2 == 0) for number in range(300)])
            samples = await engine.samples()
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}
    failed = runs[0].count(500)
    # 0.2 of 300, give or take four standard deviations of a binomial (6.9 each).
    assert failed == pytest.approx(60, abs=28)
    assert samples["vllm:request_success_total error"] == failed
    assert samples["vllm:request_success_total length"] == 300 - failed
    for latency in (
        *("time_to_first_token_seconds", "request_time_per_output_token_seconds"),
        "e2e_request_latency_seconds",
    ):
        assert samples[f"vllm:{latency}_count"] == 300


async def test_errors__may_begin_later() -> None:
    behaviour = Behaviour(
        first_token_seconds=0.001, token_seconds=0.0001, fail_after_seconds=1, seed=1
    )
    async with served(behaviour) as engine:
        assert await engine.ask() == 200
        await asyncio.sleep(1)
        assert {await engine.ask() for _ in range(5)} == {500}


async def test_latency_factor__is_seen_in_the_histograms() -> None:
    found = []
    for factor in (1, 300):
        behaviour = Behaviour(
            first_token_seconds=0.001,
            sigma=0.1,
            token_seconds=0.0002,
            latency_factor=factor,
            seed=1,
        )
        async with served(behaviour) as engine:
            assert {*await asyncio.gather(*(engine.ask() for _ in range(20)))} == {200}
            found.append(await engine.samples())
    normal, slow = found
    for samples in found:
        assert samples["vllm:time_to_first_token_seconds_count"] == 20
    assert slow["vllm:time_to_first_token_seconds_bucket 0.1"] == 0
    assert normal["vllm:time_to_first_token_seconds_bucket 0.1"] > 10
    assert slow["vllm:request_time_per_output_token_seconds_bucket 0.025"] == 0
    assert normal["vllm:request_time_per_output_token_seconds_bucket 0.025"] > 10
    # First token and three more, each a median of 60 ms.
    assert slow["vllm:e2e_request_latency_seconds_sum"] > 20 * (0.2 + 3 * 0.04)


async def test_streams__count_in_the_histograms_as_whole_answers_do() -> None:
    behaviour = Behaviour(first_token_seconds=0.05, sigma=0, token_seconds=0.03, token_sigma=0)
    for stream in (False, True):
        async with served(behaviour) as engine:
            assert await engine.ask(stream=stream) == 200
            samples = await engine.samples()
        assert samples["vllm:time_to_first_token_seconds_sum"] >= 0.05
        assert samples["vllm:request_time_per_output_token_seconds_sum"] >= 0.025
        assert samples["vllm:e2e_request_latency_seconds_sum"] >= 0.14
        assert samples["vllm:generation_tokens_total"] == 4
        assert samples["vllm:request_generation_tokens_sum"] == 4


def shape(text: str) -> dict[str, tuple[str, set[frozenset[str]], list[str]]]:
    """Of each family its type, its sets of label names and its boundaries in their order."""
    return {
        family.name: (
            family.type,
            {frozenset(sample.labels) for sample in family.samples},
            list(dict.fromkeys(one.labels["le"] for one in family.samples if "le" in one.labels)),
        )
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
    }


async def test_metrics__have_the_shape_of_a_running_vllms() -> None:
    # The boundaries of lengths follow from the longest that the model can take.
    async with served(max_model_len=256) as engine:
        await engine.ask()
        async with engine.session.get(f"{engine.url}/metrics") as answer:
            content_type = answer.headers["Content-Type"]
            simulated = shape(await answer.text())
    real = shape(REAL_METRICS.read_text(encoding="utf-8"))
    assert simulated == {name: real[name] for name in simulated}
    assert content_type == "text/plain; version=1.0.0; charset=utf-8"


async def test_http_requests__are_counted_by_path_as_a_running_vllm_does() -> None:
    async with served() as engine:
        for path in ("/health", "/metrics", "/v1/models", "/nothing", "/v1/chat/completions"):
            await engine.status(path)
        async with engine.session.get(f"{engine.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
    assert [line for line in lines if line.startswith("http_requests_total")] == [
        'http_requests_total{handler="/v1/models",method="GET",status="2xx"} 1.0',
        'http_requests_total{handler="none",method="GET",status="4xx"} 2.0',
    ]


async def test_metrics__are_vllms_by_name_type_label_and_bucket() -> None:
    async with served() as engine:
        await engine.ask()
        async with engine.session.get(f"{engine.url}/metrics") as answer:
            text = await answer.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    created = {name for name in families if name.endswith("_created")}
    assert {name: family.type for name, family in families.items() if name not in created} == {
        "vllm:num_requests_running": "gauge",
        "vllm:num_requests_waiting": "gauge",
        "vllm:kv_cache_usage_perc": "gauge",
        "vllm:prompt_tokens": "counter",
        "vllm:generation_tokens": "counter",
        "vllm:request_success": "counter",
        "vllm:time_to_first_token_seconds": "histogram",
        "vllm:request_time_per_output_token_seconds": "histogram",
        "vllm:e2e_request_latency_seconds": "histogram",
        "vllm:request_queue_time_seconds": "histogram",
        "vllm:request_prompt_tokens": "histogram",
        "vllm:request_generation_tokens": "histogram",
        "http_requests": "counter",
    }
    for name, bounds in {
        "vllm:time_to_first_token_seconds": FIRST_TOKEN,
        "vllm:request_time_per_output_token_seconds": TOKEN,
        "vllm:e2e_request_latency_seconds": REQUEST,
        "vllm:request_queue_time_seconds": REQUEST,
        "vllm:request_prompt_tokens": LENGTH,
        "vllm:request_generation_tokens": LENGTH,
    }.items():
        found = [s.labels["le"] for s in families[name].samples if s.name == f"{name}_bucket"]
        assert found == bounds.split()
    assert 'vllm:prompt_tokens_total{engine="0",model_name="chat"}' in text
    reasons = re.findall(r'vllm:request_success_total\{.*finished_reason="(\w+)"', text)
    assert reasons == ["stop", "length", "abort", "error", "repetition"]
    counted = 'http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 1.0'
    assert counted in text


@pytest.mark.parametrize("stream", [False, True])
async def test_client_that_goes_away__was_answered_and_got_its_first_token(*, stream: bool) -> None:
    behaviour = Behaviour(first_token_seconds=0.01, token_seconds=1, output_tokens=60)
    async with served(behaviour) as engine:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.ask(max_tokens=60, stream=stream), 0.5)
        for _ in range(40):
            samples = await engine.samples()
            if "http_requests_total" in samples:
                break
            await asyncio.sleep(0.05)
        async with engine.session.get(f"{engine.url}/metrics") as answer:
            text = await answer.text()
    path = "/v1/chat/completions"
    assert f'http_requests_total{{handler="{path}",method="POST",status="2xx"}} 1.0' in text
    assert samples["vllm:time_to_first_token_seconds_count"] == 1
    assert samples["vllm:request_success_total abort"] == 0
    assert samples["vllm:e2e_request_latency_seconds_count"] == 0
    assert samples["vllm:num_requests_running"] == 0


async def test_requests_above_the_limit__wait_for_a_place() -> None:
    behaviour = Behaviour(first_token_seconds=1, sigma=0, token_seconds=0.0001)
    async with served(behaviour, max_num_seqs=1) as engine:
        asked = [asyncio.create_task(engine.ask()) for _ in range(2)]
        await asyncio.sleep(0.3)
        during = await engine.samples()
        await asyncio.gather(*asked)
        after = await engine.samples()
    assert during["vllm:num_requests_running"] == 1
    assert during["vllm:num_requests_waiting"] == 1
    assert during["vllm:kv_cache_usage_perc"] == 1
    assert after["vllm:num_requests_waiting"] == 0
    assert after["vllm:request_queue_time_seconds_bucket 0.3"] == 1
    assert after["vllm:request_queue_time_seconds_sum"] > 0.3


async def test_slow_start__answers_503_until_it_is_ready() -> None:
    async with served(Behaviour(start_seconds=60)) as engine:
        assert [await engine.status(path) for path in ("/health", "/v1/models")] == [503, 503]
        assert await engine.ask() == 503
        assert await engine.status("/metrics") == 200
    async with served(Behaviour(start_seconds=0.3)) as engine:
        await asyncio.sleep(0.3)
        assert [await engine.status(path) for path in ("/health", "/v1/models")] == [200, 200]
        assert await engine.ask() == 200


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """An engine in a process of its own, and its URL; ended when the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "hack.simulated_engine", "serve", "/models/none"]
    command += ["--host", "127.0.0.1", "--port", str(port), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            while "serving" not in (line := process.stderr.readline()):
                assert line, "it ended before it served"
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_crash__ends_the_process_with_1() -> None:
    with started("--crash-after-seconds", "0.3") as (process, _):
        assert process.wait(PATIENCE_SECONDS) == 1


async def test_sigterm__finishes_what_runs_and_takes_nothing_new() -> None:
    flags = ("--first-token-milliseconds", "1000", "--sigma", "0")
    body = {"messages": HELLO, "max_tokens": 2}
    with started(*flags) as (process, url):
        path = f"{url}/v1/chat/completions"
        async with aiohttp.ClientSession() as session:
            running = asyncio.create_task(session.post(path, json=body))
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            async with aiohttp.ClientSession() as other:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await other.post(path, json=body)
            answer = await running
            assert answer.status == 200
            assert (await answer.json())["choices"][0]["finish_reason"] == "length"
        assert await asyncio.to_thread(process.wait, PATIENCE_SECONDS) == 0


def test_allocation__takes_memory_that_counts() -> None:
    flags = ("--allocate-mebibytes", "96", "--allocate-after-seconds", "0.2")
    with started(*flags) as (process, _):

        def resident_mebibytes() -> float:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024

        before = resident_mebibytes()

        wait_until(
            lambda: resident_mebibytes() - before > 90, "96 MiB more are in use", PATIENCE_SECONDS
        )
