"""A circuit breaker: what fails again and again is left alone for a while, and then tried once."""

from collections.abc import Callable
from typing import Final

FAILURES: Final = 5
"""How many failures in a row open it."""
PAUSE_SECONDS: Final = 15.0
"""How long it stays open before one call may try."""


class Circuit:
    """State of one source.

    Args:
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failures = 0
        self._shut_until: float | None = None

    @property
    def is_open(self) -> bool:
        """True from the last of too many failures until the next success."""
        return self._failures >= FAILURES

    def admits(self) -> bool:
        """True when a call may be made; its outcome must then be told.

        After a pause one call is let through; others wait for a further pause, or its success.
        """
        if self._failures < FAILURES or self._shut_until is None:
            return True
        if self._monotonic() < self._shut_until:
            return False
        self._shut_until = self._monotonic() + PAUSE_SECONDS
        return True

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures, self._shut_until = 0, None

    def failed(self) -> None:
        """A call was not."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._shut_until = self._monotonic() + PAUSE_SECONDS
