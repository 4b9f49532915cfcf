import pytest

from rocksteady.analysis.counts import TickCounts
from rocksteady.api.v1alpha1.llmrollout import BoundaryTest, SignalTest
from rocksteady.queries.counting import Counted
from rocksteady.queries.problems import Problem, ProblemReason
from rocksteady.queries.samples import RevisionCounts, TickGrid, Ticks
from rocksteady.queries.signals import Signal
from rocksteady.rollout.measuring import (
    SEGMENT_TICKS,
    SETTLED_SECONDS,
    Segment,
    is_settled,
    joined,
    segments_of,
    side_by_side,
)
from tests.builders import A, B

LATENCY = SignalTest(
    signal="requestLatency",
    profile="gateway/Traefik",
    query="up",
    objective_percent="95",
    threshold_milliseconds=1000,
    boundaries=tuple(
        BoundaryTest(le_seconds=le, rho0="1.2", design_effect="1") for le in ("1", "0.333333333")
    ),
)
CANARY: Ticks = (RevisionCounts(2, 1),)
STABLE: Ticks = (RevisionCounts(8, 0),)


def counted(boundary_seconds: float) -> Counted:
    """Counts at 1 s and at one other boundary."""
    at = {
        revision: {1.0: ticks, boundary_seconds: ticks}
        for revision, ticks in ((B, CANARY), (A, STABLE))
    }
    return Counted(Signal.REQUEST_LATENCY, {B: CANARY, A: STABLE}, at, (), 1.0)


@pytest.mark.parametrize(
    ("boundary_seconds", "expected"),
    [
        pytest.param(1 / 3, TickCounts(2, 1, 8, 0), id="one that is there but for last digits"),
        pytest.param(0.5, None, id="one that is gone is blind"),
    ],
)
def test_side_by_side__takes_each_boundary_that_was_frozen(
    boundary_seconds: float, expected: TickCounts | None
) -> None:
    series = side_by_side(LATENCY, counted(boundary_seconds), B, A)

    assert series == {
        "requestLatency/1": (TickCounts(2, 1, 8, 0),),
        "requestLatency/0.333333333": (expected,),
    }


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        pytest.param(0, [], id="nothing is cut into nothing"),
        pytest.param(240, [(600, 240)], id="as many as a segment has are one"),
        pytest.param(500, [(600, 240), (4200, 240), (7800, 20)], id="the last has the rest"),
    ],
)
def test_segments__follow_each_other_from_the_first_tick(
    ticks: int, expected: list[tuple[float, int]]
) -> None:
    segments = segments_of(TickGrid(600.0, 15, ticks))

    assert [(one.start_seconds, one.ticks) for one in segments] == expected


TROUBLE = (Problem(ProblemReason.SAMPLES_STALE, "Old."),)
HOUR = SEGMENT_TICKS * 15


@pytest.mark.parametrize(
    ("ticks", "problems", "age_seconds", "expected"),
    [
        pytest.param(SEGMENT_TICKS, (), SETTLED_SECONDS, True, id="all has come"),
        pytest.param(SEGMENT_TICKS, (), SETTLED_SECONDS - 1, False, id="something may come late"),
        pytest.param(SEGMENT_TICKS - 1, (), HOUR, False, id="ticks are lacking"),
        pytest.param(SEGMENT_TICKS, TROUBLE, HOUR - 1, False, id="a source may mend itself"),
        pytest.param(SEGMENT_TICKS, TROUBLE, HOUR, True, id="it did not"),
    ],
)
def test_segment__is_settled_when_no_sample_of_it_can_come(
    ticks: int, problems: tuple[Problem, ...], age_seconds: float, *, expected: bool
) -> None:
    segment = Segment(TickGrid(600.0, 15, ticks), {}, (), problems)

    assert is_settled(segment, segment.grid.end_seconds + age_seconds) is expected


def test_joined__has_the_ticks_of_all_segments_in_order() -> None:
    first, second = TickCounts(1, 0, 9, 0), TickCounts(2, 1, 8, 0)
    grid = TickGrid(600.0, 15, 2)

    segments = [
        Segment(grid, {"availability": (first, None)}),
        Segment(grid, {"availability": (second,)}),
    ]

    assert joined(segments) == {"availability": (first, None, second)}
    assert joined([]) == {}
