"""Traefik: counts by the backend's Service, always (`addserviceslabels`).

The name of the Service is `<namespace>-<service>-http-<port>@kubernetesgateway`; `a-b`/`c` and
`a`/`b-c` are the same to Traefik. A scrape that sets a label `service` itself, as a ServiceMonitor
does, moves Traefik's to `exported_service`. The duration is that of the whole response.

503s of a Service without endpoints are on no Service. Responses that break midway count as good.

Tried with Traefik 3.6.12.
"""

from typing import Final

from rocksteady.queries.profiles.base import (
    Labels,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    Trap,
    answered,
    response,
)
from rocksteady.queries.selectors import Matcher, Selector, equals
from rocksteady.queries.signals import RevisionTarget, Signal

SERVICE_LABELS: Final = ("service", "exported_service")
REQUESTS: Final = "traefik_service_requests_total"
HEARTBEAT: Final = Selector(("traefik_config_reloads_total",))
DURATION: Final = "traefik_service_request_duration_seconds_bucket"


def _ownership(target: RevisionTarget) -> tuple[tuple[Matcher, ...], ...]:
    service = f"{target.namespace}-{target.service}-http-{target.service_port}@kubernetesgateway"
    return tuple((equals(label, service),) for label in SERVICE_LABELS)


def _availability(labels: Labels) -> Parts:
    return response(labels.get("code", ""))


def _latency(labels: Labels) -> Parts:
    return answered(labels.get("code", ""))


def _traps(_target: RevisionTarget) -> tuple[Trap, ...]:
    unnamed = Selector((REQUESTS,), tuple(equals(label, "") for label in SERVICE_LABELS))
    return (
        Trap(
            unnamed,
            "Traefik's metrics are in Prometheus without the label service; drop the relabelling"
            " that removes it",
        ),
    )


PROFILE: Final = Profile(
    kind=SourceKind.GATEWAY,
    type="Traefik",
    signals={
        Signal.AVAILABILITY: SignalProfile(
            (REQUESTS,), _ownership, _availability, heartbeat=HEARTBEAT, traps=_traps
        ),
        Signal.REQUEST_LATENCY: SignalProfile(
            (DURATION,),
            _ownership,
            _latency,
            units_per_second=1.0,
            heartbeat=HEARTBEAT,
            traps=_traps,
        ),
    },
)
