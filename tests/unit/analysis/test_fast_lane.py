"""A canary that answers nothing but errors loses its traffic in seconds; no other does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.fast_lane import Poll, Trip, trip

Reading = tuple[int | None, int | None, int | None, int | None]


def polls(*readings: Reading, every_seconds: float = 1.0) -> list[Poll]:
    """Readings of canary total and bad, stable total and bad."""
    return [Poll(100 + every_seconds * index, *reading) for index, reading in enumerate(readings)]


TRIPS = [
    pytest.param(
        polls((0, 0, 0, 0), (5, 5, 45, 0)), Trip(101, 5, 45, 0), id="five bad ones at once"
    ),
    pytest.param(
        polls(*[(each, each, 9 * each, 0) for each in range(6)]),
        Trip(105, 5, 45, 0),
        id="five bad ones, one each second",
    ),
    pytest.param(
        polls((100, 0, 900, 1), (108, 2, 972, 1), (111, 5, 999, 1), (114, 8, 1026, 1)),
        Trip(103, 6, 126, 0),
        id="good until a moment ago",
    ),
    pytest.param(
        polls((None, None, 900, 1), (6, 6, 950, 1)),
        Trip(101, 6, 50, 0),
        id="a newborn canary whose first responses are bad",
    ),
    pytest.param(
        polls((40, None, 900, None), (46, 6, 950, None)),
        Trip(101, 6, 50, 0),
        id="a newborn series of bad responses",
    ),
    pytest.param(
        polls((500, 3, 900, 1), (6, 6, 950, 1)),
        Trip(101, 6, 50, 0),
        id="the canary's counters were reset",
    ),
    pytest.param(
        polls((0, 0, 900, 50), (6, 6, 40, 1)),
        Trip(101, 6, 40, 1),
        id="stable's counters were reset",
    ),
    pytest.param(polls((0, 0, 0, 0), (5, 5, 100, 9)), Trip(101, 5, 100, 9), id="9 % bad on stable"),
    pytest.param(
        polls((10, 0, 0, 0), (10, 0, 9, 0), (16, 7, 18, 0)),
        Trip(102, 6, 18, 0),
        id="bad ones counted a moment before the total",
    ),
    pytest.param(
        polls((0, 0, 0, 0), (5, 5, 9, 0), (5, 5, 18, 0), (5, 5, 27, 0)),
        Trip(103, 5, 27, 0),
        id="seconds without a canary response do not break the row",
    ),
    pytest.param(
        polls((0, 0, 0, 0), (5, 5, 9, 0), every_seconds=10.0),
        Trip(110, 5, 9, 0),
        id="the two ends of the window",
    ),
]

HOLDS = [
    pytest.param([], id="no poll"),
    pytest.param(polls((900, 900, 0, 0)), id="one poll: nothing is known of its past"),
    pytest.param(polls((900, 900, 10, 0), (904, 904, 46, 0)), id="four bad ones"),
    pytest.param(polls((0, 0, 0, 0), (50, 49, 450, 0)), id="one good one among fifty"),
    pytest.param(
        polls((0, 0, 0, 0), (4, 4, 36, 0), (5, 4, 45, 0), (9, 8, 81, 0)),
        id="four bad, one good, four bad",
    ),
    pytest.param(polls((0, 0, 0, 0), (9, 9, 100, 10)), id="10 % bad on stable"),
    pytest.param(polls((0, 0, 0, 0), (9, 9, 81, 81)), id="both fail: no matter of the revision"),
    pytest.param(polls((0, 0, 0, 0), (9, 9, 0, 0)), id="stable answers nothing: no better"),
    pytest.param(polls((0, 0, None, None), (9, 9, None, None)), id="stable has no counters"),
    pytest.param(polls((500, 3, 900, 1), (2, 2, 950, 1)), id="reset, and two bad ones since"),
    pytest.param(polls((500, 500, 900, 1), (None, None, 950, 1)), id="the canary is gone"),
    pytest.param(
        polls((0, 0, 0, 0), (4, 4, 36, 0), *[(4, 4, 36 + 9 * each, 0) for each in range(8)]),
        id="four bad ones and then no traffic",
    ),
    pytest.param(
        polls((0, 0, 0, 0), (4, 4, 36, 0), (5, 5, 45, 0), every_seconds=9.0),
        id="the first four are too long ago",
    ),
    pytest.param(
        polls((0, 0, 0, 0), (50, 50, 450, 0), every_seconds=11.0), id="no poll for 11 seconds"
    ),
]


@pytest.mark.parametrize(("seen", "expected"), TRIPS)
def test_trip__trips(seen: list[Poll], expected: Trip) -> None:
    assert trip(seen) == expected


@pytest.mark.parametrize("seen", HOLDS)
def test_trip__holds(seen: list[Poll]) -> None:
    assert trip(seen) is None


def test_trip__looks_at_the_last_ten_seconds_of_stable() -> None:
    """Stable failed before that, with the canary: it is over for stable only."""
    outage = [(each, each, 9 * each, 9 * each) for each in range(5)]
    after = [(5 + each, 5 + each, 45 + 9 * each, 36) for each in range(12)]
    assert trip(polls(*outage, *after[:3])) is None
    assert trip(polls(*outage, *after)) is not None


@pytest.mark.parametrize("second", [100.0, 99.0])
def test_trip__refuses_polls_out_of_order(second: float) -> None:
    with pytest.raises(ValueError, match="order of time"):
        trip([Poll(100.0, 0, 0, 0, 0), Poll(second, 5, 5, 9, 0)])


reading = st.one_of(st.none(), st.integers(0, 30))


@given(st.lists(st.tuples(reading, reading, reading, reading), max_size=15))
def test_trip__never_trips_on_less_than_it_says(readings: list[Reading]) -> None:
    found = trip(polls(*readings))
    if found is not None:
        assert found.canary_bad >= 5
        assert 10 * found.stable_bad < found.stable_total


@given(st.lists(st.integers(0, 9), min_size=1, max_size=10), st.integers(0, 1000))
def test_trip__never_trips_on_a_canary_that_just_gave_a_good_answer(
    bad: list[int], before: int
) -> None:
    canary_total = canary_bad = before
    readings: list[Reading] = [(canary_total, canary_bad, 0, 0)]
    for index, more in enumerate(bad, 1):
        canary_total, canary_bad = canary_total + more + 1, canary_bad + more
        readings.append((canary_total, canary_bad, 90 * index, 0))
    assert trip(polls(*readings)) is None
