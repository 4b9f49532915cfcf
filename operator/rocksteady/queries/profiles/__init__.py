"""Which gateways and engines are known, each with what it counts."""

from typing import Final

from rocksteady.queries.profiles import (
    envoy_gateway,
    istio,
    llamacpp,
    sglang,
    tgi,
    traefik,
    vllm,
)
from rocksteady.queries.profiles.base import Profile

GATEWAYS: Final = {
    module.PROFILE.type: module.PROFILE for module in (traefik, envoy_gateway, istio)
}
ENGINES: Final = {module.PROFILE.type: module.PROFILE for module in (vllm, sglang, tgi, llamacpp)}


def gateway_profile(gateway_type: str) -> Profile | None:
    """The profile of a gateway; None: there is none, or it is not known."""
    return GATEWAYS.get(gateway_type)


def engine_profile(engine_type: str) -> Profile | None:
    """The profile of an engine; None for one that counts nothing known."""
    return ENGINES.get(engine_type)
