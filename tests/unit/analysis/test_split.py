"""The split of requests that is seen, against the one that is wanted."""

import pytest

from rocksteady.analysis.split import Split, check_split


@pytest.mark.parametrize(
    ("canary", "stable", "weight", "mismatch"),
    [
        pytest.param(1000, 9000, 10, False, id="as wanted"),
        pytest.param(1150, 8850, 10, False, id="15 % off: no chance, but no matter"),
        pytest.param(1300, 8700, 10, True, id="30 % more than wanted"),
        pytest.param(700, 9300, 10, True, id="30 % less than wanted"),
        pytest.param(5, 15, 10, False, id="far off, by chance"),
        pytest.param(0, 1000, 10, True, id="the canary gets nothing"),
        pytest.param(0, 40, 10, False, id="the canary gets nothing yet"),
        pytest.param(1000, 0, 10, True, id="stable gets nothing"),
        pytest.param(5000, 5000, 10, True, id="weights that do nothing"),
        pytest.param(9500, 500, 95, False, id="the holdback, as wanted"),
        pytest.param(9000, 1000, 95, True, id="the holdback doubled: 5 % off, but twice stable's"),
        pytest.param(0, 10_000, 0, False, id="no weight, no request"),
        pytest.param(5, 20, 0, False, id="no weight, five streams that end"),
        pytest.param(10, 10_000, 0, False, id="no weight, a thousandth"),
        pytest.param(100, 9_900, 0, True, id="no weight, a hundredth"),
        pytest.param(10_000, 0, 100, False, id="all weight, all requests"),
        pytest.param(9_900, 100, 100, True, id="all weight, and stable gets a hundredth"),
        pytest.param(0, 10_000, 100, True, id="all weight, and stable gets everything"),
        pytest.param(0, 0, 10, False, id="no request at all"),
    ],
)
def test_check_split__finds(canary: int, stable: int, weight: float, *, mismatch: bool) -> None:
    assert check_split(canary, stable, weight).mismatch is mismatch


def test_check_split__tells_share_and_deviation() -> None:
    split = check_split(1300, 8700, 10)
    assert split.observed_percent == pytest.approx(13)
    assert split.z == pytest.approx(10)


def test_check_split__without_requests_has_no_share() -> None:
    assert check_split(0, 0, 50) == Split(None, 0.0, mismatch=False)


@pytest.mark.parametrize(
    ("canary", "stable", "weight"), [(-1, 0, 10), (0, -1, 10), (1, 1, -1), (1, 1, 100.1)]
)
def test_check_split__refuses_what_cannot_be(canary: int, stable: int, weight: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        check_split(canary, stable, weight)
