"""Latencies are not compared in a bake, also when the canary is taken out of it again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rocksteady.analysis.counts import TickCounts, Ticks
from rocksteady.api.v1alpha1.llmrollout import EARLIER_BAKES_MAX, EarlierBake, LLMRollout, Outcome
from rocksteady.rollout.bakes import comparable, ended
from rocksteady.rollout.machine import advance
from rocksteady.rollout.replay import replay
from tests.builders import NOW
from tests.fakes.rollout_story import TICK_SECONDS, Answers, RolloutStory
from tests.unit.rollout.attempts import ago, attempt, facts, starting

GOOD = TickCounts(10, 0, 90, 0)
NONE = TickCounts(0, 0, 0, 0)
BLIND_FROM, BLIND_UNTIL = 20, 100
"""Ticks, of which the first is one of the bake, and so many that the canary is suspended."""


def with_bakes(baking_since: float | None, *earlier: tuple[float, float]) -> LLMRollout:
    """An attempt whose first tick began 150 s ago, with bakes of so many seconds ago."""
    bakes = tuple(EarlierBake(since=ago(since), until=ago(until)) for since, until in earlier)
    since = None if baking_since is None else ago(baking_since)
    update = {"first_tick_at": ago(150), "baking_since": since, "earlier_bakes": bakes}
    before = starting()
    return before.model_copy(update={"status": before.status.model_copy(update=update)})


@pytest.mark.parametrize(
    ("baking_since", "earlier", "expected"),
    [
        pytest.param(None, [], [GOOD] * 10, id="without a bake all are"),
        pytest.param(60, [], [GOOD] * 6, id="from the bake on none are"),
        pytest.param(
            None, [(120, 76)], [GOOD] * 2 + [NONE] * 3 + [GOOD] * 5, id="nor those of earlier ones"
        ),
        pytest.param(
            None, [(120, 75)], [GOOD] * 2 + [NONE] * 4 + [GOOD] * 4, id="to the tick of its end"
        ),
        pytest.param(30, [(120, 76)], [GOOD] * 2 + [NONE] * 3 + [GOOD] * 3, id="both are left out"),
        pytest.param(None, [(30, 0)], [GOOD] * 8 + [NONE] * 2, id="one that ended just now"),
    ],
)
def test_comparable(
    baking_since: float | None, earlier: list[tuple[float, float]], expected: Ticks
) -> None:
    assert comparable(with_bakes(baking_since, *earlier), [GOOD] * 10) == tuple(expected)


def test_bakes__without_room_for_one_more_are_not_told_apart() -> None:
    earlier: tuple[EarlierBake, ...] = ()
    for index in range(EARLIER_BAKES_MAX + 1):
        since = NOW + timedelta(hours=index)
        earlier = ended(earlier, since, since + timedelta(minutes=5))

    assert len(earlier) == EARLIER_BAKES_MAX
    assert earlier[-1].since == NOW + timedelta(hours=EARLIER_BAKES_MAX - 1)
    assert earlier[-1].until == NOW + timedelta(hours=EARLIER_BAKES_MAX, minutes=5)


def test_bake__ends_when_the_canary_gets_the_requests_of_a_step_again() -> None:
    before = starting()
    status = before.status.model_copy(
        update={"first_tick_at": ago(3000), "baking_since": ago(900), "weight_percent": 0}
    )

    again = advance(attempt(status), facts())

    assert again.reason == "StepBegun"
    assert again.status.baking_since is None
    assert again.status.earlier_bakes == (EarlierBake(since=ago(900), until=NOW),)


def slow_from(ticks: range) -> RolloutStory:
    """Unseen in the bake for so long that the canary begins anew, and slow in some ticks."""

    def answers(tick: int) -> Answers:
        found = Answers(blind=BLIND_FROM <= tick < BLIND_UNTIL)
        return replace(found, slow=0.3) if tick in ticks else found

    return RolloutStory(answers).run(2 * 3600)


def test_latency__is_judged_in_the_steps_after_a_bake_that_nobody_saw() -> None:
    story = slow_from(range(BLIND_UNTIL, 1000))
    status = story.attempt.status

    assert "Suspend" in [one.action for one in status.decisions]
    assert (status.outcome, status.outcome_reason) == (
        Outcome.ROLLED_BACK,
        "RequestLatencyHarmed",
    )
    assert not replay(story.attempt).differs


def test_canary__that_was_taken_out_of_its_bake_is_promoted_when_it_is_well() -> None:
    story = slow_from(range(17, BLIND_UNTIL))
    status = story.attempt.status

    [bake] = status.earlier_bakes
    assert status.first_tick_at is not None
    assert (bake.since - status.first_tick_at).total_seconds() / TICK_SECONDS >= 16
    assert status.outcome is Outcome.PROMOTED
    assert not replay(story.attempt).differs
