"""The sources of metrics: reads that share queries, time limits, and a circuit breaker for each."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from rocksteady.adapters.circuit import FAILURES, PAUSE_SECONDS, Circuit
from rocksteady.adapters.prometheus_batches import (
    Answer,
    Query,
    Wanted,
    queries_for,
    read_series,
    split,
)
from rocksteady.adapters.prometheus_connection import Connection
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.metrics_sources import MetricsSource, MetricsSources
from rocksteady.ports import Clock
from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import Selector, raw_samples

Result = TypeVar("Result")

GATHER_SECONDS: Final = 0.05
"""How long reads are gathered before they are asked for together: little next to a tick."""
_THREADS: Final = 4
"""Queries to one source at once; Prometheus itself works on 20."""
_CUSTOM_THREADS: Final = 2
"""Queries of users to one source at once: they may be heavy, and must not hold up ours."""
_GRACE_SECONDS: Final = 1.0
"""How much longer than its own time limit a call may take, before its thread is given up."""
_FAULTS: Final = frozenset(
    {
        MetricsReason.UNREACHABLE,
        MetricsReason.TIMEOUT,
        MetricsReason.REFUSED,
        MetricsReason.NOT_FOUND,
        MetricsReason.NOT_PROMETHEUS,
        MetricsReason.FAILED,
    }
)
"""What opens the circuit: the source is at fault, and asking again does not help at once."""


class PrometheusSources:
    """Reads Prometheus; see `ports.MetricsReader`.

    Args:
        sources: The configuration.
        clock: Wall clock.
        monotonic: A clock that never goes back, in seconds, for the circuit breakers.
    """

    def __init__(
        self,
        sources: MetricsSources,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = {
            name: _Source(name, source, clock, Circuit(monotonic))
            for name, source in sources.metrics_sources.items()
        }

    async def series(
        self,
        source: str,
        selectors: Sequence[Selector],
        start_seconds: float,
        end_seconds: float,
    ) -> tuple[Series, ...]:
        """See `ports.MetricsReader`."""
        if not selectors:
            return ()
        wanted = Wanted(tuple(selectors), start_seconds, end_seconds)
        return await self._source(source).read(wanted)

    async def value(self, source: str, query: str, at_seconds: float) -> float | None:
        """See `ports.MetricsReader`."""
        return await self._source(source).value(query, at_seconds)

    async def close(self) -> None:
        """Let no thread start any more; what runs ends by its time limit."""
        for source in self._sources.values():
            await source.close()

    def _source(self, name: str) -> "_Source":
        found = self._sources.get(name)
        if found is None:
            known = ", ".join(sorted(self._sources)) or "none"
            raise MetricsError(
                MetricsReason.SOURCE_UNKNOWN,
                f"There is no source {name} in metricsSources, known are: {known}; add it to the"
                " operator's configuration.",
            )
        return found


class _Source:
    """One source."""

    def __init__(self, name: str, source: MetricsSource, clock: Clock, circuit: Circuit) -> None:
        self._name, self._config, self._circuit = name, source, circuit
        self._last_fault = ""
        self._connection = Connection(name, source, clock)
        self._threads = ThreadPoolExecutor(_THREADS, f"prometheus-{name}")
        self._custom_threads = ThreadPoolExecutor(_CUSTOM_THREADS, f"custom-{name}")
        self._waiting: list[tuple[Wanted, asyncio.Future[tuple[Series, ...]]]] = []
        self._batches: set[asyncio.Task[None]] = set()

    async def read(self, wanted: Wanted) -> tuple[Series, ...]:
        future: asyncio.Future[tuple[Series, ...]] = asyncio.get_running_loop().create_future()
        self._waiting.append((wanted, future))
        if len(self._waiting) == 1:
            batch = asyncio.create_task(self._batch())
            self._batches.add(batch)
            batch.add_done_callback(self._batches.discard)
        return await future

    async def value(self, query: str, at_seconds: float) -> float | None:
        if not self._config.custom_queries:
            raise MetricsError(
                MetricsReason.CUSTOM_QUERIES_OFF,
                f"The source {self._name} takes no queries of one's own; set customQueries: true in"
                " the operator's configuration, knowing that they can read across namespaces.",
            )
        # Its outcome is not told to the circuit, since a heavy query is no fault of the source; so
        # it must not be the one call that tries whether the source is back.
        if self._circuit.is_open:
            raise self._left_alone()
        call = partial(self._connection.query, query, at_seconds)
        return _one_number(await self._within(self._custom_threads, call), self._name)

    async def close(self) -> None:
        for batch in self._batches:
            batch.cancel()
        for _, future in self._waiting:  # a batch that has not begun cannot do it
            future.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._custom_threads.shutdown(wait=False, cancel_futures=True)

    async def _batch(self) -> None:
        """Answer all who wait, whatever happens."""
        waiting = self._waiting
        try:
            await asyncio.sleep(GATHER_SECONDS)
            self._waiting = []
            found = await self._read_all([wanted for wanted, _ in waiting])
        except BaseException:
            for _, future in waiting:
                future.cancel()
            raise
        for (_, future), result in zip(waiting, found, strict=True):
            if not future.done():
                _settle(future, result)

    async def _read_all(
        self, wanted: Sequence[Wanted]
    ) -> Sequence[tuple[Series, ...] | BaseException]:
        """What each read gets: its series, or the first error of its queries."""
        queries = queries_for(wanted)
        answers = await asyncio.gather(*map(self._answer, queries), return_exceptions=True)
        splits = [
            partial(
                _split,
                one,
                [
                    answer
                    for query, answer in zip(queries, answers, strict=True)
                    if index in query.reads
                ],
            )
            for index, one in enumerate(wanted)
        ]
        # In a thread: what a thousand deployments asked for is long.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: [one() for one in splits])

    async def _answer(self, query: Query) -> Answer:
        """One shared query, within the circuit."""
        self._check_circuit()
        try:
            answer = await self._within(self._threads, partial(self._fetch, query))
        except MetricsError as error:
            if error.reason in _FAULTS:
                self._circuit.failed()
                self._last_fault = error.message
            raise
        self._circuit.succeeded()
        return answer

    def _fetch(self, query: Query) -> Answer:
        """In a thread, reading included: answers of many deployments are long."""
        text = raw_samples(query.selectors, query.start_seconds, query.end_seconds)
        result = self._connection.query(text, query.end_seconds)
        try:
            return Answer(query, read_series(result))
        except ValueError:
            raise MetricsError(
                MetricsReason.NOT_PROMETHEUS,
                f"The source {self._name} gives something other than samples; check its url.",
            ) from None

    async def _within(self, threads: ThreadPoolExecutor, call: Callable[[], Result]) -> Result:
        """A blocking call, for no longer than its time limit and a bit."""
        limit = self._config.timeout_seconds + _GRACE_SECONDS
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().run_in_executor(threads, call), limit
            )
        except TimeoutError:
            raise MetricsError(
                MetricsReason.TIMEOUT,
                f"The source {self._name} did not answer within {limit:g} s; look at its load, or"
                " raise timeoutSeconds.",
            ) from None

    def _check_circuit(self) -> None:
        if not self._circuit.admits():
            raise self._left_alone()

    def _left_alone(self) -> MetricsError:
        return MetricsError(
            MetricsReason.CIRCUIT_OPEN,
            f"The source {self._name} failed {FAILURES} times in a row and is asked again every"
            f" {PAUSE_SECONDS:.0f} s. Last: {self._last_fault}",
        )


def _settle(
    future: "asyncio.Future[tuple[Series, ...]]", result: tuple[Series, ...] | BaseException
) -> None:
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)


def _split(
    wanted: Wanted, parts: Sequence[Answer | BaseException]
) -> tuple[Series, ...] | BaseException:
    """The series of a read, or the first error of its queries."""
    answers: list[Answer] = []
    for part in parts:
        if isinstance(part, BaseException):
            return part
        answers.append(part)
    return split(wanted, answers)


def _one_number(result: Any, source: str) -> float | None:
    """The number of an instant query's result; None: nothing, or no finite number."""
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
        if result == []:
            return None
        if isinstance(result[0], Mapping) and len(result) > 1:
            raise MetricsError(
                MetricsReason.QUERY_INVALID,
                f"A query to the source {source} gives {len(result)} series where one is expected;"
                " sum them up, or select one.",
            )
        text = result[0]["value"][1] if isinstance(result[0], Mapping) else result[1]
        number = float(text)
        return number if math.isfinite(number) else None
    raise MetricsError(
        MetricsReason.QUERY_INVALID,
        f"A query to the source {source} gives no number; it must give a scalar, or one series at"
        " one time.",
    )
