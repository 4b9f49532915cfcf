"""Envoy Gateway in its mergeBackends mode: counts by the backend's Service.

Only that mode names clusters by Service; all others put both revisions into one cluster, or name it
by its place in the route. Durations are in milliseconds, of whole responses, also of those with a
5xx from the backend; answers that the gateway made itself are not among them. The series of a
Service go when its weight is 0, and start at 0 when it comes back.

Tried with Envoy Gateway 1.9.1 (Envoy 1.39.1).
"""

from typing import Final

from rocksteady.queries.profiles.base import (
    Labels,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    Trap,
    everything,
    response,
)
from rocksteady.queries.selectors import Matcher, Selector, equals, literally
from rocksteady.queries.signals import RevisionTarget, Signal

CLUSTER: Final = "envoy_cluster_name"
REQUESTS: Final = "envoy_cluster_upstream_rq"
DURATION: Final = "envoy_cluster_upstream_rq_time_bucket"
HEARTBEAT: Final = Selector(("envoy_cluster_membership_total",), (equals(CLUSTER, "xds_cluster"),))
"""Its connection to the control plane; other users of Envoy name theirs otherwise."""


def _ownership(target: RevisionTarget) -> tuple[tuple[Matcher, ...], ...]:
    cluster = f"service/{target.namespace}/{target.service}/{target.service_port}/http"
    return ((equals(CLUSTER, cluster),),)


def _availability(labels: Labels) -> Parts:
    return response(labels.get("envoy_response_code", ""))


def _traps(target: RevisionTarget) -> tuple[Trap, ...]:
    route = f"httproute/{literally(target.namespace)}/{literally(target.name)}/rule/.+"
    return (
        Trap(
            Selector((REQUESTS,), (Matcher(CLUSTER, route),)),
            "Envoy Gateway counts by route and not by Service; set `mergeBackends: {}` in the"
            " EnvoyProxy of the GatewayClass",
        ),
    )


PROFILE: Final = Profile(
    kind=SourceKind.GATEWAY,
    type="EnvoyGateway",
    signals={
        Signal.AVAILABILITY: SignalProfile(
            (REQUESTS,), _ownership, _availability, heartbeat=HEARTBEAT, traps=_traps
        ),
        Signal.REQUEST_LATENCY: SignalProfile(
            (DURATION,),
            _ownership,
            everything,
            units_per_second=1000.0,
            heartbeat=HEARTBEAT,
            traps=_traps,
        ),
    },
)
