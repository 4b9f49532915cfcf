"""Scores that another system found: canary against stable, when and how surely."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from rocksteady.analysis.evaluation_rules import EvaluationRules
from rocksteady.analysis.evaluation_wording import percent, share
from rocksteady.analysis.verdict import Verdict

CLOCK_SKEW_SECONDS: Final = 60.0
"""How far the clocks of two machines may be apart."""


@dataclass(frozen=True)
class ScoreFound:
    """A score as it is told.

    Attributes:
        score: 0 to 1.
        standard_error: Of the score, from 0; None: nobody knows how sure it is.
        completed_at_seconds: When it was found, in Unix time.
    """

    score: float
    standard_error: float | None
    completed_at_seconds: float


@dataclass(frozen=True)
class ScoreJudgement:
    """What two scores say of the canary.

    Attributes:
        verdict: Error: a score is missing, too old, or none at all.
        message: Sentence without a full stop.
        difference: Canary less stable; None as for Error.
        lower: What the difference is at least, for a pass; None: not known.
        upper: What it is at most, for a failure; None: not known.
    """

    verdict: Verdict
    message: str
    difference: float | None = None
    lower: float | None = None
    upper: float | None = None


def judge_score(
    name: str,
    canary: ScoreFound | None,
    stable: ScoreFound | None,
    rules: EvaluationRules,
    *,
    age_max_seconds: float,
    now_seconds: float,
) -> ScoreJudgement:
    """Judge a canary by scores that were found elsewhere.

    The difference of two independent scores has the standard error sqrt(se_c^2 + se_s^2). Passed:
    its lower bound is above less the margin. Failed: its upper bound is below 0. Without standard
    errors the difference itself must be above less the margin, and nothing fails.

    Args:
        name: Of the score, as people read it.
        canary: None: there is none.
        stable: None: there is none.
        rules: Margin and errors.
        age_max_seconds: How old a score may be.
        now_seconds: Unix time.
    """
    for whose, found in (("the canary", canary), ("stable", stable)):
        trouble = _trouble(whose, found, age_max_seconds, now_seconds)
        if trouble:
            return ScoreJudgement(Verdict.ERROR, f"{name}: {trouble}")
    if canary is None or stable is None:
        raise AssertionError("a score that is missing is trouble")
    difference = canary.score - stable.score
    words = (
        f"{name}: {percent(canary.score)} % against {percent(stable.score)} % on stable,"
        f" difference {percent(difference)} points"
    )
    tolerated = f"more than {percent(-rules.margin)} points is needed"
    if canary.standard_error is None or stable.standard_error is None:
        within = difference >= -rules.margin
        verdict = Verdict.PASSED if within else Verdict.INCONCLUSIVE
        said = f"{words}; {tolerated}, and without standard errors nothing says how sure that is"
        return ScoreJudgement(verdict, said, difference)
    error = math.hypot(canary.standard_error, stable.standard_error)
    fails = rules.fail_error / rules.suites
    lower = difference + NormalDist().inv_cdf(rules.pass_error) * error
    upper = difference - NormalDist().inv_cdf(fails) * error
    said = (
        f"{words}; allowing for chance at least {percent(lower)} points"
        f" (error {share(rules.pass_error)} %) and at most"
        f" {percent(upper)} points (error {share(fails)} %), {tolerated}"
    )
    return ScoreJudgement(_verdict(lower, upper, rules), said, difference, lower, upper)


def _verdict(lower: float, upper: float, rules: EvaluationRules) -> Verdict:
    if lower > -rules.margin:
        return Verdict.PASSED
    return Verdict.FAILED if upper < 0 else Verdict.INCONCLUSIVE


def _trouble(
    whose: str, found: ScoreFound | None, age_max_seconds: float, now_seconds: float
) -> str:
    """Why a score says nothing; empty: it does."""
    if found is None:
        return f"there is no score of {whose}"
    numbers = (found.score, found.completed_at_seconds, found.standard_error or 0.0)
    if not all(map(math.isfinite, numbers)) or not 0 <= found.score <= 1 or numbers[2] < 0:
        return f"the score of {whose} is no number from 0 to 100"
    age_seconds = now_seconds - found.completed_at_seconds
    if age_seconds < -CLOCK_SKEW_SECONDS:
        return (
            f"the score of {whose} is from {-age_seconds:.0f} s in the future: completedQuery must"
            " give Unix time in seconds"
        )
    if age_seconds > age_max_seconds:
        return (
            f"the score of {whose} is {age_seconds:.0f} s old, and {age_max_seconds:.0f} s are"
            " allowed"
        )
    return ""
