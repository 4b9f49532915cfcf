"""Who may talk to the model servers, and to whom they may talk: HTTPRoute and NetworkPolicy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.serving import GatewayRouting
from rocksteady.resources import kinds
from rocksteady.resources.labels import server_selector
from rocksteady.resources.owned import Owner, owned_manifest

DNS_PORT: Final = 53
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"


def build_route(
    owner: Owner, gateway: GatewayRouting, weights: Mapping[str, int]
) -> dict[str, Any]:
    """The HTTPRoute that splits the requests between revisions.

    No backend has filters of its own: a gateway would then name its metrics otherwise.

    Args:
        owner: The LLMDeployment.
        gateway: As in the spec.
        weights: In percent by revision, stable first: some gateways tell them apart by position.
    """
    rule: dict[str, Any] = {
        "timeouts": {"request": gateway.timeouts.request},
        "backendRefs": build_backends(owner, weights),
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


def build_backends(owner: Owner, weights: Mapping[str, int]) -> list[dict[str, Any]]:
    """The backends of a rule; see `build_route`."""
    return [
        {
            "name": owner.revision_name(revision),
            "port": conventions.SERVICE_PORT,
            "weight": weight,
        }
        for revision, weight in weights.items()
    ]


@dataclass(frozen=True)
class Access:
    """Who may connect to the model servers, and whether they may connect to others.

    Attributes:
        client_namespaces: Namespaces of gateway, Prometheus and operator; empty: they are not
            known, and every namespace may connect.
        behind_gateway: True when users come through a gateway; else pods of the LLMDeployment's own
            namespace may connect, since its Service is for them.
        egress_ports: TCP ports from which the pods fetch their model; empty: they fetch nothing.
    """

    client_namespaces: Sequence[str]
    behind_gateway: bool
    egress_ports: Sequence[int]


def build_network_policy(owner: Owner, access: Access) -> dict[str, Any]:
    """The NetworkPolicy of the model servers.

    Evaluations of the same LLMDeployment may always connect. Pods that fetch may reach DNS and
    the ports that they fetch from; the others may reach nothing.
    """
    egress: list[dict[str, Any]] = []
    if access.egress_ports:
        dns = [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")]
        sources = [{"protocol": "TCP", "port": port} for port in access.egress_ports]
        egress = [{"ports": dns}, {"ports": sources}]
    port = {"protocol": "TCP", "port": conventions.MODEL_SERVER_PORT_NAME}
    body = {
        "spec": {
            "podSelector": {"matchLabels": server_selector(owner.name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": _clients(owner, access), "ports": [port]}],
            "egress": egress,
        }
    }
    return owned_manifest(owner, kinds.NETWORK_POLICY, owner.name, body)


def _clients(owner: Owner, access: Access) -> list[dict[str, Any]]:
    """Who may connect, as peers of a NetworkPolicy."""
    if not access.client_namespaces:
        return [{"namespaceSelector": {}}]
    named = {"key": _NAMESPACE_LABEL, "operator": "In", "values": sorted(access.client_namespaces)}
    evaluations = {
        conventions.LABEL_LLMDEPLOYMENT: owner.name,
        conventions.LABEL_COMPONENT: conventions.COMPONENT_EVALUATION,
    }
    neighbours = {"matchLabels": evaluations} if access.behind_gateway else {}
    return [{"namespaceSelector": {"matchExpressions": [named]}}, {"podSelector": neighbours}]
