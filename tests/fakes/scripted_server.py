"""A server on loopback that answers as it is told to and keeps what it was asked."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def saying(status: int, content: Any = None) -> Answer:
    """Answer with JSON."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({} if content is None else content, status=status)

    return answer


def saying_text(status: int, text: str) -> Answer:
    """Answer with something else."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status)

    return answer


def refusing(status: int, message: str, **details: str) -> Answer:
    """Answer with a Status, as an API server does."""
    content = {"kind": "Status", "message": message, "code": status, "details": details}
    return saying(status, content)


async def silence(_request: web.Request) -> web.StreamResponse:
    """Take the request and never answer."""
    await asyncio.sleep(3600)
    raise AssertionError("nobody waits so long")


async def breaking_off(request: web.Request) -> web.StreamResponse:
    """Begin an answer and close the connection."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"kind":')
    if request.transport is not None:
        request.transport.abort()
    return response


def _read(content_type: str, text: str) -> Any:
    """A form or JSON."""
    if content_type == "application/x-www-form-urlencoded":
        return dict(parse_qsl(text, keep_blank_values=True))
    return json.loads(text) if text else None


class ScriptedServer:
    """See the module.

    Attributes:
        answer: How the coming requests are answered.
        asked: What was asked, oldest first.
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.answer: Answer = saying(200)
        self.asked: list[Asked] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        self.asked.append(
            Asked(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers=dict(request.headers),
                body=_read(request.content_type, text),
            )
        )
        return await self.answer(request)


@asynccontextmanager
async def scripted_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    """Run one; with TLS if its context is given."""
    script, app = ScriptedServer(), web.Application()
    app.router.add_route("*", "/{path:.*}", script.handle)
    scheme = "http" if tls is None else "https"
    server = TestServer(app, host="127.0.0.1", scheme=scheme)
    await server.start_server(shutdown_timeout=0.01, ssl=tls)
    script.url = str(server.make_url("")).rstrip("/")
    try:
        yield script
    finally:
        await server.close()
