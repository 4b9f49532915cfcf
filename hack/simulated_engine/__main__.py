"""Entry: `python -m hack.simulated_engine serve MODEL ...`, and `vllm` in the image."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from hack.simulated_engine.flags import Behaviour, Serving, parse
from hack.simulated_engine.server import Engine

_CRASHED: Final = 1
_MEBIBYTE: Final = 1024 * 1024
_PAGE_BYTES: Final = 4096


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    started_seconds = time.monotonic()
    serving, behaviour, ignored = parse(sys.argv[1:] if arguments is None else arguments)
    if ignored:
        _say(f"without meaning here: {' '.join(ignored)}")
    asyncio.run(_serve(serving, behaviour, started_seconds))
    return 0


async def _serve(serving: Serving, behaviour: Behaviour, started_seconds: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(
        Engine(serving, behaviour, started_seconds).application(),
        access_log=None,
        # As vLLM: a request whose client has gone is not run to its end.
        handler_cancellation=True,
        shutdown_timeout=serving.shutdown_seconds,
    )
    await runner.setup()
    await web.TCPSite(runner, serving.host, serving.port).start()
    host, port = runner.addresses[0][:2]
    _say(f"serving {serving.names[0]} on {host}:{port}")
    held = _plan_misfortune(behaviour)
    await stop.wait()
    _say(f"stopping, {serving.shutdown_seconds:g} s for what is running")
    # Stops listening, then waits for the running handlers.
    await runner.cleanup()
    held.clear()


def _plan_misfortune(behaviour: Behaviour) -> list[bytearray]:
    """Have memory taken and the process ended, when that is asked for; returns what is held."""
    held: list[bytearray] = []
    loop = asyncio.get_running_loop()
    if behaviour.crash_after_seconds < float("inf"):
        loop.call_later(behaviour.crash_after_seconds, _crash)
    if behaviour.allocate_mebibytes:
        loop.call_later(
            behaviour.allocate_after_seconds, _allocate, behaviour.allocate_mebibytes, held
        )
    return held


def _crash() -> None:
    _say("crashing, as asked")
    os._exit(_CRASHED)


def _allocate(mebibytes: int, held: list[bytearray]) -> None:
    _say(f"taking {mebibytes} MiB, as asked")
    block = bytearray(mebibytes * _MEBIBYTE)
    # Memory that was never written to is not there yet.
    pages = len(range(0, len(block), _PAGE_BYTES))
    block[::_PAGE_BYTES] = b"\x01" * pages
    held.append(block)


def _say(text: str) -> None:
    sys.stderr.write(f"simulated engine: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
