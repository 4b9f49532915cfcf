"""Pods that count the requests that they answered, and a reader of their counters."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from rocksteady import errors
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Manifest
from rocksteady.queries.samples import Sample
from rocksteady.resources import kinds
from tests.fakes.cluster import FakeCluster

GATEWAY_NAMESPACE = "gateways"
GATEWAY_LABELS = {"app": "traefik"}
PORT = 9100


def traefik_sources(gateway: str = "Traefik", *, counters: bool = True) -> MetricsSources:
    """A configuration that says where these gateways count."""
    where = {"namespace": GATEWAY_NAMESPACE, "labelSelector": "app=traefik", "port": PORT}
    content = {"type": gateway, **({"counters": where} if counters else {})}
    source = {"url": "http://prometheus:9090", "gateway": content}
    return MetricsSources.model_validate({"metricsSources": {"default": source}})


class CountingPods:
    """See the module; implements `ports.ExpositionReader`.

    Args:
        cluster: Where the pods are.

    Attributes:
        broken: Addresses that refuse.
        silent: Addresses that never answer.
        reads: How often each address was read.
    """

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.broken: set[str] = set()
        self.silent: set[str] = set()
        self.reads: Counter[str] = Counter()
        self._counters: dict[str, Counter[tuple[tuple[str, str], ...]]] = {}

    async def samples(
        self, address: str, port: int, path: str, names: Sequence[str]
    ) -> tuple[Sample, ...]:
        assert (port, path) == (PORT, "/metrics")
        self.reads[address] += 1
        if address in self.silent:
            await asyncio.sleep(3600)
        if address in self.broken or address not in self._counters:
            raise errors.MetricsError(
                errors.MetricsReason.EXPOSITION_UNREADABLE, f"{address} refuses"
            )
        return tuple(
            Sample(dict(labels), value)
            for labels, value in self._counters[address].items()
            if dict(labels)["__name__"] in names
        )

    def start(
        self,
        name: str,
        address: str,
        *,
        namespace: str = GATEWAY_NAMESPACE,
        labels: dict[str, str] | None = None,
        ready: bool = True,
    ) -> Manifest:
        """A pod runs, and has counted nothing."""
        self._counters[address] = Counter()
        return self.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": namespace,
                    "labels": labels or GATEWAY_LABELS,
                },
                "spec": {"containers": [{"ports": [{"name": "http", "containerPort": PORT}]}]},
                "status": {
                    "podIP": address,
                    "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                },
            }
        )

    def stop(self, name: str, address: str, namespace: str = GATEWAY_NAMESPACE) -> None:
        """A pod is gone, and with it what it counted."""
        del self._counters[address]
        self.cluster.remove(kinds.POD, namespace, name)

    def restart(self, address: str) -> None:
        """A container begins anew in the same pod."""
        self._counters[address] = Counter()

    def forget(self, address: str) -> None:
        """The pod cannot be reached, though the cluster still lists it as ready."""
        del self._counters[address]

    def count(self, address: str, responses: int, **labels: str) -> None:
        """So many responses are counted under these labels."""
        self._counters[address][tuple(sorted(labels.items()))] += responses

    def answer(self, address: str, service: str, code: str, responses: int = 1) -> None:
        """Traefik gives so many responses of a Service."""
        name = f"{service}-http-80@kubernetesgateway"
        metric = "traefik_service_requests_total"
        self.count(address, responses, __name__=metric, service=name, code=code)
