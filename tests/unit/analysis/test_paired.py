"""Tango's interval, against published values and against a score test worked out another way."""

import math
from statistics import NormalDist

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rocksteady.analysis.item_results import ItemResult
from rocksteady.analysis.paired import (
    Changed,
    PairedCounts,
    changed,
    difference_bound,
    pair,
    score,
)

C, W, U = ItemResult.CORRECT, ItemResult.WRONG, ItemResult.UNANSWERED
Z95 = NormalDist().inv_cdf(0.975)
Z90 = NormalDist().inv_cdf(0.95)


@pytest.mark.parametrize(
    ("gained", "lost", "items", "z", "lower", "upper"),
    [
        pytest.param(
            6, 16, 161, Z95, -0.1240, -0.0054, id="Cavo et al. 2012: R contingencytables 3.0.0"
        ),
        pytest.param(
            1, 7, 21, Z95, -0.517, -0.026, id="Bentur et al. 2009: Fagerland, Lydersen, Laake 2014"
        ),
        pytest.param(28, 25, 618, Z90, -0.0148, 0.0247, id="R PropCIs 0.3-0, scoreci.mp"),
    ],
)
def test_difference_bound__is_as_published(
    gained: int, lost: int, items: int, z: float, lower: float, upper: float
) -> None:
    digits = 6e-4 if items == 21 else 6e-5
    assert difference_bound(gained, lost, items, z) == pytest.approx(lower, abs=digits)
    assert difference_bound(gained, lost, items, -z) == pytest.approx(upper, abs=digits)


def restricted(gained: int, lost: int, items: int, difference: float) -> float:
    """Most likely share of lost items at a difference: the likelihood's slope is 0 there.

    Found by bisection of the slope, and not as a root of the quadratic equation.
    """
    equal = items - gained - lost
    low, high = max(0.0, -difference), (1 - difference) / 2

    def slope(q: float) -> float:
        return gained / (q + difference) + lost / q - 2 * equal / (1 - 2 * q - difference)

    for _ in range(100):
        middle = (low + high) / 2
        if middle in {low, high, 0.0, -difference} or 1 - 2 * middle - difference <= 0:
            break
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def inverted(gained: int, lost: int, items: int, z: float) -> float:
    """The bound by the score test of the trinomial likelihood, independently of `score`.

    (gained - lost - n d) / sqrt(n (p + q - d^2)), p = q + d.
    """
    low, high = -1 + 1e-12, 1 - 1e-12
    for _ in range(80):
        d = (low + high) / 2
        q = restricted(gained, lost, items, d)
        variance = items * (2 * q + d - d * d)
        if (gained - lost - items * d) > z * math.sqrt(max(variance, 0)):
            low = d
        else:
            high = d
    return (low + high) / 2


@st.composite
def some_counts(draw: st.DrawFn) -> tuple[int, int, int]:
    items = draw(st.integers(1, 2000))
    disagree = draw(st.integers(0, items))
    gained = draw(st.integers(0, disagree))
    return gained, disagree - gained, items


@given(some_counts(), st.sampled_from([-3.0, -2.326, -1.645, 1.645, 2.128, 3.2]))
def test_difference_bound__is_where_the_score_test_refutes(
    counts: tuple[int, int, int], z: float
) -> None:
    assert difference_bound(*counts, z) == pytest.approx(inverted(*counts, z), abs=1e-6)


@given(some_counts(), st.floats(0.5, 4))
def test_difference_bound__surrounds_the_difference_and_mirrors(
    counts: tuple[int, int, int], z: float
) -> None:
    gained, lost, items = counts
    lower, upper = difference_bound(*counts, z), difference_bound(*counts, -z)
    assert -1 <= lower <= (gained - lost) / items + 1e-12
    assert (gained - lost) / items - 1e-12 <= upper <= 1
    assert lower < upper
    assert difference_bound(lost, gained, items, z) == pytest.approx(-upper, abs=1e-9)


some_differences = st.integers(-990, 990).map(lambda thousandths: thousandths / 1000)


@given(some_counts(), some_differences, some_differences)
def test_score__falls_as_the_difference_grows(
    counts: tuple[int, int, int], one: float, other: float
) -> None:
    smaller, larger = sorted((one, other))
    assert score(*counts, smaller) >= score(*counts, larger) - 1e-9


@given(some_counts())
def test_score__of_no_difference_is_mcnemars(counts: tuple[int, int, int]) -> None:
    gained, lost, _ = counts
    assume(gained + lost > 0)
    mcnemar = (gained - lost) ** 2 / (gained + lost)
    assert score(*counts, 0.0) ** 2 == pytest.approx(mcnemar, abs=1e-9)


@given(some_counts(), st.integers(2, 9), some_differences)
def test_score__grows_with_the_root_of_the_items(
    counts: tuple[int, int, int], times: int, difference: float
) -> None:
    value = score(*counts, difference)
    gained, lost, items = (times * count for count in counts)
    scaled = score(gained, lost, items, difference)
    assert scaled == pytest.approx(value * math.sqrt(times), abs=1e-6)


@pytest.mark.parametrize(("items", "passes"), [(132, 0), (133, 1)])
def test_difference_bound__has_a_width_where_nothing_disagrees(items: int, passes: int) -> None:
    """No pair disagrees: at least 133 items for a margin of 2 points at 5 %."""
    assert int(difference_bound(0, 0, items, Z90) > -0.02) == passes
    assert difference_bound(0, 0, items, Z90) == pytest.approx(-(Z90**2) / (items + Z90**2))


def test_difference_bound__without_items_says_nothing() -> None:
    assert (difference_bound(0, 0, 0, 1.645), difference_bound(0, 0, 0, -1.645)) == (-1, 1)


@pytest.mark.parametrize(
    ("gained", "lost", "difference", "value"),
    [
        pytest.param(0, 0, 0.0, 0.0, id="nothing disagrees and nothing should"),
        pytest.param(5, 0, 1.0, 0.0, id="all gained and all should be"),
        pytest.param(0, 5, 1.0, -math.inf, id="all lost where all should be gained"),
        pytest.param(4, 0, -1.0, math.inf, id="some gained where all should be lost"),
    ],
)
def test_score__at_the_ends(gained: int, lost: int, difference: float, value: float) -> None:
    assert score(gained, lost, 5, difference) == value


def test_pair__counts_every_combination_once() -> None:
    canary = [C, C, W, W, U, U, C, W, U]
    stable = [C, W, C, W, C, W, U, U, U]
    counts = pair(canary, stable)
    assert counts == PairedCounts(1, 1, 1, 1, 1, 1, 3)
    assert (counts.compared, counts.unanswered, counts.items) == (4, 2, 9)
    assert counts.at_worst() == PairedCounts(1, 1, 2, 2, 0, 0, 3)


results = st.lists(st.tuples(st.sampled_from(ItemResult), st.sampled_from(ItemResult)))


@given(results)
def test_pair__counts_all_items_and_those_that_changed_sides(
    sides: list[tuple[ItemResult, ItemResult]],
) -> None:
    canary, stable = [of for of, _ in sides], [to for _, to in sides]
    counts, moved = pair(canary, stable), changed(canary, stable)
    assert counts.items == counts.at_worst().items == len(sides)
    assert (counts.gained, counts.lost) == (len(moved.gained), len(moved.lost))
    assert all((canary[i], stable[i]) == (C, W) for i in moved.gained)
    assert all((canary[i], stable[i]) == (W, C) for i in moved.lost)


def test_changed__tells_places_from_0_on() -> None:
    assert changed([W, C, C, U], [C, C, W, C]) == Changed(gained=(2,), lost=(0,))


def test_pair__refuses_results_of_other_items() -> None:
    with pytest.raises(ValueError, match="1 results of the canary and 2 of stable"):
        pair([C], [C, C])


def test_paired_counts__are_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        PairedCounts(1, -1, 0, 0)
