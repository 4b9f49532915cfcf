"""Requests that follow the live route, and what a Prometheus that scrapes the gateway has of them.

Every second of the fake clock so many requests are split by the weights of the HTTPRoute over the
revisions with ready addresses, as Traefik splits them, and counted in Traefik's series.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rocksteady import errors
from rocksteady.metrics_sources import Gateway, MetricsSource, MetricsSources
from rocksteady.queries.profiles.traefik import REQUESTS
from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import METRIC_NAME, Selector
from rocksteady.resources import kinds
from tests.builders import NAME, NAMESPACE
from tests.fakes.cluster import FakeCluster
from tests.fakes.nodes import is_ready
from tests.fakes.token_times import TokenTimes

SCRAPE_SECONDS: Final = 5
SOURCES: Final = MetricsSources(
    metrics_sources={
        "default": MetricsSource(
            url="http://prometheus.test",
            scrape_interval_seconds=SCRAPE_SECONDS,
            gateway=Gateway(type="Traefik"),
            custom_queries=True,
        )
    }
)


@dataclass
class _Counter:
    """Responses of one Service: the counters that grow, and what was scraped of them."""

    total: float = 0.0
    bad: float = 0.0
    samples: list[tuple[float, int, int]] = field(default_factory=list)


@dataclass
class Traffic:
    """See the module. It is a `ports.MetricsReader`.

    Attributes:
        cluster: Whose route the requests follow.
        requests_per_second: How many come.
        error_percent: By the image of a revision; those that are not named answer rightly.
        away: True while Prometheus does not answer.
        scraping: False while the gateway is not scraped: samples grow old.
        lost: Requests that had nowhere to go.
        token_times: What the model servers measure of them.
        answer: What a query of a user gives at a time in seconds.
    """

    cluster: FakeCluster
    requests_per_second: float = 50.0
    error_percent: dict[str, float] = field(default_factory=dict)
    away: bool = False
    scraping: bool = True
    lost: float = 0.0
    token_times: TokenTimes = field(default_factory=TokenTimes)
    answer: Callable[[str, float], float | None] = lambda _query, _at_seconds: None
    _counters: dict[str, list[_Counter]] = field(default_factory=lambda: defaultdict(list))
    _routed: frozenset[str] = frozenset()
    _until: int | None = None

    def cloned(self, cluster: FakeCluster) -> "Traffic":
        """The same traffic, on another cluster in the same state."""
        clone = Traffic(cluster, self.requests_per_second, dict(self.error_percent))
        clone.away, clone.scraping, clone.lost = self.away, self.scraping, self.lost
        clone.token_times = self.token_times.cloned()
        for service, counters in self._counters.items():
            clone._counters[service] = [
                _Counter(one.total, one.bad, list(one.samples)) for one in counters
            ]
        clone._routed, clone._until = self._routed, self._until
        return clone

    def flow(self, now_seconds: float) -> None:
        """Let requests come until now, second by second, by the route as it is."""
        until = math.floor(now_seconds)
        if self._until is None:
            self._until = until
        shares = self._shares()
        pods = self._pods(shares)
        self._drop_what_left(frozenset(self._weights()))
        self.token_times.look(self.cluster)
        for second in range(self._until + 1, until + 1):
            self._answer(shares)
            for image, (names, requests) in pods.items():
                good = 1 - self.error_percent.get(image, 0.0) / 100
                self.token_times.answer(names, image, requests * good)
            if second % SCRAPE_SECONDS == 0:
                self.token_times.scrape(self.cluster, second, SCRAPE_SECONDS)
                if self.scraping:
                    self._scrape(second)
        self._until = max(self._until, until)

    def counted(self, revision: str) -> tuple[int, int]:
        """Requests that a revision's Service ever answered, and bad ones."""
        counters = self._counters.get(_service(f"{NAME}-{revision}"), [])
        return int(sum(one.total for one in counters)), int(sum(one.bad for one in counters))

    def restart_gateway(self) -> None:
        """The gateway begins to count anew: a series is there from its first request on."""
        for counters in self._counters.values():
            counters.append(_Counter())

    # --- ports.MetricsReader

    async def series(
        self,
        source: str,
        selectors: Sequence[Selector],
        start_seconds: float,
        end_seconds: float,
    ) -> tuple[Series, ...]:
        self._check(source)
        found = [
            one
            for service in self._counters
            for one in self._series(service, start_seconds, end_seconds)
        ]
        matching = (
            one for one in found if any(selector.matches(one.labels) for selector in selectors)
        )
        return (*matching, *self.token_times.series(selectors, start_seconds, end_seconds))

    async def value(self, source: str, query: str, at_seconds: float) -> float | None:
        self._check(source)
        return self.answer(query, at_seconds)

    def _check(self, source: str) -> None:
        assert source == "default"
        if self.away:
            said = "Prometheus does not answer."
            raise errors.MetricsError(errors.MetricsReason.UNREACHABLE, said)

    # --- the gateway

    def _weights(self) -> Mapping[str, int]:
        """Weights of the live route, by the name of the Service."""
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME, {})
        rules = route.get("spec", {}).get("rules", ())
        return {
            backend["name"]: backend.get("weight", 1)
            for rule in rules
            for backend in rule.get("backendRefs", ())
        }

    def _shares(self) -> Mapping[str, float]:
        """Requests per second by Service, and by nothing when the Service has no address."""
        weights = {name: weight for name, weight in self._weights().items() if weight > 0}
        together = sum(weights.values())
        slices = self.cluster.of_kind(kinds.ENDPOINT_SLICE)
        shares: dict[str, float] = defaultdict(float)
        for name, weight in weights.items():
            reached = name if slices.get(name, {}).get("endpoints") else ""
            shares[reached] += self.requests_per_second * weight / together
        return shares

    def _pods(self, shares: Mapping[str, float]) -> Mapping[str, tuple[list[str], float]]:
        """Which pods answer how many requests per second, by image; by the Service if no route."""
        slices = self.cluster.of_kind(kinds.ENDPOINT_SLICE)
        if shares:
            return {
                self._image(name): (
                    [one["addresses"][0] for one in slices[name]["endpoints"]],
                    requests,
                )
                for name, requests in shares.items()
                if name
            }
        front = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        if front is None:
            return {}
        selector = front["spec"]["selector"].items()
        found: dict[str, list[str]] = defaultdict(list)
        for name, pod in self.cluster.of_kind(kinds.POD).items():
            if is_ready(pod) and selector <= pod["metadata"]["labels"].items():
                found[pod["spec"]["containers"][0]["image"]].append(name)
        together = sum(map(len, found.values()))
        return {
            image: (names, self.requests_per_second * len(names) / together)
            for image, names in found.items()
        }

    def _drop_what_left(self, routed: frozenset[str]) -> None:
        """Traefik forgets the series of a Service that no route names any more."""
        for name in routed - self._routed:
            self._counters[_service(name)].append(_Counter())
        self._routed = routed

    def _answer(self, shares: Mapping[str, float]) -> None:
        for name, requests in shares.items():
            if not name:
                self.lost += requests
                continue
            counter = self._counters[_service(name)][-1]
            counter.total += requests
            counter.bad += requests * self.error_percent.get(self._image(name), 0.0) / 100

    def _image(self, name: str) -> str:
        """Image of a revision; empty when its Deployment is gone and its pods are about to be."""
        deployment = self.cluster.of_kind(kinds.DEPLOYMENT).get(name)
        if deployment is None:
            return ""
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def _scrape(self, second: int) -> None:
        for name in self._routed:
            counter = self._counters[_service(name)][-1]
            if counter.total >= 1:
                counter.samples.append((second, int(counter.total), int(counter.bad)))

    def _series(self, service: str, start_seconds: float, end_seconds: float) -> list[Series]:
        samples = [
            sample
            for counter in self._counters[service]
            for sample in counter.samples
            if start_seconds < sample[0] <= end_seconds
        ]
        good = tuple((at, float(total - bad)) for at, total, bad in samples)
        # A series is there from its first response on.
        bad = tuple((at, float(bad)) for at, _, bad in samples if bad)
        labels: dict[str, Any] = {
            METRIC_NAME: REQUESTS,
            "service": service,
            "instance": "10.0.0.1:9100",
            "job": "traefik",
            "method": "POST",
            "protocol": "http",
        }
        found = [Series({**labels, "code": "200"}, good), Series({**labels, "code": "500"}, bad)]
        return [one for one in found if one.samples]


def _service(name: str) -> str:
    return f"{NAMESPACE}-{name}-http-80@kubernetesgateway"
