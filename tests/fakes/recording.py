"""Ports that remember what they were told."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rocksteady.ports import Announcement, Key, Manifest
from tests.builders import NOW


class FakeClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class RecordingRecorder:
    """Keeps Events."""

    def __init__(self) -> None:
        self.announcements: list[Announcement] = []

    async def record(self, regarding: Manifest, announcements: Sequence[Announcement]) -> None:
        assert regarding["kind"] == "LLMDeployment"
        self.announcements.extend(announcements)

    @property
    def reasons(self) -> list[str]:
        return [announcement.reason for announcement in self.announcements]


class RecordingObserver:
    """Keeps what the reconciler says of itself."""

    def __init__(self) -> None:
        self.writes: list[tuple[str, str]] = []
        self.reported: dict[Key, dict[str, str]] = {}
        self.gone: list[Key] = []

    def applied(self, kind: str, verb: str) -> None:
        self.writes.append((verb, kind))

    def conditions(self, key: Key, conditions: Mapping[str, str]) -> None:
        self.reported[key] = dict(conditions)

    def forgotten(self, key: Key) -> None:
        self.gone.append(key)
