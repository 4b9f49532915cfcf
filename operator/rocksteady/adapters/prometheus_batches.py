"""Reads of many deployments as few queries, and answers split again."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import METRIC_NAME, Selector

MAX_SELECTORS: Final = 500
"""How many share a query: about 40 KiB of text, and an answer that comes within the time limit."""
_REACH: Final = 2.0
"""How much more time than the longest of them a shared query may span."""


@dataclass(frozen=True)
class Wanted:
    """Selectors of one read and the time they are wanted for, in seconds."""

    selectors: tuple[Selector, ...]
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Query:
    """Selectors of one shape that are asked for at once, and of whose reads they are."""

    selectors: tuple[Selector, ...]
    start_seconds: float
    end_seconds: float
    reads: frozenset[int]


def queries_for(wanted: Sequence[Wanted]) -> list[Query]:
    """Few queries that together give all that is wanted; `reads` are indices of it."""
    shapes: dict[Any, dict[int, list[Selector]]] = defaultdict(lambda: defaultdict(list))
    for index, one in enumerate(wanted):
        for selector in one.selectors:
            shapes[selector.shape][index].append(selector)
    return [
        query
        for by_read in shapes.values()
        for span in _spans(wanted, by_read)
        for query in _queries(span, by_read)
    ]


def split(wanted: Wanted, answers: Iterable["Answer"]) -> tuple[Series, ...]:
    """The series of one read, each once, with the samples of its time."""
    found: dict[tuple[tuple[str, str], ...], Series] = {}
    for answer in answers:
        for selector in wanted.selectors:
            for one in answer.matching(selector):
                key = tuple(sorted(one.labels.items()))
                samples = tuple(
                    (at, value)
                    for at, value in one.samples
                    if wanted.start_seconds < at <= wanted.end_seconds
                )
                if samples:
                    found[key] = Series(one.labels, samples)
    return tuple(found[key] for key in sorted(found))


class Answer:
    """What a query gave, sorted so that each read finds its own without looking at all others'.

    Args:
        query: What was asked.
        series: What came.
    """

    def __init__(self, query: Query, series: Iterable[Series]) -> None:
        first = query.selectors[0]
        self._shape = first.shape
        self._certain = sorted(
            frozenset.intersection(*(frozenset(one.values) for one in query.selectors))
        )
        varying = [label for label in first.shape[1] if label not in self._certain]
        self._by = varying[0] if varying else METRIC_NAME
        self._series: dict[tuple[str, ...], list[Series]] = defaultdict(list)
        for one in sorted(series, key=lambda one: one.labels.get(self._by, "")):
            self._series[tuple(one.labels.get(label, "") for label in self._certain)].append(one)

    def matching(self, selector: Selector) -> Iterator[Series]:
        """Series that a selector selects; none for one of another shape."""
        if selector.shape != self._shape or not selector.values.keys() >= set(self._certain):
            return
        near = self._series.get(tuple(selector.values[label] for label in self._certain), [])
        prefix = next((one.prefix for one in selector.matchers if one.label == self._by), "")
        begin = bisect_left(near, prefix, key=lambda one: one.labels.get(self._by, ""))
        for index in range(begin, len(near)):
            one = near[index]
            if not one.labels.get(self._by, "").startswith(prefix):
                return
            if selector.matches(one.labels):
                yield one


def read_series(result: Any) -> list[Series]:
    """Series of a range selector's result, as the API gives it; native histograms are left out.

    Raises:
        ValueError: It is none.
    """
    try:
        return [
            Series(one["metric"], tuple((float(at), float(text)) for at, text in one["values"]))
            for one in result
            if "values" in one
        ]
    except (KeyError, TypeError) as error:
        raise ValueError("no matrix") from error


@dataclass
class _Span:
    """Reads of about the same time."""

    start_seconds: float
    end_seconds: float
    longest_seconds: float
    reads: list[int]

    def takes(self, index: int, one: Wanted) -> bool:
        """Add a read, unless the time of all would be much longer than that of any."""
        start = min(self.start_seconds, one.start_seconds)
        end = max(self.end_seconds, one.end_seconds)
        longest = max(self.longest_seconds, one.end_seconds - one.start_seconds)
        if end - start > _REACH * longest:
            return False
        self.start_seconds, self.end_seconds, self.longest_seconds = start, end, longest
        self.reads.append(index)
        return True


def _spans(wanted: Sequence[Wanted], reads: Iterable[int]) -> list[_Span]:
    """Reads by their time: one of last week is no reason to read all since."""
    spans: list[_Span] = []
    for index in sorted(reads, key=lambda one: -wanted[one].end_seconds):
        one = wanted[index]
        if not any(span.takes(index, one) for span in spans):
            length = one.end_seconds - one.start_seconds
            spans.append(_Span(one.start_seconds, one.end_seconds, length, [index]))
    return spans


def _queries(span: _Span, by_read: Mapping[int, Sequence[Selector]]) -> Iterable[Query]:
    """Selectors of one shape, in chunks that fit into a query."""
    reads: dict[Selector, set[int]] = defaultdict(set)
    for index in span.reads:
        for selector in by_read[index]:
            reads[selector].add(index)
    selectors = list(reads)
    for begin in range(0, len(selectors), MAX_SELECTORS):
        chunk = tuple(selectors[begin : begin + MAX_SELECTORS])
        whose = frozenset().union(*(reads[selector] for selector in chunk))
        yield Query(chunk, span.start_seconds, span.end_seconds, whose)
