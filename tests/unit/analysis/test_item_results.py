"""Results of items as text: exact both ways, small, and no text is trusted."""

import base64
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.simulated_traffic import seeded
from rocksteady.analysis.item_results import (
    ITEMS_MOST,
    ItemResult,
    pack,
    packed_bytes_most,
    unpack,
)

ALL = tuple(ItemResult)
MESSAGE_BYTES = 4096
KEPT_FOR_THE_REST = 1024


@given(st.lists(st.sampled_from(ALL), max_size=300))
@example([])
@example([ItemResult.UNANSWERED] * 8)
@example([ItemResult.CORRECT] * 9)
def test_unpack__gives_back_what_was_packed(results: list[ItemResult]) -> None:
    text = pack(results)
    assert unpack(text) == tuple(results)
    assert text.isascii()
    assert len(text) <= packed_bytes_most(len(results))


def drawn(items: int, correct: float, unanswered: float = 0.0) -> list[ItemResult]:
    source = seeded(f"{items} {correct} {unanswered}")
    weights = [(1 - unanswered) * correct, (1 - unanswered) * (1 - correct), unanswered]
    return source.choices(ALL, weights, k=items)


@pytest.mark.parametrize(
    ("items", "correct", "unanswered"),
    [
        pytest.param(9_100, 0.5, 1 / 3, id="9 100, whatever they are"),
        pytest.param(15_000, 0.7, 0.02, id="15 000, 70 % correct and 2 % unanswered"),
        pytest.param(17_500, 0.5, 0.0, id="17 500, half correct and all answered"),
        pytest.param(31_000, 0.9, 0.0, id="31 000, 90 % correct and all answered"),
    ],
)
def test_pack__fits_so_many_items_beside_a_kibibyte_of_the_rest(
    items: int, correct: float, unanswered: float
) -> None:
    results = drawn(items, correct, unanswered)
    text = pack(results)
    assert len(text) <= MESSAGE_BYTES - KEPT_FOR_THE_REST
    assert unpack(text) == tuple(results)


def test_packed_bytes_most__holds_for_what_does_not_shrink() -> None:
    assert packed_bytes_most(9_136) <= MESSAGE_BYTES - KEPT_FOR_THE_REST < packed_bytes_most(9_137)
    for items in (1, 7, 8, 100, 9_136, ITEMS_MOST):
        assert len(pack(drawn(items, 0.5, 1 / 3))) <= packed_bytes_most(items)


def deflated(data: bytes) -> str:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(deflate.compress(data) + deflate.flush()).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("8", id="only a number"),
        pytest.param(":" + deflated(b"\xff\xff"), id="no number"),
        pytest.param("-8:" + deflated(b"\xff\xff"), id="a negative number"),
        pytest.param("²:" + deflated(b"\xff\xff"), id="a digit that is no number"),
        pytest.param("8:!!!!", id="no base64"),
        pytest.param("8:éé", id="no ASCII"),
        pytest.param("8:" + base64.b64encode(b"\xff\xff\xff").decode(), id="no deflate"),
        pytest.param("8:" + deflated(b"\xff"), id="too little"),
        pytest.param("8:" + deflated(b"\xff\xff\xff"), id="too much"),
        pytest.param("8:" + deflated(b"\xff\xff")[:4], id="cut off"),
        pytest.param("8:" + deflated(b"\xff\x00"), id="correct without an answer"),
        pytest.param("4:" + deflated(b"\xf0\xff"), id="answers beyond the last item"),
        pytest.param("100001:" + deflated(b""), id="too many items"),
        pytest.param("9" * 5000 + ":", id="a number of 5 000 digits"),
        pytest.param("8:" + deflated(bytes(50_000_000)), id="a bomb"),
    ],
)
def test_unpack__refuses(text: str) -> None:
    with pytest.raises(ValueError, match="item results"):
        unpack(text)


def test_unpack__does_not_tell_the_text() -> None:
    with pytest.raises(ValueError, match="item results") as refused:
        unpack("8:planted-canary")
    assert "planted" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_pack__refuses_more_than_any_suite_has() -> None:
    with pytest.raises(ValueError, match="100001 items, 100000 at most"):
        pack([ItemResult.WRONG] * (ITEMS_MOST + 1))
