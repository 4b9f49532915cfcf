"""The parts that make a machine a Kubernetes node, and how each is started."""

from pathlib import Path

import yaml

from hack.local_cluster import cgroups, containerd
from hack.local_cluster.control_plane import ControlPlane, wait_until
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.go_build import stamp_path
from hack.local_cluster.paths import Layout
from hack.local_cluster.pki import Certificate, write_kubeconfig
from hack.local_cluster.processes import Processes
from hack.local_cluster.settings import (
    DNS_ADDRESS,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
    SERVICE_RANGE,
    Settings,
)

# In the order in which they are started; they are stopped in the reverse one.
COMPONENTS = (
    "containerd",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
)
_CLIENTS = (
    Certificate("kube-controller-manager", "system:kube-controller-manager"),
    Certificate("kube-scheduler", "system:kube-scheduler"),
    Certificate("kube-proxy", "system:kube-proxy"),
    Certificate(
        "kubelet",
        f"system:node:{NODE_NAME}",
        "system:nodes",
        (f"DNS:{NODE_NAME}", "IP:127.0.0.1", f"IP:{NODE_ADDRESS}"),
    ),
)
# What systemd-resolved has behind its stub; the stub on loopback means nothing inside a pod.
_UPSTREAM_RESOLVERS = Path("/run/systemd/resolve/resolv.conf")


def control_plane(layout: Layout, settings: Settings) -> ControlPlane:
    """Return the control plane of the node."""
    return ControlPlane(
        layout,
        settings.kubernetes_version,
        settings.api_port,
        ETCD_PORT,
        ETCD_PEER_PORT,
        # Pods reach the API server at the bridge's address, which is the one that is advertised.
        bind_address="0.0.0.0",  # noqa: S104
        service_range=SERVICE_RANGE,
        extra_names=(f"IP:{NODE_ADDRESS}",),
        extra_flags=(f"--advertise-address={NODE_ADDRESS}",),
    )


def prepare(layout: Layout, plane: ControlPlane) -> None:
    """Write the configuration of the node's components."""
    plane.prepare()
    plane.authority.issue(_CLIENTS)
    for client in _CLIENTS:
        path = _kubeconfig(layout, client.name)
        write_kubeconfig(path, plane.server, plane.authority, client.name)
    write_whole(_kubelet_config_file(layout), yaml.safe_dump(kubelet_config(layout)))
    write_whole(_containerd_config_file(layout), containerd.containerd_config(layout))
    for directory in (layout.pod_logs, layout.containerd_socket.parent):
        directory.mkdir(parents=True, exist_ok=True)


def start_containerd(layout: Layout, processes: Processes) -> None:
    """Have containerd run and answer."""
    config = _containerd_config_file(layout)
    processes.ensure("containerd", ["containerd", "--config", str(config)], [config])
    wait_until(
        lambda: containerd.is_ready(layout),
        30,
        lambda: f"containerd does not answer; {processes.log_tail('containerd')}",
        alive=lambda: processes.record("containerd") is not None,
    )


def start_controllers(layout: Layout, programs: dict[str, Path], processes: Processes) -> None:
    """Have controller manager and scheduler run."""
    tokens = layout.pki / "tokens.key"
    manager = _kubeconfig(layout, "kube-controller-manager")
    processes.ensure(
        "kube-controller-manager",
        [
            str(programs["kube-controller-manager"]),
            f"--kubeconfig={manager}",
            f"--service-account-private-key-file={tokens}",
            f"--root-ca-file={layout.pki / 'ca.crt'}",
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            "--bind-address=127.0.0.1",
        ],
        [manager, stamp_path(programs["kube-controller-manager"])],
    )
    scheduler = _kubeconfig(layout, "kube-scheduler")
    processes.ensure(
        "kube-scheduler",
        [
            str(programs["kube-scheduler"]),
            f"--kubeconfig={scheduler}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ],
        [scheduler, stamp_path(programs["kube-scheduler"])],
    )


def start_kubelet(layout: Layout, programs: dict[str, Path], processes: Processes) -> None:
    """Have kubelet and kube-proxy run."""
    config = _kubelet_config_file(layout)
    kubelet = _kubeconfig(layout, "kubelet")
    processes.ensure(
        "kubelet",
        [
            str(programs["kubelet"]),
            f"--kubeconfig={kubelet}",
            f"--config={config}",
            f"--hostname-override={NODE_NAME}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={layout.kubelet}",
        ],
        [config, kubelet, stamp_path(programs["kubelet"])],
    )
    proxy = _kubeconfig(layout, "kube-proxy")
    processes.ensure(
        "kube-proxy",
        [
            str(programs["kube-proxy"]),
            f"--kubeconfig={proxy}",
            f"--hostname-override={NODE_NAME}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={POD_RANGE}",
            "--metrics-bind-address=127.0.0.1:10249",
            "--healthz-bind-address=127.0.0.1:10256",
        ],
        [proxy, stamp_path(programs["kube-proxy"])],
    )


def check_alive(processes: Processes) -> None:
    """Refuse to wait for a node with a dead component.

    Raises:
        ClusterError: Names it, with the last lines of its log.
    """
    for name in COMPONENTS:
        if processes.record(name) is None:
            raise ClusterError(f"{name} ended; {processes.log_tail(name)}")


def kubelet_config(layout: Layout) -> dict[str, object]:
    """Return the kubelet's configuration file."""
    resolvers = _UPSTREAM_RESOLVERS if _UPSTREAM_RESOLVERS.exists() else Path("/etc/resolv.conf")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(layout.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(layout.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(layout.pki / "kubelet.key"),
        "healthzBindAddress": "127.0.0.1",
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": str(resolvers),
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "podLogsDir": str(layout.pod_logs),
        "volumePluginDir": str(layout.kubelet / "volume-plugins"),
        # Containers and developers' machines often have the older cgroups, or swap.
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.ROOT}",
        "failSwapOn": False,
        # A file system that statfs cannot name (overlay in a container) must not stop the node.
        "localStorageCapacityIsolation": False,
        "evictionHard": {
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "memory.available": "100Mi",
        },
        # An image that is collected cannot be pulled again: there is no registry.
        "imageGCHighThresholdPercent": 100,
        "maxPods": 200,
        # Tests create and delete many pods; the default of 5 a second would be what they measure.
        "registryPullQPS": 0,
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    }


def _kubeconfig(layout: Layout, name: str) -> Path:
    return layout.pki / f"{name}.kubeconfig"


def _kubelet_config_file(layout: Layout) -> Path:
    return layout.config / "kubelet.yaml"


def _containerd_config_file(layout: Layout) -> Path:
    return layout.config / "containerd.toml"
