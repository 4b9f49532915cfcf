"""What a machine must have before it can be a node, checked before anything is changed."""

import os
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

from hack.images.programs import APT_INSTALL
from hack.local_cluster import cgroups, network
from hack.local_cluster.addons import addons
from hack.local_cluster.commands import run
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.go_build import is_built, require_go
from hack.local_cluster.paths import Layout
from hack.local_cluster.processes import Processes
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import HostPort, Settings
from hack.local_cluster.tools import ETCD, kubernetes

# Program to the Debian package that brings it.
_PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
    "openssl": "openssl",
    "mount": "mount",
    "setpriv": "util-linux",
}
# Measured: sources and build cache of all programs take 9 GB, the node's images and data 2 GB.
_COLD_BYTES = 12_000_000_000
_WARM_BYTES = 2_000_000_000


def check(layout: Layout, settings: Settings, processes: Processes, progress: Progress) -> None:
    """Check the machine, install what Debian packages can bring.

    Raises:
        ClusterError: Names what is missing and the cure.
    """
    if os.geteuid() != 0:
        raise ClusterError(
            "a node on this machine needs root: run this with sudo, "
            "or have a Docker daemon and `kind` at hand, which are then used instead"
        )
    # First of all: who has our ports has a cluster of his own, and that must not be touched.
    check_ports_free([port for port in settings.host_ports() if not processes.record(port.owner)])
    cgroups.check()
    _check_overlay()
    cold = not _all_built(settings)
    if cold:
        require_go()
    _check_disk(layout, _COLD_BYTES if cold else _WARM_BYTES)
    install_packages(progress)
    network.check_ranges()


def _all_built(settings: Settings) -> bool:
    tools = [ETCD, kubernetes(), *(addon.tool for addon in addons(settings) if addon.tool)]
    return all(is_built(tool, name) for tool in tools for name in tool.packages)


def missing_packages() -> list[str]:
    """Return the Debian packages whose programs are not on this machine."""
    return sorted({package for name, package in _PACKAGES.items() if shutil.which(name) is None})


def install_packages(progress: Progress) -> None:
    """Install the Debian packages that are missing.

    Raises:
        ClusterError: There is no apt-get, or it failed.
    """
    missing = missing_packages()
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise ClusterError(
            f"programs of these packages are missing: {' '.join(missing)}; this is no Debian or "
            "Ubuntu: install them by your package manager, or have Docker and `kind` at hand"
        )
    with progress.step(f"installing Debian packages {' '.join(missing)}"):
        run([APT_INSTALL, *missing])


def _check_overlay() -> None:
    if "overlay" not in Path("/proc/filesystems").read_text(encoding="ascii"):
        run(["modprobe", "overlay"])


def _check_disk(layout: Layout, wanted_bytes: int) -> None:
    directory = layout.root
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if free < wanted_bytes:
        raise ClusterError(
            f"{directory} has {free / 1e9:.1f} GB free and the cluster needs "
            f"{wanted_bytes / 1e9:.0f} GB: free some, or set XDG_CACHE_HOME to a larger disk"
        )


def check_ports_free(ports: Iterable[HostPort]) -> None:
    """Refuse ports that something else listens on.

    Raises:
        ClusterError: Names the port, who wants it, and how to go on.
    """
    for port in ports:
        with socket.socket() as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                opened.bind(("127.0.0.1", port.number))
            except OSError as taken:
                choice = f", or choose another port by {port.option}" if port.option else ""
                raise ClusterError(
                    f"port {port.number}, wanted by {port.owner}, is taken: stop what listens "
                    f"there (`ss -ltnp 'sport = :{port.number}'` names it){choice}"
                ) from taken
