"""Samples as they were scraped, the ticks that they fall into, and the counts that come of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SETTLING_SECONDS: Final = 5.0
"""How long after its end a tick is read at the earliest. A sample has the time at which its scrape
began and is there once the scrape has ended; what takes longer counts as missing."""
BASELINE_SECONDS: Final = 300.0
"""How far before the first tick samples are read, for counters to have a value to count from. As
far as Prometheus itself looks back for the latest sample of a series (`--query.lookback-delta`)."""


@dataclass(frozen=True)
class Series:
    """One series with its raw samples.

    Attributes:
        labels: With the metric's name under `__name__`.
        samples: Timestamp in seconds and value, oldest first.
    """

    labels: Mapping[str, str]
    samples: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sample:
    """One value of a text exposition, as it is now.

    Attributes:
        labels: With the metric's name under `__name__`.
        value: Not checked: may be NaN.
    """

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class RevisionCounts:
    """What one revision answered in a time.

    Attributes:
        total: Requests that count.
        bad: Those of them that failed, or were too slow; at most `total`.
    """

    total: int
    bad: int


Ticks = tuple[RevisionCounts | None, ...]
"""Counts by tick; None: blind, nothing is known about that tick."""


@dataclass(frozen=True)
class TickGrid:
    """Equal stretches of time. Tick i has its begin, `start_seconds + i * tick_seconds`, in it.

    Attributes:
        start_seconds: Unix time of the first tick's begin.
        tick_seconds: Length of a tick; not shorter than the scrape interval.
        ticks: How many.
    """

    start_seconds: float
    tick_seconds: float
    ticks: int

    @property
    def end_seconds(self) -> float:
        """Unix time of the last tick's end."""
        return self.start_seconds + self.tick_seconds * self.ticks

    @property
    def read_from_seconds(self) -> float:
        """Since when samples are to be read. Always the same for a start: see `counting`."""
        return self.start_seconds - BASELINE_SECONDS

    def index(self, timestamp_seconds: float) -> int | None:
        """The tick that a time is in; None outside."""
        found = self.place(timestamp_seconds)
        return found if 0 <= found < self.ticks else None

    def place(self, timestamp_seconds: float) -> int:
        """The same of any time, as if the ticks went on to both sides: below 0 before the first."""
        return math.floor((timestamp_seconds - self.start_seconds) / self.tick_seconds)


def last_complete_tick(
    now_seconds: float, scrape_interval_seconds: float, tick_seconds: float, start_seconds: float
) -> int | None:
    """Index of the newest tick whose samples are all there; None before the first is.

    A tick is read once its end lies one scrape interval back, or `SETTLING_SECONDS` if those are
    fewer, so that its counts are the same whenever they are read.

    >>> last_complete_tick(60 + 30 + 4.9, 15, 30, 60), last_complete_tick(60 + 30 + 5, 15, 30, 60)
    (None, 0)
    """
    settled = now_seconds - min(scrape_interval_seconds, SETTLING_SECONDS) - start_seconds
    complete = math.floor(settled / tick_seconds)
    return complete - 1 if complete > 0 else None
