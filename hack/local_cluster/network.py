"""The bridge that pods hang on, and every trace of it that has to go again."""

import ipaddress
import json
import re
from collections.abc import Iterable
from pathlib import Path

from hack.local_cluster.commands import run, succeeds
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.settings import (
    BRIDGE,
    NETWORK,
    NODE_ADDRESS,
    POD_RANGE,
    SERVICE_RANGE,
)

# Where libcni keeps what it set up; containerd 1.6 offers no choice.
_CNI_CACHE = Path("/var/lib/cni/results")
_NAMESPACES = Path("/run/netns")
_COMMENT = "rocksteady-local"
_TABLES = ("filter", "nat", "mangle")
# What the agent that enforces NetworkPolicies is asked about: the first packets of a connection,
# but for those of root's processes on this machine, kubelet's probes among them. While there is no
# agent, they pass.
_NEW = ["-m", "conntrack", "--ctstate", "NEW"]
_NOT_OF_ROOT = ["-m", "owner", "!", "--uid-owner", "0"]
_JUDGE = ["NFQUEUE", "--queue-num", "100", "--queue-bypass"]
# What that agent makes where the kernel has nftables' queue, and leaves behind when it is killed.
_POLICY_TABLE = ("inet", "kube-network-policies")
# What CNI's portmap plugin shares between all networks of a machine.
_SHARED_CHAINS = {"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"}
_COMMENTED = re.compile(
    rf'--comment "?{_COMMENT}"? |name: \\"{NETWORK}\\" id: '  # ours, and CNI plugins'
)
_TARGET = re.compile(r" -[jg] (\S+)")


def cni_conflist(addresses: Path) -> str:
    """Return the network that the kubelet gives pods.

    Args:
        addresses: Where the addresses in use are kept.
    """
    bridge = {
        "type": "bridge",
        "bridge": BRIDGE,
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(addresses),
            "ranges": [[{"subnet": POD_RANGE, "gateway": NODE_ADDRESS}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    content = {"cniVersion": "0.4.0", "name": NETWORK, "plugins": [bridge, ports]}
    return json.dumps(content, indent=1) + "\n"


def create(config: Path, addresses: Path) -> None:
    """Have the bridge with the node's address, forwarding on, and the network's description.

    The bridge comes before the API server, so that the node has an address to advertise that
    is the same wherever the machine is.

    Args:
        config: Directory for the description.
        addresses: See `cni_conflist`.
    """
    write_whole(config / "10-bridge.conflist", cni_conflist(addresses))
    _allow_forwarding()
    if not exists():
        run(["ip", "link", "add", BRIDGE, "type", "bridge"])
    prefix = ipaddress.ip_network(POD_RANGE).prefixlen
    run(["ip", "address", "replace", f"{NODE_ADDRESS}/{prefix}", "dev", BRIDGE])
    run(["ip", "link", "set", BRIDGE, "up"])
    # Docker and firewalls set the policy of FORWARD to DROP; pods have to get through.
    for direction in ("-i", "-o"):
        _have_rule("filter", "FORWARD", [direction, BRIDGE], ["ACCEPT"])
    for direction in ("-s", "-d"):
        _have_rule("mangle", "POSTROUTING", [direction, POD_RANGE, *_NEW, *_NOT_OF_ROOT], _JUDGE)
    _have_rule("mangle", "INPUT", ["-s", POD_RANGE, *_NEW], _JUDGE)


def _have_rule(table: str, chain: str, matches: list[str], target: list[str]) -> None:
    rule = [*matches, "-m", "comment", "--comment", _COMMENT, "-j", *target]
    if not succeeds(["iptables", "-w", "-t", table, "-C", chain, *rule]):
        run(["iptables", "-w", "-t", table, "-I", chain, *rule])


def exists() -> bool:
    """Tell whether the bridge is there."""
    return Path("/sys/class/net", BRIDGE).exists()


def check_ranges() -> None:
    """Refuse to go on where the cluster's addresses already lead somewhere else.

    Raises:
        ClusterError: Names the route that overlaps.
    """
    routes = json.loads(run(["ip", "-j", "-4", "route", "show"]) or "[]")
    clash = overlapping_route(routes, [POD_RANGE, SERVICE_RANGE])
    if clash:
        raise ClusterError(
            f"this machine has a route to {clash}, which overlaps the cluster's "
            f"{POD_RANGE} and {SERVICE_RANGE}: take that network down (a VPN?) and try again"
        )


def overlapping_route(routes: Iterable[dict[str, str]], ranges: Iterable[str]) -> str:
    """Return the first route of others that overlaps one of our ranges; empty for none.

    Args:
        routes: As `ip -j route` prints them.
        ranges: Ours.
    """
    wanted = [ipaddress.ip_network(text) for text in ranges]
    for route in routes:
        destination = route["dst"]
        if destination == "default" or route.get("dev") == BRIDGE:
            continue
        network = ipaddress.ip_network(destination, strict=False)
        if any(network.overlaps(ours) for ours in wanted):
            return f"{destination} by {route.get('dev', 'an unknown device')}"
    return ""


def _allow_forwarding() -> None:
    bridge_filter = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not bridge_filter.exists() and not succeeds(["modprobe", "br_netfilter"]):
        raise ClusterError(
            "the kernel has no br_netfilter, which Services need: load or build that module"
        )
    for setting in (bridge_filter, Path("/proc/sys/net/ipv4/ip_forward")):
        if setting.read_text(encoding="ascii").strip() != "1":
            setting.write_text("1", encoding="ascii")


def chains_removed(saved: str, *, with_kubernetes: bool) -> str:
    """Return the input of iptables-restore that removes the cluster's chains from one table.

    Args:
        saved: What `iptables-save -t <table>` printed.
        with_kubernetes: Whether the chains of Kubernetes (`KUBE-*`) are the cluster's. They do not
            tell whose they are, and every Kubernetes has the same.

    Returns:
        Empty when there is nothing of ours.
    """
    lines = saved.splitlines()
    rules = [line for line in lines if line.startswith("-A ")]
    chains = [line[1:].split()[0] for line in lines if line.startswith(":")]
    ours = _our_chains(chains, rules)
    if with_kubernetes:
        ours |= {chain for chain in chains if chain.startswith("KUBE-")}
    deleted = [
        f"-D {rule[3:]}"
        for rule in rules
        if rule.split()[1] not in ours and (_target(rule) in ours or _COMMENTED.search(rule))
    ]
    if not ours and not deleted:
        return ""
    table = next(line for line in lines if line.startswith("*"))
    flushed = [f":{chain} - [0:0]" for chain in sorted(ours)]
    removed = [f"-X {chain}" for chain in sorted(ours)]
    return "\n".join([table, *flushed, *deleted, *removed, "COMMIT", ""])


def _our_chains(chains: Iterable[str], rules: Iterable[str]) -> set[str]:
    """Return the chains that CNI made for our network."""
    named = [rule for rule in rules if _COMMENTED.search(rule)]
    ours = {_target(rule) for rule in named if _target(rule).startswith("CNI-")}
    foreign = [rule for rule in rules if rule not in named]
    mapped_by_others = any(rule.startswith("-A CNI-HOSTPORT-DNAT ") for rule in foreign)
    shared = set() if mapped_by_others else _SHARED_CHAINS
    return {
        chain
        for chain in chains
        if chain in shared or (chain in ours and chain not in _SHARED_CHAINS)
    }


def _target(rule: str) -> str:
    found = _TARGET.search(rule)
    return found.group(1) if found else ""


def remove(*, with_kubernetes: bool) -> None:
    """Remove bridge, network namespaces, chains, tables and CNI's records of our pods.

    Args:
        with_kubernetes: See `chains_removed`; its agent for NetworkPolicies is counted in.
    """
    if with_kubernetes and _has_policy_table():
        run(["nft", "delete", "table", *_POLICY_TABLE])
    for program, table in _saved_tables():
        saved = run([f"{program}-save", "-t", table])
        script = chains_removed(saved, with_kubernetes=with_kubernetes)
        if script:
            run([f"{program}-restore", "-w", "--noflush"], stdin=script)
    for namespace in namespaces():
        succeeds(["umount", namespace])
        namespace.unlink(missing_ok=True)
    for record in _records():
        record.unlink(missing_ok=True)
    for device in _devices():
        succeeds(["ip", "link", "delete", device])


def _has_policy_table() -> bool:
    return succeeds(["nft", "list", "table", *_POLICY_TABLE])


def _saved_tables() -> list[tuple[str, str]]:
    """Return program and table pairs that can be read here."""
    pairs = [(program, table) for program in ("iptables", "ip6tables") for table in _TABLES]
    return [
        (program, table) for program, table in pairs if succeeds([f"{program}-save", "-t", table])
    ]


def _records() -> list[Path]:
    """Return libcni's records of our pods' interfaces."""
    ours = sorted(_CNI_CACHE.glob(f"{NETWORK}-*"))
    pods = [record.name.removeprefix(f"{NETWORK}-").rpartition("-")[0] for record in ours]
    # containerd gives every pod a loopback network beside ours.
    return [*ours, *(path for pod in pods for path in _CNI_CACHE.glob(f"cni-loopback-{pod}-*"))]


def namespaces() -> list[Path]:
    """Return the network namespaces in which CNI made interfaces for our pods."""
    found = {name for record in _records() for name in _sandboxes(record)}
    return sorted(path for path in (_NAMESPACES / name for name in found) if path.exists())


def _sandboxes(record: Path) -> list[str]:
    """Return the names of the network namespaces in one of libcni's records."""
    try:
        result = json.loads(record.read_text(encoding="utf-8"))["result"]
        interfaces = result.get("interfaces", [])
    except (OSError, json.JSONDecodeError, KeyError):
        return []
    return [Path(entry["sandbox"]).name for entry in interfaces if entry.get("sandbox")]


def _devices() -> list[str]:
    """Return the bridge and what is plugged into it, the bridge last."""
    if not exists():
        return []
    plugged = json.loads(run(["ip", "-j", "link", "show", "master", BRIDGE]) or "[]")
    return [*(link["ifname"] for link in plugged), BRIDGE]


def leftovers(*, with_kubernetes: bool) -> list[str]:
    """Return what of the network is there, in words; nothing after `remove`.

    Args:
        with_kubernetes: See `chains_removed`.
    """
    left = [f"network device {device}" for device in _devices()]
    left += [f"network namespace {namespace}" for namespace in namespaces()]
    if with_kubernetes and _has_policy_table():
        left.append(f"nftables table {' '.join(_POLICY_TABLE)}")
    for program, table in _saved_tables():
        saved = run([f"{program}-save", "-t", table])
        script = chains_removed(saved, with_kubernetes=with_kubernetes)
        chains = script.count("\n-X ")
        rules = script.count("\n-D ")
        if script:
            left.append(f"{program} table {table}: {chains} chains, {rules} rules")
    return left
