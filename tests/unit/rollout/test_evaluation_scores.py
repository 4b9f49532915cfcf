"""What metrics say of evaluations: from records, whatever becomes of Jobs and attempts."""

from collections.abc import Sequence
from typing import Any

import pytest

from rocksteady.analysis.item_results import ItemResult, pack
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, LLMRollout, LLMRolloutStatus
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_scores import EvaluationScore, scores_of, standard_error
from tests.builders import NOW, A, B, C, observation
from tests.unit.rollout.attempts import attempt

LETTERS = {"1": ItemResult.CORRECT, "0": ItemResult.WRONG, "-": ItemResult.UNANSWERED}


def packed(results: str) -> str:
    return pack([LETTERS[letter] for letter in results])


def record(canary: str = "1110-", stable: str = "11110", **fields: Any) -> EvaluationRecord:
    content: dict[str, Any] = {
        "suite": "golden",
        "stage": EvaluationStage.BEFORE_TRAFFIC,
        "verdict": "Inconclusive",
        "items": len(canary),
        "difference_points": "-20",
        "at_least_points": "-61.5",
        "at_most_points": "12.25",
        "completed_at": NOW,
        "canary": packed(canary) if canary else "",
        "stable": packed(stable) if stable else "",
        **fields,
    }
    return EvaluationRecord.model_validate(content)


def evaluated(*records: EvaluationRecord, **fields: Any) -> LLMRollout:
    return attempt(LLMRolloutStatus(started_at=NOW, evaluations=records), **fields)


def shown(*attempts: LLMRollout, course: Course | None = None) -> Sequence[EvaluationScore]:
    named = {f"chat-{one.spec.attempt}": one for one in attempts}
    return scores_of(observation(stable=A, target=B, attempts=named), course or Course())


def test_scores__are_those_of_the_record() -> None:
    [score] = shown(evaluated(record()))

    assert score == EvaluationScore(
        revision=B,
        baseline=A,
        suite="golden",
        verdict="Inconclusive",
        score=0.75,
        standard_error=standard_error(0.75, 4),
        answered=4,
        unanswered=1,
        difference=-0.2,
        lower=-0.615,
        upper=0.1225,
        completed_at=NOW,
    )


def test_scores__of_what_was_not_compared_have_no_baseline() -> None:
    alone = record(stable="", difference_points=None, at_least_points=None, at_most_points=None)
    [score] = shown(evaluated(alone))

    assert (score.baseline, score.difference, score.score) == ("", None, 0.75)


@pytest.mark.parametrize(
    "canary",
    [
        pytest.param("", id="what is being asked"),
        pytest.param("5:edited", id="what somebody edited"),
    ],
)
def test_scores__without_results_are_a_verdict_alone(canary: str) -> None:
    found = record(canary="", verdict="Running").model_copy(update={"canary": canary})
    [score] = shown(evaluated(found))

    assert (score.verdict, score.score, score.answered) == ("Running", None, None)


def test_scores__of_unanswered_items_alone_are_none() -> None:
    [score] = shown(evaluated(record(canary="--", stable="11")))

    assert (score.score, score.standard_error, score.answered, score.unanswered) == (
        None,
        None,
        0,
        2,
    )


def test_scores__stay_until_the_next_attempt_begins() -> None:
    old, new = evaluated(record(), canary=B), evaluated(number=2, canary=C)

    assert [one.revision for one in shown(old)] == [B]
    assert shown(old, course=Course(attempt=new, begins=True)) == ()
    assert shown(old, new) == ()


def test_scores__of_a_deployment_that_was_never_evaluated_are_none() -> None:
    assert scores_of(observation(target=None), Course()) == ()
    assert shown() == ()


def test_standard_error__is_that_of_a_share() -> None:
    assert standard_error(0.5, 100) == 0.05
    assert standard_error(1.0, 100) == 0.0
