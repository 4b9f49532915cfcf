"""Ask a model over OpenAI's API.

With aiohttp: the operator's image has it already, and it lets a stream be cut by time and by bytes,
which OpenAI's own client hides. An answer is never asked for again; a request that got none is,
when that may help.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import aiohttp

from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.replies import (
    PASSING,
    BrokenReplyError,
    Reply,
    ReplyStream,
    ShapeError,
    Silence,
    read_embeddings,
    read_whole,
)

CONNECT_SECONDS: Final = 10
HANG_UP_SECONDS: Final = 1
BYTES_FREE: Final = 1_048_576
BYTES_PER_TOKEN: Final = 4096
"""Of a stream: an event holds one token and some 300 bytes around it; the rest is generosity."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0

_OK: Final = 200
_CLIENT_ERRORS: Final = 400
_SERVER_ERRORS: Final = 500
_BUSY: Final = {408, 425, 429}
_WRONG: Final = {401: "the key", 403: "the key", 404: "the address and the model's name"}

Body = Mapping[str, Any]
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers.

    Attributes:
        role: What it is to the suite, for messages: `the model`, `the judge`.
        base_url: With the version in its path, without a slash at the end.
        model: Its name there.
        api_key: None: it wants none.
    """

    role: str
    base_url: str
    model: str
    api_key: str | None = None


@dataclass(frozen=True)
class Patience:
    """How long and how often a model is asked.

    Attributes:
        timeout_seconds: For one answer, until its last token.
        retries: After requests that got no answer.
        seed: Of the pauses between them.
    """

    timeout_seconds: float
    retries: int
    seed: int = 0


def pauses_seconds(patience: Patience) -> Iterator[float]:
    """The pauses of one request: twice as long each time, and spread by half.

    So not all that failed together come back together.
    """
    chance = random.Random(patience.seed)  # noqa: S311 - spreads requests, keeps no secret
    for retry in itertools.count():
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**retry)
        yield pause * chance.uniform(0.5, 1.5)


class Client:
    """Asks one model.

    Args:
        session: Closed by whoever opened it.
        endpoint: The model.
        patience: With it.
    """

    def __init__(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, patience: Patience
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._patience = patience
        self._numbers = itertools.count()
        self._answered = False
        self._counts_streams: bool | None = None
        """Whether the server takes `stream_options`; None: not known yet."""

    async def chat(
        self,
        messages: Sequence[Body],
        options: Body,
        max_tokens: int,
        heard: list[ReplyStream] | None = None,
    ) -> Reply | Silence:
        """Ask for the end of a conversation.

        Args:
            messages: The conversation.
            options: Further fields of the request.
            max_tokens: Longest answer.
            heard: Gets every stream that begins, those too that break off or never end; None:
                nobody asks for them.

        Raises:
            EvaluationError: The server refuses the key or does not know the model, and has answered
                nothing before.
        """
        body = {"messages": messages, "max_tokens": max_tokens, "stream": True, **options}
        streams = [] if heard is None else heard
        return await self._persist(lambda: self._ask_counted(body, max_tokens, streams))

    async def embed(self, texts: Sequence[str]) -> list[list[float]] | Silence:
        """Ask for the embeddings of texts, in their order.

        Raises:
            EvaluationError: As `chat`.
        """
        return await self._persist(lambda: self._ask_embeddings(texts))

    async def _persist(self, ask: Callable[[], Awaitable[_Found | Silence]]) -> _Found | Silence:
        """Ask until there is an answer, or asking again would not help."""
        found = await self._attempt(ask)
        # One seed for each request: with a common one, chance would follow the order of answers.
        patience = replace(self._patience, seed=self._patience.seed + next(self._numbers))
        for _, pause_seconds in zip(
            range(patience.retries), pauses_seconds(patience), strict=False
        ):
            if not (isinstance(found, Silence) and found in PASSING):
                break
            await asyncio.sleep(pause_seconds)
            found = await self._attempt(ask)
        return found

    async def _attempt(self, ask: Callable[[], Awaitable[_Found | Silence]]) -> _Found | Silence:
        try:
            async with asyncio.timeout(self._patience.timeout_seconds):
                found = await ask()
        except aiohttp.ClientError:  # first: some are time-outs of a connection too
            return Silence.CONNECTION
        except TimeoutError:
            return Silence.TIMEOUT
        except OSError:
            return Silence.CONNECTION
        except ShapeError:
            return Silence.SHAPE
        except BrokenReplyError:
            return Silence.BUSY
        self._answered = self._answered or not isinstance(found, Silence)
        return found

    async def _ask_counted(
        self, body: Body, max_tokens: int, streams: list[ReplyStream]
    ) -> Reply | Silence:
        """Ask for the number of tokens too, unless the server is one that refuses to be asked."""
        if self._counts_streams is not False:
            counted = {**body, "stream_options": {"include_usage": True}}
            found = await self._ask_chat(counted, max_tokens, streams)
            if found is not Silence.REFUSED or self._counts_streams:
                self._counts_streams = self._counts_streams or isinstance(found, Reply) or None
                return found
        found = await self._ask_chat(body, max_tokens, streams)
        if isinstance(found, Reply):
            self._counts_streams = False
        return found

    async def _ask_chat(
        self, body: Body, max_tokens: int, streams: list[ReplyStream]
    ) -> Reply | Silence:
        began = time.monotonic()
        most = BYTES_FREE + BYTES_PER_TOKEN * max_tokens
        async with self._post("chat/completions", body) as response:
            if (silence := self._judge_status(response.status)) is not None:
                return silence
            if response.content_type.endswith("json"):
                whole = await _read(response, most)
                if whole is None:
                    return Silence.ENDLESS
                text, tokens = read_whole(whole)
                return Reply(text, tokens, time.monotonic() - began)
            stream = ReplyStream()
            streams.append(stream)
            if not await _follow(response, stream, most):
                return Silence.ENDLESS
            seconds = time.monotonic() - began
            if not stream.finish():
                return Silence.CONNECTION
            if stream.closed:
                await _hang_up(response)
            return Reply(stream.text, stream.output_tokens, seconds)

    async def _ask_embeddings(self, texts: Sequence[str]) -> list[list[float]] | Silence:
        body = {"input": list(texts), "encoding_format": "float"}
        async with self._post("embeddings", body) as response:
            if (silence := self._judge_status(response.status)) is not None:
                return silence
            content = await _read(response, BYTES_FREE * (1 + len(texts)))
        return Silence.ENDLESS if content is None else read_embeddings(content, len(texts))

    def _post(self, path: str, body: Body) -> Any:
        """Redirects are not followed: they would carry texts and keys to where nobody sent them."""
        key = self._endpoint.api_key
        return self._session.post(
            f"{self._endpoint.base_url}/{path}",
            json={"model": self._endpoint.model, **body},
            headers={"Authorization": f"Bearer {key}"} if key else {},
            allow_redirects=False,
        )

    def _judge_status(self, status: int) -> Silence | None:
        """Why a status is no answer; None: it is one.

        Raises:
            EvaluationError: See `chat`.
        """
        if status == _OK:
            return None
        if status in _WRONG and not self._answered:
            raise EvaluationError(
                f"{self._endpoint.role} answers {status}: check {_WRONG[status]} that it is asked"
                " with"
            )
        if status in _BUSY or status >= _SERVER_ERRORS:
            return Silence.BUSY
        return Silence.REFUSED if status >= _CLIENT_ERRORS else Silence.SHAPE


async def _follow(response: aiohttp.ClientResponse, stream: ReplyStream, most: int) -> bool:
    """Read a stream to its end; false when it is longer than `most` bytes."""
    received = 0
    try:
        async for chunk in response.content.iter_any():
            received += len(chunk)
            if received > most:
                return False
            stream.feed(chunk)
            if stream.closed:
                return True
    except aiohttp.ClientError:
        if not stream.ended:
            raise
    return True


async def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Wait for the server to end a response that says that it has ended.

    A gateway would count a client that goes before that as one that gave up.
    """
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            await response.content.readany()


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """All of a body; None when it is longer than `most` bytes."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > most:
            return None
    return bytes(content)


def open_session(connections: int) -> aiohttp.ClientSession:
    """A session for one run.

    No proxy and no compression: what comes has the size that is counted. Time has its bounds where
    it is asked.

    Args:
        connections: At the same time, at least 1.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    )
