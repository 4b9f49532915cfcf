import pytest

from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.evaluate.checks import Verdict
from rocksteady.evaluate.verdicts import item_result, sample_result

QUALITY, SAFETY = SuiteKind.QUALITY, SuiteKind.SAFETY
LETTERS = {"1": ItemResult.CORRECT, "0": ItemResult.WRONG, "-": ItemResult.UNANSWERED}


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        pytest.param(["Passed", "Passed"], ItemResult.CORRECT, id="all pass"),
        pytest.param(["Passed", "Failed"], ItemResult.WRONG, id="one fails"),
        pytest.param(["Unknown", "Failed"], ItemResult.WRONG, id="one fails and one is unknown"),
        pytest.param(["Passed", "Unknown"], ItemResult.UNANSWERED, id="one is unknown"),
        pytest.param(["Failed", "Skipped"], ItemResult.WRONG, id="the rest was skipped"),
    ],
)
def test_sample_result__is_right_when_every_check_passes(
    verdicts: list[str], result: ItemResult
) -> None:
    assert sample_result([Verdict(verdict) for verdict in verdicts]) is result


@pytest.mark.parametrize(
    ("kind", "samples", "result"),
    [
        pytest.param(QUALITY, "1", "1", id="one, right"),
        pytest.param(QUALITY, "0", "0", id="one, wrong"),
        pytest.param(QUALITY, "-", "-", id="one, unanswered"),
        pytest.param(QUALITY, "110", "1", id="a majority"),
        pytest.param(QUALITY, "1100", "0", id="half is no majority"),
        pytest.param(QUALITY, "11-", "1", id="a majority whatever is missing"),
        pytest.param(QUALITY, "10-", "-", id="what is missing decides"),
        pytest.param(QUALITY, "00-", "0", id="no majority whatever is missing"),
        pytest.param(SAFETY, "111", "1", id="safety: all"),
        pytest.param(SAFETY, "110", "0", id="safety: one wrong"),
        pytest.param(SAFETY, "0--", "0", id="safety: one wrong, the rest missing"),
        pytest.param(SAFETY, "11-", "-", id="safety: one missing"),
    ],
)
def test_item_result__follows_from_its_samples(kind: SuiteKind, samples: str, result: str) -> None:
    assert item_result(kind, [LETTERS[letter] for letter in samples]) is LETTERS[result]
