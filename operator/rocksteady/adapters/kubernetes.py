"""The API server through `kubernetes.aio`, in plain dicts and server-side apply.

Implements `ports.ClusterReader` and `ports.ClusterWriter`. Every call has a timeout; every failure
is one of `rocksteady.errors`; before each write the caller's right to write is asked.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from rocksteady import conventions, errors
from rocksteady.ports import Manifest
from rocksteady.resources.kinds import OPTIONAL, Kind

CALL_TIMEOUT_SECONDS: Final = 10.0
"""Well above an API server's p99 of 1 s (Kubernetes' own SLO), well below a reconcile's limit."""

_APPLY: Final = "application/apply-patch+yaml"
_JSON: Final = "application/json"
_ERRORS: Final[dict[int, type[errors.ClusterError]]] = {
    400: errors.Invalid,
    403: errors.Forbidden,
    409: errors.Conflict,
    422: errors.Invalid,
}


async def connect(kubeconfig: str | None = None, context: str | None = None) -> client.ApiClient:
    """A client from the pod's service account, or from a kubeconfig.

    Args:
        kubeconfig: Path; None: the pod's service account, else the default kubeconfig.
        context: Context of the kubeconfig; None: its current one.

    Raises:
        ClusterError: Neither is there; the message names the cure.
    """
    configuration = client.Configuration()
    try:
        if kubeconfig is None:
            try:
                config.load_incluster_config(  # type: ignore[no-untyped-call]
                    client_configuration=configuration
                )
                return client.ApiClient(configuration)
            except config.ConfigException:
                pass  # not in a pod: the kubeconfig is next
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context, client_configuration=configuration
        )
    except (config.ConfigException, OSError) as error:
        raise errors.ClusterError(
            f"while looking for a cluster: {error}; run inside a pod, or set KUBECONFIG"
        ) from error
    return client.ApiClient(configuration)


class KubernetesCluster:
    """Reads and writes of the API server.

    Args:
        api: Connected client.
        may_write: Called before each write; raises NotLeader when the Lease is not ours.
        on_request: Called with verb, plural and status code (0: no answer) of each request.
    """

    def __init__(
        self,
        api: client.ApiClient,
        may_write: Callable[[], None] = lambda: None,
        on_request: Callable[[str, str, int], None] = lambda *_: None,
    ) -> None:
        self._api = api
        self._may_write = may_write
        self._on_request = on_request

    async def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """See `ports.ClusterReader`."""
        try:
            return await self._call("GET", kind, namespace, name)
        except errors.NotFound:
            return None
        except errors.NotServed:
            if kind in OPTIONAL:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None = None, label_selector: str = ""
    ) -> list[Manifest]:
        """See `ports.ClusterReader`."""
        query = {"labelSelector": label_selector} if label_selector else {}
        try:
            answer = await self._call("GET", kind, namespace, query=query)
        except errors.NotServed:
            if kind in OPTIONAL:
                return []
            raise
        return [
            {"apiVersion": kind.api_version, "kind": kind.kind, **item}
            for item in answer.get("items") or ()
        ]

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See `ports.ClusterWriter`."""
        return await self._patch(kind, manifest, "")

    async def rehearse(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See `ports.ClusterWriter`."""
        return await self._patch(kind, manifest, "", dryRun="All")

    async def apply_status(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See `ports.ClusterWriter`."""
        return await self._patch(kind, manifest, "/status")

    async def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """See `ports.ClusterWriter`."""
        self._may_write()
        meta = manifest["metadata"]
        query = {"fieldManager": conventions.FIELD_MANAGER}
        return await self._call(
            "PUT", kind, meta["namespace"], meta["name"], query=query, body=manifest
        )

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Create an object.

        Raises:
            Conflict: One of that name exists.
        """
        return await self._call("POST", kind, manifest["metadata"]["namespace"], body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """See `ports.ClusterWriter`."""
        self._may_write()
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._call("DELETE", kind, namespace, name, body=body)
        except (errors.NotFound, errors.Conflict):
            return  # gone, or already another object of that name: nothing of ours is left

    async def serves(self, kind: Kind) -> bool:
        """True when the API server knows the kind."""
        try:
            await self._call("GET", kind, None, query={"limit": "1"})
        except errors.NotServed:
            return False
        return True

    async def _patch(
        self, kind: Kind, manifest: Manifest, subresource: str, **options: str
    ) -> Manifest:
        self._may_write()
        meta = manifest["metadata"]
        query = {"fieldManager": conventions.FIELD_MANAGER, "force": "true", **options}
        return await self._call(
            "PATCH",
            kind,
            meta["namespace"],
            meta["name"] + subresource,
            query=query,
            body=manifest,
            content_type=_APPLY,
        )

    async def _call(  # noqa: PLR0913 - the parts of one HTTP request
        self,
        verb: str,
        kind: Kind,
        namespace: str | None,
        name: str = "",
        *,
        query: dict[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = _JSON,
    ) -> Manifest:
        doing = f"while doing {verb} {kind.plural} {namespace or ''}/{name}"
        path = _path(kind, namespace, name) + (f"?{urlencode(query)}" if query else "")
        status = 0
        try:
            request = await self._api.param_serialize(
                verb,
                path,
                header_params={"Accept": _JSON, "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api.call_api(*request, _request_timeout=CALL_TIMEOUT_SECONDS)
            status = response.status
            content: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise errors.ClusterError(f"{doing}: {type(error).__name__}: {error}") from error
        finally:
            self._on_request(verb, kind.plural, status)
        if status >= 400:
            raise _error_type(status, content)(f"{doing}: {status}: {_reason(content)}", status)
        return _object(content, doing, status)


def _path(kind: Kind, namespace: str | None, name: str) -> str:
    root = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.api_version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{kind.plural}" + (f"/{name}" if name else "")


def _object(content: bytes, doing: str, status: int) -> Manifest:
    """The object of an answer; whoever answers something else is no API server."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return answer
    text = content[:200].decode(errors="replace")
    raise errors.ClusterError(f"{doing}: {status}: the answer is not an object: {text}", status)


def _error_type(status: int, content: bytes) -> type[errors.ClusterError]:
    """A 404 names the object that is missing; without a name it is the kind that is missing."""
    if status == HTTPStatus.NOT_FOUND:
        named = (_status(content).get("details") or {}).get("name")
        return errors.NotFound if named else errors.NotServed
    return _ERRORS.get(status, errors.ClusterError)


def _status(content: bytes) -> dict[str, Any]:
    """A Status object; empty when something else came."""
    try:
        status = json.loads(content)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _reason(content: bytes) -> str:
    """The message of a Status object, else the start of whatever came."""
    message = _status(content).get("message")
    return content[:200].decode(errors="replace") if message is None else str(message)
