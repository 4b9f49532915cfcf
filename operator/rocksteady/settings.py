"""How one operator process is set up. The command line and the environment fill it in."""

from dataclasses import dataclass, field
from typing import Final

from rocksteady.metrics_sources import MetricsSources

DEFAULT_FETCH_IMAGE: Final = "rocksteady/rocksteady:latest"
DEFAULT_HARNESS_IMAGE: Final = "rocksteady/evaluation:latest"


@dataclass(frozen=True)
class Settings:
    """Settings of the operator.

    Attributes:
        fetch_image: Image of the init container that fetches models: the operator's own.
        harness_image: Image of the runners LMEval and Inspect, unless a suite names its own, and of
            the anonymiser of items.
        client_namespaces: Namespaces of gateway, Prometheus and operator, which NetworkPolicies let
            in; empty: every namespace may connect to the model servers.
        workers: How many LLMDeployments are reconciled at once.
        resync_seconds: How often all of them are looked at without being woken.
        reconcile_timeout_seconds: Upper bound of one reconcile.
        lease_namespace: Namespace of the leader's Lease.
        lease_name: Name of the leader's Lease.
        identity: Who we are in the Lease.
        probe_port: Port of /healthz, /readyz and /metrics.
        tick_seconds: Length of the ticks in which requests are counted, never below the scrape
            interval of the source.
        blind_limit_seconds: How long a canary may have requests while nothing is seen of it.
        sources: Where metrics are read.
    """

    fetch_image: str = DEFAULT_FETCH_IMAGE
    harness_image: str = DEFAULT_HARNESS_IMAGE
    client_namespaces: tuple[str, ...] = ()
    workers: int = 4
    resync_seconds: float = 600.0
    reconcile_timeout_seconds: float = 60.0
    lease_namespace: str = "rocksteady-system"
    lease_name: str = "rocksteady-leader"
    identity: str = "rocksteady"
    probe_port: int = 8081
    tick_seconds: int = 15
    blind_limit_seconds: int = 900
    sources: MetricsSources = field(default_factory=MetricsSources)
