"""Leader election by a Lease: at most one operator writes.

A Lease that another holds is judged by how long we have seen it unchanged, on our own monotonic
clock, so that clocks of different nodes need not agree. Writes are allowed only while our last
renewal is younger than the renew deadline, and a write takes at most as long as is left from then
until another may take over.
Source: kubernetes/client-go:tools/leaderelection/leaderelection.go; its defaults (15 s, 10 s, 2 s)
leave a write 5 s, and an admission webhook alone may take 10 s.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from rocksteady import errors
from rocksteady.adapters.kubernetes import CALL_TIMEOUT_SECONDS as WRITE_SECONDS
from rocksteady.ports import Clock, Manifest
from rocksteady.resources.kinds import Kind

LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")

DURATION_SECONDS: Final = 30
RENEW_DEADLINE_SECONDS: Final = DURATION_SECONDS - WRITE_SECONDS
RETRY_SECONDS: Final = 2.0
CALL_TIMEOUT_SECONDS: Final = 5.0
"""A quarter of the deadline, so that a hung call leaves time for others."""


class LeaseStore(Protocol):
    """What election needs of the API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """The Lease; None when there is none."""

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create the Lease; raises Conflict when there is one."""

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Update it at its resourceVersion; raises Conflict when it changed."""


@dataclass(frozen=True)
class _Seen:
    """A Lease of somebody else, and when we first saw it so."""

    version: str
    since: float


class Elector:
    """Gets, keeps and gives back the Lease.

    Args:
        store: Where the Lease is.
        namespace: Of the Lease.
        name: Of the Lease.
        identity: Who we are; unique among all candidates.
        clock: For the times that are written into the Lease.
        monotonic: Seconds that never jump; default: the event loop's.
    """

    def __init__(
        self,
        store: LeaseStore,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock
        self._monotonic = monotonic or asyncio.get_running_loop().time
        self._seen: _Seen | None = None
        self._renewed_at: float | None = None

    @property
    def leads(self) -> bool:
        """True while our last renewal is younger than the renew deadline."""
        return (
            self._renewed_at is not None
            and self._monotonic() - self._renewed_at < RENEW_DEADLINE_SECONDS
        )

    def check(self) -> None:
        """Raise NotLeader unless a write may start now."""
        if not self.leads:
            raise errors.NotLeader("the Lease is not ours: nothing may be written")

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while not await self._try():
            await asyncio.sleep(RETRY_SECONDS)

    async def keep(self) -> None:
        """Renew the Lease for as long as that works; returns when it is lost."""
        while self.leads:
            await asyncio.sleep(RETRY_SECONDS)
            await self._try()

    async def release(self) -> None:
        """Give the Lease back, so that another need not wait for it to expire."""
        if not self.leads:
            return
        self._renewed_at = None
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                lease = await self._get()
                if lease is not None and lease["spec"].get("holderIdentity") == self._identity:
                    spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
                    await self._store.replace(LEASE, {**lease, "spec": spec})
        except (errors.ClusterError, TimeoutError):
            return  # it will expire

    async def _try(self) -> bool:
        """Get or renew the Lease once; True when it is ours now."""
        asked_at = self._monotonic()
        try:
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                lease = await self._get()
                if lease is None:
                    await self._store.create(LEASE, self._new())
                elif self._may_take(lease):
                    await self._store.replace(LEASE, self._taken(lease))
                else:
                    self._renewed_at = None
                    return False
        except (errors.ClusterError, TimeoutError):
            return self.leads
        self._renewed_at = asked_at
        return True

    async def _get(self) -> Manifest | None:
        return await self._store.get(LEASE, self._namespace, self._name)

    def _may_take(self, lease: Manifest) -> bool:
        spec = lease["spec"]
        holder = spec.get("holderIdentity", "")
        if holder in ("", self._identity):
            return True
        version = lease["metadata"]["resourceVersion"]
        now = self._monotonic()
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, now)
        valid_seconds: float = spec.get("leaseDurationSeconds", DURATION_SECONDS)
        return now - self._seen.since > valid_seconds

    def _new(self) -> Manifest:
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._name, "namespace": self._namespace},
            "spec": self._spec({}),
        }

    def _taken(self, lease: Manifest) -> Manifest:
        return {**lease, "spec": self._spec(lease["spec"])}

    def _spec(self, before: dict[str, Any]) -> dict[str, Any]:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        renewed = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": before["acquireTime"] if renewed else now,
            "renewTime": now,
            "leaseTransitions": before.get("leaseTransitions", 0)
            + (0 if renewed else bool(before)),
        }
