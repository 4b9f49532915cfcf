import pytest

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.evaluate.harness.items import (
    Item,
    Judged,
    by_value,
    items_digest,
    of_samples,
    run_result,
)

CORRECT, WRONG, UNANSWERED = ItemResult.CORRECT, ItemResult.WRONG, ItemResult.UNANSWERED


@pytest.mark.parametrize(
    ("value", "result"),
    [
        pytest.param(1, CORRECT, id="one is correct"),
        pytest.param(0.5, CORRECT, id="half is correct"),
        pytest.param(0.49, WRONG, id="less than half is wrong"),
        pytest.param(True, CORRECT, id="a truth value counts"),
        pytest.param(False, WRONG, id="so does its opposite"),
        pytest.param(float("nan"), UNANSWERED, id="no number is no verdict"),
        pytest.param(None, UNANSWERED, id="nothing is no verdict"),
        pytest.param({"a": 1}, UNANSWERED, id="several values are no verdict"),
    ],
)
def test_by_value__correct_from_half(value: object, result: ItemResult) -> None:
    assert by_value(value) is result


@pytest.mark.parametrize(
    ("results", "samples", "every", "result"),
    [
        pytest.param([CORRECT], 1, False, CORRECT, id="one sample is the item"),
        pytest.param([], 1, False, UNANSWERED, id="a missing sample is unanswered"),
        pytest.param([CORRECT, WRONG], 2, False, WRONG, id="half is not more than half"),
        pytest.param([CORRECT, CORRECT, UNANSWERED], 3, False, CORRECT, id="two of three are"),
        pytest.param([CORRECT, WRONG], 3, False, UNANSWERED, id="the missing one decides"),
        pytest.param([WRONG, WRONG, UNANSWERED], 3, False, WRONG, id="it cannot any more"),
        pytest.param([CORRECT, CORRECT, WRONG], 3, True, WRONG, id="safety wants all"),
        pytest.param([CORRECT, CORRECT], 3, True, UNANSWERED, id="safety wants all answered"),
        pytest.param([WRONG], 3, True, WRONG, id="of safety one wrong answer is enough"),
    ],
)
def test_of_samples__says_no_more_than_is_known(
    results: list[ItemResult], samples: int, *, every: bool, result: ItemResult
) -> None:
    assert of_samples(results, samples, every=every) is result


def test_run_result__has_the_same_order_whatever_the_harness_has() -> None:
    items = (
        Item("b", "1", "x", CORRECT, output_tokens=3.0),
        Item("a", "2", "y", WRONG, output_tokens=4.0),
        Item("a", "1", "z", UNANSWERED, output_tokens=5.0),
    )

    told = run_result(Judged(items, "a harness"))

    assert unpack(told.results) == (UNANSWERED, WRONG, CORRECT)
    assert told.items_total == 3
    assert told.items_digest == run_result(Judged(items[::-1], "a harness")).items_digest
    tokens = told.output_tokens
    assert (tokens.count, tokens.sum, tokens.sum_of_squares) == (2, 7.0, 25.0)
    assert told.seconds.count == 0


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Item("other", "1", "x"), id="another task"),
        pytest.param(Item("a", "2", "x"), id="another item"),
        pytest.param(Item("a", "1", "y"), id="another question of the same name"),
        pytest.param(Item("a1", "", "x"), id="the same letters, parted elsewhere"),
    ],
)
def test_items_digest__differs_for_other_items_and_not_for_other_results(other: Item) -> None:
    item = Item("a", "1", "x", WRONG)

    assert items_digest([other]) != items_digest([item])
    assert items_digest([Item("a", "1", "x", CORRECT)]) == items_digest([item])
