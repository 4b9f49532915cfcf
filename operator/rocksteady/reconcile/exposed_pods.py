"""The pods at which counters are read directly: which there are, and one reading of each."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rocksteady import errors
from rocksteady.ports import ClusterReader, ExpositionReader, Manifest
from rocksteady.queries.live import names_read
from rocksteady.queries.lookup import Shown
from rocksteady.queries.profiles.base import Profile
from rocksteady.reconcile.snapshot import revision_of
from rocksteady.resources import kinds

LISTED_SECONDS: Final = 3.0
"""How old a list of pods may be before it is made anew; what is read meanwhile goes by the old."""
LISTED_SECONDS_MAX: Final = 15.0
"""How old it may be at all: a gateway that has grown since would be read in part."""
TIMEOUT_SECONDS: Final = 1.0
"""How long a list or a reading may take."""
READS_AT_ONCE: Final = 64
"""A bound for many canaries whose pods do not answer: with more, a round takes another second."""


@dataclass(frozen=True)
class Place:
    """Where counters are.

    Attributes:
        namespace: Of the pods.
        label_selector: Of the pods.
        port: Number, or the name that it has in the pods' containers.
        path: Of the metrics.
    """

    namespace: str
    label_selector: str
    port: int | str
    path: str


@dataclass(frozen=True)
class ExposedPod:
    """One pod that shows counters.

    Attributes:
        uid: Of the pod: the same address may belong to another later.
        revision: Hash, for a pod of an LLMDeployment; None: of a gateway.
        address: IP.
        port: Number.
        path: Of the metrics.
    """

    uid: str
    revision: str | None
    address: str
    port: int
    path: str


class PodLists:
    """Lists of pods, each made anew every few seconds while somebody asks for it.

    Args:
        cluster: Where they are.
        monotonic: Time in seconds that does not jump.
    """

    def __init__(self, cluster: ClusterReader, monotonic: Callable[[], float]) -> None:
        self._cluster = cluster
        self._monotonic = monotonic
        self._lists: dict[Place, tuple[float, tuple[ExposedPod, ...]]] = {}
        self._listing: dict[Place, asyncio.Task[tuple[ExposedPod, ...]]] = {}

    async def pods(self, place: Place) -> tuple[ExposedPod, ...]:
        """Ready pods of a place.

        Raises:
            ClusterError: There is no list that is young enough, and none could be made.
            TimeoutError: Likewise.
        """
        listed, found = self._lists.get(place, (-LISTED_SECONDS_MAX, ()))
        age = self._monotonic() - listed
        if age < LISTED_SECONDS:
            return found
        listing = self._listing.get(place)
        if listing is None:
            listing = asyncio.create_task(self._list(place), name="list pods")
            self._listing[place] = listing
            listing.add_done_callback(lambda done: self._listed(place, done))
        return found if age < LISTED_SECONDS_MAX else await asyncio.shield(listing)

    def doubt(self, place: Place) -> None:
        """Make the list anew at the next question: one of its pods did not answer."""
        if place in self._lists:
            listed, found = self._lists[place]
            self._lists[place] = min(listed, self._monotonic() - LISTED_SECONDS), found

    async def close(self) -> None:
        """End what is under way."""
        listings = tuple(self._listing.values())
        for listing in listings:
            listing.cancel()
        await asyncio.gather(*listings, return_exceptions=True)

    async def _list(self, place: Place) -> tuple[ExposedPod, ...]:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            manifests = await self._cluster.list(kinds.POD, place.namespace, place.label_selector)
        exposed = (_exposed(manifest, place) for manifest in manifests)
        return tuple(pod for pod in exposed if pod is not None)

    def _listed(self, place: Place, done: asyncio.Task[tuple[ExposedPod, ...]]) -> None:
        del self._listing[place]
        if not done.cancelled() and done.exception() is None:
            self._lists[place] = self._monotonic(), done.result()


class Round:
    """One reading of each pod, shared by all who ask for it.

    Args:
        reader: Reads them.
    """

    def __init__(self, reader: ExpositionReader) -> None:
        self._reader = reader
        self._limit = asyncio.Semaphore(READS_AT_ONCE)
        self._reads: dict[tuple[ExposedPod, str], asyncio.Task[Shown]] = {}

    async def read(self, pods: tuple[ExposedPod, ...], profile: Profile) -> Mapping[str, Shown]:
        """What each of these pods shows, by its uid.

        Raises:
            MetricsError: One of them does not answer in time, or not with metrics.
        """
        reads = [self._shared(pod, profile) for pod in pods]
        shown = await asyncio.gather(*reads, return_exceptions=True)
        for one in shown:
            if isinstance(one, BaseException):
                raise one
        return {pod.uid: read.result() for pod, read in zip(pods, reads, strict=True)}

    def _shared(self, pod: ExposedPod, profile: Profile) -> asyncio.Task[Shown]:
        key = pod, profile.type
        if key not in self._reads:
            self._reads[key] = asyncio.create_task(self._read(pod, profile), name="read counters")
        return self._reads[key]

    async def _read(self, pod: ExposedPod, profile: Profile) -> Shown:
        try:
            async with self._limit, asyncio.timeout(TIMEOUT_SECONDS):
                samples = await self._reader.samples(
                    pod.address, pod.port, pod.path, names_read(profile)
                )
        except TimeoutError:
            said = f"{pod.address}:{pod.port} does not show its metrics in time."
            raise errors.MetricsError(errors.MetricsReason.EXPOSITION_UNREADABLE, said) from None
        return Shown(samples, profile)


def _exposed(manifest: Manifest, place: Place) -> ExposedPod | None:
    """A pod that can be read; None for one that is not ready, which gets no new requests."""
    metadata, status = manifest["metadata"], manifest.get("status") or {}
    address, port = status.get("podIP"), _port(manifest, place.port)
    ready = any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in status.get("conditions") or ()
    )
    if not ready or not address or port is None or "deletionTimestamp" in metadata:
        return None
    return ExposedPod(metadata["uid"], revision_of(manifest), address, port, place.path)


def _port(manifest: Manifest, port: int | str) -> int | None:
    """Number of a port; None when no container has one of that name."""
    if isinstance(port, int):
        return port
    for container in (manifest.get("spec") or {}).get("containers") or ():
        for one in container.get("ports") or ():
            if one.get("name") == port:
                return int(one["containerPort"])
    return None
