"""Which cluster and namespace a person means, by the rules of kubectl."""

import os
from pathlib import Path
from typing import Final

import yaml
from kubernetes.aio import config

from rocksteady import errors

DEFAULT_NAMESPACE: Final = "default"
"""Where neither an option nor the kubeconfig names one, as with kubectl."""
_DEFAULT_PATH: Final = "~/.kube/config"
_IN_A_POD: Final = "KUBERNETES_SERVICE_HOST"
"""Set by the kubelet in every container."""
_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def kubeconfig_path(given: str | None) -> str | None:
    """Path of the kubeconfig, or several in one text as in KUBECONFIG; None: the pod's account.

    A person who works inside a pod with a kubeconfig means the kubeconfig, as with kubectl.

    Args:
        given: By an option; None: KUBECONFIG counts, then the file in the home directory.

    Raises:
        ClusterError: There is none, and this is no pod.
    """
    path = given or os.environ.get("KUBECONFIG") or _DEFAULT_PATH
    parts = [Path(part).expanduser() for part in path.split(os.pathsep) if part]
    if any(part.exists() for part in parts):
        return os.pathsep.join(map(str, parts))
    if given is None and os.environ.get(_IN_A_POD):
        return None
    raise errors.ClusterError(
        f"there is no kubeconfig at {path}: give --kubeconfig, or set KUBECONFIG"
    )


def namespace_of(kubeconfig: str | None, context: str | None) -> str:
    """Namespace of a context of the kubeconfig; `default` when it names none.

    Args:
        kubeconfig: As `kubeconfig_path` gives it; None: the namespace of the pod.
        context: None: the current one.

    Raises:
        ClusterError: The kubeconfig cannot be read, or has no such context.
    """
    if kubeconfig is None:
        named = _POD_NAMESPACE.read_text().strip() if _POD_NAMESPACE.exists() else ""
        return named or DEFAULT_NAMESPACE
    try:
        contexts, current = config.list_kube_config_contexts(  # type: ignore[no-untyped-call]
            kubeconfig
        )
    except (config.ConfigException, OSError, yaml.YAMLError, TypeError) as error:
        raise errors.ClusterError(f"the kubeconfig {kubeconfig} cannot be read: {error}") from error
    name = context or current["name"]
    for found in contexts:
        if found["name"] == name:
            return str(found["context"].get("namespace") or DEFAULT_NAMESPACE)
    known = ", ".join(str(found["name"]) for found in contexts) or "none"
    raise errors.ClusterError(f"the kubeconfig has no context {name}, only: {known}")
