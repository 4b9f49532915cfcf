"""What the reconciler needs of the world, as protocols; `adapters` implement them.

Manifests are plain dicts as the API server writes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from rocksteady import conventions
from rocksteady.queries.samples import Sample, Series
from rocksteady.queries.selectors import Selector
from rocksteady.resources.kinds import Kind
from rocksteady.rollout.course import Course
from rocksteady.rollout.evaluation_scores import EvaluationScore

Manifest = dict[str, Any]


@dataclass(frozen=True, order=True)
class Key:
    """Which object: what the work queue holds.

    Attributes:
        namespace: Of the object.
        name: Of the object.
        kind: An LLMDeployment, or an EvaluationSuite.
    """

    namespace: str
    name: str
    kind: str = conventions.KIND

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ClusterReader(Protocol):
    """Reads of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object; None when it is not there, or when its kind is optional and not served.

        Raises:
            ClusterError: The API server refused or did not answer.
        """

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        """Objects of a kind; none of an optional kind that is not served.

        Args:
            kind: Which.
            namespace: Where; None: everywhere.
            label_selector: Labels that they have; empty: any.

        Raises:
            ClusterError: The API server refused or did not answer.
        """


class ClusterWriter(Protocol):
    """Writes to the API server. Each call raises NotLeader when the Lease is not ours."""

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Server-side apply as the one field manager; what conflicts is taken over.

        Raises:
            Invalid: The API server rejects the manifest.
            ClusterError: Refused otherwise, or not answered.
        """

    async def rehearse(self, kind: Kind, manifest: Manifest) -> Manifest:
        """What the API server would make of an apply, without doing it.

        Raises:
            Invalid: It would reject the manifest.
        """

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Update the whole object, at the resourceVersion that the manifest carries.

        Raises:
            Conflict: The object changed since it was read.
        """

    async def apply_status(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Server-side apply of the status subresource.

        Raises:
            Conflict: `metadata.resourceVersion` is given and no longer current.
        """

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete this very object (same uid) and its dependents; gone already is fine."""


class Cluster(ClusterReader, ClusterWriter, Protocol):
    """Reads and writes of the API server."""


class EventType(StrEnum):
    """Severity of a Kubernetes Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Announcement:
    """One Event about an LLMDeployment: a CamelCase reason and a sentence."""

    type: EventType
    reason: str
    message: str


class Recorder(Protocol):
    """Posts Events."""

    async def record(self, regarding: Manifest, announcements: Sequence[Announcement]) -> None:
        """Post Events about an object; a failure is logged, never raised."""


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Wall-clock time in UTC, for records."""


class MetricsReader(Protocol):
    """Reads sources of metrics, by their names in the configuration.

    Each call raises MetricsError when the source refuses or does not answer as Prometheus does.
    """

    async def series(
        self,
        source: str,
        selectors: Sequence[Selector],
        start_seconds: float,
        end_seconds: float,
    ) -> tuple[Series, ...]:
        """Series with their raw samples after the start, up to the end; none when none match.

        Calls at the same time may share a query.

        Args:
            source: Its name.
            selectors: Which series; each of them once, however many selectors match it.
            start_seconds: Unix time.
            end_seconds: Unix time.
        """

    async def value(self, source: str, query: str, at_seconds: float) -> float | None:
        """The one number that a query of a user gives; None: it gives nothing, or no number.

        Args:
            source: Its name; it must allow such queries.
            query: PromQL that gives a scalar, or a vector of one.
            at_seconds: Unix time.
        """


class ExpositionReader(Protocol):
    """Reads metrics where they are made."""

    async def samples(
        self, address: str, port: int, path: str, names: Sequence[str]
    ) -> tuple[Sample, ...]:
        """What `http://address:port/path` shows of these metrics now.

        Raises:
            MetricsError: It does not answer in a second, or not with metrics.
        """


class ReconcileObserver(Protocol):
    """Hears how each reconcile of a key went, for metrics."""

    def applied(self, kind: str, verb: str) -> None:
        """One write was made."""

    def conditions(self, key: Key, conditions: Mapping[str, str]) -> None:
        """Condition statuses by type, as reported now."""

    def decided(self, key: Key, course: Course, now: datetime) -> None:
        """What became of the attempt that runs, and what its signals say."""

    def evaluated(self, key: Key, scores: Sequence[EvaluationScore]) -> None:
        """What its evaluations say now, instead of what they said before."""

    def forgotten(self, key: Key) -> None:
        """The object is gone: its series go too."""
