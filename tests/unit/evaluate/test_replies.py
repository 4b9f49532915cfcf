import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksteady.evaluate.replies import (
    LINE_MOST_BYTES,
    BrokenReplyError,
    ReplyStream,
    ShapeError,
    read_embeddings,
    read_whole,
)


def event(content: Any) -> bytes:
    return b"data: " + (content if isinstance(content, bytes) else json.dumps(content).encode())


def piece(text: str | None, *, reason: str | None = None) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})


def usage(tokens: Any) -> bytes:
    return event({"choices": [], "usage": {"completion_tokens": tokens}})


DONE = event(b"[DONE]")


def read(*events: bytes, ending: bytes = b"\n\n") -> tuple[str, int | None, bool]:
    stream = ReplyStream()
    stream.feed(b"".join(one + ending for one in events))
    whole = stream.finish()
    return stream.text, stream.output_tokens, whole


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([piece("a"), piece("b", reason="stop"), DONE], ("ab", None, True), id="all"),
        pytest.param([piece("a", reason="length")], ("a", None, True), id="cut at max_tokens"),
        pytest.param([piece("a"), DONE], ("a", None, True), id="without a reason"),
        pytest.param([piece("a")], ("a", None, False), id="broken off"),
        pytest.param([], ("", None, False), id="nothing came"),
        pytest.param([piece(None, reason="stop"), DONE], ("", None, True), id="an empty answer"),
        pytest.param([piece("a"), usage(7), DONE], ("a", 7, True), id="with its tokens"),
        pytest.param([piece("a"), usage("7"), DONE], ("a", None, True), id="tokens that are text"),
        pytest.param([piece("a"), usage(-1), DONE], ("a", None, True), id="tokens below 0"),
        pytest.param(
            [piece("a"), usage(10**9), DONE], ("a", None, True), id="tokens beyond belief"
        ),
        pytest.param([b": ping", piece("é"), DONE], ("é", None, True), id="a comment"),
        pytest.param([b"event: x", piece("a"), DONE], ("a", None, True), id="a named event"),
        pytest.param(
            [event({"choices": [{"index": 1, "delta": {"content": "b"}}]}), piece("a"), DONE],
            ("a", None, True),
            id="a second choice",
        ),
        pytest.param([piece("\ud800"), DONE], ("\ud800", None, True), id="half a character"),
    ],
)
@pytest.mark.parametrize("ending", [b"\n\n", b"\r\n\r\n"])
def test_stream__is_put_together(
    events: list[bytes], ending: bytes, expected: tuple[str, int | None, bool]
) -> None:
    assert read(*events, ending=ending) == expected


@given(st.text(min_size=1), st.lists(st.integers(0, 400), max_size=6))
def test_stream__may_be_cut_anywhere(text: str, cuts: list[int]) -> None:
    content = b"\n\n".join([*map(piece, text), DONE, b""])
    stream = ReplyStream()
    bounds = [0, *sorted(cuts), len(content)]
    for start, end in pairwise(bounds):
        stream.feed(content[start:end])

    assert stream.finish()
    assert stream.text == text


@pytest.mark.parametrize(
    ("events", "error"),
    [
        pytest.param([b"<html>", b"<p>data: x</p>"], ShapeError, id="HTML"),
        pytest.param([event(b"{")], ShapeError, id="no JSON"),
        pytest.param([event(b"[]")], ShapeError, id="no object"),
        pytest.param([event({})], ShapeError, id="no choices"),
        pytest.param([event({"choices": [7]})], ShapeError, id="a choice that is none"),
        pytest.param([event({"choices": [{"delta": {"content": 7}}]})], ShapeError, id="no text"),
        pytest.param([usage(3), DONE], ShapeError, id="tokens of no answer"),
        pytest.param([event(b"[" * 10_000)], ShapeError, id="nested without end"),
        pytest.param([piece("a"), event({"error": {}, "object": "error"})], ShapeError, id="empty"),
        pytest.param(
            [piece("a"), event({"error": {"message": "out of memory"}})],
            BrokenReplyError,
            id="an error midway",
        ),
        pytest.param([b"data: " + b"x" * (LINE_MOST_BYTES + 1)], ShapeError, id="endless line"),
    ],
)
def test_stream_of_something_else__is_no_answer(
    events: list[bytes], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        read(*events, ending=b"\n")
    assert "memory" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({"choices": [{"message": {"content": "a"}}]}, ("a", None), id="a text"),
        pytest.param({"choices": [{"message": {"content": None}}]}, ("", None), id="no text"),
        pytest.param(
            {"choices": [{"message": {"content": "a"}}], "usage": {"completion_tokens": 3}},
            ("a", 3),
            id="with its tokens",
        ),
    ],
)
def test_whole_body__is_read(body: Any, expected: tuple[str, int | None]) -> None:
    assert read_whole(json.dumps(body).encode()) == expected


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"choices": []}', b'{"choices": [{"text": "a"}]}', b"\xff"]
)
def test_whole_body_of_something_else__is_no_answer(body: bytes) -> None:
    with pytest.raises(ShapeError):
        read_whole(body)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}],
            [[1.0], [2.0]],
            id="in the order of the texts",
        ),
        pytest.param([{"embedding": [1]}, {"embedding": [2]}], [[1.0], [2.0]], id="without index"),
        pytest.param([{"embedding": [1]}], None, id="one is missing"),
        pytest.param([{"embedding": ["1"]}, {"embedding": [2]}], None, id="no numbers"),
        pytest.param([{"embedding": [10**400]}, {"embedding": [2]}], None, id="too great"),
        pytest.param([{"index": [], "embedding": [1]}] * 2, None, id="an index that is none"),
        pytest.param("vectors", None, id="no list"),
    ],
)
def test_embeddings__are_read(data: Any, expected: list[list[float]] | None) -> None:
    body = json.dumps({"data": data}).encode()
    if expected is None:
        with pytest.raises(ShapeError):
            read_embeddings(body, 2)
    else:
        assert read_embeddings(body, 2) == expected
