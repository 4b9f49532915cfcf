"""Watches are kept alive whatever happens to them, and what keeps failing is given up. Time is
virtual."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from rocksteady import errors
from rocksteady.handlers.keeper import CONNECT_SECONDS, GIVE_UP_SECONDS, WatchKeeper
from rocksteady.handlers.session import Pulse
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from tests.fakes.recording import FakeClock
from tests.fakes.virtual_time import in_virtual_time

ALL = (kinds.LLM_DEPLOYMENT, kinds.EVALUATION_SUITE, *kinds.WATCHED)


class FakeWatches:
    """Watches that connect at once and live until they are told otherwise."""

    def __init__(self, children: Sequence[Kind]) -> None:
        self.children = tuple(children)
        self.error: BaseException | None = None
        self.alive = False
        self.was_stopped = False

    def start(self) -> None:
        self.alive = True

    async def stop(self) -> None:
        self.alive = False
        self.was_stopped = True

    def die(self) -> None:
        self.alive = False
        self.error = RuntimeError("watch expired")


class World:
    """An API server that serves kinds, and the keeper that watches it.

    Attributes:
        connects: Kinds whose watches connect when they are started.
        lives_seconds: How long watches live; None: for good.
        unserved: Kinds that the API server does not serve.
        answers: False while the API server answers nothing.
    """

    def __init__(self) -> None:
        self.unserved: set[Kind] = set()
        self.answers = True
        self.connects: set[Kind] = set(ALL)
        self.lives_seconds: float | None = None
        self.spawned: list[FakeWatches] = []
        loop = asyncio.get_running_loop()
        self.pulse = Pulse(FakeClock(), lambda *_: None, loop.time)
        self.keeper = WatchKeeper(self.spawn, self.serves, self.pulse)

    async def serves(self, kind: Kind) -> bool:
        if not self.answers:
            raise errors.ClusterError("503: starting", 503)
        return kind not in self.unserved

    def spawn(self, children: Sequence[Kind]) -> FakeWatches:
        watches = FakeWatches(children)
        self.spawned.append(watches)
        loop = asyncio.get_running_loop()
        for kind in self.connects & {kinds.LLM_DEPLOYMENT, kinds.EVALUATION_SUITE, *children}:
            loop.call_soon(self.pulse.beat, kind.plural)
        if self.lives_seconds is not None:
            loop.call_later(self.lives_seconds, watches.die)
        return watches

    async def keep_for(self, seconds: float, meanwhile: Callable[[], None] | None = None) -> None:
        """Keep watches for so long; something happens in the middle of it."""
        keeping = asyncio.create_task(self.keeper.keep())
        await asyncio.wait({keeping}, timeout=seconds / 2)
        if meanwhile is not None:
            meanwhile()
        await asyncio.wait({keeping}, timeout=seconds / 2)
        if keeping.done():
            keeping.result()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@in_virtual_time
async def test_keep__watches_llmdeployments_and_all_children_that_are_served() -> None:
    world = World()
    await world.keep_for(3600)
    [watches] = world.spawned
    assert watches.children == kinds.WATCHED
    assert watches.alive
    await world.keeper.stop()
    assert watches.was_stopped


@in_virtual_time
@pytest.mark.parametrize(
    "missing", [kinds.LLM_DEPLOYMENT, kinds.LLM_ROLLOUT, kinds.EVALUATION_SUITE]
)
async def test_keep__waits_for_the_crds_and_is_well_meanwhile(missing: Kind) -> None:
    world = World()
    world.unserved.add(missing)
    await world.keep_for(7200)
    assert world.spawned == []
    assert world.pulse.oldest_seconds() == 0
    world.unserved.clear()
    await world.keep_for(20)
    assert len(world.spawned) == 1


@in_virtual_time
async def test_keep__waits_for_an_api_server_that_does_not_answer_yet() -> None:
    world = World()
    world.answers = False

    def answer() -> None:
        world.answers = True

    await world.keep_for(60, answer)
    assert len(world.spawned) == 1


@in_virtual_time
async def test_keep__starts_anew_when_a_missing_kind_has_come() -> None:
    world = World()
    world.unserved.add(kinds.HTTP_ROUTE)
    await world.keep_for(60, world.unserved.clear)
    without, whole = world.spawned
    assert kinds.HTTP_ROUTE not in without.children
    assert without.was_stopped
    assert kinds.HTTP_ROUTE in whole.children
    assert whole.alive


@in_virtual_time
async def test_keep__starts_dead_watches_again() -> None:
    world = World()

    def die() -> None:
        world.spawned[0].die()

    await world.keep_for(60, die)
    dead, alive = world.spawned
    assert not dead.alive
    assert alive.alive


@in_virtual_time
async def test_keep__waits_for_a_crd_that_was_deleted_before_it_watches_again() -> None:
    world = World()

    def delete_crd() -> None:
        world.unserved.add(kinds.LLM_DEPLOYMENT)
        world.spawned[0].die()

    await world.keep_for(1200, delete_crd)
    assert len(world.spawned) == 1
    assert world.pulse.oldest_seconds() == 0


@in_virtual_time
async def test_keep__never_gives_up_watches_that_are_well_between_two_deaths() -> None:
    world = World()
    world.lives_seconds = 10
    await world.keep_for(10 * GIVE_UP_SECONDS)
    assert len(world.spawned) > 100


@pytest.mark.parametrize("lives_seconds", [0.5, 294.0])
def test_keep__gives_up_watches_that_die_before_all_are_connected(lives_seconds: float) -> None:
    @in_virtual_time
    async def story() -> None:
        world = World()
        world.connects.discard(kinds.POD)  # no permission to list pods
        world.lives_seconds = lives_seconds
        with pytest.raises(errors.ClusterError, match="times in a row"):
            await world.keep_for(4 * GIVE_UP_SECONDS + 4 * lives_seconds)

    story()


@in_virtual_time
async def test_keep__starts_anew_when_one_watch_is_never_connected() -> None:
    world = World()
    world.connects.discard(kinds.LLM_DEPLOYMENT)  # Kopf did not find it when it looked

    def connect_all() -> None:
        world.connects.add(kinds.LLM_DEPLOYMENT)

    await world.keep_for(2 * CONNECT_SECONDS, connect_all)
    first, second = world.spawned
    assert first.was_stopped
    assert second.alive
    assert world.pulse.complete


# --- the pulse


def test_pulse__tells_the_age_of_the_expected_watch_that_was_connected_longest_ago() -> None:
    now = [100.0]
    pulse = Pulse(FakeClock(), lambda *_: None, lambda: now[0])
    assert pulse.oldest_seconds() == 0
    pulse.expect(["pods", "services"])
    now[0] = 130.0
    pulse.beat("pods")
    pulse.beat("secrets")
    assert (pulse.oldest_seconds(), pulse.complete) == (30.0, False)
    pulse.beat("services")
    assert (pulse.oldest_seconds(), pulse.complete) == (0.0, True)
    pulse.expect([])
    now[0] = 9000.0
    assert pulse.oldest_seconds() == 0
