"""What the fast lane sees takes the canary's requests away in one pass, and gives them back later.

Only that: the attempt goes on, and its verdict stays with the evidence.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rocksteady.ports import Key, Manifest
from rocksteady.reconcile.fast_lane import FastLane
from rocksteady.reconcile.queue import WorkQueue
from rocksteady.reconcile.workers import work
from rocksteady.resources import kinds
from rocksteady.rollout.machine import PROBE_SECONDS
from rocksteady.rollout.moves import Action
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.reading import Trip
from tests.builders import KEY, NAME, NAMESPACE, NOW, spec, with_gateway
from tests.fakes.cluster import Fault, copy
from tests.fakes.counting_pods import CountingPods, traefik_sources
from tests.fakes.simulation import Simulation
from tests.fakes.stories import GATEWAY
from tests.fakes.virtual_time import in_virtual_time

WEIGHT = 10
ROLLOUT = {"steps": [{"weightPercent": WEIGHT}, {"weightPercent": 50}], "minStepSeconds": 600}


def rolled_out(image: str) -> dict[str, object]:
    return spec(image, 2, routing=with_gateway("inference"), rollout=ROLLOUT)


async def with_canary() -> Simulation:
    """A world whose canary gets requests."""
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(rolled_out("llama:a"))
    await simulation.settle()
    simulation.change(rolled_out("llama:b"))
    await simulation.settle()
    assert weights(simulation)[1] == WEIGHT
    return simulation


def weights(simulation: Simulation) -> tuple[int, int]:
    """What the route gives stable and the canary."""
    route = simulation.cluster.of_kind(kinds.HTTP_ROUTE)[NAME]
    found = {
        backend["name"]: backend["weight"]
        for rule in route["spec"]["rules"]
        for backend in rule["backendRefs"]
    }
    stable = found.pop(f"{NAME}-{simulation.stable}")
    assert len(found) <= 1
    return stable, next(iter(found.values()), 0)


def canary(simulation: Simulation) -> str:
    return str(simulation.status["revisions"]["canary"]["hash"])


def trip(simulation: Simulation) -> Trip:
    """The lane trips now."""
    simulation.clock.advance(0.5)
    return Trip(simulation.clock.now(), canary(simulation), "The last 5 responses were all bad")


async def tripped() -> Simulation:
    """A world whose fast lane has tripped; no pass has seen it yet."""
    simulation = await with_canary()
    simulation.lane.trips[KEY] = trip(simulation)
    return simulation


async def test_trip__the_route_says_0_after_one_pass_and_two_writes() -> None:
    simulation = await tripped()
    before = len(simulation.cluster.writes)
    seen: list[tuple[int, int]] = []
    simulation.cluster.on_write = lambda: seen.append(weights(simulation))
    await simulation.reconcile()
    assert weights(simulation) == (100, 0)
    first = seen.index((100, 0)) + 1
    written = [(one.verb, one.kind) for one in simulation.cluster.writes[before:][:first]]
    assert written == [("status", "LLMRollout"), ("apply", "HTTPRoute")]
    assert simulation.observer.decisions[-1] is Action.TAKE_AWAY


async def test_trip__is_told_of_with_its_numbers() -> None:
    simulation = await tripped()
    await simulation.reconcile()
    said = simulation.recorder.announcements[-1]
    assert "The last 5 responses were all bad" in said.message
    assert said.reason == "TrafficTakenAway"


async def test_trip__does_not_end_the_attempt() -> None:
    simulation = await tripped()
    await simulation.settle()
    assert weights(simulation) == (100, 0)
    assert len(simulation.replicas()) == 2
    rollout = simulation.cluster.of_kind(kinds.LLM_ROLLOUT)[f"{NAME}-1"]
    assert "outcome" not in rollout["status"]


async def test_trip__of_another_canary_takes_nothing() -> None:
    simulation = await with_canary()
    simulation.lane.trips[KEY] = replace(trip(simulation), revision="0123456789")
    await simulation.reconcile()
    assert weights(simulation)[1] == WEIGHT


async def test_probe__comes_after_a_minute_and_takes_a_new_trip_to_end() -> None:
    simulation = await tripped()
    await simulation.settle()
    assert simulation.lane.weights[KEY] == 0
    simulation.clock.advance(PROBE_SECONDS / 2)
    await simulation.settle()
    assert weights(simulation)[1] == 0
    simulation.clock.advance(PROBE_SECONDS / 2)
    await simulation.settle()
    assert Action.PROBE in simulation.observer.decisions
    assert weights(simulation)[1] == simulation.lane.weights[KEY] == WEIGHT
    simulation.lane.trips[KEY] = trip(simulation)
    await simulation.reconcile()
    assert weights(simulation) == (100, 0)


async def test_restart__what_the_lane_had_seen_is_lost_and_its_decision_is_not() -> None:
    simulation = await tripped()
    await simulation.reconcile()
    successor = Simulation(simulation.cluster)
    successor.nodes.created = simulation.nodes.created
    await successor.settle()
    assert weights(successor) == (100, 0)
    assert successor.lane.trip_of(KEY) is None


async def test_trip__outlives_a_pass_that_fails() -> None:
    simulation = await tripped()
    simulation.cluster.inject(Fault(1, ConnectionError("the API server is away")))
    with pytest.raises(ConnectionError):
        await simulation.reconcile()
    assert weights(simulation)[1] == WEIGHT
    await simulation.reconcile()
    assert weights(simulation) == (100, 0)


class SlowSignals:
    """Prometheus takes its time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked = 0
        self.answered = 0

    def forget(self, key: Key) -> None:
        """Nothing is kept."""

    async def add(self, seen: Observation) -> Observation:
        self.asked += 1
        await asyncio.sleep(self.seconds)
        self.answered += 1
        return seen


@in_virtual_time
async def test_trip__does_not_ask_prometheus() -> None:
    simulation, signals = await tripped(), SlowSignals(1)
    simulation.needs = replace(simulation.needs, signals=signals)
    await simulation.reconcile()
    assert weights(simulation) == (100, 0)
    assert signals.asked == 0
    await simulation.reconcile()
    assert signals.answered == 1


@in_virtual_time
async def test_trip__of_another_canary_waits_for_prometheus() -> None:
    simulation, signals = await with_canary(), SlowSignals(10)
    simulation.needs = replace(simulation.needs, signals=signals)
    simulation.lane.trips[KEY] = replace(trip(simulation), revision="0123456789")
    await simulation.reconcile()
    assert signals.answered == 1


async def test_gone__nothing_is_watched_any_more() -> None:
    simulation = await with_canary()
    assert simulation.lane.weights == {KEY: WEIGHT}
    simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)
    await simulation.reconcile_gone()
    assert simulation.lane.weights == {}


# --- the whole chain


class LoopClock:
    """The event loop's virtual time as a time of day."""

    def now(self) -> datetime:
        return NOW + timedelta(seconds=asyncio.get_running_loop().time())


class Silent:
    """Hears nothing."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_named: None


def judged_by_availability(rollout: Manifest) -> None:
    """The attempt is judged by what Traefik counts."""
    rollout["spec"]["tests"] = {
        "source": "default",
        "tickSeconds": 15,
        "ticksMax": 240,
        "alpha": "0.01",
        "signals": [
            {
                "signal": "availability",
                "profile": "gateway/Traefik",
                "query": "up",
                "objectivePercent": "99",
            }
        ],
    }


@pytest.mark.parametrize(
    "prometheus_seconds",
    [
        pytest.param(0.1, id="Prometheus answers"),
        pytest.param(30.0, id="a pass waits for Prometheus meanwhile"),
    ],
)
@in_virtual_time
async def test_chain__the_route_says_0_within_two_seconds_of_the_fifth_failure(
    prometheus_seconds: float,
) -> None:
    simulation, loop = await with_canary(), asyncio.get_running_loop()
    pods, queue = CountingPods(simulation.cluster), WorkQueue(Silent())
    simulation.cluster.edit(kinds.LLM_ROLLOUT, NAMESPACE, f"{NAME}-1", judged_by_availability)
    pods.start("traefik-1", "10.0.0.1")
    lane = FastLane(
        simulation.cluster,
        pods,
        traefik_sources(),
        urge=queue.add_first,
        observer=Silent(),
        clock=LoopClock(),
        monotonic=loop.time,
    )
    signals = SlowSignals(0.1)
    needs = replace(simulation.needs, lane=lane, clock=LoopClock(), signals=signals)
    parts = [asyncio.create_task(lane.run()), asyncio.create_task(work(queue, needs, Silent()))]
    await asyncio.sleep(60)  # the clock of the passes so far went ahead of the loop's
    queue.add(KEY)
    await asyncio.sleep(1)
    signals.seconds = prometheus_seconds
    queue.add(KEY)
    await asyncio.sleep(4.3)
    taken_away: list[float] = []
    simulation.cluster.on_write = lambda: (
        taken_away.append(loop.time()) if weights(simulation) == (100, 0) else None
    )
    stable, failing = (
        f"{NAMESPACE}-{NAME}-{one}" for one in (simulation.stable, canary(simulation))
    )
    pods.answer("10.0.0.1", stable, "200", 50)
    pods.answer("10.0.0.1", failing, "500", 5)
    failed = loop.time()
    await asyncio.sleep(5)
    assert taken_away[0] - failed <= 1.2
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
