"""OpenAI's bodies, as vLLM answers them: whole and as the chunks of a stream."""

import json
from dataclasses import dataclass
from typing import Any, Final

DEFAULT_WORDS: Final = (
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consetetur",
    "sadipscing",
    "elitr",
)
_CHARACTERS_PER_TOKEN: Final = 4  # OpenAI's rule of thumb for English
END_OF_STREAM: Final = b"data: [DONE]\n\n"


class BadRequestError(Exception):
    """The request is not what the API takes; the message is for the client."""


@dataclass(frozen=True)
class Question:
    """What a client asks for.

    Attributes:
        chat: True for a chat, False for a plain completion.
        model: Name of the model; None when the request has none.
        prompt: Text of a chat's last message, or of a completion; empty when it is no text.
        prompt_tokens: Estimated length of the prompt, at least 1.
        max_tokens: Longest answer in tokens, at least 1; None: as long as it gets.
        streams: The answer is to come in pieces.
        with_usage: A stream ends with the counts of tokens.
    """

    chat: bool
    model: str | None
    prompt: str
    prompt_tokens: int
    max_tokens: int | None
    streams: bool
    with_usage: bool


def read_question(text: bytes, *, chat: bool) -> Question:
    """Read the body of a request.

    Raises:
        BadRequestError: It is no JSON object, or lacks what is needed.
    """
    try:
        body = json.loads(text)
    except ValueError as error:
        raise BadRequestError(f"no JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body must be an object")
    needed = "messages" if chat else "prompt"
    if not body.get(needed):
        raise BadRequestError(f"{needed} is required")
    options = body.get("stream_options") or {}
    return Question(
        chat=chat,
        model=body.get("model"),
        prompt=_prompt(body[needed]),
        prompt_tokens=max(1, len(json.dumps(body[needed])) // _CHARACTERS_PER_TOKEN),
        max_tokens=_max_tokens(body),
        streams=bool(body.get("stream")),
        with_usage=bool(options.get("include_usage")),
    )


def _prompt(asked: Any) -> str:
    last = asked[-1] if isinstance(asked, list) else asked
    text = last.get("content") if isinstance(last, dict) else last
    return text if isinstance(text, str) else ""


def _max_tokens(body: dict[str, Any]) -> int | None:
    # The newer name first; chats know both.
    asked = body.get("max_completion_tokens", body.get("max_tokens"))
    if asked is None:
        return None
    if not isinstance(asked, int) or asked < 1:
        raise BadRequestError(f"max_tokens must be at least 1, got {asked}")
    return asked


@dataclass(frozen=True)
class Answer:
    """What is answered to a question.

    Attributes:
        question: What was asked.
        number: Of the request, in this process.
        created_seconds: Unix time.
        model: Name that is shown.
        tokens: Length, at least 1.
        finish_reason: `stop` or `length`.
        words: What it is made of, a token each; repeated when it is longer.
    """

    question: Question
    number: int
    created_seconds: int
    model: str
    tokens: int
    finish_reason: str
    words: tuple[str, ...] = DEFAULT_WORDS

    def whole(self) -> dict[str, Any]:
        """Return the body that answers without a stream."""
        text = "".join(self._token(index) for index in range(self.tokens))
        choice: dict[str, Any] = {"index": 0, "finish_reason": self.finish_reason, "logprobs": None}
        if self.question.chat:
            choice["message"] = {"role": "assistant", "content": text}
            return self._body("chat.completion", [choice], self._usage())
        return self._body("text_completion", [{**choice, "text": text}], self._usage())

    def pieces(self) -> list[bytes]:
        """Return the events of a stream, one for each token."""
        return [self._piece(index) for index in range(self.tokens)]

    def ending(self) -> bytes:
        """Return what follows the last token."""
        if not self.question.with_usage:
            return END_OF_STREAM
        return _event(self._body(self._piece_object, [], self._usage())) + END_OF_STREAM

    def _piece(self, index: int) -> bytes:
        reason = self.finish_reason if index == self.tokens - 1 else None
        choice: dict[str, Any] = {"index": 0, "finish_reason": reason, "logprobs": None}
        text = self._token(index)
        if not self.question.chat:
            choice["text"] = text
        elif index == 0:
            choice["delta"] = {"role": "assistant", "content": text}
        else:
            choice["delta"] = {"content": text}
        return _event(self._body(self._piece_object, [choice]))

    @property
    def _piece_object(self) -> str:
        return "chat.completion.chunk" if self.question.chat else "text_completion"

    def _token(self, index: int) -> str:
        return (" " if index else "") + self.words[index % len(self.words)]

    def _usage(self) -> dict[str, int]:
        prompt_tokens = self.question.prompt_tokens
        return {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": self.tokens,
            "total_tokens": prompt_tokens + self.tokens,
        }

    def _body(
        self, object_: str, choices: list[dict[str, Any]], usage: dict[str, int] | None = None
    ) -> dict[str, Any]:
        prefix = "chatcmpl" if self.question.chat else "cmpl"
        return {
            "id": f"{prefix}-{self.number:032x}",
            "object": object_,
            "created": self.created_seconds,
            "model": self.model,
            "choices": choices,
            **({} if usage is None else {"usage": usage}),
        }


def models(names: tuple[str, ...], created_seconds: int) -> dict[str, Any]:
    """Return the body of `/v1/models`."""
    cards = [
        {"id": name, "object": "model", "created": created_seconds, "owned_by": "vllm"}
        for name in names
    ]
    return {"object": "list", "data": cards}


def error(message: str, type_: str, status: int) -> dict[str, Any]:
    """Return the body of an answer that is an error."""
    return {"error": {"message": message, "type": type_, "param": None, "code": status}}


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"
