"""Evaluations of attempts that the machine made, computed again from their records."""

from typing import Any

import pytest

from rocksteady.analysis.item_results import ItemResult, pack
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.rollout.replay_evaluations import EvaluationsReplay, replay_evaluations
from tests.builders import A, B
from tests.fakes.evaluated_story import EvaluatedStory, equal, suite_of, worse


def differences(result: EvaluationsReplay) -> list[str]:
    return [said for one in result.evaluations for said in one.differences]


def with_record(attempt: LLMRollout, **changes: object) -> LLMRollout:
    [record] = attempt.status.evaluations
    changed = (record.model_copy(update=changes),)
    return with_status(attempt, evaluations=changed)


def with_status(attempt: LLMRollout, **changes: object) -> LLMRollout:
    return attempt.model_copy(update={"status": attempt.status.model_copy(update=changes)})


def safe(leaks: int) -> EvaluatedStory:
    attacks = suite_of(30, "attacks", kind="Safety", marginPoints=None)
    return EvaluatedStory(suites=(attacks,), results={B: "0" * leaks + "1" * (30 - leaks)})


def in_looks() -> EvaluatedStory:
    """One item in fifty is lost, which the first of three looks cannot tell."""
    results = {A: "1" * 900, B: ("1" * 49 + "0") * 18}
    return EvaluatedStory(suites=(suite_of(900, marginPoints="1"),), results=results)


def two_suites() -> EvaluatedStory:
    suites = (suite_of(150, marginPoints="5"), suite_of(150, "second", minScorePercent="50"))
    return EvaluatedStory(suites=suites, results={A: "1" * 150, B: "01" * 75})


@pytest.mark.parametrize(
    ("story", "verdict", "reason"),
    [
        pytest.param(equal(), "Passed", "BakeCompleted", id="a canary that is promoted"),
        pytest.param(worse(), "Failed", "EvaluationFailed", id="one that is rolled back"),
        pytest.param(safe(0), "Passed", "BakeCompleted", id="attacks that all failed"),
        pytest.param(safe(1), "Failed", "SafetyFailed", id="an attack that succeeded"),
        pytest.param(in_looks(), "Failed", "EvaluationFailed", id="harm in a later look"),
        pytest.param(two_suites(), "Failed", "EvaluationFailed", id="two that share the error"),
    ],
)
def test_replay__of_what_the_machine_recorded_is_equal(
    story: EvaluatedStory, verdict: str, reason: str
) -> None:
    attempt = story.run().attempt
    result = replay_evaluations(attempt)

    assert attempt.status.outcome_reason == reason
    assert result.evaluations[0].record.verdict == verdict
    assert (differences(result), result.untold) == ([], "")
    assert result.compared == len(story.suites)


def test_replay__of_what_is_asked_again_for_too_few_answers_is_equal() -> None:
    story = equal()
    story.results = {A: "1" * 150, B: "1" * 100 + "-" * 50}
    result = replay_evaluations(story.run(90).attempt)

    assert result.evaluations[0].record.verdict == "Error"
    assert (result.differs, result.compared) == (False, 1)


def test_replay__of_what_is_being_asked_compares_nothing() -> None:
    story = equal()
    story.results = {A: "1" * 150}
    result = replay_evaluations(story.run(90).attempt)

    assert (result.differs, result.compared) == (False, 0)
    assert result.evaluations[0].obstacle == "golden has no results"


def test_replay__believes_what_is_said_of_the_length_of_answers() -> None:
    asked = suite_of(150, marginPoints="5", maxOutputTokensIncreasePercent=50)
    story = EvaluatedStory(suites=(asked,), results={A: "1" * 150, B: "1" * 150}, tokens={B: 30.0})
    attempt = story.run(90).attempt
    result = replay_evaluations(attempt)

    assert attempt.status.evaluations[0].verdict == "Inconclusive"
    assert (result.differs, result.compared) == (False, 1)
    assert result.evaluations[0].obstacle == "what the answers took is not recorded"
    assert replay_evaluations(with_record(attempt, verdict="Failed")).differs


FEWER = pack([ItemResult.CORRECT] * 40)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"verdict": "Passed"}, "verdict is recorded as Passed", id="verdict"),
        pytest.param({"message": "well"}, "message is recorded as well", id="sentence"),
        pytest.param({"score_percent": "99"}, "scorePercent is recorded as 99", id="score"),
        pytest.param({"at_least_points": "1"}, "atLeastPoints is recorded as 1", id="bound"),
        pytest.param({"items": 7}, "items is recorded as 7", id="number of items"),
        pytest.param({"canary": FEWER}, "verdict is recorded as Failed", id="results"),
        pytest.param({"canary": "40:x"}, "the results of golden cannot be read", id="no results"),
        pytest.param({"canary": ""}, "recorded as Failed, and no results", id="lost results"),
        pytest.param({"suite": "other"}, "other is none of the suites", id="suite"),
    ],
)
def test_replay__sees_a_changed_record(changes: dict[str, Any], said: str) -> None:
    result = replay_evaluations(with_record(worse().run().attempt, **changes))

    assert result.differs
    assert said in "; ".join(differences(result))


def test_replay__sees_that_a_rollback_does_not_follow_from_its_record() -> None:
    attempt, harmless = worse().run().attempt, equal().run().attempt
    spec = attempt.spec.model_copy(update={"evaluations": harmless.spec.evaluations})
    swapped = attempt.model_copy(update={"spec": spec})

    result = replay_evaluations(with_status(swapped, evaluations=harmless.status.evaluations))

    assert differences(result) == []
    assert result.untold.startswith("the rollback tells of an evaluation that does not follow")
    assert result.differs
