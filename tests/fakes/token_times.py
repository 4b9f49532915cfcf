"""What model servers measure: the time to first token of every answer, in a histogram of each pod.

As vLLM shows it: every boundary is there as soon as the server is, and begins anew with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import METRIC_NAME, Selector
from rocksteady.resources import kinds
from tests.builders import NAMESPACE
from tests.fakes.cluster import FakeCluster
from tests.fakes.nodes import is_ready

BUCKET: Final = "vllm:time_to_first_token_seconds_bucket"
USUAL: Final[Mapping[str, float]] = {
    "0.1": 0.30,
    "0.25": 0.10,
    "0.5": 0.03,
    "1.0": 0.01,
    "2.5": 0.0,
    "+Inf": 0.0,
}
"""Share of the answers above each boundary, by its `le` in seconds."""
SLOW: Final[Mapping[str, float]] = {
    "0.1": 0.90,
    "0.25": 0.60,
    "0.5": 0.40,
    "1.0": 0.20,
    "2.5": 0.02,
    "+Inf": 0.0,
}
"""The same of servers that are slow."""


@dataclass
class _Histogram:
    """Of one pod: answers and slow ones of them, which boundary it lacks, and what was scraped."""

    lacks: str
    answered: float = 0.0
    slow: float = 0.0
    up: bool = True
    samples: list[tuple[float, float, float, str]] = field(default_factory=list)


@dataclass
class TokenTimes:
    """See the module.

    Attributes:
        slow: Images whose servers are slow.
        lacking: By image: a boundary that servers do not have which start from now on.
        dropped: A boundary that Prometheus drops of all servers; empty: none.
        scraping: False while the servers are not scraped.
    """

    slow: set[str] = field(default_factory=set)
    lacking: dict[str, str] = field(default_factory=dict)
    dropped: str = ""
    scraping: bool = True
    _pods: dict[str, _Histogram] = field(default_factory=dict)
    _dropped: list[tuple[str, float, float]] = field(default_factory=list)

    def cloned(self) -> "TokenTimes":
        """The same times, from where they are on."""
        clone = TokenTimes(set(self.slow), dict(self.lacking), self.dropped, self.scraping)
        clone._dropped = list(self._dropped)
        for name, one in self._pods.items():
            clone._pods[name] = replace(one, samples=list(one.samples))
        return clone

    def mend(self) -> None:
        """All servers are scraped, at every boundary."""
        self.scraping, self.dropped = True, ""
        self.lacking.clear()
        for found in self._pods.values():
            found.lacks = ""

    def answer(self, pods: Sequence[str], image: str, answers: float) -> None:
        """So many answers of the pods of a revision, each an equal part."""
        for name in pods:
            found = self._pods.get(name)
            if found is not None:
                found.answered += answers / len(pods)
                found.slow += answers / len(pods) if image in self.slow else 0.0

    def look(self, cluster: FakeCluster) -> None:
        """Which servers are there now; one that was away began anew, as its image is by now."""
        for name, pod in cluster.of_kind(kinds.POD).items():
            image = pod["spec"]["containers"][0]["image"]
            found = self._pods.get(name)
            if found is None and is_ready(pod):
                self._pods[name] = _Histogram(self.lacking.get(image, ""))
            elif found is not None and is_ready(pod) and not found.up:
                found.lacks, found.up = self.lacking.get(image, ""), True
            elif found is not None and not is_ready(pod):
                found.answered, found.slow, found.up = 0.0, 0.0, False

    def scrape(self, cluster: FakeCluster, second: int, interval_seconds: int) -> None:
        """Prometheus reads the servers that are ready."""
        if self.dropped:
            self._dropped.append((self.dropped, second - interval_seconds, second))
        if not self.scraping:
            return
        for name, pod in cluster.of_kind(kinds.POD).items():
            found = self._pods.get(name)
            if found is not None and is_ready(pod):
                found.samples.append((second, found.answered, found.slow, found.lacks))

    def series(
        self, selectors: Sequence[Selector], start_seconds: float, end_seconds: float
    ) -> Iterator[Series]:
        """What Prometheus has of them."""
        for name, found in self._pods.items():
            samples = [one for one in found.samples if start_seconds < one[0] <= end_seconds]
            for le in USUAL if samples else ():
                labels: dict[str, Any] = {
                    METRIC_NAME: BUCKET,
                    "namespace": NAMESPACE,
                    "pod": name,
                    "job": "servers",
                    "instance": f"{name}:8000",
                    "le": le,
                }
                if any(one.matches(labels) for one in selectors):
                    kept = tuple(self._kept(le, samples))
                    if kept:
                        yield Series(labels, kept)

    def _kept(
        self, le: str, samples: Sequence[tuple[float, float, float, str]]
    ) -> Iterator[tuple[float, float]]:
        gone = [(start, end) for dropped, start, end in self._dropped if dropped == le]
        for at, answered, slow, lacks in samples:
            if le != lacks and not any(start < at <= end for start, end in gone):
                above = (answered - slow) * USUAL[le] + slow * SLOW[le]
                yield at, float(int(answered - above))
