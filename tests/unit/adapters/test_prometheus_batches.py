"""Reads that share queries get what each would have got alone."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from rocksteady.adapters.prometheus_batches import (
    MAX_SELECTORS,
    Answer,
    Query,
    Wanted,
    queries_for,
    split,
)
from rocksteady.queries.samples import Series
from rocksteady.queries.selectors import Matcher, Selector, equals, starts_with

NAMESPACES = ("a", "b")
PODS = ("chat", "chat-1", "chat-1-x", "chat-12-x", "my-chat-1-x")

matchers = st.one_of(
    st.sampled_from(PODS).map(lambda pod: equals("pod", pod)),
    st.sampled_from(PODS).map(lambda pod: starts_with("pod", pod)),
    st.just(Matcher("pod", "chat|my-.+")),
)
selectors = st.builds(
    lambda names, namespace, pod: Selector(names, (equals("namespace", namespace), pod)),
    st.sampled_from([("up",), ("up", "down")]),
    st.sampled_from(NAMESPACES),
    matchers,
)
wanted = st.builds(
    lambda chosen, start, length: Wanted(tuple(chosen), start, start + length),
    st.lists(selectors, min_size=1, max_size=3),
    st.floats(0, 100),
    st.floats(1, 50),
)
HELD = tuple(
    Series(
        {"__name__": name, "namespace": namespace, "pod": pod},
        tuple((float(at), 1.0) for at in range(0, 150, 7)),
    )
    for name in ("up", "down")
    for namespace in NAMESPACES
    for pod in PODS
)


def ask(query: Query) -> Answer:
    """What a Prometheus gives that holds these series: maybe more than anybody wants."""
    inside = [
        Series(
            one.labels,
            tuple(s for s in one.samples if query.start_seconds < s[0] <= query.end_seconds),
        )
        for one in HELD
        if one.labels["__name__"] in query.selectors[0].names
    ]
    return Answer(query, inside)


def alone(read: Wanted) -> list[Series]:
    found = [
        Series(
            one.labels,
            tuple(s for s in one.samples if read.start_seconds < s[0] <= read.end_seconds),
        )
        for one in HELD
        if any(selector.matches(one.labels) for selector in read.selectors)
    ]
    return [one for one in found if one.samples]


@given(st.lists(wanted, min_size=1, max_size=6))
def test_split__gives_each_read_its_own(reads: Sequence[Wanted]) -> None:
    queries = queries_for(reads)
    answers = [ask(query) for query in queries]
    for index, read in enumerate(reads):
        mine = [
            answer for query, answer in zip(queries, answers, strict=True) if index in query.reads
        ]
        key = lambda one: sorted(one.labels.items())  # noqa: E731 - an order to compare in
        assert list(split(read, mine)) == sorted(alone(read), key=key)


def test_queries__of_very_many_are_cut() -> None:
    many = [
        Wanted((Selector(("up",), (equals("pod", f"p{n}"),)),), 0, 60)
        for n in range(MAX_SELECTORS + 1)
    ]
    assert [len(query.selectors) for query in queries_for(many)] == [MAX_SELECTORS, 1]


def test_queries__what_all_want_is_asked_once() -> None:
    same = [Wanted((Selector(("up",)),), 0, 60)] * (MAX_SELECTORS + 1)
    (query,) = queries_for(same)
    assert len(query.selectors) == 1
    assert len(query.reads) == MAX_SELECTORS + 1
