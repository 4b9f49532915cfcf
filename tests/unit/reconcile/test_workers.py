"""Workers go on whatever happens to one object, and stop when the Lease is lost."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from rocksteady import errors
from rocksteady.ports import Key, Manifest
from rocksteady.reconcile.queue import WorkQueue
from rocksteady.reconcile.reconciler import Dependencies, Outcome
from rocksteady.reconcile.workers import resync, work
from rocksteady.resources.kinds import LLM_DEPLOYMENT, Kind
from rocksteady.rollout.decide import RECHECK_SECONDS
from rocksteady.rollout.observation import Observation
from rocksteady.settings import Settings
from tests.builders import llm_deployment
from tests.fakes.cluster import FakeCluster
from tests.fakes.recording import FakeClock, RecordingLane, RecordingObserver, RecordingRecorder
from tests.fakes.simulation import unmeasured
from tests.fakes.virtual_time import in_virtual_time

BAD, GOOD = Key("demo", "bad"), Key("demo", "good")


class QueueObserver:
    """Hears nothing."""

    def added(self, depth: int) -> None:
        pass

    def taken(self, depth: int, waited_seconds: float) -> None:
        pass

    def retried(self) -> None:
        pass


class Passes:
    """Keeps how passes went, and when."""

    def __init__(self) -> None:
        self.passed_keys: list[tuple[Key, float]] = []
        self.failures: list[tuple[Key, BaseException, float]] = []
        self.overtaken_keys: list[Key] = []
        self.seconds: list[float] = []

    def passed(self, key: Key, outcome: Outcome, seconds: float) -> None:
        assert outcome.summary
        assert seconds >= 0
        self.passed_keys.append((key, asyncio.get_running_loop().time()))

    def overtaken(self, key: Key, error: errors.ClusterError, seconds: float) -> None:
        assert seconds >= 0
        assert str(error)
        self.overtaken_keys.append(key)

    def failed(self, key: Key, error: BaseException, seconds: float, retry_seconds: float) -> None:
        self.failures.append((key, error, retry_seconds))
        self.seconds.append(seconds)

    def times(self, key: Key) -> list[float]:
        return [time for passed, time in self.passed_keys if passed == key]


class TroubledCluster(FakeCluster):
    """Does something before it gives out one LLMDeployment."""

    def __init__(self, key: Key, trouble: Callable[[], None]) -> None:
        super().__init__()
        self.key = key
        self.trouble = trouble
        self.reads = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        if (kind, namespace, name) == (LLM_DEPLOYMENT, self.key.namespace, self.key.name):
            self.reads += 1
            self.trouble()
        return await super().get(kind, namespace, name)


def raising(error: BaseException, times: int = 1_000_000) -> Callable[[], None]:
    """Raises for so many times."""
    left = [times]

    def trouble() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error

    return trouble


def dependencies(cluster: FakeCluster) -> Dependencies:
    for key in (BAD, GOOD):
        cluster.put(llm_deployment(name=key.name))
    return Dependencies(
        cluster,
        RecordingRecorder(),
        FakeClock(),
        RecordingObserver(),
        Settings(workers=1),
        unmeasured(),
        RecordingLane(),
    )


async def run(cluster: FakeCluster, seconds: float, *keys: Key) -> Passes:
    """What one worker does in so many seconds with some keys queued."""
    queue, passes = WorkQueue(QueueObserver()), Passes()
    for key in keys:
        queue.add(key)
    working = asyncio.create_task(work(queue, dependencies(cluster), passes))
    await asyncio.wait({working}, timeout=seconds)
    queue.close()
    await working
    return passes


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(errors.ClusterError("500", 500), id="the API server refuses"),
        pytest.param(errors.Forbidden("403", 403), id="a permission is missing"),
        pytest.param(KeyError("spec"), id="a bug of ours"),
    ],
)
@in_virtual_time
async def test_work__one_objects_trouble_does_not_stop_the_others(error: Exception) -> None:
    passes = await run(TroubledCluster(BAD, raising(error)), 0.5, BAD, GOOD)
    assert passes.failures == [(BAD, error, 1)]
    assert passes.times(GOOD) == [0]


@in_virtual_time
async def test_work__tries_again_later_and_later() -> None:
    error = errors.ClusterError("500", 500)
    passes = await run(TroubledCluster(BAD, raising(error)), 20, BAD)
    assert [retry for _, _, retry in passes.failures] == [1, 2, 4, 8, 16]


@in_virtual_time
async def test_work__forgets_failures_after_a_success() -> None:
    failing = raising(errors.ClusterError("500", 500), times=3)
    passes = await run(TroubledCluster(BAD, failing), 8, BAD)
    assert [retry for _, _, retry in passes.failures] == [1, 2, 4]
    assert passes.times(BAD) == [7]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(errors.Conflict("409", 409), id="somebody wrote meanwhile"),
        pytest.param(errors.NotFound("404", 404), id="somebody deleted it meanwhile"),
    ],
)
@in_virtual_time
async def test_work__an_overtaken_pass_is_no_failure_and_done_again(
    error: errors.ClusterError,
) -> None:
    cluster = TroubledCluster(BAD, raising(error, times=2))
    passes = await run(cluster, 4, BAD)
    assert passes.failures == []
    assert passes.overtaken_keys == [BAD, BAD]
    assert passes.times(BAD) == [1 + 2]


@in_virtual_time
async def test_work__looks_again_when_the_plan_says_so() -> None:
    passes = await run(FakeCluster(), RECHECK_SECONDS + 0.5, GOOD)
    assert passes.times(GOOD) == [0, RECHECK_SECONDS]


@in_virtual_time
async def test_work__ends_when_the_lease_is_lost() -> None:
    queue, passes = WorkQueue(QueueObserver()), Passes()
    needs = dependencies(TroubledCluster(BAD, raising(errors.NotLeader("lost"))))
    queue.add(BAD)
    with pytest.raises(errors.NotLeader):
        await work(queue, needs, passes)
    assert passes.failures == []
    assert len(queue) == 0


class HangingCluster(FakeCluster):
    """Never answers."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        if kind is LLM_DEPLOYMENT:
            await asyncio.sleep(1_000_000)
        return await super().get(kind, namespace, name)


@in_virtual_time
async def test_work__gives_up_a_pass_that_hangs() -> None:
    queue, passes = WorkQueue(QueueObserver()), Passes()
    needs = dependencies(HangingCluster())
    settings = replace(needs.settings, reconcile_timeout_seconds=60)
    queue.add(BAD)
    working = asyncio.create_task(work(queue, replace(needs, settings=settings), passes))
    await asyncio.sleep(60.5)
    queue.close()
    [(key, error, retry)] = passes.failures
    assert (key, retry) == (BAD, 1)
    assert passes.seconds == [60]
    assert isinstance(error, TimeoutError)
    await working


@in_virtual_time
async def test_work__an_object_that_is_gone_is_a_success_without_a_second_look() -> None:
    passes = await run(FakeCluster(), 60, Key("demo", "never-there"))
    assert len(passes.passed_keys) == 1
    assert passes.failures == []


@in_virtual_time
async def test_resync__queues_every_llmdeployment_now_and_then() -> None:
    cluster, queue = FakeCluster(), WorkQueue(QueueObserver())
    for namespace, name in (("demo", "chat"), ("prod", "talk")):
        cluster.put(llm_deployment(name=name, namespace=namespace))
    failures: list[errors.ClusterError] = []
    resyncing = asyncio.create_task(resync(queue, cluster, 600, failures.append))
    await asyncio.sleep(599)
    assert len(queue) == 0
    await asyncio.sleep(2)
    assert {await queue.get(), await queue.get()} == {Key("demo", "chat"), Key("prod", "talk")}
    assert failures == []
    resyncing.cancel()


class SilentCluster(FakeCluster):
    """Cannot list, once."""

    lists = 0

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        self.lists += 1
        if self.lists == 1:
            raise errors.ClusterError("no answer")
        return await super().list(kind, namespace, label_selector)


@in_virtual_time
async def test_resync__goes_on_after_a_failure() -> None:
    cluster, queue = SilentCluster(), WorkQueue(QueueObserver())
    cluster.put(llm_deployment())
    failures: list[errors.ClusterError] = []
    resyncing = asyncio.create_task(resync(queue, cluster, 600, failures.append))
    await asyncio.sleep(601)
    assert [str(error) for error in failures] == ["no answer"]
    assert len(queue) == 0
    await asyncio.sleep(600)
    assert len(queue) == 1
    resyncing.cancel()


@in_virtual_time
async def test_urgent__a_key_that_cannot_wait_passes_while_all_workers_are_held_up() -> None:
    queue, passes = WorkQueue(QueueObserver()), Passes()
    needs = dependencies(FakeCluster())

    class Stuck:
        """Prometheus takes its time, but not for this one."""

        async def add(self, seen: Observation) -> Observation:
            await asyncio.sleep(30 if seen.name == BAD.name else 0)
            return seen

        def forget(self, key: Key) -> None:
            """Nothing is kept."""

    needs = replace(needs, signals=Stuck())
    working = [
        asyncio.create_task(work(queue, needs, passes)),
        asyncio.create_task(work(queue, needs, passes, first_only=True)),
    ]
    queue.add(BAD)
    await asyncio.sleep(1)
    queue.add_first(GOOD)
    await asyncio.sleep(1)
    assert passes.times(GOOD) == [1]
    queue.close()
    await asyncio.gather(*working)
