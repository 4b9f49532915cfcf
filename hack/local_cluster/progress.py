"""What is being done, and for how long, on a terminal or in a log."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_TERMINAL_TICK_SECONDS = 0.5
_LOG_TICK_SECONDS = 20.0


class Progress:
    """Shows steps on standard error: one moving line on a terminal, plain lines elsewhere.

    Args:
        stream: Where to write.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = time.monotonic()

    def note(self, text: str) -> None:
        """Say one thing."""
        self._line(f"[{time.monotonic() - self._started:5.0f} s] {text}")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show a step while the block runs, and how long it took when it ended."""
        begun = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(title, begun, done), daemon=True)
        ticker.start()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        finally:
            done.set()
            ticker.join()
            seconds = time.monotonic() - begun
            # A step that cost nothing is not worth a line of a log.
            if outcome == "failed" or seconds >= _TERMINAL_TICK_SECONDS:
                self.note(f"{title}: {outcome} in {seconds:.1f} s")

    def _tick(self, title: str, begun: float, done: threading.Event) -> None:
        period = _TERMINAL_TICK_SECONDS if self._terminal else _LOG_TICK_SECONDS
        while not done.wait(period):
            seconds = time.monotonic() - begun
            if self._terminal:
                self._stream.write(f"\r\033[K{title} ... {seconds:.0f} s")
                self._stream.flush()
            else:
                self.note(f"{title}: still at it after {seconds:.0f} s")

    def _line(self, text: str) -> None:
        clear = "\r\033[K" if self._terminal else ""
        self._stream.write(f"{clear}{text}\n")
        self._stream.flush()
