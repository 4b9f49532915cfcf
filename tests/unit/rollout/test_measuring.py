import pytest

from rocksteady.analysis.counts import TickCounts
from rocksteady.api.v1alpha1.llmrollout import BoundaryTest, SignalTest
from rocksteady.queries.counting import Counted
from rocksteady.queries.samples import RevisionCounts, Ticks
from rocksteady.queries.signals import Signal
from rocksteady.rollout.measuring import side_by_side
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
