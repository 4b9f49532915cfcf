"""A canary that answers nothing but errors loses its requests within seconds, and no other does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rocksteady import errors
from rocksteady.api.v1alpha1.llmrollout import (
    Cause,
    LLMRollout,
    LLMRolloutSpec,
    LLMRolloutStatus,
    Phase,
    RevisionReference,
    RolloutTests,
    SignalTest,
)
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Key, Manifest
from rocksteady.queries.profiles.base import SourceKind
from rocksteady.reconcile.fast_lane import FAILED, NO_PODS, READ, FastLane
from rocksteady.reconcile.fast_lane_sources import watched_of
from rocksteady.resources.kinds import Kind
from rocksteady.resources.labels import server_selector
from rocksteady.rollout.course import Course
from rocksteady.rollout.policy import policy_of
from rocksteady.rollout.reading import Trip
from tests.builders import KEY, NAME, NAMESPACE, NOW, A, B, C, observation
from tests.fakes.cluster import FakeCluster
from tests.fakes.counting_pods import GATEWAY_NAMESPACE, CountingPods, traefik_sources
from tests.fakes.virtual_time import in_virtual_time

ONE, TWO = "10.0.0.1", "10.0.0.2"
"""Addresses of two gateway pods, or of a canary's and stable's."""
BAD, GOOD = "500", "200"


def course(
    weight: int = 10,
    *,
    canary: str = B,
    profile: str = "gateway/Traefik",
    signal: str = "availability",
    phase: Phase = Phase.STEPPING,
) -> Course:
    """An attempt whose canary has a weight."""
    seen = observation()
    assert seen.deployment is not None
    spec = LLMRolloutSpec(
        deployment=NAME,
        attempt=1,
        cause=Cause.SPEC_CHANGE,
        stable=RevisionReference(hash=A, number=1),
        canary=RevisionReference(hash=canary, number=2),
        policy=policy_of(seen.deployment.spec),
        tests=RolloutTests(
            source="default",
            tick_seconds=15,
            ticks_max=240,
            alpha="0.01",
            signals=(
                SignalTest(signal=signal, profile=profile, query="up", objective_percent="99"),
            ),
        ),
    )
    attempt = LLMRollout(spec=spec, status=LLMRolloutStatus(phase=phase, weight_percent=weight))
    return Course(name="chat-1", attempt=attempt)


class LoopClock:
    """The event loop's virtual time as a time of day."""

    def now(self) -> datetime:
        return NOW + timedelta(seconds=asyncio.get_running_loop().time())


class Heard:
    """What the fast lane says of itself."""

    def __init__(self) -> None:
        self.polls: list[str] = []
        self.blind: list[str] = []
        self.trips: list[Trip] = []

    def polled(self, result: str) -> None:
        self.polls.append(result)

    def unread(self, key: Key, why: str) -> None:
        assert key.namespace == NAMESPACE
        self.blind.append(why)

    def tripped(self, key: Key, trip: Trip) -> None:
        assert key.namespace == NAMESPACE
        self.trips.append(trip)


class World:
    """A lane that watches what gateways count.

    Args:
        cluster: Where they run.
        read: The configuration.
    """

    def __init__(
        self, cluster: FakeCluster | None = None, read: MetricsSources | None = None
    ) -> None:
        self.cluster = cluster or FakeCluster()
        self.pods = CountingPods(self.cluster)
        self.heard = Heard()
        self.urged: list[tuple[Key, float]] = []
        self.loop = asyncio.get_running_loop()
        self.lane = FastLane(
            self.cluster,
            self.pods,
            read or traefik_sources(),
            urge=lambda key: self.urged.append((key, self.loop.time())),
            observer=self.heard,
            clock=LoopClock(),
            monotonic=self.loop.time,
        )

    def gateways(self, *addresses: str) -> None:
        for number, address in enumerate(addresses):
            self.pods.start(f"traefik-{number}", address)

    def canary(self, code: str, responses: int = 1, address: str = ONE) -> None:
        self.pods.answer(address, f"{NAMESPACE}-{NAME}-{B}", code, responses)

    def stable(self, code: str, responses: int = 20, address: str = ONE) -> None:
        self.pods.answer(address, f"{NAMESPACE}-{NAME}-{A}", code, responses)

    async def each_second(
        self, seconds: int, canary: str = BAD, stable: str = GOOD, address: str = ONE
    ) -> None:
        """The canary answers twice a second, stable twenty times."""
        for _ in range(seconds):
            self.canary(canary, 2, address)
            self.stable(stable, 20, address)
            await asyncio.sleep(1)

    def trip(self) -> Trip | None:
        return self.lane.trip_of(KEY)


@asynccontextmanager
async def watching(world: World, profile: str = "gateway/Traefik") -> AsyncIterator[None]:
    """The lane runs, and has had its first look at the canary."""
    running = asyncio.create_task(world.lane.run())
    world.lane.follow(KEY, course(profile=profile))
    await asyncio.sleep(0.5)
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# --- when it trips


@in_virtual_time
async def test_trip__within_two_seconds_of_the_fifth_failure() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        await world.each_second(3)
        fifth = world.loop.time() - 1
        await asyncio.sleep(1)
        key, when = world.urged[0]
        assert key == KEY
        assert when - fifth <= 2
        trip = world.trip()
        assert trip is not None
        assert trip.revision == B
        assert trip.message == (
            f"The last 6 responses of r2 ({B}) were all bad, and 0 of 60 of r1 ({A}) in the same"
            " 10 s"
        )
        assert abs(trip.at - LoopClock().now()) < timedelta(seconds=1.5)


@in_virtual_time
async def test_trip__is_said_once_and_urged_until_something_is_done() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        await world.each_second(8)
        assert len(world.heard.trips) == 1
        assert len(world.urged) > 3
        world.lane.follow(KEY, course(weight=0))
        urged = len(world.urged)
        await world.each_second(3)
        assert world.trip() is None
        assert len(world.urged) == urged


@in_virtual_time
async def test_trip__stays_until_something_is_done() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        await world.each_second(4)
        await world.each_second(20, canary=GOOD)
        assert world.trip() is not None


@pytest.mark.parametrize(
    ("canary", "stable"),
    [
        pytest.param([(BAD, 4)], [(GOOD, 50)], id="four failures"),
        pytest.param([(BAD, 9)], [(BAD, 50)], id="stable fails too"),
        pytest.param([(BAD, 9)], [(GOOD, 90), (BAD, 10)], id="a tenth of stable's fails too"),
        pytest.param([(BAD, 9)], [], id="stable answers nothing"),
        pytest.param([(BAD, 9), (GOOD, 1)], [(GOOD, 50)], id="one of the same second was good"),
        pytest.param([("404", 9)], [(GOOD, 50)], id="mistakes of the client are answers"),
        pytest.param([], [(GOOD, 50)], id="the canary answers nothing"),
    ],
)
@in_virtual_time
async def test_no_trip(canary: list[tuple[str, int]], stable: list[tuple[str, int]]) -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        for code, responses in canary:
            world.canary(code, responses)
        for code, responses in stable:
            world.stable(code, responses)
        await asyncio.sleep(20)
        assert world.trip() is None
        assert set(world.heard.polls) == {READ}


@in_virtual_time
async def test_no_trip__failures_from_before_it_was_watched() -> None:
    world = World()
    world.gateways(ONE)
    world.canary(BAD, 100)
    async with watching(world):
        world.stable(GOOD, 100)
        await asyncio.sleep(5)
        assert world.trip() is None


@in_virtual_time
async def test_memory__another_canary_begins_anew() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        await world.each_second(4)
        world.lane.follow(KEY, course(canary=C))
        assert world.trip() is None
        await world.each_second(4)
        assert world.trip() is None


@in_virtual_time
async def test_memory__a_step_to_another_weight_keeps_it() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        world.stable(GOOD, 50)
        world.canary(BAD, 3)
        await asyncio.sleep(1)
        world.lane.follow(KEY, course(weight=25))
        world.canary(BAD, 2)
        await asyncio.sleep(1)
        assert world.trip() is not None


# --- several pods


@in_virtual_time
async def test_gateways__are_summed() -> None:
    world = World()
    world.gateways(ONE, TWO)
    async with watching(world):
        world.canary(BAD, 3, ONE)
        world.stable(GOOD, 20, ONE)
        await asyncio.sleep(2)
        assert world.trip() is None
        world.canary(BAD, 2, TWO)
        await asyncio.sleep(2)
        trip = world.trip()
        assert trip is not None
        assert "The last 5 responses" in trip.message


@in_virtual_time
async def test_gateways__good_responses_at_another_are_seen() -> None:
    world = World()
    world.gateways(ONE, TWO)
    async with watching(world):
        for _ in range(10):
            world.canary(GOOD, 1, TWO)
            await world.each_second(1)
        assert world.trip() is None


@in_virtual_time
async def test_gateways__one_that_cannot_be_read_leaves_no_poll() -> None:
    world = World()
    world.gateways(ONE, TWO)
    async with watching(world):
        world.pods.broken.add(TWO)
        await world.each_second(10)
        assert world.trip() is None
        world.pods.broken.clear()
        await world.each_second(4)
        assert world.trip() is not None


@in_virtual_time
async def test_gateways__one_that_vanishes_is_left_out_and_counts_anew_when_it_is_back() -> None:
    world = World()
    world.gateways(ONE, TWO)
    world.canary(BAD, 100, TWO)
    async with watching(world):
        world.pods.stop("traefik-1", TWO)
        world.stable(GOOD, 50)
        await asyncio.sleep(3)
        world.pods.start("traefik-1", TWO)
        world.canary(BAD, 4, TWO)
        world.stable(GOOD, 50)
        await asyncio.sleep(5)
        assert world.trip() is None
        world.heard.polls.clear()
        await world.each_second(3, address=TWO)
        assert world.trip() is not None
        assert set(world.heard.polls) == {READ}


@in_virtual_time
async def test_gateways__a_new_one_is_found_within_seconds() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        await asyncio.sleep(1)
        world.pods.start("traefik-9", TWO)
        await asyncio.sleep(5)
        assert world.pods.reads[TWO] > 0


@in_virtual_time
async def test_gateways__counters_that_begin_anew_are_no_responses() -> None:
    world = World()
    world.gateways(ONE)
    world.canary(GOOD, 1000)
    async with watching(world):
        world.stable(GOOD, 50)
        await asyncio.sleep(1)
        world.pods.restart(ONE)
        world.canary(BAD, 4)
        world.stable(GOOD, 50)
        await asyncio.sleep(2)
        assert world.trip() is None
        world.canary(BAD, 5)
        world.stable(GOOD, 50)
        await asyncio.sleep(2)
        trip = world.trip()
        assert trip is not None
        assert "The last 5 responses" in trip.message


@in_virtual_time
async def test_gateways__pods_that_are_not_ready_are_left_out() -> None:
    world = World()
    world.gateways(ONE)
    world.pods.start("traefik-9", TWO, ready=False)
    async with watching(world):
        await world.each_second(4)
        assert world.pods.reads[TWO] == 0
        assert world.trip() is not None


@in_virtual_time
async def test_gateways__none_is_no_poll() -> None:
    world = World()
    async with watching(world):
        await asyncio.sleep(3)
        assert set(world.heard.polls) == {NO_PODS}
        assert world.trip() is None


# --- reads that fail


@in_virtual_time
async def test_reads__that_fail_never_trip_and_are_said_once() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        world.pods.broken.add(ONE)
        await world.each_second(10)
        assert world.trip() is None
        assert world.heard.polls.count(FAILED) >= 9
        assert len(world.heard.blind) == 1
        assert "refuses" in world.heard.blind[0]


@in_virtual_time
async def test_reads__a_silent_pod_holds_up_nobody_else() -> None:
    world, other = World(read=traefik_sources()), Key(NAMESPACE, "other")
    world.gateways(ONE)
    world.pods.start("other-1", TWO, namespace=NAMESPACE, labels=server_labels("other", B))
    world.pods.silent.add(TWO)
    async with watching(world):
        world.lane.follow(other, course(profile="engine/vllm"))
        await world.each_second(4)
        assert world.trip() is not None
        assert world.lane.trip_of(other) is None
        assert FAILED in world.heard.polls


class NoLists(FakeCluster):
    """An API server that can stop listing."""

    lists = True

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        if not self.lists:
            raise errors.ClusterError("503", 503)
        return await super().list(kind, namespace, label_selector)


@in_virtual_time
async def test_lists__an_old_list_serves_for_a_while_and_then_no_more() -> None:
    cluster = NoLists()
    world = World(cluster)
    world.gateways(ONE)
    async with watching(world):
        cluster.lists = False
        await asyncio.sleep(10)
        assert FAILED not in world.heard.polls
        await asyncio.sleep(10)
        assert world.heard.polls[-1] == FAILED
        cluster.lists = True
        await asyncio.sleep(2)
        assert world.heard.polls[-1] == READ


# --- many


@in_virtual_time
async def test_many__share_one_reading_of_the_gateway() -> None:
    world = World()
    world.gateways(ONE, TWO)
    async with watching(world):
        for number in range(50):
            world.lane.follow(Key(NAMESPACE, f"chat-{number}"), course())
        await asyncio.sleep(1)
        world.pods.reads.clear()
        world.heard.polls.clear()
        await asyncio.sleep(10)
        assert world.pods.reads == {ONE: 10, TWO: 10}
        assert world.heard.polls == [READ] * 51 * 10


@in_virtual_time
async def test_many__only_the_failing_one_trips() -> None:
    world = World()
    world.gateways(ONE)
    others = [Key(NAMESPACE, f"chat-{number}") for number in range(5)]
    async with watching(world):
        for key in others:
            world.lane.follow(key, course())
        for _ in range(4):
            for key in others:
                world.pods.answer(ONE, f"{NAMESPACE}-{key.name}-{B}", GOOD, 5)
                world.pods.answer(ONE, f"{NAMESPACE}-{key.name}-{A}", GOOD, 20)
            await world.each_second(1)
        assert world.trip() is not None
        assert [world.lane.trip_of(key) for key in others] == [None] * 5


@in_virtual_time
async def test_idle__reads_nothing() -> None:
    world = World()
    world.gateways(ONE)
    async with watching(world):
        world.lane.forget(KEY)
        await asyncio.sleep(1)
        world.pods.reads.clear()
        # Somebody else's timer, so that time passes.
        await asyncio.sleep(3600)
        assert not world.pods.reads


# --- engines, where no gateway counts


def server_labels(name: str, revision: str) -> dict[str, str]:
    return server_selector(name, revision)


def served(world: World, address: str, status: str, responses: int) -> None:
    """A model server of vLLM answers."""
    world.pods.count(
        address,
        responses,
        __name__="http_requests_total",
        handler="/v1/chat/completions",
        method="POST",
        status=status,
    )


def engines(world: World) -> None:
    """The canary's pod has the first address, stable's the second."""
    for address, revision in ((ONE, B), (TWO, A)):
        name = f"{NAME}-{revision}-1"
        labels = server_labels(NAME, revision)
        world.pods.start(name, address, namespace=NAMESPACE, labels=labels)


@in_virtual_time
async def test_engines__each_revisions_own_pods_are_read() -> None:
    world = World()
    engines(world)
    async with watching(world, profile="engine/vllm"):
        for _ in range(4):
            served(world, ONE, "5xx", 2)
            served(world, TWO, "2xx", 20)
            await asyncio.sleep(1)
        trip = world.trip()
        assert trip is not None
        assert trip.revision == B


@in_virtual_time
async def test_engines__other_revisions_pods_do_not_matter() -> None:
    world, three = World(), "10.0.0.3"
    engines(world)
    world.pods.start("old", three, namespace=NAMESPACE, labels=server_labels(NAME, C))
    async with watching(world, profile="engine/vllm"):
        await asyncio.sleep(3)
        assert world.pods.reads[three] == 0
        assert world.pods.reads[ONE] > 0


# --- what is watched


@pytest.mark.parametrize(
    ("decided", "read"),
    [
        pytest.param(Course(), traefik_sources(), id="no attempt"),
        pytest.param(course(weight=0), traefik_sources(), id="the canary has no requests"),
        pytest.param(course(phase=Phase.FINISHED), traefik_sources(), id="the attempt has ended"),
        pytest.param(
            course(signal="requestLatency"), traefik_sources(), id="no availability is judged"
        ),
        pytest.param(
            course(), traefik_sources(counters=False), id="where the gateway counts is not said"
        ),
        pytest.param(course(), traefik_sources("Istio"), id="the gateway is another by now"),
        pytest.param(course(), MetricsSources(), id="the source is gone"),
        pytest.param(
            course(profile="engine/custom"), traefik_sources(), id="an engine that is not known"
        ),
        pytest.param(
            course(profile="engine/llamacpp"), traefik_sources(), id="an engine without counters"
        ),
    ],
)
def test_watched__nothing(decided: Course, read: MetricsSources) -> None:
    assert watched_of(KEY, decided, read) is None


def test_watched__nothing_of_an_attempt_without_tests() -> None:
    decided = course()
    assert decided.attempt is not None
    spec = decided.attempt.spec.model_copy(update={"tests": None})
    attempt = decided.attempt.model_copy(update={"spec": spec})
    assert watched_of(KEY, replace(decided, attempt=attempt), traefik_sources()) is None


@pytest.mark.parametrize(
    ("profile", "kind", "namespace"),
    [
        pytest.param("gateway/Traefik", SourceKind.GATEWAY, GATEWAY_NAMESPACE, id="gateway"),
        pytest.param("engine/vllm", SourceKind.ENGINE, NAMESPACE, id="engine"),
    ],
)
def test_watched__who_counts_the_availability(
    profile: str, kind: SourceKind, namespace: str
) -> None:
    watched = watched_of(KEY, course(profile=profile), traefik_sources())
    assert watched is not None
    assert watched.profile.kind is kind
    assert watched.place.namespace == namespace
