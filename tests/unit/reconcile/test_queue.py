"""The work queue keeps client-go's promises. Time is virtual."""

import asyncio
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.ports import Key
from rocksteady.reconcile.queue import (
    BACKOFF_FIRST_SECONDS,
    BACKOFF_MAX_SECONDS,
    ShutDown,
    WorkQueue,
)
from tests.fakes.virtual_time import in_virtual_time, let_others_run, run_in_virtual_time

X, Y, Z = (Key("demo", name) for name in "xyz")


class Observer:
    """Counts what the queue says."""

    def __init__(self) -> None:
        self.depths: list[int] = []
        self.waits: list[float] = []
        self.retries = 0

    def added(self, depth: int) -> None:
        self.depths.append(depth)

    def taken(self, depth: int, waited_seconds: float) -> None:
        self.depths.append(depth)
        self.waits.append(waited_seconds)

    def retried(self) -> None:
        self.retries += 1


def now() -> float:
    return asyncio.get_running_loop().time()


@in_virtual_time
async def test_get__gives_keys_in_the_order_they_came() -> None:
    queue = WorkQueue(Observer())
    for key in (Y, X, Z):
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == [Y, X, Z]


@in_virtual_time
async def test_add_first__comes_before_all_that_wait() -> None:
    queue = WorkQueue(Observer())
    for key in (Y, X):
        queue.add(key)
    queue.add_first(Z)
    assert [await queue.get() for _ in range(3)] == [Z, Y, X]


@in_virtual_time
async def test_add_first__moves_a_key_that_waits_already() -> None:
    queue = WorkQueue(Observer())
    for key in (Y, X, Z):
        queue.add(key)
    queue.add_first(Z)
    assert [await queue.get() for _ in range(3)] == [Z, Y, X]
    assert len(queue) == 0


@in_virtual_time
async def test_add_first__of_a_key_that_is_worked_on_waits_for_that_and_comes_first() -> None:
    queue = WorkQueue(Observer())
    queue.add(X)
    assert await queue.get() == X
    queue.add(Y)
    queue.add_first(X)
    assert len(queue) == 1
    queue.done(X)
    assert [await queue.get() for _ in range(2)] == [X, Y]


@in_virtual_time
async def test_get_first_only__waits_for_what_comes_first_and_takes_nothing_else() -> None:
    queue = WorkQueue(Observer())
    urgent = asyncio.create_task(queue.get(first_only=True))
    await let_others_run()
    queue.add(X)
    await let_others_run()
    assert not urgent.done()
    queue.add_first(X)
    assert await urgent == X
    queue.add_first(Y)
    assert await queue.get() == Y


@in_virtual_time
async def test_get_first_only__a_key_that_another_took_keeps_nobody_waiting() -> None:
    queue = WorkQueue(Observer())
    waiting = [asyncio.create_task(queue.get()) for _ in range(2)]
    urgent = asyncio.create_task(queue.get(first_only=True))
    await let_others_run()
    queue.add(X)
    queue.add_first(Y)
    await let_others_run()
    assert sum(one.done() for one in (*waiting, urgent)) == 2
    queue.close()
    await asyncio.gather(*waiting, urgent, return_exceptions=True)


@in_virtual_time
async def test_get_first_only__ends_with_the_queue() -> None:
    queue = WorkQueue(Observer())
    urgent = asyncio.create_task(queue.get(first_only=True))
    await let_others_run()
    queue.close()
    with pytest.raises(ShutDown):
        await urgent


@in_virtual_time
async def test_add_first__counts_once() -> None:
    queue = WorkQueue(Observer())
    queue.add_first(X)
    assert await queue.get() == X
    queue.done(X)
    for key in (Y, X):
        queue.add(key)
    assert [await queue.get() for _ in range(2)] == [Y, X]


@in_virtual_time
async def test_add__queues_a_waiting_key_once() -> None:
    queue = WorkQueue(Observer())
    queue.add(X)
    queue.add(X)
    assert len(queue) == 1


@in_virtual_time
async def test_add__queues_a_key_that_is_worked_on_again_when_it_is_done() -> None:
    queue = WorkQueue(Observer())
    queue.add(X)
    key = await queue.get()
    queue.add(X)
    queue.add(X)
    assert len(queue) == 0
    queue.done(key)
    assert len(queue) == 1
    assert await queue.get() == X
    queue.done(X)
    assert len(queue) == 0


@in_virtual_time
async def test_get__waits_for_a_key() -> None:
    queue = WorkQueue(Observer())
    getting = asyncio.create_task(queue.get())
    await let_others_run()
    assert not getting.done()
    queue.add(X)
    assert await getting == X


@in_virtual_time
async def test_get__wakes_one_waiter_for_each_key() -> None:
    queue = WorkQueue(Observer())
    getting = [asyncio.create_task(queue.get()) for _ in range(3)]
    await let_others_run()
    queue.add(X)
    queue.add(Y)
    await let_others_run()
    assert [task.done() for task in getting] == [True, True, False]
    queue.close()
    with pytest.raises(ShutDown):
        await getting[2]


@in_virtual_time
async def test_get__a_waiter_that_is_cancelled_takes_no_key_with_it() -> None:
    queue = WorkQueue(Observer())
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await let_others_run()
    queue.add(X)  # wakes the first, which is cancelled before it runs
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await let_others_run()
    assert second.done()
    assert await second == X


@in_virtual_time
async def test_get__a_waiter_that_is_being_cancelled_is_not_woken_in_another_ones_place() -> None:
    queue = WorkQueue(Observer())
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await let_others_run()
    first.cancel()  # it still stands in line until it runs
    queue.add(X)
    await let_others_run()
    assert second.done()
    assert await second == X
    assert first.cancelled()


@in_virtual_time
async def test_get__a_waiter_that_gave_up_is_out_of_the_line() -> None:
    queue = WorkQueue(Observer())
    first, second = (asyncio.create_task(queue.get()) for _ in range(2))
    await let_others_run()
    first.cancel()
    await let_others_run()
    queue.add(X)
    assert await second == X


@in_virtual_time
async def test_get__a_key_that_somebody_else_took_first_is_waited_for_again() -> None:
    queue = WorkQueue(Observer())
    waiting = asyncio.create_task(queue.get())
    await let_others_run()
    queue.add(X)  # wakes the waiter
    assert await queue.get() == X  # but this one needs no waiting
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@in_virtual_time
async def test_add_after__queues_when_the_time_has_come() -> None:
    queue = WorkQueue(Observer())
    queue.add_after(X, 30)
    assert len(queue) == 0
    assert await queue.get() == X
    assert now() == 30


@pytest.mark.parametrize(
    ("delays", "due"),
    [
        pytest.param((30, 10), 10, id="an earlier time replaces a later one"),
        pytest.param((10, 30), 10, id="a later time does not replace an earlier one"),
        pytest.param((10, 0), 0, id="no delay is at once"),
        pytest.param((10, -1), 0, id="a time that has passed is at once"),
    ],
)
@in_virtual_time
async def test_add_after__the_earliest_time_counts(delays: tuple[float, float], due: float) -> None:
    queue = WorkQueue(Observer())
    for seconds in delays:
        queue.add_after(X, seconds)
    assert await queue.get() == X
    assert now() == due


@in_virtual_time
async def test_add_after__comes_due_once() -> None:
    queue = WorkQueue(Observer())
    queue.add_after(X, 10)
    queue.add_after(X, 20)
    queue.done(await queue.get())
    await asyncio.sleep(100)
    assert len(queue) == 0


@in_virtual_time
async def test_add_after__puts_the_jitter_on_the_delay() -> None:
    queue = WorkQueue(Observer(), jitter=lambda: 1.1)
    queue.add_after(X, 10)
    await queue.get()
    assert now() == pytest.approx(11)


@in_virtual_time
async def test_retry__waits_twice_as_long_each_time_up_to_a_limit() -> None:
    observer = Observer()
    queue = WorkQueue(observer)
    delays = [queue.retry(X) for _ in range(12)]
    assert delays[:4] == [1, 2, 4, 8]
    assert delays[0] == BACKOFF_FIRST_SECONDS
    assert delays[-1] == BACKOFF_MAX_SECONDS
    assert all(earlier <= later for earlier, later in pairwise(delays))
    assert observer.retries == 12


@in_virtual_time
async def test_retry__works_for_a_key_that_has_failed_for_weeks() -> None:
    queue = WorkQueue(Observer())
    for _ in range(5000):  # 300 s each: more than two weeks
        delay = queue.retry(X)
    assert delay == BACKOFF_MAX_SECONDS


@in_virtual_time
async def test_retry__of_one_key_does_not_delay_another() -> None:
    queue = WorkQueue(Observer())
    for _ in range(5):
        queue.retry(X)
    assert queue.retry(Y) == BACKOFF_FIRST_SECONDS


@in_virtual_time
async def test_forget__starts_again_with_the_shortest_delay() -> None:
    queue = WorkQueue(Observer())
    queue.retry(X)
    queue.retry(X)
    queue.forget(X)
    assert queue.retry(X) == BACKOFF_FIRST_SECONDS


@in_virtual_time
async def test_close__ends_all_who_wait_and_takes_no_more() -> None:
    queue = WorkQueue(Observer())
    getting = [asyncio.create_task(queue.get()) for _ in range(3)]
    queue.add_after(Y, 10)
    await let_others_run()
    queue.close()
    for task in getting:
        with pytest.raises(ShutDown):
            await task
    queue.add(X)
    queue.add_after(X, 1)
    await asyncio.sleep(60)
    assert len(queue) == 0
    with pytest.raises(ShutDown):
        await queue.get()


@in_virtual_time
async def test_close__leaves_what_is_queued_to_the_next_process() -> None:
    queue = WorkQueue(Observer())
    queue.add(X)
    queue.close()
    with pytest.raises(ShutDown):
        await queue.get()


@in_virtual_time
async def test_observer__hears_depth_and_waiting_time() -> None:
    observer = Observer()
    queue = WorkQueue(observer)
    queue.add(X)
    queue.add(Y)
    await asyncio.sleep(5)
    await queue.get()
    assert observer.depths == [1, 2, 1]
    assert observer.waits == [5]


class Model:
    """What a work queue promises, in its simplest form: counts per key."""

    def __init__(self) -> None:
        self.working: Counter[Key] = Counter()
        self.owed: set[Key] = set()

    def added(self, key: Key) -> None:
        self.owed.add(key)

    def taken(self, key: Key) -> None:
        self.working[key] += 1
        self.owed.discard(key)
        assert self.working[key] == 1, f"{key} is worked on twice at once"

    def given_back(self, key: Key) -> None:
        self.working[key] -= 1


async def _work(queue: WorkQueue, model: Model, random_: random.Random) -> None:
    """A worker that takes its time, fails now and then, and asks to look again."""
    while True:
        try:
            key = await queue.get()
        except ShutDown:
            return
        model.taken(key)
        await asyncio.sleep(random_.choice([0, 0, 0.5, 3]))
        if random_.random() < 0.2:
            queue.retry(key)
        else:
            queue.forget(key)
        model.given_back(key)
        queue.done(key)


async def _add_at_random(queue: WorkQueue, model: Model, random_: random.Random) -> None:
    for _ in range(80):
        key = random_.choice([X, Y, Z])
        if random_.random() < 0.7:
            model.added(key)
            queue.add(key)
        else:
            queue.add_after(key, random_.choice([-1, 0, 0.5, 2, 10]))
        await asyncio.sleep(random_.choice([0, 0, 0, 0.5, 2]))


async def _run_at_random(seed: int, workers: int) -> None:
    random_, model = random.Random(seed), Model()  # noqa: S311 - an order of events, no secret
    queue = WorkQueue(Observer())
    tasks = [asyncio.create_task(_work(queue, model, random_)) for _ in range(workers)]
    await _add_at_random(queue, model, random_)
    await asyncio.sleep(10_000)
    assert model.owed == set(), "a key was added and never worked on"
    assert len(queue) == 0
    queue.close()
    await asyncio.gather(*tasks)


@given(seed=st.integers(0, 2**32), workers=st.integers(1, 4))
def test_queue__works_on_every_added_key_by_one_worker_at_a_time(seed: int, workers: int) -> None:
    run_in_virtual_time(_run_at_random(seed, workers))
