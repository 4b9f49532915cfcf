"""vLLM's metrics, by its names, labels and bucket boundaries.

Source: vllm-project/vllm:vllm/v1/metrics/loggers.py (names, labels), buckets.py beside it
(boundaries), vllm/v1/engine/__init__.py (finish reasons). `http_requests_total` is what vLLM takes
from trallnag/prometheus-fastapi-instrumentator, with statuses by class; vLLM itself has no counter
of failures (vllm-project/vllm#9346). What grows with which request is as vLLM 0.32.0 was seen to
count: tests/cases/metrics/vllm-0.32.0-steps.prom.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

_HELP: Final = "As vLLM has it."
FINISH_REASONS: Final = ("stop", "length", "abort", "error", "repetition")
FIRST_TOKEN_BUCKETS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
TOKEN_BUCKETS: Final = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    *(10.0, 20.0, 40.0, 80.0),
)
REQUEST_BUCKETS: Final = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)


def token_count_buckets(max_model_len: int) -> list[float]:
    """Return 1, 2, 5, 10, 20, 50, ... up to the longest that a model can take."""
    powers = range(math.ceil(math.log10(max_model_len)) + 1)
    series = [float(digit * 10**power) for power in powers for digit in (1, 2, 5)]
    return [bound for bound in series if bound <= max_model_len]


@dataclass(frozen=True)
class Finished:
    """A request that came to its end.

    Attributes:
        reason: `stop`, `length`, or `error` when the engine failed.
        prompt_tokens: Its length in tokens.
        generated_tokens: The answer's; 0 when the engine failed.
        queue_seconds: How long it waited for a place.
        first_token_seconds: From its arrival to its first token.
        request_seconds: From its arrival to its last token.
    """

    reason: str
    prompt_tokens: int
    generated_tokens: int
    queue_seconds: float
    first_token_seconds: float
    request_seconds: float

    @property
    def token_seconds(self) -> float:
        """Mean time between two tokens; 0 for an answer of less than two, as vLLM has it."""
        later_tokens = self.generated_tokens - 1
        decode_seconds = self.request_seconds - self.first_token_seconds
        return decode_seconds / later_tokens if later_tokens > 0 else 0.0


class Telemetry:
    """The metrics of one engine.

    Args:
        model_name: Value of the label.
        max_model_len: Longest prompt and answer in tokens.
    """

    def __init__(self, model_name: str, max_model_len: int) -> None:
        self.registry = CollectorRegistry()
        self._labels = {"model_name": model_name, "engine": "0"}
        self.running = self._gauge("num_requests_running")
        self.waiting = self._gauge("num_requests_waiting")
        self.kv_cache_usage = self._gauge("kv_cache_usage_perc")
        self._prompt_tokens = self._counter("prompt_tokens")
        self._generated_tokens = self._counter("generation_tokens")
        self._first_token = self._histogram("time_to_first_token_seconds", FIRST_TOKEN_BUCKETS)
        self._token = self._histogram("request_time_per_output_token_seconds", TOKEN_BUCKETS)
        self._request = self._histogram("e2e_request_latency_seconds", REQUEST_BUCKETS)
        self._queue = self._histogram("request_queue_time_seconds", REQUEST_BUCKETS)
        lengths = token_count_buckets(max_model_len)
        self._prompt_length = self._histogram("request_prompt_tokens", lengths)
        self._answer_length = self._histogram("request_generation_tokens", lengths)
        finished = Counter(
            *("vllm:request_success", _HELP, (*self._labels, "finished_reason")),
            registry=self.registry,
        )
        # Each is there from the start, with 0.
        self._finished = {
            reason: finished.labels(*self._labels.values(), reason) for reason in FINISH_REASONS
        }
        self._answered = Counter(
            *("http_requests_total", _HELP, ("method", "status", "handler")),
            registry=self.registry,
        )

    def _gauge(self, name: str) -> Gauge:
        made = Gauge(f"vllm:{name}", _HELP, list(self._labels), registry=self.registry)
        return made.labels(**self._labels)

    def _counter(self, name: str) -> Counter:
        made = Counter(f"vllm:{name}", _HELP, list(self._labels), registry=self.registry)
        return made.labels(**self._labels)

    def _histogram(self, name: str, buckets: Sequence[float]) -> Histogram:
        made = Histogram(
            *(f"vllm:{name}", _HELP, list(self._labels)),
            buckets=buckets,
            registry=self.registry,
        )
        return made.labels(**self._labels)

    def answered(self, method: str, status: int, handler: str) -> None:
        """Count an HTTP answer; streams count with the status that they began with."""
        self._answered.labels(method, f"{status // 100}xx", handler).inc()

    def started(self, prompt_tokens: int) -> None:
        """Count a prompt that was read."""
        self._prompt_tokens.inc(prompt_tokens)

    def first_token(self, seconds: float) -> None:
        """Count a first token; also that of a request that does not come to its end."""
        self._first_token.observe(seconds)

    def finished(self, request: Finished) -> None:
        """Count a request that came to its end; one whose client has gone comes to none."""
        self._finished[request.reason].inc()
        self._generated_tokens.inc(request.generated_tokens)
        self._token.observe(request.token_seconds)
        self._request.observe(request.request_seconds)
        self._queue.observe(request.queue_seconds)
        self._prompt_length.observe(request.prompt_tokens)
        self._answer_length.observe(request.generated_tokens)

    def exposition(self) -> tuple[bytes, str]:
        """Return the metrics and their content type, which is the same for every scraper."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
