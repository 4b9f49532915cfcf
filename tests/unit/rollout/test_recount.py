"""Recorded counts beside those of today."""

from rocksteady.analysis.counts import TickCounts
from rocksteady.rollout.recount import Difference, recount

ONE, OTHER = TickCounts(10, 1, 90, 0), TickCounts(10, 2, 90, 0)


def test_recount__tells_equal_gone_and_different_ticks_apart() -> None:
    [found] = recount({"availability": (ONE, ONE, ONE)}, {"availability": (ONE, None, OTHER)})

    assert (found.equal, found.gone) == (1, 1)
    assert found.differences == (Difference(2, ONE, OTHER),)


def test_recount__a_tick_that_was_recorded_blind_and_is_known_differs() -> None:
    [found] = recount({"availability": (None,)}, {"availability": (ONE,)})

    assert found.differences == (Difference(0, None, ONE),)


def test_recount__blind_then_and_now_proves_nothing() -> None:
    [found] = recount({"availability": (None,)}, {"availability": (None,)})

    assert (found.equal, found.gone, found.differences) == (0, 0, ())


def test_recount__a_series_that_is_not_counted_any_more_is_gone() -> None:
    [found] = recount({"requestLatency/1.2": (ONE, ONE)}, {})

    assert (found.equal, found.gone) == (0, 2)
