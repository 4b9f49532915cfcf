"""The work queue: which LLMDeployments are to be looked at, each by one worker at a time.

The semantics are client-go's: a key that is added while it is queued is queued once; one that is
added while it is worked on is queued again when that is done; the earliest due time of a delayed
key counts; failures of a key delay it further and further until it is forgotten.
Source: kubernetes/client-go:util/workqueue/{queue,delaying_queue,default_rate_limiters}.go
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from rocksteady.ports import Key

BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_MAX_SECONDS: Final = 300.0
_DOUBLINGS_MAX: Final = 16
"""More than it takes to reach the limit; unbounded, a float overflows after days of failures."""


class QueueObserver(Protocol):
    """Hears what the queue does, for metrics."""

    def added(self, depth: int) -> None:
        """A key was queued."""

    def taken(self, depth: int, waited_seconds: float) -> None:
        """A worker took a key that had waited so long."""

    def retried(self) -> None:
        """A key failed and will be tried again."""


class ShutDown(Exception):  # noqa: N818 - a state, not a fault
    """The queue gives out no more keys."""


class WorkQueue:
    """Keys to be reconciled. All methods belong to one event loop.

    Args:
        observer: Hears what happens.
        jitter: Factor put on every delay, so that many keys do not come due at once.
    """

    def __init__(self, observer: QueueObserver, jitter: Callable[[], float] = lambda: 1.0) -> None:
        self._observer = observer
        self._jitter = jitter
        self._loop = asyncio.get_running_loop()
        self._queue: deque[Key] = deque()
        self._since: dict[Key, float] = {}
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, key: Key) -> None:
        """Queue a key now."""
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._enqueue(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Queue a key later; an earlier due time that it already has stays."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        due = self._loop.time() + seconds * self._jitter()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = self._loop.call_at(due, self._due, key)

    def retry(self, key: Key) -> float:
        """Queue a key that failed, later each time; returns the delay in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doublings = min(failures, _DOUBLINGS_MAX)
        delay: float = min(BACKOFF_FIRST_SECONDS * 2**doublings, BACKOFF_MAX_SECONDS)
        self.add_after(key, delay)
        self._observer.retried()
        return delay

    def forget(self, key: Key) -> None:
        """Forget the failures of a key: it went well."""
        self._failures.pop(key, None)

    async def get(self) -> Key:
        """Take the next key; `done` must follow.

        Raises:
            ShutDown: The queue was closed.
        """
        while not self._queue:
            if self._closed:
                raise ShutDown
            await self._wait()
        if self._closed:
            raise ShutDown
        key = self._queue.popleft()
        self._processing.add(key)
        self._dirty.discard(key)
        self._observer.taken(len(self._queue), self._loop.time() - self._since.pop(key))
        return key

    def done(self, key: Key) -> None:
        """Give a key back; if it was added meanwhile it is queued again."""
        self._processing.discard(key)
        if key in self._dirty:
            self._enqueue(key)

    def close(self) -> None:
        """Give out no more keys and wake all who wait."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        while self._waiters:
            self._release()

    async def _wait(self) -> None:
        """Wait to be woken; who is cancelled after that wakes another."""
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif self._queue:
                self._release()
            raise

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _enqueue(self, key: Key) -> None:
        self._queue.append(key)
        self._since[key] = self._loop.time()
        self._observer.added(len(self._queue))
        if self._waiters:
            self._release()

    def _release(self) -> None:
        """Wake the first who still waits."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
