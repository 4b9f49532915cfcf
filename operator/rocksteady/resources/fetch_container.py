"""The init container that brings a model's files into the cache volume."""

from typing import Any, Final

from rocksteady.api.v1alpha1.serving import SecretReference
from rocksteady.engines.base import CACHE_PATH
from rocksteady.resources.model_volume import CACHE_VOLUME, Fetch
from rocksteady.resources.security import container_security_context

FETCH_RESOURCES: Final = {
    "requests": {"cpu": "100m", "memory": "256Mi"},
    "limits": {"cpu": "2", "memory": "2Gi"},
}
"""Fetching streams to disk. Below what any model server asks for, so it never raises what the
scheduler must find: a pod's request is the larger of its init containers' and its containers'."""


def build_fetch_container(
    fetch: Fetch, image: str, credentials: SecretReference | None
) -> dict[str, Any]:
    """An init container that runs `rocksteady.fetch`.

    It sees the credentials; the server does only when its engine fetches something by itself.

    Args:
        fetch: What it fetches, and where to.
        image: The operator's own image.
        credentials: Secret whose keys become its environment variables; None: anonymous.
    """
    container: dict[str, Any] = {
        "name": fetch.container,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "rocksteady.fetch"],
        "args": [fetch.uri, fetch.destination],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - an emptyDir of this pod
        "resources": FETCH_RESOURCES,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": container_security_context(read_only_root=True),
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - same
            {"name": CACHE_VOLUME, "mountPath": CACHE_PATH},
        ],
    }
    if credentials is not None:
        container["envFrom"] = [{"secretRef": {"name": credentials.name}}]
    return container
