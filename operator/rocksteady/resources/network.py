"""Who may talk to the model servers, and to whom they may talk: HTTPRoute and NetworkPolicy."""

from collections.abc import Sequence
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.serving import GatewayRouting
from rocksteady.resources import kinds
from rocksteady.resources.labels import server_selector
from rocksteady.resources.owned import Owner, owned_manifest

FULL_WEIGHT: Final = 100
_DNS_PORT: Final = 53
_HTTPS_PORT: Final = 443


def build_route(owner: Owner, gateway: GatewayRouting, revision: str) -> dict[str, Any]:
    """The HTTPRoute that sends everything to one revision.

    Args:
        owner: The LLMDeployment.
        gateway: As in the spec.
        revision: Hash of the revision that serves.
    """
    rule: dict[str, Any] = {
        "timeouts": {"request": gateway.timeouts.request},
        "backendRefs": [
            {
                "name": owner.revision_name(revision),
                "port": conventions.SERVICE_PORT,
                "weight": FULL_WEIGHT,
            }
        ],
    }
    if gateway.matches:
        rule["matches"] = list(gateway.matches)
    if gateway.filters:
        rule["filters"] = list(gateway.filters)
    spec: dict[str, Any] = {
        "parentRefs": [
            parent.model_dump(mode="json", by_alias=True, exclude_none=True)
            for parent in gateway.parent_refs
        ],
        "rules": [rule],
    }
    if gateway.hostnames:
        spec["hostnames"] = list(gateway.hostnames)
    return owned_manifest(owner, kinds.HTTP_ROUTE, owner.name, {"spec": spec})


def build_network_policy(
    owner: Owner, client_namespaces: Sequence[str], *, fetches: bool
) -> dict[str, Any]:
    """The NetworkPolicy of the model servers.

    Args:
        owner: The LLMDeployment.
        client_namespaces: Namespaces of gateway, Prometheus and operator, which may connect beside
            the pods of the LLMDeployment's own namespace; empty: every namespace may.
        fetches: True when the pods fetch their model over the network: DNS and port 443 stay open;
            otherwise no connection may leave them.
    """
    name_label = "kubernetes.io/metadata.name"
    peers: list[dict[str, Any]] = [{"namespaceSelector": {}}]
    if client_namespaces:
        allowed = sorted({owner.namespace, *client_namespaces})
        selector = {"key": name_label, "operator": "In", "values": allowed}
        peers = [{"namespaceSelector": {"matchExpressions": [selector]}}]
    egress: list[dict[str, Any]] = []
    if fetches:
        dns = [{"protocol": protocol, "port": _DNS_PORT} for protocol in ("UDP", "TCP")]
        egress = [{"ports": dns}, {"ports": [{"protocol": "TCP", "port": _HTTPS_PORT}]}]
    port = {"protocol": "TCP", "port": conventions.MODEL_SERVER_PORT_NAME}
    body = {
        "spec": {
            "podSelector": {"matchLabels": server_selector(owner.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers, "ports": [port]}],
            "egress": egress,
        }
    }
    return owned_manifest(owner, kinds.NETWORK_POLICY, owner.name, body)
