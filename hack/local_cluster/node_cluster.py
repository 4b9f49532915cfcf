"""The cluster as processes of this machine: have it up, have it gone."""

import json
import shutil
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from hack.local_cluster import cgroups, containerd, network, node, preflight
from hack.local_cluster.addons import Addon, Installer, addons
from hack.local_cluster.commands import run
from hack.local_cluster.control_plane import is_ready, wait_until
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.go_build import binary_path, ensure_binary, kubernetes_programs
from hack.local_cluster.images import ensure_addon_archive, ensure_archive
from hack.local_cluster.paths import RUNTIME_DIRECTORY, Layout
from hack.local_cluster.processes import (
    Processes,
    ProcessRecord,
    children,
    descendants,
    started_seconds,
    terminate,
)
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import (
    NODE_NAME,
    Settings,
    load_settings,
    save_settings,
    usable,
)
from hack.local_cluster.tools import ETCD, kubernetes

_NODE_READY_SECONDS = 90
_REACHABLE_SECONDS = 15
_HOST = "127.0.0.1"
# Nothing is lost when a component is killed: all state is in etcd, which is quick to end.
_GRACE_SECONDS = 5.0


class NodeCluster:
    """One cluster of one node, made of processes of this machine.

    Args:
        layout: Where it keeps its files.
        progress: Where to show what is going on.
    """

    backend = "node"

    def __init__(self, layout: Layout, progress: Progress) -> None:
        self.layout = layout
        self.progress = progress
        self.processes = Processes(layout.processes, layout.logs, marker=str(layout.root))
        self._has_run = self._ran_since_boot()

    @property
    def kubectl(self) -> list[str]:
        """How to reach the cluster as its administrator."""
        program = binary_path(kubernetes(), "kubectl")
        return [str(program), "--kubeconfig", str(self.layout.kubeconfig)]

    @property
    def _installer(self) -> Installer:
        return Installer(self.kubectl, self.layout.config / "applied.json")

    def settings(self) -> Settings | None:
        """Return what the cluster was made with; None when there is none."""
        return load_settings(self.layout.state_file)

    def components(self) -> dict[str, str]:
        """Return the components and whether they run, in words."""
        records = {name: self.processes.record(name) for name in node.COMPONENTS}
        return {
            name: f"running, process {record.pid}" if record else "not running"
            for name, record in records.items()
        }

    def is_running(self, settings: Settings) -> bool:
        """Tell whether everything is as `up` with these settings would leave it."""
        parts = all(map(self.processes.record, node.COMPONENTS)) and network.exists()
        if self.settings() != settings or not parts:
            return False
        if not is_ready(Path(self.kubectl[0]), self.layout.kubeconfig) or not self._node_ready():
            return False
        archives = self._archives(settings)
        return self._installer.is_installed(archives, _HOST) and self._reachable(settings)

    def up(self, settings: Settings) -> None:
        """Have the cluster run; parts that died are started, data that do not fit replaced.

        Raises:
            ClusterError: Names what is in the way and the cure.
        """
        self._end_strays()
        preflight.check(self.layout, settings, self.processes, self.progress)
        kept = self.settings()
        if self.layout.etcd.exists() and (kept is None or not usable(kept, settings)):
            self.progress.note("the data that are here are of another version: replacing them")
            self.purge()
        ensure_binary(ETCD, "etcd", self.progress)
        programs = kubernetes_programs(self.progress)
        if self._is_damaged():
            self.down()
        replaceable = self.layout.etcd.exists()
        save_settings(self.layout.state_file, settings)
        try:
            self._start(settings, programs)
        except ClusterError as failure:
            if not replaceable:
                raise
            self.progress.note(f"the cluster that was here does not come back: {failure}")
            self.progress.note("replacing it by an empty one")
            self.purge()
            save_settings(self.layout.state_file, settings)
            self._start(settings, programs)
        self._install(settings)
        try:
            self._wait_until_reachable(settings)
        except ClusterError:
            # Somebody flushed the machine's packet filter: pods have to be plugged in anew.
            self.down()
            self._start(settings, programs)
            self._install(settings)
            self._wait_until_reachable(settings)

    def _end_strays(self) -> None:
        """End processes of ours whose record was lost, or never written: `up` was killed."""
        known = [record.pid for record in self._records()] + list(containerd.shims(self.layout))
        known += descendants(known, children())
        ours = self.processes.unrecorded()
        terminate({pid: ours[pid] for pid in ours.keys() - set(known)}, _GRACE_SECONDS)

    def _records(self) -> list[ProcessRecord]:
        found = (self.processes.record(name) for name in self.processes.names())
        return [record for record in found if record]

    def _is_damaged(self) -> bool:
        """Tell whether pods lost what only a new start gives them: containerd or the bridge."""
        traces = self.processes.names() or self.leftovers()
        lost = self.processes.record("containerd") is None or not network.exists()
        return bool(traces) and lost

    def _start(self, settings: Settings, programs: dict[str, Path]) -> None:
        plane = node.control_plane(self.layout, settings)
        cgroups.create()
        network.create(self.layout.config / "cni", self._addresses)
        node.prepare(self.layout, plane)
        with self.progress.step("starting containerd"):
            node.start_containerd(self.layout, self.processes)
        self.load(ensure_archive("pause"))
        with self.progress.step("starting etcd and the API server"):
            plane.start(self.processes)
        with self.progress.step("starting the node"):
            node.start_controllers(self.layout, programs, self.processes)
            node.start_kubelet(self.layout, programs, self.processes)
            wait_until(
                lambda: self._node_ready() and self._pods_are_reported(),
                _NODE_READY_SECONDS,
                self._why_not_ready,
            )
            node.check_alive(self.processes)

    def _install(self, settings: Settings) -> None:
        archives = self._archives(settings)
        for archive in archives.values():
            self.load(archive)
        self._installer.install(archives, self.progress, _HOST)

    def _archives(self, settings: Settings) -> dict[Addon, Path]:
        return {addon: ensure_addon_archive(addon, self.progress) for addon in addons(settings)}

    def load(self, archive: Path) -> bool:
        """Have an image in the cluster.

        Returns:
            Whether it had to be imported.

        Raises:
            ClusterError: The cluster is down, or the file is no image.
        """
        if self.processes.record("containerd") is None:
            raise ClusterError("the cluster is down: run `python -m hack.local_cluster up` first")
        with self.progress.step(f"importing {archive.name}"):
            return containerd.import_image(self.layout, archive)

    @property
    def _addresses(self) -> Path:
        return self.layout.config / "cni-addresses"

    def _node_ready(self) -> bool:
        try:
            command = [*self.kubectl, "get", "node", NODE_NAME, "-o", "json"]
            answer = run(command, timeout_seconds=10)
        except ClusterError:
            return False
        conditions = json.loads(answer)["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def _pods_are_reported(self) -> bool:
        """Tell whether no pod is said to run that ended with an earlier containerd.

        After a restart the API server has the old state of pods until the kubelet, which needs
        a moment, has reported the new one.
        """
        record = self.processes.record("containerd")
        if record is None:
            return False
        pods = json.loads(run([*self.kubectl, "get", "pods", "-A", "-o", "json"]))["items"]
        return not stale_pods(pods, started_seconds(record))

    def _why_not_ready(self) -> str:
        tails = "\n".join(self.processes.log_tail(name) for name in ("kubelet", "containerd"))
        return f"the node did not get ready within {_NODE_READY_SECONDS} s; {tails}"

    def _reachable(self, settings: Settings) -> bool:
        return all(_answers(port.number) for port in settings.served_ports())

    def _wait_until_reachable(self, settings: Settings) -> None:
        wait_until(
            lambda: self._reachable(settings),
            _REACHABLE_SECONDS,
            lambda: _unanswered(settings),
        )

    def down(self) -> None:
        """Stop all that was started and remove every trace but the data."""
        self._has_run |= self._ran_since_boot()
        for name in ("kube-proxy", "kubelet"):
            with self.progress.step(f"stopping {name}"):
                self.processes.stop(name, _GRACE_SECONDS)
        with self.progress.step("ending the pods"):
            containerd.end_containers(self.layout, _GRACE_SECONDS)
        for name in reversed(node.COMPONENTS):
            with self.progress.step(f"stopping {name}"):
                self.processes.stop(name, _GRACE_SECONDS)
        terminate(self.processes.unrecorded(), _GRACE_SECONDS)
        with self.progress.step("removing mounts, namespaces, bridge and chains"):
            containerd.end_containers(self.layout, grace_seconds=0)
            network.remove(with_kubernetes=self._has_run)
            containerd.remove_traces(self.layout)
            shutil.rmtree(self._addresses, ignore_errors=True)

    def purge(self) -> None:
        """Stop it all and remove the data too."""
        self.down()
        if self.layout.root.exists():
            with self.progress.step("removing the data"):
                run(["rm", "-rf", "--one-file-system", self.layout.root])

    def was_here(self) -> bool:
        """Tell whether there is anything of a cluster, running or not."""
        traces = (self.layout.root.exists(), RUNTIME_DIRECTORY.exists(), network.exists())
        return any(traces) or bool(self.processes.unrecorded() or cgroups.remaining())

    def leftovers(self) -> list[str]:
        """Return what of the cluster is on this machine beside its files, in words."""
        left = [f"process {pid} of this cluster" for pid in self.processes.unrecorded()]
        found = network.leftovers(with_kubernetes=self._has_run or self._ran_since_boot())
        return [*left, *containerd.leftovers(self.layout), *found]

    @staticmethod
    def _ran_since_boot() -> bool:
        """Tell whether the cluster has run since the machine started, and was not taken down.

        Only then are packet filter chains of Kubernetes its own: its ports rule out a second one.
        """
        return network.exists() or RUNTIME_DIRECTORY.exists()


def stale_pods(pods: Iterable[dict[str, Any]], since_seconds: float) -> list[str]:
    """Return the names of pods with a container that is said to run since before a moment.

    Args:
        pods: As the API server has them.
        since_seconds: The moment, in seconds since the epoch; the API counts whole seconds.
    """
    return [
        pod["metadata"]["name"]
        for pod in pods
        for container in pod.get("status", {}).get("containerStatuses", [])
        if (running := container.get("state", {}).get("running"))
        and datetime.fromisoformat(running["startedAt"]).timestamp() < int(since_seconds)
    ]


def _unanswered(settings: Settings) -> str:
    silent = [
        f"127.0.0.1:{port.number} ({port.owner})"
        for port in settings.served_ports()
        if not _answers(port.number)
    ]
    return f"nothing answers at {' and '.join(silent)}: does a firewall drop it?"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_HOST, port), timeout=1):
            return True
    except OSError:
        return False
