# ruff: noqa: E501 - rules as iptables-save prints them
"""What belongs to the cluster in a machine's packet filter and routes, and what does not."""

import json
from pathlib import Path

import pytest

from hack.local_cluster.network import chains_removed, cni_conflist, overlapping_route

_FOREIGN_NETWORK = """\
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
:CNI-0123456789abcdef01234567 - [0:0]
:CNI-DN-0123456789abcdef01234 - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \\"podman\\" id: \\"b\\"" -j CNI-0123456789abcdef01234567
-A CNI-0123456789abcdef01234567 -d 10.88.0.0/16 -m comment --comment "name: \\"podman\\" id: \\"b\\"" -j ACCEPT
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"podman\\" id: \\"b\\"" -m multiport --dports 80 -j CNI-DN-0123456789abcdef01234
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
"""
_OURS = """\
:KUBE-SERVICES - [0:0]
:KUBE-SVC-AAAA - [0:0]
:CNI-ffffffffffffffffffffffff - [0:0]
:CNI-DN-fffffffffffffffffffff - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.214.0.1/32 -j KUBE-SVC-AAAA
-A POSTROUTING -s 10.213.0.2/32 -m comment --comment "name: \\"rocksteady-local\\" id: \\"a\\"" -j CNI-ffffffffffffffffffffffff
-A CNI-ffffffffffffffffffffffff -d 10.213.0.0/16 -m comment --comment "name: \\"rocksteady-local\\" id: \\"a\\"" -j ACCEPT
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"rocksteady-local\\" id: \\"a\\"" -m multiport --dports 8080 -j CNI-DN-fffffffffffffffffffff
-A CNI-DN-fffffffffffffffffffff -p tcp -j DNAT --to-destination 10.213.0.2:8000
"""


def _table(*parts: str) -> str:
    lines = "".join(parts).splitlines()
    chains = sorted({line for line in lines if line.startswith(":")})
    rules = [line for line in lines if line.startswith("-A")]
    return "\n".join(["*nat", ":PREROUTING ACCEPT [0:0]", *chains, *rules, "COMMIT", ""])


def _removed_chains(script: str) -> set[str]:
    return {line.split()[1] for line in script.splitlines() if line.startswith("-X ")}


def test_chains_removed__takes_kubernetes_and_our_network_out() -> None:
    script = chains_removed(_table(_FOREIGN_NETWORK, _OURS), with_kubernetes=True)
    assert _removed_chains(script) == {
        "KUBE-SERVICES",
        "KUBE-SVC-AAAA",
        "CNI-ffffffffffffffffffffffff",
        "CNI-DN-fffffffffffffffffffff",
    }
    deleted = [line for line in script.splitlines() if line.startswith("-D ")]
    assert [line.split()[1] for line in deleted] == [
        "PREROUTING",
        "POSTROUTING",
        "CNI-HOSTPORT-DNAT",
    ]
    assert "podman" not in script


def test_chains_removed__leaves_another_kubernetes_alone_where_the_cluster_has_not_run() -> None:
    kubernetes = "".join(line for line in _OURS.splitlines(keepends=True) if "KUBE-" in line)
    assert chains_removed(_table(kubernetes), with_kubernetes=False) == ""


def test_chains_removed__flushes_before_it_deletes_so_that_chains_may_refer_to_each_other() -> None:
    lines = chains_removed(_table(_OURS), with_kubernetes=True).splitlines()
    last_flush = max(index for index, line in enumerate(lines) if line.startswith(":"))
    first_removal = min(index for index, line in enumerate(lines) if line.startswith("-X"))
    assert lines[0] == "*nat"
    assert last_flush < first_removal
    assert lines[-1] == "COMMIT"


def test_chains_removed__takes_shared_port_chains_when_nobody_else_uses_them() -> None:
    shared = """\
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
"""
    script = chains_removed(_table(shared, _OURS), with_kubernetes=True)
    assert {"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ"} <= _removed_chains(script)
    assert "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT" in script


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param("", id="nothing at all"),
        pytest.param(_table(), id="an empty table"),
        pytest.param(_table(_FOREIGN_NETWORK), id="another network's chains only"),
        pytest.param(
            _table(':DOCKER - [0:0]\n-A PREROUTING -m comment --comment "x" -j DOCKER\n'),
            id="docker's chains only",
        ),
    ],
)
def test_chains_removed__leaves_what_is_not_ours(saved: str) -> None:
    assert chains_removed(saved, with_kubernetes=True) == ""


def test_chains_removed__takes_our_own_forwarding_rules_out() -> None:
    saved = (
        "*filter\n:FORWARD DROP [0:0]\n"
        "-A FORWARD -i rocksteady0 -m comment --comment rocksteady-local -j ACCEPT\n"
        "-A FORWARD -i docker0 -j ACCEPT\nCOMMIT\n"
    )
    assert chains_removed(saved, with_kubernetes=True) == (
        "*filter\n-D FORWARD -i rocksteady0 -m comment --comment rocksteady-local -j ACCEPT\n"
        "COMMIT\n"
    )


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        pytest.param([{"dst": "default", "dev": "eth0"}], "", id="the default route"),
        pytest.param([{"dst": "10.213.0.0/16", "dev": "rocksteady0"}], "", id="our own bridge"),
        pytest.param([{"dst": "192.0.2.0/24", "dev": "eth0"}], "", id="a route elsewhere"),
        pytest.param([{"dst": "10.0.0.0/8", "dev": "tun0"}], "10.0.0.0/8 by tun0", id="a wide VPN"),
        pytest.param([{"dst": "10.214.3.4", "dev": "wg0"}], "10.214.3.4 by wg0", id="a host route"),
    ],
)
def test_overlapping_route(routes: list[dict[str, str]], expected: str) -> None:
    assert overlapping_route(routes, ["10.213.0.0/16", "10.214.0.0/16"]) == expected


def test_cni_conflist__keeps_addresses_where_it_is_told(tmp_path: Path) -> None:
    bridge, ports = json.loads(cni_conflist(tmp_path))["plugins"]
    assert bridge["ipam"]["dataDir"] == str(tmp_path)
    assert bridge["bridge"] == "rocksteady0"
    assert ports["capabilities"] == {"portMappings": True}
