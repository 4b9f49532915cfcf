"""Attempts that last long: what is read of them in each pass, and that all count the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocksteady.analysis.counts import Ticks
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, LLMRolloutStatus, Phase
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.metrics_sources import MetricsSource, MetricsSources
from rocksteady.ports import Key
from rocksteady.queries.samples import Series, TickGrid
from rocksteady.queries.selectors import Selector
from rocksteady.queries.signals import RevisionTarget
from rocksteady.reconcile.counting import Counting, count_segments
from rocksteady.reconcile.kept_segments import KeptSegments
from rocksteady.reconcile.signals import SignalGatherer
from rocksteady.rollout.measuring import SEGMENT_TICKS, SETTLED_SECONDS, Segment, joined
from rocksteady.rollout.observation import Observation
from tests.builders import KEY, NAME, NAMESPACE, NOW, A, B, observation
from tests.fakes.simulation import Simulation
from tests.fakes.virtual_time import run_in_virtual_time
from tests.metrics import traefik
from tests.unit.rollout.attempts import attempt, statistics

TICK = 15
FIRST = NOW.timestamp()
SEGMENT_SECONDS = SEGMENT_TICKS * TICK
TESTS = statistics()
ATTEMPT: LLMRollout = attempt(LLMRolloutStatus(phase=Phase.BAKING, first_tick_at=NOW))


@dataclass
class Recorded:
    """A Prometheus that has scraped every 15 s; a `ports.MetricsReader`.

    Attributes:
        series_of_all: Everything that it ever gets.
        now_seconds: What is later is not there yet.
        reads: From when to when it was asked, in seconds from the first tick.
        fails_from: Reads from so many seconds on fail.
    """

    series_of_all: Sequence[Series]
    now_seconds: float = FIRST
    reads: list[tuple[float, float]] = field(default_factory=list)
    fails_from: float = float("inf")

    async def series(
        self, source: str, selectors: Sequence[Selector], start_seconds: float, end_seconds: float
    ) -> tuple[Series, ...]:
        assert source == TESTS.source
        if start_seconds - FIRST >= self.fails_from:
            raise MetricsError(MetricsReason.UNREACHABLE, "It is away.")
        self.reads.append((start_seconds - FIRST, end_seconds - FIRST))
        found = [
            Series(one.labels, tuple(self._within(one, start_seconds, end_seconds)))
            for one in self.series_of_all
            if any(selector.matches(one.labels) for selector in selectors)
        ]
        return tuple(one for one in found if one.samples)

    def _within(self, one: Series, start: float, end: float) -> list[tuple[float, float]]:
        return [pair for pair in one.samples if start < pair[0] <= min(end, self.now_seconds)]

    async def value(self, source: str, query: str, at_seconds: float) -> float | None:
        raise AssertionError(f"no test asks {source} for {query} at {at_seconds}")


def scraped(seconds: float, away: range = range(0)) -> list[Series]:
    """Requests to both, and errors of the canary from the second minute on; not while away."""
    found = []
    for revision, code, each in ((A, "200", 40), (B, "200", 10), (B, "500", 1)):
        target = RevisionTarget(NAMESPACE, NAME, revision)
        begins = 8 if code == "500" else 0
        samples = tuple(
            (FIRST - TICK + scrape * TICK + 3.0, float(each * (scrape - begins) + scrape % 7))
            for scrape in range(begins, int(seconds) // TICK)
            if scrape not in away
        )
        found.append(Series(traefik(target, code), samples))
    return found


class Operator:
    """Passes over one attempt, as `SignalGatherer` makes them."""

    def __init__(self, prometheus: Recorded) -> None:
        self.prometheus = prometheus
        self.kept = KeptSegments()

    async def look(self, ticks: int, seconds_later: float = 5) -> dict[str, Ticks]:
        """Read so many ticks, so long after the end of the last."""
        self.prometheus.now_seconds = FIRST + ticks * TICK + seconds_later
        now = NOW + timedelta(seconds=ticks * TICK + seconds_later)
        counting = Counting(self.prometheus, TESTS.source, TICK, now)
        grid, segments = TickGrid(FIRST, TICK, ticks), list[Segment]()
        known = self.kept.of(KEY, "one")
        async for one in count_segments(counting, ATTEMPT, TESTS, NAMESPACE, grid, known):
            segments.append(one)
            self.kept.keep(KEY, "one", segments, now)
        return joined(segments)


def test_pass__reads_the_last_segment_and_five_minutes_before_it() -> None:
    prometheus = Recorded(scraped(4 * SEGMENT_SECONDS))
    operator = Operator(prometheus)

    async def passes() -> None:
        await operator.look(2 * SEGMENT_TICKS + 100)
        prometheus.reads.clear()
        await operator.look(2 * SEGMENT_TICKS + 101)

    run_in_virtual_time(passes())

    begin = 2 * SEGMENT_SECONDS
    assert prometheus.reads == [(begin - 300, begin + 101 * TICK)]


def test_pass__reads_the_segment_before_too_while_something_of_it_may_come() -> None:
    prometheus = Recorded(scraped(4 * SEGMENT_SECONDS))
    operator = Operator(prometheus)
    ticks = SEGMENT_TICKS + SETTLED_SECONDS // TICK

    async def reads(ticks: int) -> int:
        await operator.look(ticks, 0)
        prometheus.reads.clear()
        await operator.look(ticks, 0)
        return len(prometheus.reads)

    assert run_in_virtual_time(reads(ticks - 1)) == 2
    assert run_in_virtual_time(reads(ticks)) == 1


def test_pass__that_fails_midway_is_gone_on_with_by_the_next() -> None:
    prometheus = Recorded(scraped(4 * SEGMENT_SECONDS), fails_from=SEGMENT_SECONDS)
    operator = Operator(prometheus)

    async def passes() -> dict[str, Ticks]:
        try:
            await operator.look(3 * SEGMENT_TICKS)
        except MetricsError:
            prometheus.fails_from = float("inf")
            prometheus.reads.clear()
        return await operator.look(3 * SEGMENT_TICKS)

    ticks = run_in_virtual_time(passes())

    assert len(ticks["availability"]) == 3 * SEGMENT_TICKS
    assert min(prometheus.reads)[0] == 2 * SEGMENT_SECONDS - 300


TICKS = st.integers(1, 3 * SEGMENT_TICKS)


@pytest.mark.timeout(120)
@settings(max_examples=10)
@given(
    looks=st.lists(TICKS, max_size=3),
    last=st.integers(2 * SEGMENT_TICKS, 3 * SEGMENT_TICKS),
    away=st.tuples(st.integers(10, 700), st.integers(0, 60)),
)
def test_counts__are_the_same_whenever_and_by_whom_they_are_read(
    looks: list[int], last: int, away: tuple[int, int]
) -> None:
    series = scraped(3 * SEGMENT_SECONDS, range(away[0], sum(away)))
    since_the_start, restarted = Operator(Recorded(series)), Operator(Recorded(series))

    async def watched() -> dict[str, Ticks]:
        for ticks in sorted(looks):
            await since_the_start.look(ticks)
        return await since_the_start.look(last)

    assert run_in_virtual_time(watched()) == run_in_virtual_time(restarted.look(last))


@dataclass
class Noting:
    """A gatherer that adds nothing."""

    forgotten: list[Key] = field(default_factory=list)

    async def add(self, seen: Observation) -> Observation:
        return seen

    def forget(self, key: Key) -> None:
        self.forgotten.append(key)


async def test_deleted__llmdeployment_is_forgotten() -> None:
    simulation, noting = Simulation(), Noting()
    simulation.needs = replace(simulation.needs, signals=noting)

    await simulation.reconcile_gone()

    assert noting.forgotten == [KEY]


async def test_gatherer__keeps_what_it_counted_until_the_attempt_ends() -> None:
    """As an operator does, with a stable revision and a canary that have served for hours."""
    prometheus = Recorded(scraped(4 * SEGMENT_SECONDS), FIRST + 3 * SEGMENT_SECONDS)
    sources = MetricsSources(
        metrics_sources={
            "default": MetricsSource(url="http://p.test", scrape_interval_seconds=TICK)
        }
    )
    gatherer = SignalGatherer(prometheus, sources, TICK)
    seen = observation(
        now=NOW + timedelta(seconds=3 * SEGMENT_SECONDS), attempts={f"{NAME}-1": ATTEMPT}
    )

    first = await gatherer.add(seen)
    prometheus.reads.clear()
    second = await gatherer.add(replace(seen, now=seen.now + timedelta(seconds=TICK)))

    assert first.reading is not None
    assert second.reading is not None
    both = (first.reading.ticks["availability"], second.reading.ticks["availability"])
    assert both[1][: len(both[0])] == both[0]
    assert [begin for begin, _ in prometheus.reads] == [2 * SEGMENT_SECONDS - 300]

    await gatherer.add(replace(seen, attempts={}))
    prometheus.reads.clear()
    await gatherer.add(seen)
    assert min(prometheus.reads)[0] == -300, "it was forgotten, so all is read again"


def segments(many: int) -> list[Segment]:
    return [
        Segment(TickGrid(FIRST + index * SEGMENT_SECONDS, TICK, SEGMENT_TICKS), {}, ((),))
        for index in range(many)
    ]


LATER = NOW + timedelta(days=2)


def test_kept__segments_are_of_one_attempt_until_it_is_forgotten() -> None:
    kept = KeptSegments()
    kept.keep(KEY, "one", segments(3), LATER)

    assert [one.grid for one in kept.of(KEY, "one")] == [one.grid for one in segments(3)]
    assert kept.of(KEY, "another") == ()
    kept.forget(KEY)
    assert kept.of(KEY, "one") == ()


def test_kept__segments_are_those_from_the_first_that_are_settled() -> None:
    kept = KeptSegments()
    found = segments(3)
    found[1] = replace(found[1], grid=replace(found[1].grid, ticks=7))

    kept.keep(KEY, "one", found, LATER)

    assert len(kept.of(KEY, "one")) == 1


def test_kept__segments_of_whoever_was_not_asked_for_longest_go() -> None:
    kept = KeptSegments(segments_max=5)
    old, new = Key("a", "old"), Key("a", "new")
    kept.keep(old, "one", segments(3), LATER)
    kept.keep(new, "one", segments(3), LATER)

    assert (len(kept.of(old, "one")), len(kept.of(new, "one")), len(kept)) == (0, 3, 3)
