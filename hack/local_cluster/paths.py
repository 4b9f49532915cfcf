"""Where the cluster keeps what it needs, below the project's cache directory."""

from dataclasses import dataclass
from pathlib import Path

from hack.images.cache import cache_root

# Unix socket paths hold 107 bytes at most, and a reboot must empty this place.
RUNTIME_DIRECTORY = Path("/run/rocksteady-local")


@dataclass(frozen=True)
class Layout:
    """Places below one cluster's directory.

    Attributes:
        root: The directory all of it is in; removing it forgets the cluster.
    """

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.root / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Certificates, keys, and the components' kubeconfigs."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One record per started process."""
        return self.root / "processes"

    @property
    def etcd(self) -> Path:
        """The data of etcd."""
        return self.root / "etcd"

    @property
    def config(self) -> Path:
        """Configuration files of the components."""
        return self.root / "config"

    @property
    def kubelet(self) -> Path:
        """The kubelet's root: pod volumes are mounted below it."""
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """The containers' output."""
        return self.root / "pod-logs"

    @property
    def containerd(self) -> Path:
        """Images and snapshots."""
        return self.root / "containerd"

    @property
    def containerd_state(self) -> Path:
        """What containerd knows about running containers."""
        return RUNTIME_DIRECTORY / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """Where the kubelet and `ctr` reach containerd."""
        return RUNTIME_DIRECTORY / "containerd.sock"

    @property
    def state_file(self) -> Path:
        """What was chosen when the cluster was made."""
        return self.root / "cluster.json"

    @property
    def sources_file(self) -> Path:
        """Which sources the last `up` that came to its end was made of."""
        return self.root / "sources"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON object a line."""
        return self.logs / "audit.log"


def cluster_layout() -> Layout:
    """Return the places of the local cluster."""
    return Layout(cache_root() / "cluster")


def binaries_directory() -> Path:
    """Return where built programs are kept, as <tool>/<version>/<program>."""
    return cache_root() / "bin"
