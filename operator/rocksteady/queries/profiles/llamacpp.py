"""llama.cpp: sums of tokens and seconds; no histogram, no counter of requests or failures.

Its metrics (ggml-org/llama.cpp:tools/server/README.md, seen at a running server) tell how much a
server has done, never how a single request went: no signal can be had from it.
"""

from typing import Final

from rocksteady.queries.profiles.base import Profile, SourceKind
from rocksteady.queries.signals import Signal

_GATEWAY: Final = "llama.cpp counts no requests; send them through a gateway, which does"
_NEVER: Final = (
    "llama.cpp has no histogram of it and gateways do not see tokens; use requestLatency, or an"
    " engine that measures it (vllm, sglang)"
)

PROFILE: Final = Profile(
    kind=SourceKind.ENGINE,
    type="llamacpp",
    signals={},
    lacks={
        Signal.AVAILABILITY: _GATEWAY,
        Signal.REQUEST_LATENCY: _GATEWAY,
        Signal.TIME_TO_FIRST_TOKEN: _NEVER,
        Signal.TIME_PER_OUTPUT_TOKEN: _NEVER,
    },
)
