"""The fast lane: reads the counters of canary and stable each second, past Prometheus.

    reconcile -- follow(key, course) --> FastLane --- each second ---> pods of gateway or engine
        ^                                   |
        +--- trip_of(key) <-- urge(key) ----+ nothing but failures

A scrape is too slow when every response of the canary fails. What is seen here takes the canary's
requests away and does nothing else; the verdict stays with the evidence. A poll that cannot be read
is no poll, so blindness never trips. All of it is memory: after a restart it begins anew, and
evidence and verdict are not touched by that.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from rocksteady.analysis import fast_lane
from rocksteady.analysis.fast_lane import WINDOW_SECONDS, Poll
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Clock, ClusterReader, ExpositionReader, Key
from rocksteady.queries.growth import Growth
from rocksteady.queries.lookup import Shown
from rocksteady.queries.profiles.base import SourceKind
from rocksteady.queries.samples import RevisionCounts
from rocksteady.reconcile.exposed_pods import ExposedPod, PodLists, Round
from rocksteady.reconcile.fast_lane_sources import Watched, watched_of
from rocksteady.rollout.course import Course
from rocksteady.rollout.reading import Trip

PERIOD_SECONDS: Final = 1.0
"""How often counters are read. Source: design, five bad responses and two seconds."""
SPACING_SECONDS: Final = 0.2
"""The least time between two rounds when a canary has begun to get requests meanwhile: the sooner
its counters are first read, the fewer of its responses come before that."""
KEPT_SECONDS: Final = WINDOW_SECONDS + 5.0
"""How long polls are kept: somewhat longer than anybody looks back."""
READ, FAILED, NO_PODS = "read", "failed", "no_pods"
"""Results of a poll."""


class LaneObserver(Protocol):
    """Hears what the fast lane sees, for log and metrics."""

    def polled(self, result: str) -> None:
        """The counters of one canary were read, could not be, or there was nothing to read."""

    def unread(self, key: Key, why: str) -> None:
        """The counters of a canary cannot be read; said once until they are again."""

    def tripped(self, key: Key, trip: Trip) -> None:
        """A canary fails all its requests; said once until it is watched anew."""


@dataclass
class _Memory:
    """What is known of one canary."""

    watched: Watched
    canary: Growth = field(default_factory=Growth)
    stable: Growth = field(default_factory=Growth)
    polls: deque[Poll] = field(default_factory=deque)
    trip: Trip | None = None
    tripped: asyncio.Event = field(default_factory=asyncio.Event)
    failing: bool = False


class FastLane:
    """See the module. All methods belong to one event loop.

    Args:
        cluster: Where gateways and model servers run.
        reader: Reads their counters.
        sources: The operator's configuration of gateways.
        urge: Has an LLMDeployment reconciled before all others.
        observer: Hears what is seen.
        clock: The time, for records.
        monotonic: Time in seconds that does not jump.
    """

    def __init__(  # noqa: PLR0913 - what it needs of the world
        self,
        cluster: ClusterReader,
        reader: ExpositionReader,
        sources: MetricsSources,
        *,
        urge: Callable[[Key], None],
        observer: LaneObserver,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._sources = sources
        self._urge = urge
        self._observer = observer
        self._clock = clock
        self._monotonic = monotonic
        self._lists = PodLists(cluster, monotonic)
        self._memories: dict[Key, _Memory] = {}
        self._newcomer = asyncio.Event()

    # --- for the reconciler

    def follow(self, key: Key, course: Course) -> None:
        """Watch the canary for as long as it is to have requests."""
        watched = watched_of(key, course, self._sources)
        if watched is None:
            self.forget(key)
        else:
            self.watch(watched)

    def watch(self, watched: Watched) -> None:
        """Watch a canary; what is known of another of the same LLMDeployment is forgotten."""
        known = self._memories.get(watched.key)
        if known is None or known.watched != watched:
            self._memories[watched.key] = _Memory(watched)
            self._newcomer.set()

    def forget(self, key: Key) -> None:
        """Watch nothing of an LLMDeployment any more."""
        self._memories.pop(key, None)

    def trip_of(self, key: Key) -> Trip | None:
        """Why the canary must lose its requests; None: it need not."""
        memory = self._memories.get(key)
        return None if memory is None else memory.trip

    async def tripped(self, key: Key) -> None:
        """Wait until the canary must lose its requests; for ever when it is not watched."""
        memory = self._memories.get(key)
        await (asyncio.Event() if memory is None else memory.tripped).wait()

    # --- the loop

    async def run(self) -> None:
        """Read each second while there is anything to watch."""
        try:
            while True:
                if not self._memories:
                    await self._newcomer.wait()
                self._newcomer.clear()
                started = self._monotonic()
                await self._round()
                await self._pause(started + PERIOD_SECONDS - self._monotonic())
        finally:
            await self._lists.close()

    async def _round(self) -> None:
        """Read all canaries that are watched; each is judged as soon as its own pods were read."""
        reading = Round(self._reader)
        await asyncio.gather(*(self._poll(one, reading) for one in [*self._memories.values()]))

    async def _pause(self, seconds: float) -> None:
        """Wait for the next round, which comes sooner for a newcomer."""
        await asyncio.sleep(SPACING_SECONDS)
        try:
            async with asyncio.timeout(max(0.0, seconds - SPACING_SECONDS)):
                await self._newcomer.wait()
        except TimeoutError:
            pass

    async def _poll(self, memory: _Memory, reading: Round) -> None:
        try:
            result = await self._read(memory, reading)
        except Exception as error:  # noqa: BLE001 - one canary's trouble must not stop the others
            self._lists.doubt(memory.watched.place)
            self._failed(memory, f"{type(error).__name__}: {error}")
        else:
            memory.failing = False
            self._observer.polled(result)

    async def _read(self, memory: _Memory, reading: Round) -> str:
        """Read the counters of one canary and judge them, unless it was forgotten meanwhile."""
        watched = memory.watched
        pods = _of_interest(watched, await self._lists.pods(watched.place))
        shown = await reading.read(pods, watched.profile)
        if pods and self._memories.get(watched.key) is memory:
            self._judge(memory, pods, shown)
        return READ if pods else NO_PODS

    def _failed(self, memory: _Memory, why: str) -> None:
        self._observer.polled(FAILED)
        if not memory.failing:
            self._observer.unread(memory.watched.key, why)
        memory.failing = True

    def _judge(
        self, memory: _Memory, pods: tuple[ExposedPod, ...], shown: Mapping[str, Shown]
    ) -> None:
        """Keep what was read, and speak up when nothing but failures is in it."""
        now = self._monotonic()
        memory.polls.append(_poll_of(memory, pods, shown, now))
        while memory.polls[0].at_seconds < now - KEPT_SECONDS:
            memory.polls.popleft()
        seen = fast_lane.trip(memory.polls)
        if seen is None:
            return
        first = memory.trip is None
        key = memory.watched.key
        memory.trip = Trip(self._clock.now(), memory.watched.canary.hash, _said(memory, seen))
        memory.tripped.set()
        if first:
            self._observer.tripped(key, memory.trip)
        self._urge(key)


def _of_interest(watched: Watched, pods: tuple[ExposedPod, ...]) -> tuple[ExposedPod, ...]:
    """Of engines, only the pods of the two revisions."""
    if watched.profile.kind is SourceKind.GATEWAY:
        return pods
    hashes = {watched.canary.hash, watched.stable.hash}
    return tuple(pod for pod in pods if pod.revision in hashes)


def _poll_of(
    memory: _Memory, pods: tuple[ExposedPod, ...], shown: Mapping[str, Shown], at_seconds: float
) -> Poll:
    watched = memory.watched
    gateway = watched.profile.kind is SourceKind.GATEWAY
    sums: list[RevisionCounts] = []
    for growth, revision in ((memory.canary, watched.canary), (memory.stable, watched.stable)):
        target = watched.target(revision)
        read = {
            pod.uid: shown[pod.uid].totals(target)
            for pod in pods
            if gateway or pod.revision == revision.hash
        }
        sums.append(growth.add(read))
    canary, stable = sums
    return Poll(at_seconds, canary.total, canary.bad, stable.total, stable.bad)


def _said(memory: _Memory, seen: fast_lane.Trip) -> str:
    """What was counted, for the record."""
    watched = memory.watched
    return (
        f"The last {seen.canary_bad} responses of {watched.canary.label} were all bad, and"
        f" {seen.stable_bad} of {seen.stable_total} of {watched.stable.label} in the same"
        f" {WINDOW_SECONDS:.0f} s"
    )
