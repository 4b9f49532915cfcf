"""Post Kubernetes Events about an LLMDeployment.

The same sentence again within an hour raises the count of the Event that said it, by a name that
is derived from the sentence, so that a flapping object cannot flood the API server.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from rocksteady import conventions, errors
from rocksteady.ports import Announcement, Clock, Manifest
from rocksteady.resources.kinds import Kind

EVENT: Final = Kind("v1", "Event", "events")
MESSAGE_MAX_LENGTH: Final = 1024
"""What the API server accepts."""

_log = structlog.get_logger(__name__)


class EventStore(Protocol):
    """What posting Events needs of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """An Event; None when there is none."""

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create or update one."""


class EventRecorder:
    """Posts Events. A failure is logged, never raised: Events are courtesy, status is duty."""

    def __init__(self, store: EventStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(self, regarding: Manifest, announcements: Sequence[Announcement]) -> None:
        """See `ports.Recorder`."""
        for announcement in announcements:
            try:
                await self._post(regarding, announcement)
            except errors.ClusterError as error:
                _log.warning("event not posted", reason=announcement.reason, error=str(error))

    async def _post(self, regarding: Manifest, announcement: Announcement) -> None:
        metadata = regarding["metadata"]
        namespace, name = metadata["namespace"], self._name(metadata, announcement)
        before = await self._store.get(EVENT, namespace, name) or {}
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": {
                "apiVersion": conventions.API_VERSION,
                "kind": conventions.KIND,
                "namespace": namespace,
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": announcement.type.value,
            "reason": announcement.reason,
            "message": announcement.message[:MESSAGE_MAX_LENGTH],
            "source": {"component": conventions.MANAGED_BY},
            "reportingComponent": conventions.MANAGED_BY,
            "firstTimestamp": before.get("firstTimestamp", now),
            "lastTimestamp": now,
            "count": before.get("count", 0) + 1,
        }
        await self._store.apply(EVENT, event)

    @staticmethod
    def _name(metadata: Manifest, announcement: Announcement) -> str:
        said = f"{metadata['uid']} {announcement.reason} {announcement.message}"
        return f"{metadata['name']}.{hashlib.sha256(said.encode()).hexdigest()[:16]}"
