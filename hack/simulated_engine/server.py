"""The HTTP server: takes questions, waits as long as the model would, and answers."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from hack.simulated_engine import answers
from hack.simulated_engine.answers import DEFAULT_WORDS, Answer, BadRequestError, Question
from hack.simulated_engine.draws import Draws, Fate
from hack.simulated_engine.flags import Behaviour, Serving
from hack.simulated_engine.table import load
from hack.simulated_engine.telemetry import Finished, Telemetry

_NANOSECONDS: Final = 1_000_000_000
_NOT_COUNTED: Final = ("/health", "/metrics")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Engine:
    """One engine: its metrics, its places for running requests, and its handlers.

    Args:
        serving: What it serves.
        behaviour: How fast it is, and what goes wrong.
        started_seconds: When the process started, on the clock of `time.monotonic`.
    """

    def __init__(self, serving: Serving, behaviour: Behaviour, started_seconds: float) -> None:
        self._serving = serving
        self._behaviour = behaviour
        self._ready_at = started_seconds + behaviour.start_seconds
        self._created_seconds = time.time_ns() // _NANOSECONDS
        self._draws = Draws(behaviour)
        self._table = load(behaviour)
        self._numbers = itertools.count()
        self._places = asyncio.Semaphore(serving.max_num_seqs)
        self._running = 0
        self.telemetry = Telemetry(serving.names[0], serving.max_model_len)

    def application(self) -> web.Application:
        """Return the application that serves it."""
        made = web.Application(middlewares=[self._count_answers])
        made.add_routes(
            [
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
                web.get("/v1/models", self._models),
                web.post("/v1/chat/completions", self._chat),
                web.post("/v1/completions", self._completion),
            ]
        )
        return made

    @web.middleware
    async def _count_answers(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        status = 500
        try:
            answer = await handler(request)
            status = answer.status
        except web.HTTPException as refusal:
            status = refusal.status
            raise
        except (asyncio.CancelledError, ConnectionResetError):
            # vLLM counts a client that has gone as one that was answered.
            status = 200
            raise
        else:
            return answer
        finally:
            if request.path not in _NOT_COUNTED:
                unknown = request.match_info.http_exception is not None
                self.telemetry.answered(request.method, status, "none" if unknown else request.path)

    def _ready_seconds(self) -> float:
        """Return how long it has been ready; below 0 while it is not."""
        return time.monotonic() - self._ready_at

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response() if self._ready_seconds() >= 0 else _starting()

    async def _models(self, _request: web.Request) -> web.Response:
        if self._ready_seconds() < 0:
            return _starting()
        return web.json_response(answers.models(self._serving.names, self._created_seconds))

    async def _metrics(self, _request: web.Request) -> web.Response:
        body, content_type = self.telemetry.exposition()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, chat=True)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, chat=False)

    async def _answer(self, request: web.Request, *, chat: bool) -> web.StreamResponse:
        arrived = time.monotonic()
        if self._ready_seconds() < 0:
            return _starting()
        try:
            question = answers.read_question(await request.read(), chat=chat)
        except BadRequestError as problem:
            return _refused(str(problem), "BadRequestError", 400)
        if question.model not in (None, *self._serving.names):
            message = f"The model `{question.model}` does not exist."
            return _refused(message, "NotFoundError", 404)
        fate = self._draws.draw(self._ready_seconds())
        if fate.fails:
            return self._fail(question, arrived)
        return await self._run(request, question, fate, arrived)

    def _fail(self, question: Question, arrived: float) -> web.Response:
        """Break down before the first token, which vLLM counts in every latency all the same.

        Streams fail with a 500 too, as no vLLM does that has begun one: gateways are to see it.
        """
        self.telemetry.started(question.prompt_tokens)
        passed = time.monotonic() - arrived
        self.telemetry.first_token(passed)
        self.telemetry.finished(
            Finished("error", question.prompt_tokens, 0, 0.0, passed, request_seconds=passed)
        )
        return _refused("Internal server error", "InternalServerError", 500)

    async def _run(
        self, request: web.Request, question: Question, fate: Fate, arrived: float
    ) -> web.StreamResponse:
        answer = self._compose(question)
        async with self._place():
            began = time.monotonic()
            self.telemetry.started(question.prompt_tokens)
            timing = _Timing(arrived, began, self.telemetry.first_token)
            tell = _stream if question.streams else _whole
            made = await tell(request, answer, fate, timing)
            ended = time.monotonic()
        finished = Finished(
            reason=answer.finish_reason,
            prompt_tokens=question.prompt_tokens,
            generated_tokens=answer.tokens,
            queue_seconds=began - arrived,
            first_token_seconds=timing.first_token_seconds,
            request_seconds=ended - arrived,
        )
        self.telemetry.finished(finished)
        return made

    def _compose(self, question: Question) -> Answer:
        known = self._table.answer(question.prompt)
        words = DEFAULT_WORDS if known is None else tuple(known.split(" "))
        natural = self._behaviour.output_tokens if known is None else len(words)
        wanted = question.max_tokens or natural
        return Answer(
            question=question,
            number=next(self._numbers),
            created_seconds=time.time_ns() // _NANOSECONDS,
            model=question.model or self._serving.names[0],
            tokens=min(natural, wanted),
            finish_reason="length" if wanted < natural else "stop",
            words=words,
        )

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for one of the places in which requests run, and hold it."""
        with self.telemetry.waiting.track_inprogress():
            await self._places.acquire()
        try:
            self._use_places(1)
            yield
        finally:
            self._use_places(-1)
            self._places.release()

    def _use_places(self, change: int) -> None:
        self._running += change
        self.telemetry.running.set(self._running)
        self.telemetry.kv_cache_usage.set(self._running / self._serving.max_num_seqs)


@dataclass
class _Timing:
    """When things happen to a request, on the clock of `time.monotonic`."""

    arrived: float
    began: float
    record: Callable[[float], None]
    first_token_seconds: float = 0.0

    def first_token(self, when: float) -> None:
        """Take note of the first token as soon as it is there: the rest may never come."""
        self.first_token_seconds = when - self.arrived
        self.record(self.first_token_seconds)


async def _whole(
    _request: web.Request, answer: Answer, fate: Fate, timing: _Timing
) -> web.StreamResponse:
    """Answer in one piece."""
    later_seconds = (answer.tokens - 1) * fate.token_seconds
    first_due = timing.began + fate.first_token_seconds
    try:
        await _sleep_until(first_due + later_seconds)
    except asyncio.CancelledError:
        if time.monotonic() >= first_due:
            timing.first_token(first_due)
        raise
    # One sleep for all tokens: what it was late counts as before the first.
    timing.first_token(time.monotonic() - later_seconds)
    return web.json_response(answer.whole())


async def _stream(
    request: web.Request, answer: Answer, fate: Fate, timing: _Timing
) -> web.StreamResponse:
    """Answer token by token."""
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    )
    await response.prepare(request)
    pieces = answer.pieces()
    first_due = timing.began + fate.first_token_seconds
    await _sleep_until(first_due)
    timing.first_token(time.monotonic())
    sent = 0
    while sent < len(pieces):
        await _sleep_until(first_due + sent * fate.token_seconds)
        # On a busy machine several may be due: one write for them all.
        due = 1 + int((time.monotonic() - first_due) / fate.token_seconds)
        ending = max(due, sent + 1)
        await response.write(b"".join(pieces[sent:ending]))
        sent = ending
    await response.write(answer.ending())
    return response


async def _sleep_until(when: float) -> None:
    await asyncio.sleep(max(0.0, when - time.monotonic()))


def _starting() -> web.Response:
    return _refused("the model is being loaded", "ServiceUnavailableError", 503)


def _refused(message: str, type_: str, status: int) -> web.Response:
    return web.json_response(answers.error(message, type_, status), status=status)
