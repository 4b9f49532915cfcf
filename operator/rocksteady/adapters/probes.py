"""HTTP for kubelet and Prometheus: /healthz, /readyz and /metrics."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Check = Callable[[], str | None]
"""Says what is wrong; None: nothing is."""


class ProbeServer:
    """Answers probes and scrapes.

    Args:
        registry: What /metrics shows.
        live: What /healthz asks: should this process be started again?
        ready: What /readyz asks: does this process do its part, be it as a standby?
        port: To listen on, on all addresses.
    """

    def __init__(self, registry: CollectorRegistry, live: Check, ready: Check, port: int) -> None:
        app = web.Application()
        app.router.add_get("/healthz", self._answer(live))
        app.router.add_get("/readyz", self._answer(ready))
        app.router.add_get("/metrics", self._metrics)
        self._registry = registry
        self._port = port
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Start to listen.

        Raises:
            OSError: The port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, port=self._port).start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    @staticmethod
    def _answer(check: Check) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(_request: web.Request) -> web.Response:
            wrong = check()
            return web.Response(status=200 if wrong is None else 503, text=wrong or "ok")

        return answer

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
