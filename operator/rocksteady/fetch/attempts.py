"""Try again what a network broke."""

import time
from collections.abc import Callable
from typing import Final

from rocksteady.fetch.progress import say

ATTEMPTS: Final = 5
"""Then the container ends and the kubelet starts it again, ever more slowly."""
FIRST_PAUSE_SECONDS: Final = 2.0


def persist(action: Callable[[], None], transient: tuple[type[BaseException], ...]) -> None:
    """Run `action` until it succeeds; it goes on where it stopped.

    Args:
        action: Raises one of `transient` when another attempt may help.
        transient: Errors of a network.
    """
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except transient as error:
            if attempt == ATTEMPTS:
                raise
            say(f"attempt {attempt} of {ATTEMPTS} broke off ({error}): again in {pause:.0f} s")
        time.sleep(pause)
        pause *= 2
    return None
