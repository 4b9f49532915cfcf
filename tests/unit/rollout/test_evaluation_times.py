"""Latencies are not compared while suites are asked, for runs load what they ask."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from rocksteady.analysis.counts import TickCounts
from rocksteady.api.v1alpha1.llmrollout import (
    EARLIER_EVALUATIONS_MAX,
    EarlierEvaluation,
    LLMRollout,
    Outcome,
)
from rocksteady.rollout.bakes import comparable
from rocksteady.rollout.evaluation_runs import Run, RunSeen
from rocksteady.rollout.evaluation_times import loaded_ticks, with_load
from rocksteady.rollout.judging import split_trouble
from rocksteady.rollout.reading import Reading
from rocksteady.rollout.replay import replay
from rocksteady.rollout.suites import Suite
from tests.builders import NOW, A, B
from tests.fakes.evaluated_story import EvaluatedStory, suite_of
from tests.fakes.rollout_story import TICK_SECONDS, Answers
from tests.unit.rollout.attempts import ago, attempt, statistics, stepping

ASKED_SECONDS = 900
GOOD = TickCounts(10, 0, 90, 0)
NONE = TickCounts(0, 0, 0, 0)


def loaded(since: float | None, *earlier: tuple[float, float]) -> LLMRollout:
    """An attempt whose first tick began 150 s ago, asked since and in these times ago."""
    times = tuple(EarlierEvaluation(since=ago(begin), until=ago(end)) for begin, end in earlier)
    update = {
        "first_tick_at": ago(150),
        "evaluating_since": None if since is None else ago(since),
        "earlier_evaluations": times,
    }
    before = stepping()
    return before.model_copy(update={"status": before.status.model_copy(update=update)})


@pytest.mark.parametrize(
    ("since", "earlier", "expected"),
    [
        pytest.param(None, [], [], id="nothing was asked"),
        pytest.param(45, [], [7, 8, 9], id="from its beginning on while it is asked"),
        pytest.param(None, [(120, 100)], [2, 3, 4], id="to the tick after its end"),
        pytest.param(None, [(600, 140)], [0, 1], id="what began before the first tick"),
        pytest.param(None, [(600, 300)], [], id="what ended before it"),
        pytest.param(15, [(120, 119)], [2, 3, 9], id="each time"),
    ],
)
def test_loaded_ticks(
    since: float | None, earlier: list[tuple[float, float]], expected: list[int]
) -> None:
    before = loaded(since, *earlier)

    assert sorted(loaded_ticks(before, 10)) == expected
    compared = comparable(before, [GOOD] * 10)
    assert [index for index, tick in enumerate(compared) if tick == NONE] == expected


def test_load__is_remembered_from_its_beginning_to_its_end() -> None:
    status = with_load(stepping().status, ago(60), loaded=True)
    assert status.evaluating_since == ago(60)
    assert with_load(status, ago(30), loaded=True) == status

    over = with_load(status, NOW, loaded=False)

    assert over.evaluating_since is None
    assert over.earlier_evaluations == (EarlierEvaluation(since=ago(60), until=NOW),)


def test_load__without_room_for_one_more_goes_on_to_the_end() -> None:
    status = stepping().status
    for index in range(EARLIER_EVALUATIONS_MAX + 1):
        at = NOW + timedelta(hours=index)
        status = with_load(status, at, loaded=True)
        status = with_load(status, at + timedelta(minutes=5), loaded=False)

    assert len(status.earlier_evaluations) == EARLIER_EVALUATIONS_MAX
    assert status.evaluating_since == NOW + timedelta(hours=EARLIER_EVALUATIONS_MAX)


@pytest.mark.parametrize(
    ("since", "profile", "trouble"),
    [
        pytest.param(None, "engine/vllm", True, id="nothing is asked"),
        pytest.param(600, "engine/vllm", False, id="an engine counts what is asked"),
        pytest.param(600, "gateway/Traefik", True, id="a gateway does not see it"),
    ],
)
def test_split__is_not_held_against_requests_of_suites(
    since: float | None,
    profile: str,
    trouble: bool,  # noqa: FBT001
) -> None:
    before = stepping(since=900)
    [availability] = statistics().signals
    tests = statistics(availability.model_copy(update={"profile": profile}))
    status = before.status.model_copy(
        update={"evaluating_since": None if since is None else ago(since)}
    )
    changed = LLMRollout(spec=before.spec.model_copy(update={"tests": tests}), status=status)
    reading = Reading(ticks={"availability": [TickCounts(90, 0, 10, 0)] * 100})

    assert (split_trouble(changed, reading) is not None) is trouble


# --- whole rollouts


@dataclass
class AskedStory(EvaluatedStory):
    """A suite before promotion takes its time, and what the canary answers meanwhile is given.

    Attributes:
        meanwhile: What it answers while the suite is asked.
        afterwards: What it answers after that.
    """

    stage: str = "BeforePromotion"
    suites: tuple[Suite, ...] = field(default_factory=lambda: (suite_of(150, marginPoints="5"),))
    meanwhile: Answers = field(default_factory=Answers)
    afterwards: Answers = field(default_factory=Answers)

    def __post_init__(self) -> None:
        self.answers = self._answers

    def _answers(self, tick: int) -> Answers:
        status = self.attempt.status
        assert status.first_tick_at is not None
        at = status.first_tick_at + timedelta(seconds=tick * TICK_SECONDS)
        for one in status.earlier_evaluations:
            if at > one.until + timedelta(seconds=2 * TICK_SECONDS):
                return self.afterwards
            if at >= one.since:
                return self.meanwhile
        begun = status.evaluating_since is not None and at >= status.evaluating_since
        return self.meanwhile if begun else Answers()

    def _runs(self, of: Suite) -> dict[Run, RunSeen]:
        if not self.attempts:
            return {}
        status = self.attempt.status
        since = status.evaluating_since
        asked = since is not None and self.now >= since + timedelta(seconds=ASKED_SECONDS)
        return super()._runs(of) if asked or status.earlier_evaluations else {}


WELL, SLOW, FAILING = Answers(), Answers(slow=0.3), Answers(errors=0.1)


def asked(meanwhile: Answers = WELL, afterwards: Answers = WELL) -> AskedStory:
    letters = {A: "1" * 150, B: "1" * 150}
    story = AskedStory(results=letters, meanwhile=meanwhile, afterwards=afterwards)
    story.run(2 * 3600)
    return story


@pytest.mark.parametrize(
    ("story", "outcome", "reason"),
    [
        pytest.param(
            lambda: asked(meanwhile=SLOW), Outcome.PROMOTED, "BakeCompleted",
            id="slow only while it is asked",
        ),
        pytest.param(
            lambda: asked(meanwhile=replace(SLOW, errors=0.1)), Outcome.ROLLED_BACK,
            "AvailabilityHarmed", id="failing while it is asked",
        ),
        pytest.param(
            lambda: asked(afterwards=FAILING), Outcome.ROLLED_BACK, "AvailabilityHarmed",
            id="failing after that",
        ),
    ],
)  # fmt: skip
def test_canary__that_is_asked_before_promotion(
    story: Callable[[], AskedStory], outcome: Outcome, reason: str
) -> None:
    ended = story().attempt

    assert (ended.status.outcome, ended.status.outcome_reason) == (outcome, reason)
    assert ended.status.earlier_evaluations or ended.status.evaluating_since
    assert not replay(ended).differs


def test_slow_canary__whose_suite_is_asked_in_an_earlier_step_is_still_found() -> None:
    """The ticks after a run count again."""
    before = attempt(stepping(since=3000).status)
    times = (EarlierEvaluation(since=ago(2900), until=ago(2000)),)
    status = before.status.model_copy(update={"earlier_evaluations": times})
    after = before.model_copy(update={"status": status})

    assert max(loaded_ticks(after, 240)) < 110
    assert comparable(after, [GOOD] * 240)[120:] == (GOOD,) * 120
