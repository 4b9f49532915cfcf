"""From the samples of counters to what they grew by, series by series.

A pure function of the samples from `TickGrid.read_from_seconds` to a time: samples that come later
never change what earlier ones gave.
"""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rocksteady.queries.samples import BASELINE_SECONDS, Series
from rocksteady.queries.selectors import METRIC_NAME

Identity = tuple[tuple[str, str], ...]
"""Labels in order, spelled in one way."""

REPLICA_LABELS: Final = frozenset({"prometheus_replica", "replica", "prometheus"})
"""What tells the members of a highly available pair of Prometheus apart. Usual names: those of the
Prometheus Operator and of Thanos (`--query.replica-label`)."""
SCRAPE_LABELS: Final = frozenset({"job", "endpoint"})
"""What tells two scrapes of the same thing apart."""
TARGET_LABELS: Final = frozenset(
    {"cluster", "namespace", "pod", "container", "instance"} | REPLICA_LABELS | SCRAPE_LABELS
)
"""What tells the things that are scraped apart."""
VANISHED_SCRAPES: Final = 2
"""After being absent from so many scrapes of its target in a row, a series begins anew. One may be
missing by accident."""

Samples = list[tuple[float, float]]


@dataclass(frozen=True)
class Increment:
    """What a counter grew by between two samples.

    Attributes:
        since_seconds: When the earlier was scraped; a counter that is new has the scrape before.
        at_seconds: When the later was scraped.
        amount: How much; None: there is nothing to count from.
    """

    since_seconds: float
    at_seconds: float
    amount: int | None


def stitch(series: Iterable[Series]) -> dict[Identity, Samples]:
    """Samples by identity, oldest first, without those that are no count.

    The spelling of names and of `le` changes with versions and settings of Prometheus: what is the
    same counter goes on as the same.
    """
    stitched: dict[Identity, dict[float, float]] = defaultdict(dict)
    for one in series:
        stitched[identity(one.labels)].update(
            (at, value) for at, value in one.samples if _is_count(value)
        )
    return {key: sorted(samples.items()) for key, samples in stitched.items()}


def newest_before(series: Iterable[Series], end_seconds: float) -> tuple[Series, ...]:
    """The newest count of each series from before a time, as a series of one sample.

    With it the samples from that time on are counted as if all before them were there: a series
    goes on from where it was, however long it was away.
    """
    newest: dict[Identity, Series] = {}
    for one in series:
        counts = (pair for pair in reversed(one.samples) if pair[0] < end_seconds)
        found = next((pair for pair in counts if _is_count(pair[1])), None)
        key = tuple(sorted(one.labels.items()))
        known = newest.get(key)
        if found is not None and (known is None or known.samples[0][0] < found[0]):
            newest[key] = Series(one.labels, (found,))
    return tuple(newest.values())


def _is_count(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def identity(labels: Mapping[str, str]) -> Identity:
    """Labels in order, with one spelling of names and boundaries; empty labels are none."""
    spelled = {key: value for key, value in labels.items() if value}
    spelled[METRIC_NAME] = spelled.get(METRIC_NAME, "").replace(":", "_")
    if spelled.get("endpoint", "").startswith("/"):
        # A path is the metric's own label; that of a scrape is the name of a port.
        spelled["exported_endpoint"] = spelled.pop("endpoint")
    if "le" in spelled:
        spelled["le"] = repr(boundary(spelled["le"]))
    return tuple(sorted(spelled.items()))


def boundary(text: str) -> float:
    """The number in a label `le`; NaN when it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def without(key: Identity, labels: Iterable[str]) -> Identity:
    """An identity without some labels."""
    left_out = frozenset(labels)
    return tuple(pair for pair in key if pair[0] not in left_out)


def target_of(key: Identity) -> Identity:
    """The thing that was scraped."""
    return tuple(pair for pair in key if pair[0] in TARGET_LABELS)


class ScrapeTimes:
    """When each target was scraped, as far as the samples show."""

    def __init__(self, *stitched: Mapping[Identity, Samples]) -> None:
        times: dict[Identity, set[float]] = defaultdict(set)
        for one in stitched:
            for key, samples in one.items():
                times[target_of(key)].update(at for at, _ in samples)
        self._times = {target: sorted(found) for target, found in times.items()}
        self._first = min((found[0] for found in self._times.values() if found), default=math.inf)

    def of(self, key: Identity) -> Sequence[float]:
        """When a series' target was scraped, ascending."""
        return self._times[target_of(key)]

    def others_since(self, at_seconds: float) -> bool:
        """True when other targets were scraped long before: then one without scrapes is new."""
        return self._first <= at_seconds - BASELINE_SECONDS


def increments(key: Identity, samples: Samples, scrapes: ScrapeTimes) -> list[Increment]:
    """What a series grew by, sample by sample."""
    if not samples:
        return []
    times = scrapes.of(key)
    found = [_first(*samples[0], times, others=scrapes.others_since(samples[0][0]))]
    scrape = bisect_left(times, samples[0][0])
    for (since, earlier), (at, later) in pairwise(samples):
        before, scrape = scrape, bisect_left(times, at, lo=scrape)
        # What is in between are scrapes of the target that did not show the series.
        restarted = later < earlier or scrape - before - 1 >= VANISHED_SCRAPES
        found.append(Increment(since, at, round(later if restarted else later - earlier)))
    return found


def _first(at: float, value: float, times: Sequence[float], *, others: bool) -> Increment:
    """The first sample of a series.

    Its counter began at 0 when its target was scraped before without it, or when the target is new
    itself. Else it may have counted for days.
    """
    scrape = bisect_left(times, at)
    if scrape:
        return Increment(times[scrape - 1], at, round(value))
    return Increment(at, at, round(value) if others else None)
