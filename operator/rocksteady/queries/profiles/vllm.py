"""vLLM: histograms of its own, and the HTTP counters of its web server.

Requests that end without the engine (refused, broken before it) are seen by the HTTP counter only,
failures in a stream by the engine only, since 200 is long sent: each tick takes the greater count.
Statuses are grouped there, so a 429 is among `4xx` and counts as good. Time per output token is the
mean of each request; the histogram of single tokens is left alone, since the tokens of one request
are no independent observations.

Seen of 0.32.0, where nothing better is counted:

- A client that goes away is a `2xx`, in the time to first token if it had come, and nowhere else;
  `abort` does not grow.
- A failure of the engine is in every latency too: as a request's, with 0 per output token.
- When the engine's process dies, its streams are `2xx` and whole answers `5xx`; no reason grows.
- `repetition` is only for requests that ask for it to be detected, so it is no failure.

Source: vllm-project/vllm:vllm/v1/metrics/loggers.py (names, labels, finished reasons),
vllm-project/vllm:docs/usage/metrics.md, vllm-project/vllm:vllm/entrypoints (paths),
trallnag/prometheus-fastapi-instrumentator (HTTP counter), vllm-project/vllm#9346 (no counter of
failures); tried against the server of tests/cases/metrics/vllm-0.32.0.prom.
"""

import re
from typing import Final

from rocksteady.queries.profiles.base import (
    FAILED,
    GOOD,
    OUT,
    Labels,
    Part,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    both_spellings,
    everything,
    name_of,
    pods_of,
    without_pod_label,
)
from rocksteady.queries.signals import Signal

HTTP_REQUESTS: Final = "http_requests_total"
FINISHED: Final = "vllm:request_success_total"
API: Final = re.compile(
    r"/v1/(chat/completions|completions|responses|messages|embeddings|audio/\w+)|/v2/embed"
    r"|/pooling|/classify|(/v1)?/score|(/v[12])?/rerank"
)
"""Handlers that users call; others are for probes, or `none`: no such path or method."""
ENGINE_FAILURES: Final = frozenset({"error"})
"""Finished reasons that are the engine's fault."""


def _availability(labels: Labels) -> Parts:
    if name_of(labels) == HTTP_REQUESTS:
        if API.fullmatch(labels.get("handler", "")) is None:
            return OUT
        return FAILED if labels.get("status", "").startswith("5") else GOOD
    if labels.get("finished_reason") in ENGINE_FAILURES:
        return frozenset({Part.BAD_SEEN_OTHERWISE})
    return OUT


def _histogram(metric: str) -> SignalProfile:
    names = both_spellings(f"vllm:{metric}_bucket")
    return SignalProfile(
        names, pods_of, everything, units_per_second=1.0, traps=without_pod_label(*names)
    )


PROFILE: Final = Profile(
    kind=SourceKind.ENGINE,
    type="vllm",
    signals={
        Signal.AVAILABILITY: SignalProfile(
            (HTTP_REQUESTS, *both_spellings(FINISHED)),
            pods_of,
            _availability,
            traps=without_pod_label(*both_spellings(FINISHED)),
        ),
        Signal.TIME_TO_FIRST_TOKEN: _histogram("time_to_first_token_seconds"),
        Signal.TIME_PER_OUTPUT_TOKEN: _histogram("request_time_per_output_token_seconds"),
        Signal.REQUEST_LATENCY: _histogram("e2e_request_latency_seconds"),
    },
)
