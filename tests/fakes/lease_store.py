"""A Lease in memory, on an API server that can be slow, silent or gone."""

import asyncio
import json

from rocksteady import errors
from rocksteady.ports import Manifest
from rocksteady.resources.kinds import Kind


class LeaseStore:
    """Implements `adapters.lease.LeaseStore` for several candidates.

    Attributes:
        lease: As stored; None: there is none.
        delay_seconds: How long the server takes, per half of a call.
        failing: What every call raises; None: nothing.
    """

    def __init__(self) -> None:
        self.lease: Manifest | None = None
        self.delay_seconds = 0.0
        self.failing: errors.ClusterError | None = None
        self._version = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        await self._answer(kind)
        assert (namespace, name) == ("system", "leader")
        found = self.lease
        await asyncio.sleep(self.delay_seconds)
        return None if found is None else self._copy(found)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._answer(kind)
        if self.lease is not None:
            raise errors.Conflict("409: already exists", 409)
        return await self._store(manifest)

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._answer(kind)
        if self.lease is None:
            raise errors.NotFound("404", 404)
        seen = manifest["metadata"]["resourceVersion"]
        if seen != self.lease["metadata"]["resourceVersion"]:
            raise errors.Conflict("409: modified", 409)
        return await self._store(manifest)

    async def _answer(self, kind: Kind) -> None:
        assert kind.kind == "Lease"
        await asyncio.sleep(self.delay_seconds)
        if self.failing is not None:
            raise self.failing

    async def _store(self, manifest: Manifest) -> Manifest:
        self._version += 1
        stored = self._copy(manifest)
        stored["metadata"]["resourceVersion"] = str(self._version)
        self.lease = stored
        await asyncio.sleep(self.delay_seconds)
        return self._copy(stored)

    @staticmethod
    def _copy(manifest: Manifest) -> Manifest:
        content: Manifest = json.loads(json.dumps(manifest))
        return content


class Link:
    """One candidate's way to the store, which can be cut.

    Attributes:
        hangs: True: calls are not answered, ever.
        loses_answers: True: writes are made, but their answers never come.
    """

    def __init__(self, store: LeaseStore) -> None:
        self._store = store
        self.hangs = False
        self.loses_answers = False

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        await self._wait(self.hangs)
        return await self._store.get(kind, namespace, name)

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._wait(self.hangs)
        answer = await self._store.create(kind, manifest)
        await self._wait(self.loses_answers)
        return answer

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        await self._wait(self.hangs)
        answer = await self._store.replace(kind, manifest)
        await self._wait(self.loses_answers)
        return answer

    @staticmethod
    async def _wait(forever: bool) -> None:  # noqa: FBT001 - the state of the link
        if forever:
            await asyncio.sleep(1_000_000)
