"""The work queue: which LLMDeployments are to be looked at, each by one worker at a time.

The semantics are client-go's: a key that is added while it is queued is queued once; one that is
added while it is worked on is queued again when that is done; the earliest due time of a delayed
key counts; failures of a key delay it further and further until it is forgotten. Beyond that, a key
can be put before all others.
Source: kubernetes/client-go:util/workqueue/{queue,delaying_queue,default_rate_limiters}.go
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from rocksteady.ports import Key

BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_MAX_SECONDS: Final = 300.0
_Waiters: TypeAlias = deque[asyncio.Future[None]]
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
        self._first: deque[Key] = deque()
        self._since: dict[Key, float] = {}
        self._dirty: set[Key] = set()
        self._processing: set[Key] = set()
        self._urgent: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self._waiters: _Waiters = deque()
        self._waiters_for_first: _Waiters = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._first) + len(self._queue)

    def add(self, key: Key) -> None:
        """Queue a key now."""
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._enqueue(key)

    def add_first(self, key: Key) -> None:
        """Queue a key before all that wait; one that is worked on comes first when that is done."""
        if self._closed or key in self._first:
            return
        if key in self._queue:
            self._queue.remove(key)
            self._first.append(key)
            self._release()
            return
        self._urgent.add(key)
        self.add(key)

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

    async def get(self, *, first_only: bool = False) -> Key:
        """Take the next key; `done` must follow.

        Args:
            first_only: True: wait for one that was put before all others.

        Raises:
            ShutDown: The queue was closed.
        """
        while not self._first and (first_only or not self._queue):
            if self._closed:
                raise ShutDown
            await self._wait(self._waiters_for_first if first_only else self._waiters)
        if self._closed:
            raise ShutDown
        key = (self._first or self._queue).popleft()
        self._processing.add(key)
        self._dirty.discard(key)
        self._observer.taken(len(self), self._loop.time() - self._since.pop(key))
        self._release()  # who was woken for this key may have been another
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
        for waiters in (self._waiters, self._waiters_for_first):
            while waiters:
                _wake(waiters)

    async def _wait(self, waiters: _Waiters) -> None:
        """Wait to be woken; who is cancelled after that wakes another."""
        waiter = self._loop.create_future()
        waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in waiters:
                waiters.remove(waiter)
            else:
                self._release()
            raise

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _enqueue(self, key: Key) -> None:
        (self._first if key in self._urgent else self._queue).append(key)
        self._urgent.discard(key)
        self._since[key] = self._loop.time()
        self._observer.added(len(self))
        self._release()

    def _release(self) -> None:
        """Wake one who can take what waits."""
        if self._first and self._waiters_for_first:
            _wake(self._waiters_for_first)
        elif self._first or self._queue:
            _wake(self._waiters)


def _wake(waiters: _Waiters) -> None:
    """Wake the first who still waits."""
    while waiters:
        waiter = waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return
