"""Take keys from the queue and reconcile them, one worker for each key at a time."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from rocksteady import conventions, errors
from rocksteady.ports import ClusterReader, Key
from rocksteady.reconcile.queue import ShutDown, WorkQueue
from rocksteady.reconcile.reconciler import Dependencies, Outcome, reconcile
from rocksteady.reconcile.suite import reconcile_suite
from rocksteady.resources import kinds


class PassObserver(Protocol):
    """Hears how each pass went, for log and metrics."""

    def passed(self, key: Key, outcome: Outcome, seconds: float) -> None:
        """A pass went well."""

    def overtaken(self, key: Key, error: errors.ClusterError, seconds: float) -> None:
        """Somebody wrote or deleted meanwhile what the pass had read; it will be done again."""

    def failed(self, key: Key, error: BaseException, seconds: float, retry_seconds: float) -> None:
        """A pass failed and will be tried again."""


async def work(
    queue: WorkQueue, needs: Dependencies, observer: PassObserver, *, first_only: bool = False
) -> None:
    """Reconcile keys until the queue is closed.

    Args:
        queue: Gives them.
        needs: What a pass needs.
        observer: Hears how passes went.
        first_only: True: only keys that were put before all others, so that they need not wait
            while all other workers wait for a slow Prometheus.

    Raises:
        NotLeader: The Lease was lost: this process must end.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            key = await queue.get(first_only=first_only)
        except ShutDown:
            return
        started = loop.time()
        try:
            async with asyncio.timeout(needs.settings.reconcile_timeout_seconds):
                outcome = await _pass(key, needs)
        except errors.NotLeader:
            raise
        except (errors.Conflict, errors.NotFound) as error:
            queue.retry(key)  # later each time, for who writes faster than a pass takes
            observer.overtaken(key, error, loop.time() - started)
        except Exception as error:  # noqa: BLE001 - one object's trouble must not stop the others
            observer.failed(key, error, loop.time() - started, queue.retry(key))
        else:
            queue.forget(key)
            observer.passed(key, outcome, loop.time() - started)
            if outcome.requeue_after_seconds is not None:
                queue.add_after(key, outcome.requeue_after_seconds)
        finally:
            queue.done(key)


async def _pass(key: Key, needs: Dependencies) -> Outcome:
    """One pass over an object, by its kind."""
    if key.kind == conventions.SUITE_KIND:
        again, summary = await reconcile_suite(
            key, needs.cluster, needs.clock.now(), needs.observer
        )
        return Outcome(again, summary)
    return await reconcile(key, needs)


async def resync(
    queue: WorkQueue,
    cluster: ClusterReader,
    seconds: float,
    on_failure: Callable[[errors.ClusterError], None],
) -> None:
    """Queue all LLMDeployments and EvaluationSuites now and then, for what a watch has missed.

    Watches lose deletions after an expired list, and nothing reports a Gateway that was deleted.
    """
    while True:
        await asyncio.sleep(seconds)
        try:
            found = [(kind.kind, one) for kind in _QUEUED for one in await cluster.list(kind)]
        except errors.ClusterError as error:
            on_failure(error)
            continue
        for kind_name, manifest in found:
            metadata = manifest["metadata"]
            queue.add(Key(metadata["namespace"], metadata["name"], kind_name))


_QUEUED: Final = (kinds.LLM_DEPLOYMENT, kinds.EVALUATION_SUITE)
