"""Istio's ingress gateway: counts by the destination Service, as the sender reports them.

Written from the documentation, never run. Where pods have sidecars, both ends report each request;
the sender's report is the one that also has requests that reached nobody. Durations are in
milliseconds, of whole responses.

Source: https://istio.io/latest/docs/reference/config/metrics/ (names, labels, reporter),
https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
(code 0: the client went away before there was a response).
"""

from typing import Final

from rocksteady.queries.profiles.base import (
    Labels,
    Parts,
    Profile,
    SignalProfile,
    SourceKind,
    answered,
    response,
)
from rocksteady.queries.selectors import Matcher, equals
from rocksteady.queries.signals import RevisionTarget, Signal

REQUESTS: Final = "istio_requests_total"
DURATION: Final = "istio_request_duration_milliseconds_bucket"


def _ownership(target: RevisionTarget) -> tuple[tuple[Matcher, ...], ...]:
    return (
        (
            equals("reporter", "source"),
            equals("destination_service_name", target.service),
            equals("destination_service_namespace", target.namespace),
        ),
    )


def _availability(labels: Labels) -> Parts:
    return response(labels.get("response_code", ""))


def _latency(labels: Labels) -> Parts:
    return answered(labels.get("response_code", ""))


PROFILE: Final = Profile(
    kind=SourceKind.GATEWAY,
    type="Istio",
    signals={
        Signal.AVAILABILITY: SignalProfile((REQUESTS,), _ownership, _availability),
        Signal.REQUEST_LATENCY: SignalProfile(
            (DURATION,), _ownership, _latency, units_per_second=1000.0
        ),
    },
    tried=False,
)
