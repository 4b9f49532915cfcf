import pytest

from rocksteady.api.run_result import Amounts, RunOutcome, RunResult, read_result, write_result


def test_result__is_read_as_it_was_written() -> None:
    result = RunResult(
        outcome=RunOutcome.COMPLETED,
        first_item=100,
        results="11-0",
        items_digest="0" * 64,
        output_tokens=Amounts(count=3, sum=30, sum_of_squares=320),
        runner="rocksteady 0.1",
    )

    assert read_result(write_result(result)) == result


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "it: json_invalid", id="nothing"),
        pytest.param('{"outcome": "secret"}', "outcome: enum", id="an outcome nobody knows"),
        pytest.param('{"version": 2, "outcome": "Error"}', "version: literal_error", id="version"),
        pytest.param('{"outcome": "Error", "firstItem": -1}', "firstItem: ", id="negative"),
        pytest.param(
            '{"outcome": "Error", "seconds": {"sum": NaN}}', "seconds.sum: ", id="not a number"
        ),
    ],
)
def test_text_that_is_no_result__is_refused_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        read_result(text)

    assert "secret" not in str(refused.value)


def test_result__that_no_termination_message_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="4096 are kept"):
        write_result(RunResult(outcome=RunOutcome.COMPLETED, results="1" * 4096))
