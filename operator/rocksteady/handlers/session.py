"""The HTTP session that Kopf watches with, and the pulse that its requests give."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
import kopf

from rocksteady.ports import Clock

_WATCH_PARAMETER: Final = "watch"


@dataclass(frozen=True)
class Endpoint:
    """How to reach the API server.

    Attributes:
        server: URL.
        ssl_context: Verifies the server and shows our certificate, if we have one.
        authorization: Value of the header of that name; None: we show a certificate instead.
        expires_at: When to ask for the endpoint again, since tokens are rotated; None: never.
    """

    server: str
    ssl_context: ssl.SSLContext
    authorization: str | None
    expires_at: datetime | None


class Pulse:
    """When each watch was last (re)connected.

    Args:
        clock: The time.
        on_connect: Called with the resource and the timestamp in seconds.
    """

    def __init__(self, clock: Clock, on_connect: Callable[[str, float], None]) -> None:
        self._clock = clock
        self._on_connect = on_connect
        self._last: dict[str, float] = {}
        self._since = clock.now().timestamp()

    def beat(self, resource: str) -> None:
        """A watch of this resource was connected."""
        now = self._clock.now().timestamp()
        self._last[resource] = now
        self._on_connect(resource, now)

    def oldest_seconds(self) -> float:
        """Age of the watch that was connected longest ago; before the first, age of the start."""
        oldest = min(self._last.values(), default=self._since)
        return self._clock.now().timestamp() - oldest

    def restart(self) -> None:
        """Count anew: all watches are started again."""
        self._last.clear()
        self._since = self._clock.now().timestamp()


def open_session(endpoint: Endpoint, pulse: Pulse) -> kopf.AiohttpSession:
    """A session for Kopf whose watch requests beat the pulse. Called in Kopf's event loop."""
    asyncio.get_running_loop()
    headers = {"Authorization": endpoint.authorization} if endpoint.authorization else {}
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=endpoint.ssl_context),
        headers=headers,
        trace_configs=[_trace(pulse)],
    )
    return kopf.AiohttpSession(
        server=endpoint.server, aiohttp_session=session, expiration=endpoint.expires_at
    )


def _trace(pulse: Pulse) -> aiohttp.TraceConfig:
    async def ended(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        if _WATCH_PARAMETER in params.url.query and params.response.ok:
            pulse.beat(params.url.path.rsplit("/", 1)[-1])

    trace: Any = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    config: aiohttp.TraceConfig = trace
    return config
