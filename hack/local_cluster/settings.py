"""What a cluster was made with: ports, addresses, versions."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hack.images.cache import fingerprint
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.tools import KUBERNETES_VERSION

# Raised when data of an older layout can no longer be used: such a cluster is replaced.
LAYOUT_VERSION = 1

BRIDGE = "rocksteady0"
NETWORK = "rocksteady-local"
NODE_NAME = "rocksteady-local"
POD_RANGE = "10.213.0.0/16"
NODE_ADDRESS = "10.213.0.1"
SERVICE_RANGE = "10.214.0.0/16"
API_SERVICE_ADDRESS = "10.214.0.1"
DNS_ADDRESS = "10.214.0.10"
ENVOY_GATEWAY_EXTRA = "envoy-gateway"
# What `up --with` offers.
EXTRAS = (ENVOY_GATEWAY_EXTRA,)
# Not etcd's own 2379 and 2380: Debian's etcd package starts a server there.
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380


@dataclass(frozen=True)
class HostPort:
    """A TCP port of this machine.

    Attributes:
        number: From 1 to 65535.
        owner: The component that takes it.
        option: How to choose another one; empty where there is no choice.
    """

    number: int
    owner: str
    option: str = ""


@dataclass(frozen=True)
class Settings:
    """The choices of one cluster, kept beside its data.

    Attributes:
        api_port: Of the API server, on this machine.
        gateway_port: Where the gateway takes requests, on 127.0.0.1 only.
        prometheus_port: Where Prometheus answers, on 127.0.0.1 only.
        envoy_port: Where the Envoy Gateway takes requests, on 127.0.0.1 only, if it is chosen.
        extras: What is installed beside the rest; of `EXTRAS`, sorted.
        kubernetes_version: Of the control plane and the node.
        layout_version: Of the data.
        backend: `node` for processes of this machine, `kind` for a cluster by kind.
    """

    api_port: int = 6443
    gateway_port: int = 8080
    prometheus_port: int = 9090
    envoy_port: int = 8081
    extras: tuple[str, ...] = ()
    kubernetes_version: str = KUBERNETES_VERSION
    layout_version: int = LAYOUT_VERSION
    backend: str = "node"

    @property
    def has_envoy_gateway(self) -> bool:
        """Whether the Envoy Gateway is installed beside Traefik."""
        return ENVOY_GATEWAY_EXTRA in self.extras

    def served_ports(self) -> list[HostPort]:
        """Return the ports of this machine behind which pods answer."""
        ports = [
            HostPort(self.gateway_port, "gateway", "--gateway-port"),
            HostPort(self.prometheus_port, "prometheus", "--prometheus-port"),
        ]
        if self.has_envoy_gateway:
            ports.append(HostPort(self.envoy_port, ENVOY_GATEWAY_EXTRA, "--envoy-port"))
        return ports

    def host_ports(self) -> list[HostPort]:
        """Return every TCP port of this machine that the node takes."""
        return [
            HostPort(self.api_port, "kube-apiserver", "--api-port"),
            *self.served_ports(),
            HostPort(ETCD_PORT, "etcd"),
            HostPort(ETCD_PEER_PORT, "etcd"),
            HostPort(10248, "kubelet"),
            HostPort(10250, "kubelet"),
            HostPort(10249, "kube-proxy"),
            HostPort(10256, "kube-proxy"),
            HostPort(10257, "kube-controller-manager"),
            HostPort(10259, "kube-scheduler"),
        ]


def load_settings(path: Path) -> Settings | None:
    """Return the settings a cluster was made with.

    Returns:
        None when there is no cluster, or its file cannot be read as one.
    """
    try:
        kept = Settings(**json.loads(path.read_text(encoding="utf-8")))
        return replace(kept, extras=tuple(kept.extras))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def save_settings(path: Path, settings: Settings) -> None:
    """Keep the settings beside the cluster's data."""
    write_whole(path, json.dumps(asdict(settings), indent=1) + "\n")


def keep_sources(path: Path) -> None:
    """Remember that the cluster is as the present sources would have it."""
    write_whole(path, _sources())


def has_our_sources(path: Path) -> bool:
    """Tell whether the cluster was last brought up by the present sources.

    Where it was not, a flag, a manifest or a go.mod may be another one, and `up` has to look.
    """
    return path.exists() and path.read_text(encoding="utf-8") == _sources()


def _sources() -> str:
    return fingerprint([Path(__file__).resolve().parent])


def usable(kept: Settings, wanted: Settings) -> bool:
    """Tell whether data made with one choice serve another: versions must be the same."""
    same_version = kept.kubernetes_version == wanted.kubernetes_version
    return same_version and kept.layout_version == wanted.layout_version


def check_ports(settings: Settings) -> None:
    """Refuse ports that are no ports, or are given twice.

    Raises:
        ClusterError: Names the two that clash.
    """
    seen: dict[int, str] = {}
    for port in settings.host_ports():
        if not 1 <= port.number <= 65535:
            raise ClusterError(f"{port.option} {port.number} is not between 1 and 65535")
        if port.number in seen:
            raise ClusterError(
                f"port {port.number} is wanted by both {seen[port.number]} and {port.owner}: "
                "choose another by --api-port, --gateway-port, --prometheus-port or --envoy-port"
            )
        seen[port.number] = port.owner
