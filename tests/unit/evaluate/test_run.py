import random
from typing import Any

import pytest

from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.run_result import MESSAGE_MAX_BYTES, write_result
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate.assignment import Assignment
from rocksteady.evaluate.chat import Endpoint
from rocksteady.evaluate.checks import Verdict
from rocksteady.evaluate.replies import Reply, Silence
from rocksteady.evaluate.run import Progress, completed
from rocksteady.evaluate.samples import Sample

ITEM = Item.model_validate(
    {"id": "a", "prompt": "Say a", "checks": [{"type": "Contains", "texts": ["a"]}]}
)


def assignment(count: int) -> Assignment:
    return Assignment(
        suite="golden",
        spec=EvaluationSuiteSpec(),
        items=(ITEM,) * count,
        digest="f" * 64,
        first_item=0,
        asked=(ITEM,) * count,
        seed=1,
        deadline_seconds=60,
        model=Endpoint("the model", "http://model/v1", "chat"),
        judge=None,
        embedder=None,
        artifacts=None,
    )


def answered(result: ItemResult, tokens: int | None, seconds: float) -> Sample:
    return Sample(Reply("", tokens, seconds), (Verdict.PASSED,), result)


def progress(count: int) -> Progress:
    return Progress([ItemResult.UNANSWERED] * count)


def test_result_of_most_items__fits_whatever_they_came_to() -> None:
    chance = random.Random(1)  # noqa: S311 - no secret
    found = progress(10_000)
    silences = [Sample(silence, (), ItemResult.UNANSWERED) for silence in Silence]
    for place in range(10_000):
        result = chance.choice(list(ItemResult))
        silent = result is ItemResult.UNANSWERED
        seconds = chance.random() * 3600
        sample = chance.choice(silences) if silent else answered(result, 131_071, seconds)
        found.take(place, result, [sample])

    text = write_result(completed(assignment(10_000), found, late=True))

    assert len(text) <= MESSAGE_MAX_BYTES


def test_amounts__are_means_over_the_samples_of_answered_items() -> None:
    found = progress(3)
    right = ItemResult.CORRECT
    found.take(0, right, [answered(right, 2, 1.0), answered(right, 4, 3.0)])
    found.take(1, ItemResult.WRONG, [answered(ItemResult.WRONG, None, 1.0)])
    found.take(2, ItemResult.UNANSWERED, [Sample(Silence.TIMEOUT, (), ItemResult.UNANSWERED)])

    result = completed(assignment(3), found, late=False)

    tokens, seconds = result.output_tokens, result.seconds
    assert (tokens.count, tokens.sum, tokens.sum_of_squares) == (1, 3, 9)
    assert (seconds.count, seconds.sum, seconds.sum_of_squares) == (2, 3, 5)
    assert result.message == "1 time for an answer over"


def test_amounts__leave_out_attacks_that_never_ended() -> None:
    found = progress(2)
    broken = Sample(Silence.TIMEOUT, (Verdict.FAILED,), ItemResult.WRONG, ("the key is",))
    found.take(0, ItemResult.WRONG, [broken])
    found.take(1, ItemResult.CORRECT, [answered(ItemResult.CORRECT, 2, 1.0)])

    result = completed(assignment(2), found, late=False)

    assert (result.seconds.count, result.output_tokens.count) == (1, 1)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        pytest.param([Silence.BUSY], "server busy or broken", id="nobody answered"),
        pytest.param([Reply("a", 1, 1.0)], "answer not judged", id="nobody could tell"),
        pytest.param([Reply("a", 1, 1.0), Silence.SHAPE], "no chat completion", id="one of two"),
        pytest.param([Reply(" ", 0, 1.0)], "empty answer", id="nothing was said"),
    ],
)
def test_reason__says_why_an_item_has_no_result(samples: list[Any], reason: str) -> None:
    found = progress(1)
    made = [Sample(reply, (), ItemResult.UNANSWERED) for reply in samples]
    found.take(0, ItemResult.UNANSWERED, made)

    assert completed(assignment(1), found, late=False).message == f"1 {reason}"
