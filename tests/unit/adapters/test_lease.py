"""Leader election: one writes at a time, whatever network and clocks do. Time is virtual."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocksteady import errors
from rocksteady.adapters.lease import (
    CALL_TIMEOUT_SECONDS,
    DURATION_SECONDS,
    RENEW_DEADLINE_SECONDS,
    RETRY_SECONDS,
    Elector,
)
from tests.builders import NOW
from tests.fakes.lease_store import LeaseStore, Link
from tests.fakes.recording import FakeClock
from tests.fakes.virtual_time import finishes_within, in_virtual_time, run_in_virtual_time

TAKEOVER_SECONDS = DURATION_SECONDS + 2 * RETRY_SECONDS + 1
"""The Lease expires, and a candidate looks twice: once to see it and once to see it unchanged."""

LOOK_SECONDS = 0.5
"""How often a test counts the leaders."""


class Candidate:
    """An operator process, as far as election goes."""

    def __init__(self, store: LeaseStore, name: str, clock: FakeClock | None = None) -> None:
        self.name = name
        self.link = Link(store)
        self.elector = Elector(self.link, "system", "leader", name, clock or FakeClock())
        self.ended = False

    async def run(self) -> None:
        """Get the Lease and keep it until it is lost."""
        await self.elector.acquire()
        await self.elector.keep()
        self.ended = True

    def may_write(self) -> bool:
        try:
            self.elector.check()
        except errors.NotLeader:
            return False
        return True


@asynccontextmanager
async def running(*candidates: Candidate) -> AsyncIterator[None]:
    """Candidates at work, watched: never two of them may write."""

    async def watch() -> None:
        while True:
            leaders = [one.name for one in candidates if one.may_write()]
            assert len(leaders) <= 1, leaders
            await asyncio.sleep(LOOK_SECONDS)

    watching = asyncio.create_task(watch())
    tasks = [asyncio.create_task(one.run()) for one in candidates]
    try:
        yield
        if watching.done():
            watching.result()
    finally:
        for task in (watching, *tasks):
            task.cancel()
        await asyncio.gather(watching, *tasks, return_exceptions=True)


def holder(store: LeaseStore) -> str:
    assert store.lease is not None
    return str(store.lease["spec"]["holderIdentity"])


@in_virtual_time
async def test_acquire__creates_the_lease() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    assert store.lease == {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader", "namespace": "system", "resourceVersion": "1"},
        "spec": {
            "holderIdentity": "a",
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": "2026-11-23T12:00:00.000000Z",
            "renewTime": "2026-11-23T12:00:00.000000Z",
            "leaseTransitions": 0,
        },
    }
    candidate.elector.check()


@in_virtual_time
async def test_check__refuses_before_the_lease_is_ours() -> None:
    with pytest.raises(errors.NotLeader, match="nothing may be written"):
        Candidate(LeaseStore(), "a").elector.check()


@in_virtual_time
async def test_keep__renews_and_keeps_others_out() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "a"), Candidate(store, "b")
    async with running(first, second):
        await asyncio.sleep(300)
        assert first.may_write()
        assert not second.may_write()
        assert holder(store) == "a"
        assert store.lease is not None
        assert store.lease["spec"]["leaseTransitions"] == 0


@in_virtual_time
async def test_expiry__another_takes_over_after_a_holder_was_killed() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "a"), Candidate(store, "b")
    await first.elector.acquire()  # and is never heard of again
    async with running(second):
        await asyncio.sleep(RENEW_DEADLINE_SECONDS)
        assert not second.may_write()
        await asyncio.sleep(TAKEOVER_SECONDS - RENEW_DEADLINE_SECONDS)
        assert second.may_write()
        assert not first.may_write()
        assert holder(store) == "b"
        assert store.lease is not None
        assert store.lease["spec"]["leaseTransitions"] == 1


@in_virtual_time
async def test_check__refuses_when_the_last_renewal_is_older_than_the_deadline() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    await asyncio.sleep(RENEW_DEADLINE_SECONDS - 0.1)
    assert candidate.may_write()
    await asyncio.sleep(0.1)
    assert not candidate.may_write()


@in_virtual_time
async def test_check__counts_from_when_the_renewal_was_asked_for() -> None:
    store = LeaseStore()
    store.delay_seconds = 1.0
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    took_seconds = asyncio.get_running_loop().time()
    assert took_seconds == 4
    await asyncio.sleep(RENEW_DEADLINE_SECONDS - took_seconds)
    assert not candidate.may_write()


@pytest.mark.parametrize(
    "break_link",
    [
        pytest.param(lambda link: setattr(link, "hangs", True), id="calls hang"),
        pytest.param(lambda link: setattr(link, "loses_answers", True), id="answers are lost"),
    ],
)
@in_virtual_time
async def test_hung_calls__end_the_holder_before_another_may_start(
    break_link: Callable[[Link], None],
) -> None:
    store = LeaseStore()
    first, second = Candidate(store, "a"), Candidate(store, "b")
    async with running(first, second):
        await asyncio.sleep(20)
        break_link(first.link)
        # Renewals whose answers are lost still reach the store, until the holder gives up.
        await asyncio.sleep(RENEW_DEADLINE_SECONDS + CALL_TIMEOUT_SECONDS + TAKEOVER_SECONDS)
        assert first.ended
        assert second.may_write()


@in_virtual_time
async def test_failing_calls__are_survived_when_they_pass_before_the_deadline() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    async with running(candidate):
        await asyncio.sleep(20)
        store.failing = errors.ClusterError("500", 500)
        await asyncio.sleep(RENEW_DEADLINE_SECONDS - 2 * RETRY_SECONDS)
        store.failing = None
        await asyncio.sleep(60)
        assert candidate.may_write()
        assert not candidate.ended


@in_virtual_time
async def test_failing_calls__end_the_holder_at_the_deadline() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    async with running(candidate):
        await asyncio.sleep(20)
        store.failing = errors.ClusterError("500", 500)
        await asyncio.sleep(RENEW_DEADLINE_SECONDS + RETRY_SECONDS)
        assert not candidate.may_write()
        assert candidate.ended


@in_virtual_time
async def test_failing_calls__do_not_end_a_candidate_that_waits() -> None:
    store = LeaseStore()
    store.failing = errors.ClusterError("500", 500)
    candidate = Candidate(store, "a")
    async with running(candidate):
        await asyncio.sleep(120)
        store.failing = None
        await asyncio.sleep(RETRY_SECONDS)
        assert candidate.may_write()


@in_virtual_time
async def test_conflict__of_two_that_create_it_at_once_leaves_one_leader() -> None:
    store = LeaseStore()
    store.delay_seconds = 0.05
    first, second = Candidate(store, "a"), Candidate(store, "b")
    async with running(first, second):
        await asyncio.sleep(30)
        assert first.may_write() != second.may_write()


@in_virtual_time
async def test_conflict__of_two_that_take_an_expired_one_at_once_leaves_one_leader() -> None:
    store = LeaseStore()
    await Candidate(store, "gone").elector.acquire()
    store.delay_seconds = 0.05
    first, second = Candidate(store, "a"), Candidate(store, "b")
    async with running(first, second):
        await asyncio.sleep(TAKEOVER_SECONDS + 1)
        assert first.may_write() != second.may_write()
        assert holder(store) in {"a", "b"}


@in_virtual_time
async def test_deleted__the_holder_makes_it_again() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "a"), Candidate(store, "b")
    async with running(first):
        await asyncio.sleep(RETRY_SECONDS * 1.5)
        store.lease = None
        await asyncio.sleep(RETRY_SECONDS)
        async with running(second):
            await asyncio.sleep(60)
            assert first.may_write()
            assert not second.may_write()


@in_virtual_time
async def test_taken_by_hand__the_holder_ends_at_its_next_look() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    async with running(candidate):
        await asyncio.sleep(20)
        assert store.lease is not None
        store.lease["spec"]["holderIdentity"] = "a-person"
        store.lease["metadata"]["resourceVersion"] = "by hand"
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert not candidate.may_write()
        assert candidate.ended


@in_virtual_time
async def test_release__lets_another_start_at_its_next_look() -> None:
    store = LeaseStore()
    first, second = Candidate(store, "a"), Candidate(store, "b")
    await first.elector.acquire()
    async with running(second):
        await asyncio.sleep(5)
        await first.elector.release()
        assert not first.may_write()
        await asyncio.sleep(RETRY_SECONDS + 0.1)
        assert second.may_write()


@in_virtual_time
async def test_release__of_a_lease_that_another_has_changes_nothing() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    assert store.lease is not None
    store.lease["spec"]["holderIdentity"] = "b"
    await candidate.elector.release()
    assert holder(store) == "b"


@in_virtual_time
async def test_release__that_fails_is_no_error_since_the_lease_expires() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    store.failing = errors.ClusterError("500", 500)
    await candidate.elector.release()
    assert not candidate.may_write()


@in_virtual_time
async def test_release__does_not_wait_for_an_api_server_that_hangs() -> None:
    store = LeaseStore()
    candidate = Candidate(store, "a")
    await candidate.elector.acquire()
    candidate.link.hangs = True
    await finishes_within(candidate.elector.release(), CALL_TIMEOUT_SECONDS + 1)
    assert not candidate.may_write()


@in_virtual_time
async def test_release__before_it_was_ours_asks_nothing() -> None:
    store = LeaseStore()
    store.failing = errors.ClusterError("500", 500)
    await Candidate(store, "a").elector.release()


@pytest.mark.parametrize("skew_seconds", [-3600, 3600], ids=["slow by 1 h", "fast by 1 h"])
@in_virtual_time
async def test_clock_skew__neither_takes_a_lease_away_nor_keeps_a_dead_one(
    skew_seconds: int,
) -> None:
    store = LeaseStore()
    skewed = FakeClock(NOW + timedelta(seconds=skew_seconds))
    first, second = Candidate(store, "a"), Candidate(store, "b", skewed)
    async with running(second):
        await asyncio.sleep(1)
        async with running(first):
            await asyncio.sleep(60)
            assert second.may_write()
            assert not first.may_write()
    async with running(first):
        await asyncio.sleep(TAKEOVER_SECONDS)
        assert first.may_write()


async def _live_through(seed: int) -> None:
    """Three candidates for ten minutes with links that break and heal at random."""
    random_ = random.Random(seed)  # noqa: S311 - an order of events, no secret
    store = LeaseStore()
    store.delay_seconds = random_.choice([0, 0.2, 1])
    skews = [random_.uniform(-600, 600) for _ in range(3)]
    candidates = [
        Candidate(store, name, FakeClock(NOW + timedelta(seconds=skew)))
        for name, skew in zip("abc", skews, strict=True)
    ]
    async with running(*candidates):
        for _ in range(60):
            link = random_.choice(candidates).link
            link.hangs = random_.random() < 0.3
            link.loses_answers = random_.random() < 0.3
            fails = random_.random() < 0.2
            store.failing = errors.ClusterError("500", 500) if fails else None
            await asyncio.sleep(random_.uniform(0, 20))


@settings(max_examples=25)
@given(st.integers(0, 2**32))
def test_election__never_has_two_leaders(seed: int) -> None:
    run_in_virtual_time(_live_through(seed))
