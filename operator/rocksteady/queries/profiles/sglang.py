"""SGLang, started with `--enable-metrics`.

Its only histogram of output tokens observes single tokens. Those of one request are no independent
observations, so their counts are scaled down to the number of requests that ended. Boundaries of
its histograms can be set by flags and have changed between versions.

Source: sgl-project/sglang:python/sglang/srt/observability/metrics_collector.py,
sgl-project/sglang:docs/references/production_metrics.md.
"""

import re
from typing import Final

from rocksteady.queries.profiles.base import (
    OUT,
    Labels,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    both_spellings,
    everything,
    pods_of,
    response,
    without_pod_label,
)
from rocksteady.queries.signals import Signal

RESPONSES: Final = both_spellings("sglang:http_responses_total")
TOKEN_INTERVALS: Final = both_spellings("sglang:inter_token_latency_seconds_bucket")
FINISHED: Final = both_spellings("sglang:e2e_request_latency_seconds_bucket")
API: Final = re.compile(r"/generate|/v1/(chat/completions|completions|responses|embeddings|rerank)")
"""Endpoints that users call; others are probes and scrapes."""


def _availability(labels: Labels) -> Parts:
    # A scrape that sets a label endpoint itself moves SGLang's, as the Prometheus Operator does.
    endpoint = labels.get("exported_endpoint") or labels.get("endpoint", "")
    if API.fullmatch(endpoint) is None:
        return OUT
    return response(labels.get("status_code", ""))


def _histogram(names: tuple[str, ...], requests: tuple[str, ...] = ()) -> SignalProfile:
    return SignalProfile(
        names,
        pods_of,
        everything,
        units_per_second=1.0,
        requests=requests,
        traps=without_pod_label(*names),
    )


PROFILE: Final = Profile(
    kind=SourceKind.ENGINE,
    type="sglang",
    signals={
        Signal.AVAILABILITY: SignalProfile(
            RESPONSES, pods_of, _availability, traps=without_pod_label(*RESPONSES)
        ),
        Signal.TIME_TO_FIRST_TOKEN: _histogram(
            both_spellings("sglang:time_to_first_token_seconds_bucket")
        ),
        Signal.TIME_PER_OUTPUT_TOKEN: _histogram(TOKEN_INTERVALS, requests=FINISHED),
        Signal.REQUEST_LATENCY: _histogram(FINISHED),
    },
    tried=False,
)
