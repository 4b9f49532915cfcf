"""Looks declared before, and the error that they share."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.analysis.looks import Looks, evenly, spent

some_looks = st.lists(st.integers(1, 10_000), min_size=1, max_size=3, unique=True).map(
    lambda items: Looks(tuple(sorted(items)))
)


@given(some_looks, st.floats(1e-4, 0.5))
def test_error__of_all_looks_is_the_whole(looks: Looks, error: float) -> None:
    parts = [looks.error(look, error) for look in range(1, looks.last + 1)]
    assert math.fsum(parts) == pytest.approx(error)
    assert all(part >= 0 for part in parts)


@pytest.mark.parametrize(
    ("share", "value"),
    [
        pytest.param(0.2, 0.0000, id="a fifth"),
        pytest.param(0.4, 0.0019, id="two fifths"),
        pytest.param(0.6, 0.0114, id="three fifths"),
        pytest.param(0.8, 0.0284, id="four fifths"),
        pytest.param(1.0, 0.05, id="all"),
    ],
)
def test_spent__is_the_function_of_lan_and_demets(share: float, value: float) -> None:
    """2 - 2 Phi(z) at z of 4.3826, 3.0990, 2.5303 and 2.1913, from a table of the normal."""
    assert spent(share, 0.05) == pytest.approx(value, abs=6e-5)


def test_error__is_hardly_any_at_an_early_look_and_nearly_all_at_the_last() -> None:
    looks = evenly(1500)
    assert [looks.error(look, 0.05) for look in (1, 2, 3)] == pytest.approx(
        [0.00069, 0.01569, 0.03363], abs=1e-5
    )


@pytest.mark.parametrize(
    ("items", "looks", "declared"),
    [
        pytest.param(1550, 3, (517, 1034, 1550), id="thirds, rounded up"),
        pytest.param(1550, 1, (1550,), id="one"),
        pytest.param(2, 3, (1, 2), id="fewer items than looks"),
        pytest.param(1, 3, (1,), id="one item"),
    ],
)
def test_evenly(items: int, looks: int, declared: tuple[int, ...]) -> None:
    assert evenly(items, looks).items == declared


@pytest.mark.parametrize(
    "items",
    [
        pytest.param((), id="none"),
        pytest.param((1, 2, 3, 4), id="four"),
        pytest.param((10, 10), id="twice the same"),
        pytest.param((20, 10), id="backwards"),
        pytest.param((0, 10), id="at nothing"),
    ],
)
def test_looks__refuse(items: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="look"):
        Looks(items)


@pytest.mark.parametrize(("look", "error"), [(0, 0.05), (3, 0.05), (1, 0.0), (1, 1.0)])
def test_error__refuses(look: int, error: float) -> None:
    with pytest.raises(ValueError, match=f"look {look} of 2"):
        Looks((10, 20)).error(look, error)
