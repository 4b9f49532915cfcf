"""Ports that remember what they were told."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from rocksteady.ports import Announcement, Key, Manifest
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_scores import EvaluationScore
from rocksteady.rollout.moves import Action
from rocksteady.rollout.reading import Trip
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
        self.decisions: list[Action] = []
        self.scores: dict[Key, tuple[EvaluationScore, ...]] = {}

    def applied(self, kind: str, verb: str) -> None:
        self.writes.append((verb, kind))

    def conditions(self, key: Key, conditions: Mapping[str, str]) -> None:
        self.reported[key] = dict(conditions)

    def decided(self, key: Key, course: Course, now: datetime) -> None:  # noqa: ARG002
        assert now.tzinfo is not None
        if course.move is not None and course.move.action is not None:
            self.decisions.append(course.move.action)

    def evaluated(self, key: Key, scores: Sequence[EvaluationScore]) -> None:
        self.scores[key] = tuple(scores)

    def forgotten(self, key: Key) -> None:
        self.gone.append(key)


class RecordingLane:
    """Keeps what the fast lane is told to follow, and trips when a test says so.

    Attributes:
        weights: By LLMDeployment: what its canary had when it was followed last.
        trips: By LLMDeployment.
    """

    def __init__(self) -> None:
        self.weights: dict[Key, int] = {}
        self.trips: dict[Key, Trip] = {}

    def follow(self, key: Key, course: Course) -> None:
        weight = course.attempt.status.weight_percent if course.attempt else 0
        self.weights[key] = weight if course.is_open else 0
        if not self.weights[key]:
            self.trips.pop(key, None)

    def forget(self, key: Key) -> None:
        self.weights.pop(key, None)
        self.trips.pop(key, None)

    def trip_of(self, key: Key) -> Trip | None:
        return self.trips.get(key)

    async def tripped(self, key: Key) -> None:
        """As far as is known before anybody waits."""
        if key not in self.trips:
            await asyncio.Event().wait()
