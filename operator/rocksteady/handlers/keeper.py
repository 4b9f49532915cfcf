"""Keep the watches alive: start them, again when they die, anew when a missing kind has come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from rocksteady import errors
from rocksteady.handlers.session import Pulse
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind

KIND_CHECK_SECONDS: Final = 5.0
"""How often the API server is asked for a kind that it does not serve yet."""
GIVE_UP_SECONDS: Final = 240.0
"""How long watches may die again and again without ever being all connected."""
CONNECT_SECONDS: Final = 60.0
"""How long all watches may take to be connected before they are started anew."""
_OURS: Final = (kinds.LLM_DEPLOYMENT, kinds.LLM_ROLLOUT, kinds.EVALUATION_SUITE)
"""Kinds without which there is nothing to be done; Helm leaves CRDs alone when it upgrades."""
_LOOK_SECONDS: Final = 1.0
_DELAY_MAX_SECONDS: Final = 30.0

_log = structlog.get_logger("rocksteady")


class Watches(Protocol):
    """A set of watches that lives and dies as one; see `handlers.watch.WatchThread`."""

    error: BaseException | None

    @property
    def alive(self) -> bool:
        """True while the watches run."""

    def start(self) -> None:
        """Start watching."""

    async def stop(self) -> None:
        """Stop watching and wait for the end."""


class WatchKeeper:
    """Keeps watches for LLMDeployments and for all of their children that the API server serves.

    Args:
        spawn: Makes watches for LLMDeployments and the given kinds of children.
        serves: Whether the API server serves a kind; raises ClusterError when it does not say.
        pulse: Hears of each connection that is made.
    """

    def __init__(
        self,
        spawn: Callable[[Sequence[Kind]], Watches],
        serves: Callable[[Kind], Awaitable[bool]],
        pulse: Pulse,
    ) -> None:
        self._spawn = spawn
        self._serves = serves
        self._pulse = pulse
        self._watches: Watches | None = None

    async def keep(self) -> None:
        """Watch until cancelled; `stop` must follow.

        Raises:
            ClusterError: The watches died again and again; a new process may fare better.
        """
        loop = asyncio.get_running_loop()
        deaths, unwell_seconds = 0, 0.0
        while True:
            await self._wait_for_crd()
            started = loop.time()
            missing = await self._start()
            await self._until_over(missing)
            deaths = 0 if self._pulse.complete else deaths + 1
            await self._clear_away(deaths)
            unwell_seconds = unwell_seconds + loop.time() - started if deaths else 0.0
            if unwell_seconds > GIVE_UP_SECONDS:
                raise errors.ClusterError(f"the watches failed {deaths} times in a row")

    async def stop(self) -> None:
        """Stop watching; the pulse expects nothing any more."""
        if self._watches is not None:
            await self._watches.stop()
        self._pulse.expect(())

    async def _wait_for_crd(self) -> None:
        """Wait until our kinds are served: Kopf never watches a kind that it does not find."""
        while True:
            try:
                missing = [kind for kind in _OURS if not await self._serves(kind)]
                if not missing:
                    return
                _log.warning(
                    "a CRD is not installed yet: kubectl apply --server-side -f crds/",
                    kinds=[kind.kind for kind in missing],
                )
            except errors.ClusterError as error:
                _log.warning("cannot ask whether the CRD is installed", error=str(error))
            await asyncio.sleep(KIND_CHECK_SECONDS)

    async def _start(self) -> list[Kind]:
        """Start watching what is served; returns what is not."""
        wanted = kinds.WATCHED
        served = [kind for kind in wanted if kind not in kinds.OPTIONAL or await self._has(kind)]
        ours = (kinds.LLM_DEPLOYMENT, kinds.EVALUATION_SUITE)
        self._pulse.expect(kind.plural for kind in (*ours, *served))
        self._watches = self._spawn(served)
        self._watches.start()
        _log.info("watching", kinds=[kind.kind for kind in served])
        return [kind for kind in wanted if kind not in served]

    async def _has(self, kind: Kind) -> bool:
        try:
            return await self._serves(kind)
        except errors.ClusterError as error:
            _log.warning("cannot ask whether a kind is served", kind=kind.kind, error=str(error))
            return False

    async def _until_over(self, missing: Sequence[Kind]) -> None:
        """Return when a missing kind is served, or when the watches ended or do not connect.

        Kopf leaves a watch out for good whose kind the API server did not name when it was asked.
        """
        while self._is_alive():
            await asyncio.sleep(KIND_CHECK_SECONDS if missing else _LOOK_SECONDS)
            if not self._pulse.complete and self._pulse.oldest_seconds() > CONNECT_SECONDS:
                return
            for kind in missing:
                if await self._has(kind):
                    return

    async def _clear_away(self, deaths: int) -> None:
        """Stop watches that are to see more kinds, or wait a while after they died."""
        if self._watches is None:
            return
        died, error = not self._watches.alive, self._watches.error
        await self.stop()
        if died:
            _log.error("the watches died and are started again", error=repr(error), deaths=deaths)
            await asyncio.sleep(min(2.0**deaths, _DELAY_MAX_SECONDS))

    def _is_alive(self) -> bool:
        return self._watches is not None and self._watches.alive
