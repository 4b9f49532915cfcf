"""Routes and network policies."""

from typing import Any

import pytest

from rocksteady.api.v1alpha1.serving import GatewayRouting
from rocksteady.resources import network
from rocksteady.resources.owned import Owner
from tests.builders import NAME, NAMESPACE, UID, A, with_gateway

OWNER = Owner(NAMESPACE, NAME, UID)


def route(**fields: Any) -> dict[str, Any]:
    gateway = GatewayRouting.model_validate(with_gateway("inference", **fields)["gateway"])
    content: dict[str, Any] = network.build_route(OWNER, gateway, {A: 100})["spec"]
    return content


def test_build_route__sends_everything_to_one_revision_without_a_time_limit() -> None:
    assert route() == {
        "parentRefs": [{"name": "inference"}],
        "rules": [
            {
                "timeouts": {"request": "0s"},
                "backendRefs": [{"name": "chat-aaaaaaaaaa", "port": 80, "weight": 100}],
            }
        ],
    }


def test_build_route__takes_over_what_the_spec_says_of_the_route() -> None:
    match = {"path": {"type": "PathPrefix", "value": "/v1"}}
    drop = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-a"]}}
    content = route(
        parentRefs=[{"name": "inference", "namespace": "infra", "sectionName": "http", "port": 80}],
        hostnames=["chat.example.com"],
        matches=[match],
        filters=[drop],
        timeouts={"request": "30s"},
    )
    assert content["parentRefs"] == [
        {"name": "inference", "namespace": "infra", "sectionName": "http", "port": 80}
    ]
    assert content["hostnames"] == ["chat.example.com"]
    [rule] = content["rules"]
    assert rule["matches"] == [match]
    assert rule["filters"] == [drop]
    assert rule["timeouts"] == {"request": "30s"}


def policy(
    *namespaces: str, egress_ports: tuple[int, ...] = (), behind_gateway: bool = True
) -> dict[str, Any]:
    access = network.Access(namespaces, behind_gateway=behind_gateway, egress_ports=egress_ports)
    content: dict[str, Any] = network.build_network_policy(OWNER, access)["spec"]
    return content


def test_build_network_policy__covers_the_model_servers_only() -> None:
    assert policy()["podSelector"] == {
        "matchLabels": {
            "rocksteady.dev/llmdeployment": "chat",
            "app.kubernetes.io/component": "model-server",
        }
    }
    assert policy()["policyTypes"] == ["Ingress", "Egress"]


@pytest.mark.parametrize(
    ("behind_gateway", "neighbours"),
    [
        pytest.param(
            True,
            {
                "matchLabels": {
                    "rocksteady.dev/llmdeployment": "chat",
                    "app.kubernetes.io/component": "evaluation",
                }
            },
            id="behind a gateway, of its own namespace only its evaluations",
        ),
        pytest.param(False, {}, id="without a gateway, every pod of its own namespace"),
    ],
)
def test_build_network_policy__lets_the_named_namespaces_in_and(
    *, behind_gateway: bool, neighbours: dict[str, Any]
) -> None:
    [rule] = policy("traefik", "monitoring", behind_gateway=behind_gateway)["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": "http"}]
    named = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["monitoring", "traefik"],
    }
    assert rule["from"] == [
        {"namespaceSelector": {"matchExpressions": [named]}},
        {"podSelector": neighbours},
    ]


def test_build_network_policy__lets_every_namespace_in_when_none_is_named() -> None:
    assert policy()["ingress"][0]["from"] == [{"namespaceSelector": {}}]


@pytest.mark.parametrize(
    ("egress_ports", "ports"),
    [
        pytest.param((), [], id="nothing leaves pods that fetch nothing"),
        pytest.param(
            (443, 8443),
            [("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 8443)],
            id="DNS and the ports of the sources leave pods that fetch their model",
        ),
    ],
)
def test_build_network_policy__lets_out(
    egress_ports: tuple[int, ...], ports: list[tuple[str, int]]
) -> None:
    egress = policy(egress_ports=egress_ports)["egress"]
    open_ports = [(port["protocol"], port["port"]) for rule in egress for port in rule["ports"]]
    assert open_ports == ports
