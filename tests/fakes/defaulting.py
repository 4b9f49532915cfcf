"""What an API server writes into objects by itself: defaults, canonical quantities, no empty lists.

Only what the operator's objects meet; read from a real API server's answers.
"""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

_BINARY = ("Ki", "Mi", "Gi", "Ti")


def canonical_quantity(text: str | int) -> str:
    """A quantity as an API server returns it: `1000m` is `1`, `1024Mi` is `1Gi`."""
    written = str(text)
    if written.endswith("m") and Decimal(written[:-1]) % 1000 == 0:
        return str(int(Decimal(written[:-1]) / 1000))
    for smaller, larger in pairwise(_BINARY):
        if written.endswith(smaller) and int(written[:-2]) % 1024 == 0 and int(written[:-2]):
            return canonical_quantity(f"{int(written[:-2]) // 1024}{larger}")
    return written


def set_defaults(manifest: Json) -> None:
    """Fill in what the API server fills in, in place."""
    default = _DEFAULTS.get(manifest["kind"])
    if default is not None:
        default(manifest)
    _drop_empty(manifest)


def _default_deployment(manifest: Json) -> None:
    deployment = manifest["spec"]
    deployment.setdefault("replicas", 1)
    deployment.setdefault("minReadySeconds", 0)
    template = deployment["template"]
    template["metadata"].setdefault("creationTimestamp", None)
    pod = template["spec"]
    pod.setdefault("restartPolicy", "Always")
    pod.setdefault("dnsPolicy", "ClusterFirst")
    pod.setdefault("schedulerName", "default-scheduler")
    pod.setdefault("securityContext", {})
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        _default_container(container)


def _default_container(container: Json) -> None:
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", "IfNotPresent")
    container.setdefault("resources", {})
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container:
            container[probe].setdefault("timeoutSeconds", 1)
            container[probe].setdefault("successThreshold", 1)
            container[probe].get("httpGet", {}).setdefault("scheme", "HTTP")
    for amounts in container["resources"].values():
        amounts.update({name: canonical_quantity(value) for name, value in amounts.items()})


def _default_service(manifest: Json) -> None:
    service = manifest["spec"]
    service.setdefault("clusterIP", "10.96.7.7")
    service.setdefault("clusterIPs", [service["clusterIP"]])
    service.setdefault("sessionAffinity", "None")
    service.setdefault("internalTrafficPolicy", "Cluster")
    service.setdefault("ipFamilies", ["IPv4"])
    service.setdefault("ipFamilyPolicy", "SingleStack")


def _default_route(manifest: Json) -> None:
    for parent in manifest["spec"]["parentRefs"]:
        parent.setdefault("group", "gateway.networking.k8s.io")
        parent.setdefault("kind", "Gateway")
    for rule in manifest["spec"]["rules"]:
        rule.setdefault("matches", [{"path": {"type": "PathPrefix", "value": "/"}}])
        for backend in rule["backendRefs"]:
            backend.setdefault("group", "")
            backend.setdefault("kind", "Service")


_DEFAULTS: dict[str, Callable[[Json], None]] = {
    "Deployment": _default_deployment,
    "Service": _default_service,
    "HTTPRoute": _default_route,
}


def _drop_empty(value: Any) -> None:
    """Lists and flags that Go leaves out when they are empty; custom resources keep them."""
    if isinstance(value, dict):
        if value.get("kind") in {"LLMDeployment", "LLMRollout", "HTTPRoute"}:
            return
        for key in [key for key, item in value.items() if item == [] or _is_empty(key, item)]:
            del value[key]
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict | list):
            _drop_empty(item)


def _is_empty(key: str, value: Any) -> bool:
    return (key in {"readOnly", "hostNetwork"} and value is False) or (
        key in {"initialDelaySeconds", "minReadySeconds"} and value == 0
    )
