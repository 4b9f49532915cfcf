"""Scores that were found elsewhere."""

import math

import pytest

from rocksteady.analysis.evaluation_rules import EvaluationRules
from rocksteady.analysis.external_score import ScoreFound, ScoreJudgement, judge_score
from rocksteady.analysis.verdict import Verdict

NOW_SECONDS = 1_000_000.0
STABLE = ScoreFound(0.80, 0.005, NOW_SECONDS - 60)


def judged(canary: ScoreFound | None, stable: ScoreFound | None = STABLE) -> ScoreJudgement:
    rules = EvaluationRules(margin=0.02)
    return judge_score(
        "labels", canary, stable, rules, age_max_seconds=3600, now_seconds=NOW_SECONDS
    )


def found(score: float, error: float | None = 0.005, age_seconds: float = 60) -> ScoreFound:
    return ScoreFound(score, error, NOW_SECONDS - age_seconds)


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [
        pytest.param(found(0.80), Verdict.PASSED, id="the same"),
        pytest.param(found(0.85), Verdict.PASSED, id="better"),
        pytest.param(found(0.775), Verdict.FAILED, id="worse beyond chance"),
        pytest.param(found(0.79), Verdict.INCONCLUSIVE, id="a little worse"),
        pytest.param(found(0.80, 0.03), Verdict.INCONCLUSIVE, id="the same, hardly known"),
        pytest.param(found(0.79, None), Verdict.PASSED, id="within the margin, by a bare number"),
        pytest.param(found(0.50, None), Verdict.INCONCLUSIVE, id="far worse, by a bare number"),
        pytest.param(None, Verdict.ERROR, id="no score"),
        pytest.param(found(0.80, age_seconds=3601), Verdict.ERROR, id="a score that is too old"),
        pytest.param(found(math.nan), Verdict.ERROR, id="no number"),
        pytest.param(found(80.0), Verdict.ERROR, id="a score over 100 %"),
        pytest.param(found(0.8, -1.0), Verdict.ERROR, id="a standard error below 0"),
    ],
)
def test_score__says(canary: ScoreFound | None, verdict: Verdict) -> None:
    assert judged(canary).verdict is verdict


def test_score__is_told_with_its_bounds() -> None:
    said = judged(found(0.775))
    assert said.message.startswith(
        "labels: 77.5 % against 80 % on stable, difference -2.5 points; allowing for"
        " chance at least"
        " -3.66 points"
    )
    assert said.lower is not None
    assert said.upper is not None
    assert said.lower < said.difference < said.upper  # type: ignore[operator]


def test_score__names_the_side_that_has_none() -> None:
    assert judged(found(0.8), None).message == "labels: there is no score of stable"
