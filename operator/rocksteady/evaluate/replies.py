"""What a model's server sends, as an answer: a stream of events, or one JSON body. Pure.

Source of the forms: openai/openai-openapi (chat completions), WHATWG HTML, "Server-sent events".
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

TOKENS_MOST: Final = 262_144
"""Twice what a suite may ask for; what claims more is not believed."""
LINE_MOST_BYTES: Final = 1_048_576
"""Of one event; most hold one token."""
_DONE: Final = b"[DONE]"


@dataclass(frozen=True)
class Reply:
    """What the model answered.

    Attributes:
        text: May be empty: that is an answer too.
        output_tokens: Its length as the server counts; None: it does not say.
        seconds: From the request to the last token.
    """

    text: str
    output_tokens: int | None
    seconds: float


class Silence(StrEnum):
    """Why there is no answer; fit for messages and logs."""

    CONNECTION = "connection failed"
    """No connection, or it broke before the end of the answer."""
    BUSY = "server busy or broken"
    """429 or 5xx, or an error in the middle of a stream."""
    TIMEOUT = "time for an answer over"
    """The answer did not end in time."""
    ENDLESS = "answer too long"
    """More bytes came than so many tokens can take."""
    SHAPE = "no chat completion"
    """The server answered with something else: HTML, no JSON, no choices."""
    REFUSED = "request refused"
    """Another status of 4xx, for example since the item is longer than the model's context."""


PASSING: Final = (Silence.CONNECTION, Silence.BUSY)
"""Asking again may help."""


class ShapeError(Exception):
    """What came is no chat completion; the message holds nothing of it."""


class BrokenReplyError(Exception):
    """The server says within a reply that it failed."""


@dataclass
class ReplyStream:
    """The text of an answer, put together from the bytes of a stream of events.

    Attributes:
        text: So far.
        output_tokens: As the server counted at the end; None: it has not.
        ended: The server said that the answer is over.
        closed: It said that nothing follows.
    """

    output_tokens: int | None = None
    ended: bool = False
    closed: bool = False
    _parts: list[str] = field(default_factory=list)
    _rest: bytes = b""
    _choices: bool = False

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._parts)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes, cut anywhere.

        Raises:
            ShapeError: They are not of a stream of chat completions.
            BrokenReplyError: The server says that it failed.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_MOST_BYTES:
            raise ShapeError("no event stream")
        for line in lines:
            self._take(line.rstrip(b"\r"))

    def finish(self) -> bool:
        """Take what is left when the stream has ended; true when the answer is whole.

        Raises:
            ShapeError: There was no chat completion in it.
        """
        self._take(self._rest.rstrip(b"\r"))
        self._rest = b""
        if self.ended and not self._choices:
            raise ShapeError("no choices")
        return self.ended

    def _take(self, line: bytes) -> None:
        """One line; servers of this API put each event onto one."""
        if not line or line.startswith(b":"):
            return
        name, colon, value = line.partition(b":")
        if not colon or name not in {b"data", b"event", b"id", b"retry"}:
            raise ShapeError("no event stream")
        if name == b"data":
            self._event(value.strip())

    def _event(self, data: bytes) -> None:
        if data == _DONE:
            self.ended = self.closed = True
            return
        body = read_object(data)
        self.output_tokens = _tokens(body) if body.get("usage") else self.output_tokens
        for choice in _choices(body):
            self._choices = True
            self._parts.append(_content(choice.get("delta")))
            self.ended = self.ended or choice.get("finish_reason") is not None


def read_whole(data: bytes) -> tuple[str, int | None]:
    """The text and the tokens of an answer that came as one body.

    Raises:
        ShapeError: It is no chat completion.
        BrokenReplyError: The server says that it failed.
    """
    body = read_object(data)
    choices = _choices(body)
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise ShapeError("no choices")
    return _content(choices[0]["message"]), _tokens(body)


def read_embeddings(data: bytes, count: int) -> list[list[float]]:
    """The vectors of a body that holds so many, in the order of the texts.

    Raises:
        ShapeError: It holds something else.
        BrokenReplyError: The server says that it failed.
    """
    found = read_object(data).get("data")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ShapeError("no embeddings")
    indices = [one.get("index", place) for place, one in enumerate(found)]
    if not all(isinstance(index, int) for index in indices):
        raise ShapeError("no embeddings")
    by_index = dict(zip(indices, [one.get("embedding") for one in found], strict=True))
    vectors = [by_index.get(place) for place in range(count)]
    return [_vector(vector) for vector in vectors]


def _vector(numbers: Any) -> list[float]:
    if not isinstance(numbers, list) or not all(type(one) in {int, float} for one in numbers):
        raise ShapeError("no embedding")
    try:
        return [float(one) for one in numbers]
    except OverflowError:
        raise ShapeError("no embedding") from None


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object that tells of no error.

    Raises:
        ShapeError: It is something else.
        BrokenReplyError: It tells of an error.
    """
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise ShapeError("no JSON") from None
    if not isinstance(body, dict):
        raise ShapeError("no object")
    if body.get("error"):
        raise BrokenReplyError("the server reports an error")
    return body


def _choices(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The first choice of several, or none: the last event of a stream has an empty list."""
    choices = body.get("choices")
    if not isinstance(choices, list) or not all(isinstance(one, dict) for one in choices):
        raise ShapeError("no choices")
    return [choice for choice in choices if choice.get("index", 0) == 0]


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    if content is None:  # a role alone, a thought, or the end
        return ""
    if not isinstance(content, str):
        raise ShapeError("no text")
    return content


def _tokens(body: dict[str, Any]) -> int | None:
    usage = body.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    known = isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= TOKENS_MOST
    return count if known else None
