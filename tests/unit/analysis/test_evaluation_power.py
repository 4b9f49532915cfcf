"""How often gates pass and fail: what was promised of them, and exact numbers beside simulated."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.evaluations_simulated import (
    ITEMS,
    failed_percent,
    identical,
    items_to_pass,
    passed_percent,
    worse,
)
from rocksteady.analysis.evaluation_power import Quality, gate_power
from rocksteady.analysis.evaluation_rules import EvaluationRules
from rocksteady.analysis.looks import Looks, evenly

RULES = EvaluationRules()


def test_gates__of_an_identical_model_fail_at_most_20_of_1_000() -> None:
    assert identical(1000, 1).stopped_percent <= 2


def test_gates__of_a_model_that_is_5_points_worse_pass_none_of_1_000() -> None:
    power = worse(1000, 1)
    assert power.promoted_percent == 0
    assert power.stopped_percent == 100


@settings(max_examples=20)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.01, 0.02, 0.05, 0.1, 0.2, 0.4]),
    st.sampled_from([100, 500, 1550]),
    st.integers(1, 3),
)
def test_gates__are_wrong_as_seldom_as_promised(
    seed: int, discordance: float, items: int, looks: int
) -> None:
    """At most 1 % fail as good as stable, 5 % pass that are worse by the margin.

    Four standard errors of 500 gates are 1.8 and 3.9 points, and the score test is up to 2 points
    beyond its 5 % where hardly anything but losses disagrees.
    """
    declared = evenly(items, looks)
    equal = gate_power(Quality(0.0, discordance), declared, RULES, runs=500, seed=seed)
    assert equal.stopped_percent <= 1 + 1.8
    drop = min(0.02, discordance)
    bad = gate_power(Quality(-drop, discordance), declared, RULES, runs=500, seed=seed)
    assert drop < 0.02 or bad.promoted_percent <= 5 + 2 + 3.9


@pytest.mark.parametrize("drop", [0.0, 0.01, 0.02, 0.03])
def test_gate_power__is_the_exact_one_for_a_single_look(drop: float) -> None:
    """Within four standard errors of 1 500 gates."""
    quality, runs = Quality(-drop, 0.1), 1500
    power = gate_power(quality, Looks((ITEMS,)), RULES, runs=runs)
    for found, exact in (
        (power.promoted_percent, passed_percent(quality, ITEMS, RULES)),
        (power.stopped_percent, failed_percent(quality, ITEMS, RULES)),
    ):
        error = math.sqrt(max(exact * (100 - exact), 10) / runs)
        assert found == pytest.approx(exact, abs=4 * error)


@pytest.mark.parametrize(
    ("drop", "passed", "failed"),
    [(0.0, 80, 1.0), (0.02, 5, 56), (0.03, 0.2, 93), (0.05, 0, 100)],
)
def test_single_look__decides_as_published_for_walds_interval(
    drop: float, passed: float, failed: float
) -> None:
    """At 1 550 items of which 10 % disagree, to within a point."""
    quality = Quality(-drop, 0.1)
    assert passed_percent(quality, ITEMS, RULES) == pytest.approx(passed, abs=1)
    assert failed_percent(quality, ITEMS, RULES) == pytest.approx(failed, abs=1)


def test_items_to_pass__are_those_published_and_a_few_more_for_tangos_interval() -> None:
    """1 544 by the normal approximation with 10 % that disagree and a margin of 2 points."""
    assert 1544 <= items_to_pass(0.10, 0.02, 1544) <= 1.03 * 1544


def test_gate_power__with_three_looks_costs_few_points_and_saves_items() -> None:
    quality = Quality(0.0, 0.1)
    once = gate_power(quality, Looks((ITEMS,)), RULES)
    thrice = gate_power(quality, evenly(ITEMS), RULES)
    assert once.promoted_percent - 6 <= thrice.promoted_percent <= once.promoted_percent + 3
    assert once.items_mean == ITEMS
    assert thrice.items_mean < 0.9 * ITEMS


def test_gate_power__adds_up_and_is_the_same_for_the_same_seed() -> None:
    quality, looks = Quality(-0.01, 0.1), evenly(600)
    power = gate_power(quality, looks, RULES, runs=200)
    whole = power.promoted_percent + power.stopped_percent + power.undecided_percent
    assert whole == pytest.approx(100)
    assert power == gate_power(quality, looks, RULES, runs=200)
    assert power != gate_power(quality, looks, RULES, runs=200, seed=2)


def test_gate_power__of_what_never_disagrees_is_certain() -> None:
    power = gate_power(Quality(0.0, 0.0), Looks((133,)), RULES, runs=10)
    assert power.promoted_percent == 100
    few = gate_power(Quality(0.0, 0.0), Looks((132,)), RULES, runs=10)
    assert few.undecided_percent == 100


@pytest.mark.parametrize(("difference", "discordance"), [(-0.2, 0.1), (0.2, 0.1), (0.0, 1.1)])
def test_quality__refuses_what_cannot_be(difference: float, discordance: float) -> None:
    with pytest.raises(ValueError, match="at a discordance of"):
        Quality(difference, discordance)
