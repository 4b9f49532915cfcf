"""Segments of attempts that were counted and change no more, kept so that none is read twice.

Nothing rests on them: who has none reads the same from Prometheus again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import takewhile
from typing import Final

from rocksteady.ports import Key
from rocksteady.rollout.measuring import Segment, is_settled

SEGMENTS_MAX: Final = 500
"""How many are kept of all attempts together: twenty that last a day. With two latencies at all
their boundaries one has about 320 KiB."""


class KeptSegments:
    """See the module.

    Args:
        segments_max: When there are more, those of the attempt that was not asked for the longest
            time go.
    """

    def __init__(self, segments_max: int = SEGMENTS_MAX) -> None:
        self._segments_max = segments_max
        self._kept: dict[Key, tuple[str, tuple[Segment, ...]]] = {}

    def of(self, key: Key, attempt: str) -> tuple[Segment, ...]:
        """What is kept of an attempt of this name, from its first segment on."""
        name, segments = self._kept.get(key, ("", ()))
        return segments if name == attempt else ()

    def keep(self, key: Key, attempt: str, segments: Sequence[Segment], now: datetime) -> None:
        """Keep what is settled of an attempt, from its first segment on."""
        settled = tuple(takewhile(lambda one: is_settled(one, now.timestamp()), segments))
        self._kept.pop(key, None)
        if not settled:
            return
        # Only the last is counted from.
        self._kept[key] = attempt, (*(replace(one, newest=()) for one in settled[:-1]), settled[-1])
        while len(self) > self._segments_max and len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]

    def forget(self, key: Key) -> None:
        """The attempt has ended, or the LLMDeployment is gone."""
        self._kept.pop(key, None)

    def __len__(self) -> int:
        return sum(len(segments) for _, segments in self._kept.values())
