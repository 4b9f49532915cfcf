"""What a pass is worth, and how soon a bad canary would be found."""

import pytest

from rocksteady.analysis.power import (
    CAUGHT_WITH_90_PERCENT,
    Assumptions,
    caught_ratio,
    detection,
    power_statement,
)


@pytest.mark.parametrize(
    ("requests", "ratio"),
    [
        pytest.param(0, None, id="nothing"),
        pytest.param(61, None, id="one short of a total failure"),
        pytest.param(62, 1.0, id="a total failure"),
        pytest.param(157, 0.5, id="one short of 10 %"),
        pytest.param(158, 0.1, id="10 %"),
        pytest.param(1204, 0.02, id="2 %"),
        pytest.param(1_000_000, 0.004, id="the smallest of the table"),
    ],
)
def test_caught_ratio(requests: int, ratio: float | None) -> None:
    assert caught_ratio(requests) == ratio


@pytest.mark.parametrize(
    ("baseline_ratio", "design_effect", "ratio"),
    [
        pytest.param(0.0, 1, 0.02, id="a baseline of nothing: the table is on the safe side"),
        pytest.param(0.002, 1, 0.02, id="the table's own"),
        pytest.param(0.004, 1, 0.04, id="twice the baseline: twice the ratio, half the requests"),
        pytest.param(0.004, 10, 0.2, id="and bad requests that clump"),
        pytest.param(0.002, 3, 0.05, id="three times the requests are needed"),
        pytest.param(0.002, 20, None, id="too restless for so few requests"),
        pytest.param(0.6, 1, None, id="a baseline of more than half"),
    ],
)
def test_caught_ratio__is_larger_on_a_restless_or_bad_stable(
    baseline_ratio: float, design_effect: float, ratio: float | None
) -> None:
    assert caught_ratio(1204, baseline_ratio, design_effect) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("requests", "watched_seconds", "statement"),
    [
        pytest.param(
            1204,
            None,
            "1 204 canary requests: an error ratio >= 2 % would have been caught"
            " with 90 % probability",
            id="enough",
        ),
        pytest.param(
            40,
            600,
            "40 canary requests: too few to have caught even a total failure with 90 % probability",
            id="too few",
        ),
        pytest.param(
            1_000_000,
            60,
            "1 000 000 canary requests in 60 s: too short a time to have caught anything",
            id="too soon",
        ),
        pytest.param(
            9_813,
            120,
            "9 813 canary requests: an error ratio >= 0.6 % would have been caught"
            " with 90 % probability",
            id="just long enough",
        ),
    ],
)
def test_power_statement(requests: int, watched_seconds: float | None, statement: str) -> None:
    assert power_statement(requests, watched_seconds=watched_seconds) == statement


@pytest.mark.parametrize(
    ("ratio", "requests"),
    [pytest.param(*row, id=f"{100 * row[0]:g} %") for row in CAUGHT_WITH_90_PERCENT[3:]],
)
def test_power__of_the_table_is_what_the_test_has(ratio: float, requests: int) -> None:
    """Watched for as long as the table says, 90 % are found, or a little more.

    More, since harm is expected to start within a shorter time than in the table; five standard
    deviations less than 90 % are 79.4 % of 200 runs.
    """
    ticks = -(-requests // 7.5)
    assumptions = Assumptions(horizon_seconds=15 * ticks)
    found = detection(ratio, 5, 10, assumptions).found_percent
    assert found >= 79.4


@pytest.mark.parametrize(
    ("error_ratio", "requests_per_second", "weight_percent", "median_minutes", "harmed"),
    [
        pytest.param(0.02, 5, 10, 20, 12, id="2 % at 5 per second"),
        pytest.param(0.02, 5, 25, 8.8, 14, id="with a quarter of the traffic"),
        pytest.param(0.02, 5, 50, 6.5, 21, id="with half of it"),
        pytest.param(0.05, 50, 10, 1.8, 29, id="5 % at 50 per second"),
        pytest.param(0.01, 500, 10, 2.0, 66, id="1 % at 500 per second"),
    ],
)
def test_detection__is_as_published(
    error_ratio: float,
    requests_per_second: float,
    weight_percent: float,
    median_minutes: float,
    harmed: int,
) -> None:
    """Within 20 % and a tick: 200 runs find the median within 7 % of the runs to either side."""
    found = detection(error_ratio, requests_per_second, weight_percent)
    assert found.median_minutes == pytest.approx(median_minutes, rel=0.2, abs=0.3)
    assert found.harmed_requests == pytest.approx(harmed, rel=0.15)
    assert found.found_percent > 95
    assert found.p95_minutes is not None
    assert found.p95_minutes >= median_minutes - 0.3


def test_detection__is_the_same_for_the_same_seed() -> None:
    assert detection(0.05, 5, 10, runs=20) == detection(0.05, 5, 10, runs=20)
    assert detection(0.05, 5, 10, runs=20) != detection(0.05, 5, 10, runs=20, seed=2)


@pytest.mark.parametrize(
    ("error_ratio", "requests_per_second", "weight_percent"),
    [
        pytest.param(0.002, 50, 10, id="no worse than stable"),
        pytest.param(1.0, 0, 10, id="no traffic"),
        pytest.param(1.0, 50, 0, id="no weight"),
        pytest.param(1.0, 50, 100, id="nothing left to compare with"),
    ],
)
def test_detection__has_no_time_when_nothing_is_found(
    error_ratio: float, requests_per_second: float, weight_percent: float
) -> None:
    found = detection(error_ratio, requests_per_second, weight_percent, runs=20)
    assert (found.found_percent, found.median_minutes, found.p95_minutes) == (0, None, None)


def test_detection__takes_seven_ticks_when_everything_fails() -> None:
    found = detection(1.0, 50, 10, runs=20)
    assert found.median_minutes == found.p95_minutes == pytest.approx(1.75)
    assert found.harmed_requests == pytest.approx(7 * 75, rel=0.1)
