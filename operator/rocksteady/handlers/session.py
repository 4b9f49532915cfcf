"""The HTTP session that Kopf watches with, and the pulse that its requests give."""

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable
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
    """When each expected watch was last (re)connected. Watches beat it from their own thread.

    Args:
        clock: For the timestamps that are told to others.
        on_connect: Called with the resource and the timestamp in seconds.
        monotonic: Seconds that never jump, by which ages are counted.
    """

    def __init__(
        self,
        clock: Clock,
        on_connect: Callable[[str, float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._on_connect = on_connect
        self._monotonic = monotonic
        self._last: dict[str, float] = {}
        self._connected: set[str] = set()

    def expect(self, resources: Iterable[str]) -> None:
        """Watches of these are being started: the age of each counts from now."""
        now = self._monotonic()
        self._connected = set()
        self._last = dict.fromkeys(resources, now)

    def beat(self, resource: str) -> None:
        """A watch of this resource was connected."""
        self._on_connect(resource, self._clock.now().timestamp())
        if resource in self._last:
            self._last[resource] = self._monotonic()
            self._connected.add(resource)

    @property
    def complete(self) -> bool:
        """True when every expected watch was connected at least once."""
        return self._connected >= self._last.keys()

    def oldest_seconds(self) -> float:
        """Age of the expected watch that was connected longest ago; 0 when none is expected."""
        oldest = min(self._last.values(), default=None)
        return 0.0 if oldest is None else self._monotonic() - oldest


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
