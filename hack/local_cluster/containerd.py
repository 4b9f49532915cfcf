"""containerd: its configuration, the images it holds, and the containers it leaves behind."""

import json
import tarfile
from contextlib import suppress
from pathlib import Path

from hack.images.mounts import mounts_below
from hack.local_cluster import cgroups
from hack.local_cluster.commands import run, succeeds
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.paths import RUNTIME_DIRECTORY, Layout
from hack.local_cluster.processes import start_ticks, terminate

PAUSE_IMAGE = "rocksteady/pause:local"
_NAMESPACE = "k8s.io"
# Two places that the kubelet uses whatever its configuration says.
_CONTAINER_LOGS = Path("/var/log/containers")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")


def containerd_config(layout: Layout) -> str:
    """Return the configuration of a containerd that shares nothing with the machine's own."""
    return f"""\
version = 2
root = "{layout.containerd}"
state = "{layout.containerd_state}"

[grpc]
  address = "{layout.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{layout.containerd}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  # Without CAP_SYS_RESOURCE the kernel refuses the negative scores that the kubelet asks for.
  restrict_oom_score_adj = true
  # Numbered users may then bind any port, as in Docker.
  enable_unprivileged_ports = true

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{RUNTIME_DIRECTORY / "runc"}"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.config / "cni"}"
"""


def ctr(layout: Layout) -> list[str]:
    """Return how to call containerd's client for this cluster."""
    return ["ctr", "--address", str(layout.containerd_socket), "--namespace", _NAMESPACE]


def is_ready(layout: Layout) -> bool:
    """Tell whether containerd answers."""
    return layout.containerd_socket.exists() and succeeds([*ctr(layout), "version"])


def references(archive: Path) -> list[str]:
    """Return the image names in a docker-archive.

    Raises:
        ClusterError: It is not such an archive.
    """
    try:
        with tarfile.open(archive) as opened:
            manifest = opened.extractfile("manifest.json")
            images = json.load(manifest) if manifest else []
        return [name for image in images for name in image["RepoTags"]]
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as wrong:
        raise ClusterError(
            f"{archive} is not a docker-archive with a named image ({wrong}): "
            "make one with `docker save` or `python -m hack.images build`"
        ) from wrong


def import_image(layout: Layout, archive: Path) -> bool:
    """Have an image in the cluster.

    Args:
        layout: Of the cluster.
        archive: A docker-archive.

    Returns:
        Whether it had to be imported; False when the same file was before.
    """
    kept = layout.config / "images.json"
    imported: dict[str, list[int]] = json.loads(kept.read_text()) if kept.exists() else {}
    status = archive.stat()
    stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
    names = references(archive)
    same = imported.get(str(archive)) == stamp
    if same and set(names) <= set(_present(layout)):
        return False
    run([*ctr(layout), "images", "import", archive])
    # Another archive may have had the same names before: its stamp says nothing any more.
    imported = {
        path: known
        for path, known in imported.items()
        if Path(path).is_file() and not set(references(Path(path))) & set(names)
    }
    write_whole(kept, json.dumps({**imported, str(archive): stamp}, indent=1) + "\n")
    return True


def _present(layout: Layout) -> list[str]:
    return run([*ctr(layout), "images", "list", "--quiet"]).split()


def shims(layout: Layout) -> dict[int, int]:
    """Return the processes that hold our containers: process id to start in clock ticks."""
    found: dict[int, int] = {}
    wanted = str(layout.containerd_socket).encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        ticks = start_ticks(int(entry.name))
        if b"containerd-shim" in words[0] and wanted in words and ticks is not None:
            found[int(entry.name)] = ticks
    return found


def end_containers(layout: Layout, grace_seconds: float) -> None:
    """End every process in our containers, then what held them.

    Args:
        layout: Of the cluster.
        grace_seconds: How long the containers may take to end by themselves.
    """
    terminate(cgroups.members(), grace_seconds)
    terminate(shims(layout), 2)


def _mounts(layout: Layout) -> list[str]:
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return mounts_below(mountinfo, [layout.root, RUNTIME_DIRECTORY])


def remove_traces(layout: Layout) -> None:
    """Remove mounts, sockets, cgroups and links of containers that have ended."""
    for socket in _shim_sockets(layout):
        socket.unlink(missing_ok=True)
    for point in _mounts(layout):
        # Lazily: a process that looked in from outside must not keep the cluster from ending.
        run(["umount", "--lazy", point])
    if RUNTIME_DIRECTORY.exists():
        run(["rm", "-rf", "--one-file-system", RUNTIME_DIRECTORY])
    for link in _log_links(layout):
        link.unlink(missing_ok=True)
    cgroups.remove()
    (_DEVICE_PLUGINS / "kubelet.sock").unlink(missing_ok=True)
    for directory in (_CONTAINER_LOGS, layout.pod_logs, _DEVICE_PLUGINS, _DEVICE_PLUGINS.parent):
        # Only where nobody else has put anything.
        with suppress(OSError):
            directory.rmdir()


def _shim_sockets(layout: Layout) -> list[Path]:
    """Return the sockets of shims, which containerd keeps outside its own state directory."""
    files = layout.containerd_state.glob("io.containerd.runtime.v2.task/*/*/address")
    addresses = (file.read_text(encoding="utf-8").strip() for file in files)
    sockets = (Path(address.removeprefix("unix://")) for address in addresses)
    return [socket for socket in sockets if socket.is_socket()]


def _log_links(layout: Layout) -> list[Path]:
    """Return the links that the kubelet makes to our containers' logs, in a fixed place."""
    if not _CONTAINER_LOGS.is_dir():
        return []
    inside = str(layout.pod_logs)
    return [
        link
        for link in _CONTAINER_LOGS.iterdir()
        if link.is_symlink() and str(link.readlink()).startswith(inside)
    ]


def leftovers(layout: Layout) -> list[str]:
    """Return what of containers is there, in words."""
    left = [f"container holder, process {pid}" for pid in shims(layout)]
    left += [f"mount {point}" for point in _mounts(layout)]
    left += [f"cgroup {group}" for group in cgroups.remaining() if group.name == cgroups.ROOT]
    left += [f"process {pid} of a pod" for pid in cgroups.members()]
    left += [f"log link {link}" for link in _log_links(layout)]
    left += [f"directory {RUNTIME_DIRECTORY}"] if RUNTIME_DIRECTORY.exists() else []
    return left
