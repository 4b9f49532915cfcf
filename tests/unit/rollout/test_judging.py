"""Counts become judgements by the statistics that the attempt froze."""

from datetime import timedelta
from typing import Any

import pytest

from rocksteady.analysis.counts import TickCounts
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import BoundaryTest, EarlierBake, LLMRollout, SignalTest
from rocksteady.rollout.bakes import bake_tick
from rocksteady.rollout.judging import (
    judge_reading,
    requests_of_step,
    stable_burning,
    unmeasured,
)
from rocksteady.rollout.reading import Reading
from tests.builders import NOW, A, B
from tests.unit.rollout.attempts import ago, baking, starting, statistics, stepping

GOOD = TickCounts(50, 0, 450, 0)
BAD = TickCounts(50, 25, 450, 0)
BOTH_BAD = TickCounts(50, 5, 450, 45)
PODS = {A: 2, B: 2}
LATENCY = SignalTest(
    signal="requestLatency",
    profile="gateway/Traefik",
    query="up",
    objective_percent="95",
    threshold_milliseconds=1000,
    boundaries=(BoundaryTest(le_seconds="1", rho0="1.1", design_effect="1"),),
)


def availability(*ticks: TickCounts | None) -> Reading:
    return Reading(ticks={"availability": ticks})


def with_latency(attempt: LLMRollout) -> LLMRollout:
    spec = attempt.spec.model_copy(update={"tests": statistics(LATENCY)})
    return attempt.model_copy(update={"spec": spec})


def slow(*ticks: TickCounts | None) -> Reading:
    return Reading(ticks={"requestLatency/1": ticks})


def first_tick(attempt: LLMRollout, seconds: float) -> LLMRollout:
    """The same, with the evidence from so many seconds before now on."""
    status = attempt.status.model_copy(update={"first_tick_at": ago(seconds)})
    return attempt.model_copy(update={"status": status})


@pytest.mark.parametrize(
    ("ticks", "verdict"),
    [
        pytest.param([GOOD] * 20, Verdict.PASSED, id="no harm, and enough seen"),
        pytest.param([GOOD] * 17, Verdict.INCONCLUSIVE, id="too little seen since the step began"),
        pytest.param([BAD] * 20, Verdict.FAILED, id="harm"),
        pytest.param([BOTH_BAD] * 20, Verdict.PASSED, id="both alike: the evidence cancels"),
        pytest.param([GOOD] * 12 + [None] * 8, Verdict.ERROR, id="nothing measured for 2 minutes"),
        pytest.param([GOOD] * 16 + [None] + [GOOD] * 3, Verdict.PASSED, id="a blind tick is none"),
    ],
)
def test_judged(ticks: list[TickCounts | None], verdict: Verdict) -> None:
    attempt = stepping(since=60)  # 660 s of evidence; step's first whole tick is the 41st
    attempt = first_tick(attempt, 15 * 20)
    attempt = attempt.model_copy(
        update={"status": attempt.status.model_copy(update={"step_since": ago(15 * 4)})}
    )
    [one] = judge_reading(attempt, availability(*ticks), PODS)
    assert one.verdict is verdict


def test_judged__nothing_before_the_first_request_and_nothing_that_was_not_counted() -> None:
    assert judge_reading(starting(), availability(BAD), PODS) == ()
    assert judge_reading(stepping(), Reading(), PODS) == ()


def test_judged__again_gives_the_same_to_the_last_digit() -> None:
    reading = availability(GOOD, BAD, None, GOOD)
    assert judge_reading(stepping(), reading, PODS) == judge_reading(stepping(), reading, PODS)


@pytest.mark.parametrize(
    ("offset", "counted"),
    [
        pytest.param(0, 150, id="a step that began with a tick has all of that tick"),
        pytest.param(1, 100, id="of one that began in it the next is the first"),
        pytest.param(14, 100, id="and that though it began near its end"),
    ],
)
def test_requests_of_step__leave_out_those_that_were_split_otherwise(
    offset: int, counted: int
) -> None:
    attempt = first_tick(stepping(), 15 * 5)
    since = ago(15 * 3) + timedelta(seconds=offset)
    status = attempt.status.model_copy(update={"step_since": since})
    found = requests_of_step(
        attempt.model_copy(update={"status": status}), availability(*[GOOD] * 5)
    )
    assert found is not None
    assert found.canary_total == counted


def test_requests_of_step__are_unknown_while_nothing_is_counted() -> None:
    assert requests_of_step(stepping(), Reading()) is None


def test_latency__is_not_compared_from_the_bake_on() -> None:
    attempt = with_latency(first_tick(baking(since=15 * 10), 15 * 30))
    assert bake_tick(attempt) == 20
    late = TickCounts(50, 50, 450, 0)
    [one] = judge_reading(attempt, slow(*[GOOD] * 20, *[late] * 10), PODS)
    assert one.verdict is Verdict.PASSED
    assert one.canary_total == 20 * 50


def test_latency__of_an_earlier_bake_is_not_compared() -> None:
    attempt = with_latency(first_tick(stepping(since=15 * 10), 15 * 30))
    bake = EarlierBake(since=ago(15 * 20), until=ago(15 * 10 + 1))
    status = attempt.status.model_copy(update={"earlier_bakes": (bake,)})
    reading = slow(*[GOOD] * 10, *[BAD] * 10, *[GOOD] * 10)

    [harmed] = judge_reading(attempt, reading, PODS)
    [judged] = judge_reading(attempt.model_copy(update={"status": status}), reading, PODS)

    assert (harmed.verdict, judged.verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert (judged.canary_total, judged.blind_ticks) == (20 * GOOD.canary_total, 0)


def test_latency__of_pods_that_carry_more_condemns_nobody() -> None:
    attempt = with_latency(first_tick(stepping(since=15 * 20), 15 * 20))
    reading = slow(*[BAD] * 20)
    [harmed] = judge_reading(attempt, reading, {A: 9, B: 1})
    assert harmed.verdict is Verdict.FAILED
    [loaded] = judge_reading(attempt, reading, {A: 90, B: 1})
    assert loaded.verdict is Verdict.INCONCLUSIVE
    assert "which may be why" in loaded.sentence


def test_stable_burning__says_which_objective_is_missed() -> None:
    said = stable_burning(stepping(), availability(*[BOTH_BAD] * 40))
    assert "itself misses its availability objective of 99 %" in said
    assert stable_burning(stepping(), availability(*[GOOD] * 40)) == ""


def test_unmeasured__is_the_first_signal_without_a_measurement() -> None:
    quiet: list[Any] = [GOOD, *[None] * 9]
    found = unmeasured(judge_reading(stepping(), availability(*quiet), PODS))
    assert found is not None
    assert found.reason == "NothingMeasured"
    assert unmeasured(judge_reading(stepping(), availability(GOOD), PODS)) is None


def test_now__is_a_whole_tick() -> None:
    assert NOW.timestamp() % 15 == 0
