"""The cgroups that pods are in: all below one of our own, so that none is mistaken for ours."""

import time
from contextlib import suppress
from pathlib import Path

from hack.local_cluster.errors import ClusterError
from hack.local_cluster.processes import start_ticks, terminate

ROOT = "rocksteady-local"
_MOUNT = Path("/sys/fs/cgroup")
# What the kubelet wants of the cgroups it is given.
_REQUIRED = ("cpu", "memory", "pids")
_DELEGATED = ("cpu", "cpuset", "io", "memory", "pids", "hugetlb")


def check() -> None:
    """Refuse a machine without what the kubelet needs; what is made to find out is removed again.

    Raises:
        ClusterError: Names the missing controllers and the cure.
    """
    present = _controllers()
    lacking = [name for name in _REQUIRED if name not in present]
    if lacking:
        raise ClusterError(
            f"cgroup controllers {', '.join(lacking)} are missing below {_MOUNT}: mount them, "
            "or run where they are (inside a container: start it privileged)"
        )
    were_here = remaining()
    try:
        create()
    except OSError as refused:
        raise ClusterError(
            f"cgroups cannot be made below {_MOUNT} ({refused}): "
            "run outside a container, or in a privileged one"
        ) from refused
    finally:
        if not were_here:
            remove()


def _is_unified() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def _controllers() -> set[str]:
    if _is_unified():
        return set((_MOUNT / "cgroup.controllers").read_text(encoding="ascii").split())
    return {path.name for path in _MOUNT.glob("*") if path.is_dir()}


def create() -> None:
    """Have our cgroup in every hierarchy."""
    if _is_unified():
        for name in sorted(_controllers().intersection(_DELEGATED)):
            # One that the machine's init keeps to itself is refused; the kubelet then says so.
            with suppress(OSError):
                (_MOUNT / "cgroup.subtree_control").write_text(f"+{name}", encoding="ascii")
        (_MOUNT / ROOT).mkdir(exist_ok=True)
        return
    for hierarchy in _MOUNT.glob("*"):
        if hierarchy.is_dir() and (hierarchy / "cgroup.procs").exists():
            (hierarchy / ROOT).mkdir(exist_ok=True)


def remaining() -> list[Path]:
    """Return our cgroups, children first."""
    roots = [path for path in (_MOUNT / ROOT, *_MOUNT.glob(f"*/{ROOT}")) if path.is_dir()]
    below = [path for root in roots for path in root.rglob("*") if path.is_dir()]
    return sorted({*roots, *below}, key=lambda path: len(path.parts), reverse=True)


def members() -> dict[int, int]:
    """Return the processes in our cgroups: process id to start in clock ticks."""
    found: dict[int, int] = {}
    for group in remaining():
        # A cgroup may go while it is read.
        with suppress(OSError):
            for line in (group / "cgroup.procs").read_text(encoding="ascii").split():
                ticks = start_ticks(int(line))
                if ticks is not None:
                    found[int(line)] = ticks
    return found


def remove() -> None:
    """End what is left in our cgroups and remove them."""
    deadline = time.monotonic() + 5
    while remaining() and time.monotonic() < deadline:
        terminate(members(), 0)
        for group in remaining():
            # Busy for a moment after its last process ended.
            with suppress(OSError):
                group.rmdir()
        if remaining():
            time.sleep(0.05)
