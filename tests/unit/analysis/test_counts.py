"""Counts that cannot be are refused, and blind ticks are told apart from quiet ones."""

import pytest

from rocksteady.analysis.counts import TickCounts, blind_at_end, total

SEEN = TickCounts(10, 1, 90, 2)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param((1, 2, 0, 0), id="more bad than requests to the canary"),
        pytest.param((0, 0, 3, 4), id="more bad than requests to stable"),
        pytest.param((-1, 0, 0, 0), id="a negative number of requests to the canary"),
        pytest.param((0, 0, 5, -1), id="a negative number of bad requests to stable"),
        pytest.param((-2, -2, 5, 1), id="both of the canary's counts negative"),
    ],
)
def test_tick_counts__refuses_what_cannot_be(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no such counts"):
        TickCounts(*counts)


def test_total__adds_what_was_seen_and_leaves_blind_ticks_out() -> None:
    assert total([SEEN, None, SEEN]) == TickCounts(20, 2, 180, 4)


def test_total__of_nothing_is_zero() -> None:
    assert total([]) == TickCounts(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("ticks", "blind"),
    [
        pytest.param([], 0, id="no tick yet"),
        pytest.param([SEEN], 0, id="the latest tick was seen"),
        pytest.param([None, SEEN], 0, id="blind before, seen now"),
        pytest.param([SEEN, None, None], 2, id="blind since two ticks"),
        pytest.param([None, None, None], 3, id="never saw anything"),
    ],
)
def test_blind_at_end__counts_back_to_the_last_tick_that_was_seen(
    ticks: list[TickCounts | None], blind: int
) -> None:
    assert blind_at_end(ticks) == blind
