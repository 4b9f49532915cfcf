"""What counters of several processes grew by, and whose samples are whose."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.queries.growth import Growth
from rocksteady.queries.live import read_totals
from rocksteady.queries.lookup import Shown
from rocksteady.queries.profiles import ENGINES, GATEWAYS
from rocksteady.queries.profiles.base import Profile
from rocksteady.queries.profiles.traefik import PROFILE
from rocksteady.queries.samples import RevisionCounts, Sample
from rocksteady.queries.signals import RevisionTarget

Read = Mapping[str, RevisionCounts | None]


def counts(total: int, bad: int = 0) -> RevisionCounts:
    return RevisionCounts(total, bad)


@pytest.mark.parametrize(
    ("reads", "grown"),
    [
        pytest.param([{"a": counts(100, 9)}], counts(0), id="the first reading is counted from"),
        pytest.param(
            [{"a": counts(100, 9)}, {"a": counts(107, 10)}], counts(7, 1), id="a counter grows"
        ),
        pytest.param(
            [{"a": None}, {"a": counts(3, 3)}], counts(3, 3), id="a counter that is new begins at 0"
        ),
        pytest.param(
            [{"a": counts(9, 1), "b": counts(9)}, {"a": counts(11, 2), "b": counts(13)}],
            counts(6, 1),
            id="processes are added up",
        ),
        pytest.param(
            [{"a": counts(9)}, {"a": counts(9), "b": counts(500, 500)}],
            counts(0),
            id="what a process had counted before it was seen is not new",
        ),
        pytest.param(
            [{"a": counts(100)}, {"a": counts(4, 4)}, {"a": counts(6, 5)}],
            counts(2, 1),
            id="a counter that begins anew is counted from there",
        ),
        pytest.param(
            [{"a": counts(100, 9)}, {"a": counts(110, 2)}],
            counts(0),
            id="fewer failures than before are a new beginning too",
        ),
        pytest.param(
            [{"a": counts(5), "b": counts(5)}, {"a": counts(6)}, {"a": counts(6), "b": counts(9)}],
            counts(5),
            id="a process that is back goes on from its last reading",
        ),
        pytest.param(
            [{"a": counts(5)}, {"a": None}, {"a": counts(2)}],
            counts(2),
            id="a gateway that dropped a series begins it at 0",
        ),
    ],
)
def test_growth(reads: list[Read], grown: RevisionCounts) -> None:
    growth = Growth()
    found = [growth.add(read) for read in reads]
    assert found[-1] == grown


READS = st.lists(
    st.dictionaries(
        st.sampled_from("abc"),
        st.none()
        | st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
            lambda pair: RevisionCounts(max(pair), min(pair))
        ),
    ),
    max_size=12,
)


@given(READS)
def test_growth__never_shrinks(reads: list[Read]) -> None:
    growth, last = Growth(), RevisionCounts(0, 0)
    for read in reads:
        now = growth.add(read)
        assert now.total >= last.total
        assert now.bad >= last.bad
        last = now


NAMES = st.sampled_from(["a", "b", "a-b"])
TARGETS = st.builds(
    RevisionTarget, namespace=NAMES, name=NAMES, revision=st.sampled_from(["0" * 10, "1" * 10])
)


@given(
    st.lists(
        st.tuples(TARGETS, st.sampled_from(["200", "500", "404"]), st.integers(0, 9)), max_size=20
    ),
    TARGETS,
)
def test_shown__is_what_a_search_through_all_gives(
    written: list[tuple[RevisionTarget, str, int]], target: RevisionTarget
) -> None:
    samples = [
        Sample(
            {
                "__name__": "traefik_service_requests_total",
                "service": f"{of.namespace}-{of.service}-http-80@kubernetesgateway",
                "code": code,
            },
            value,
        )
        for of, code, value in written
    ]
    assert Shown(samples, PROFILE).totals(target) == read_totals(samples, PROFILE, target)


@pytest.mark.parametrize(
    "profile", [*GATEWAYS.values(), *ENGINES.values()], ids=lambda one: one.type
)
def test_shown__nothing_is_no_counter(profile: Profile) -> None:
    strange = Sample({"__name__": "up"}, math.nan)
    target = RevisionTarget("demo", "chat", "0" * 10)
    assert Shown([strange], profile).totals(target) is None
