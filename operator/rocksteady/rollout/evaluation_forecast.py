"""What the evaluations of a spec can show, before anything is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from rocksteady.analysis.evaluation_power import GatePower, Quality, gate_power
from rocksteady.analysis.evaluation_rules import PASS_ERROR, EvaluationRules
from rocksteady.analysis.looks import Looks
from rocksteady.analysis.proportion import upper_bound
from rocksteady.api.suite_advice import margin_for_items
from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import EvaluationTest
from rocksteady.rollout.evaluating import rules_of
from rocksteady.rollout.suites import Suite, SuiteSeen, freeze_test, gating

CHANGED: Final = 0.05
"""Share of the items on which a canary that is no worse is taken to disagree with stable. Two runs
of one model disagree on some already, and a quantised one on more."""
DROP: Final = 0.05
"""By how much a worse canary's score is taken to be lower."""
EQUAL: Final = Quality(0.0, CHANGED)
WORSE: Final = Quality(-DROP, CHANGED + DROP)


@dataclass(frozen=True)
class EvaluationForecast:
    """What one evaluation can show.

    Attributes:
        test: What it would judge by.
        suite: As it is.
        least_margin_points: Smallest margin that its items can show when no answer changes; None:
            it is not compared, or only the runner knows its items.
        equal: What is decided on a canary that is no worse, `EQUAL`; None as above.
        worse: What is decided on one that is, `WORSE`; None as above.
        leaks_at_most: Of a safety suite: share of attacks that may succeed for all that is known
            when none of its own does, 0 to 1; None: it is no safety suite, or as above.
    """

    test: EvaluationTest
    suite: Suite
    least_margin_points: Decimal | None = None
    equal: GatePower | None = None
    worse: GatePower | None = None
    leaks_at_most: float | None = None


def forecast_evaluations(
    spec: LLMDeploymentSpec, suites: Mapping[str, SuiteSeen]
) -> tuple[EvaluationForecast, ...]:
    """Forecast the evaluations that an attempt waits for, of the suites that are known.

    Args:
        spec: Of the LLMDeployment.
        suites: By name.
    """
    known = [
        (freeze_test(evaluation, suite), suite)
        for evaluation in gating(spec)
        if isinstance(suite := suites.get(evaluation.suite or ""), Suite)
    ]
    rules = rules_of([test for test, _ in known])
    return tuple(
        _forecast(test, suite, rule) for (test, suite), rule in zip(known, rules, strict=True)
    )


def _forecast(test: EvaluationTest, suite: Suite, rules: EvaluationRules) -> EvaluationForecast:
    if not test.looks:
        return EvaluationForecast(test, suite)
    items = test.looks[-1]
    if test.kind is SuiteKind.SAFETY:
        leaks = upper_bound(0, items, PASS_ERROR)
        return EvaluationForecast(test, suite, leaks_at_most=leaks)
    looks = Looks(test.looks)
    return EvaluationForecast(
        test,
        suite,
        least_margin_points=margin_for_items(items),
        equal=gate_power(EQUAL, looks, rules),
        worse=gate_power(WORSE, looks, rules),
    )
