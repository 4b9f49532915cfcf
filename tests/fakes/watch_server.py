"""The part of an API server that watches need: discovery, lists and watches, on loopback."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from rocksteady.ports import Manifest
from rocksteady.resources.kinds import Kind

_NAMESPACE = Kind("v1", "Namespace", "namespaces")
"""Kopf waits until it has heard of it, although it then lists none."""
_GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class WatchServer:
    """See the module.

    Args:
        kinds: What it serves.

    Attributes:
        url: Where it listens.
        lists: How often each plural was listed.
        watches: How often a watch of each plural was opened.
        queries: The query of each watch, by plural.
        writes: Requests that were no GET.
        expired: Plurals whose next watch is told that its version is too old.
        forbidden: Plurals that may not be read.
    """

    def __init__(self, *kinds: Kind) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.kinds = {kind.plural: kind for kind in kinds}
        self.lists: Counter[str] = Counter()
        self.watches: Counter[str] = Counter()
        self.queries: dict[str, dict[str, str]] = {}
        self.writes: list[str] = []
        self.expired: set[str] = set()
        self.forbidden: set[str] = set()
        self._objects: dict[tuple[str, str, str], Manifest] = {}
        self._streams: dict[str, set[asyncio.Queue[str | None]]] = {}
        self._version = 0
        self._server = TestServer(web.Application(), port=self._port)

    # --- what happens in the cluster

    def put(self, kind: Kind, manifest: Manifest) -> None:
        """An object is created or changed, and watches tell so."""
        key = (kind.plural, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
        type_ = "MODIFIED" if key in self._objects else "ADDED"
        self._store(key, manifest)
        self._tell(kind, type_, self._objects[key])

    def put_unseen(self, kind: Kind, manifest: Manifest) -> None:
        """An object is created, and no watch tells."""
        metadata = manifest["metadata"]
        self._store((kind.plural, metadata["namespace"], metadata["name"]), manifest)

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """An object is deleted, and watches tell so."""
        self._tell(kind, "DELETED", self._objects.pop((kind.plural, namespace, name)))

    def end_watches(self) -> None:
        """The server closes every watch, as it does after a while."""
        for streams in self._streams.values():
            for stream in streams:
                stream.put_nowait(None)

    async def start(self) -> None:
        """Listen; again where it listened before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        self._server = TestServer(app, host="127.0.0.1", port=self._port)
        await self._server.start_server(shutdown_timeout=0.01)

    async def stop(self) -> None:
        """Listen no more, and break all connections."""
        self.end_watches()
        await self._server.close()

    # --- what is answered

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method != "GET":
            self.writes.append(f"{request.method} {request.path}")
        plural = request.path.rpartition("/")[2]
        if plural in self.kinds and plural in self.forbidden:
            return web.json_response({"kind": "Status", "code": 403, "message": "no"}, status=403)
        if plural in self.kinds:
            watches = "watch" in request.query
            return await self._watch(request, plural) if watches else self._list(plural)
        return self._discover(request.path)

    def _discover(self, path: str) -> web.Response:
        groups = {kind.group for kind in self.kinds.values()}
        if path == "/api":
            return web.json_response({"versions": ["v1"]})
        if path == "/apis":
            found = [self._group(group) for group in sorted(groups) if group]
            return web.json_response({"groups": found})
        root = {f"/apis/{kind.api_version}" if kind.group else "/api/v1" for kind in self._all()}
        if path not in root:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        prefix = "/apis/" if path.startswith("/apis/") else "/api/"
        version = path.removeprefix(prefix)
        resources = [
            {
                "name": kind.plural,
                "singularName": kind.kind.lower(),
                "kind": kind.kind,
                "namespaced": kind is not _NAMESPACE,
                "verbs": ["get", "list", "watch", "patch"],
            }
            for kind in self._all()
            if kind.api_version == version
        ]
        return web.json_response({"resources": resources})

    def _all(self) -> list[Kind]:
        return [_NAMESPACE, *self.kinds.values()]

    def _group(self, group: str) -> dict[str, Any]:
        versions = sorted({kind.version for kind in self.kinds.values() if kind.group == group})
        listed = [{"version": version} for version in versions]
        return {"name": group, "versions": listed, "preferredVersion": listed[0]}

    def _list(self, plural: str) -> web.Response:
        self.lists[plural] += 1
        items = [found for (of, _, _), found in self._objects.items() if of == plural]
        metadata = {"resourceVersion": str(self._version)}
        return web.json_response({"metadata": metadata, "items": items})

    async def _watch(self, request: web.Request, plural: str) -> web.StreamResponse:
        self.watches[plural] += 1
        self.queries[plural] = dict(request.query)
        response = web.StreamResponse()
        await response.prepare(request)
        if plural in self.expired:
            self.expired.discard(plural)
            await response.write(_line("ERROR", _GONE))
            return response
        stream: asyncio.Queue[str | None] = asyncio.Queue()
        self._streams.setdefault(plural, set()).add(stream)
        try:
            while (line := await stream.get()) is not None:
                await response.write(line.encode())
        finally:
            self._streams[plural].discard(stream)
        return response

    def _store(self, key: tuple[str, str, str], manifest: Manifest) -> None:
        self._version += 1
        metadata = {**manifest["metadata"], "resourceVersion": str(self._version)}
        self._objects[key] = {**manifest, "metadata": {"uid": "/".join(key), **metadata}}

    def _tell(self, kind: Kind, type_: str, manifest: Manifest) -> None:
        content = {"apiVersion": kind.api_version, "kind": kind.kind, **manifest}
        for stream in self._streams.get(kind.plural, ()):
            stream.put_nowait(_line(type_, content).decode())


def _line(type_: str, content: Manifest) -> bytes:
    return json.dumps({"type": type_, "object": content}).encode() + b"\n"


@asynccontextmanager
async def watch_server(*kinds: Kind) -> AsyncIterator[WatchServer]:
    """Run one."""
    fake = WatchServer(*kinds)
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()
