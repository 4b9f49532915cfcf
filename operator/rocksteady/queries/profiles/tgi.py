"""Text Generation Inference.

Requests are counted when they end, successes and failures apart, so that a failure is never in
another tick than its request. Failures of the client's making are left out: a request that is not
valid, and one that the client dropped. Time per output token is the mean of each request.

Source: huggingface/text-generation-inference:docs/source/reference/metrics.md (names),
huggingface/text-generation-inference:router/src/server.rs and backends/v3/src (kinds of failures;
`dropped`: the client's end of the channel is closed).
"""

from typing import Final

from rocksteady.queries.profiles.base import (
    FAILED,
    GOOD,
    OUT,
    Labels,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    everything,
    name_of,
    pods_of,
    without_pod_label,
)
from rocksteady.queries.signals import Signal

SUCCESS: Final = "tgi_request_success"
FAILURE: Final = "tgi_request_failure"
CLIENTS_FAILURES: Final = frozenset({"validation", "template", "dropped"})


def _availability(labels: Labels) -> Parts:
    if name_of(labels) == SUCCESS:
        return GOOD
    return OUT if labels.get("err", "") in CLIENTS_FAILURES else FAILED


def _histogram(metric: str) -> SignalProfile:
    names = (f"{metric}_bucket",)
    return SignalProfile(
        names, pods_of, everything, units_per_second=1.0, traps=without_pod_label(*names)
    )


PROFILE: Final = Profile(
    kind=SourceKind.ENGINE,
    type="tgi",
    signals={
        Signal.AVAILABILITY: SignalProfile(
            (SUCCESS, FAILURE),
            pods_of,
            _availability,
            traps=without_pod_label(SUCCESS, FAILURE),
        ),
        Signal.TIME_PER_OUTPUT_TOKEN: _histogram("tgi_request_mean_time_per_token_duration"),
        Signal.REQUEST_LATENCY: _histogram("tgi_request_duration"),
    },
    lacks={
        Signal.TIME_TO_FIRST_TOKEN: (
            "TGI has no histogram of the time to the first token; use requestLatency or"
            " timePerOutputToken, or a gate of your own in rollout.metrics"
        ),
    },
    tried=False,
)
