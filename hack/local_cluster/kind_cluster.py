"""The cluster as kind makes it, where a Docker daemon can pull kind's node image."""

import shutil
from pathlib import Path
from typing import Any

import yaml

from hack.local_cluster.addons import Addon, Installer, addons
from hack.local_cluster.commands import run, succeeds
from hack.local_cluster.control_plane import audit_policy, is_ready
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.go_build import ensure_binary
from hack.local_cluster.images import ensure_addon_archive
from hack.local_cluster.paths import Layout
from hack.local_cluster.pki import CONTEXT
from hack.local_cluster.progress import Progress
from hack.local_cluster.settings import Settings, load_settings, save_settings
from hack.local_cluster.tools import COREDNS, KUBE_NETWORK_POLICIES, kubernetes

_CONFIG = Path(__file__).resolve().parents[2] / "kind-config.yaml"
_AUDIT_POLICY = "/etc/rocksteady/audit-policy.yaml"
_AUDIT_DIRECTORY = "/var/log/rocksteady"
# Inside kind's node the port must be on every address for Docker to reach it.
_NODE_ADDRESS = "0.0.0.0"  # noqa: S104


def is_at_hand() -> bool:
    """Tell whether a Docker daemon answers and kind is installed."""
    return shutil.which("kind") is not None and succeeds(["docker", "info"])


def kind_config(text: str, settings: Settings, layout: Layout) -> dict[str, Any]:
    """Return kind's configuration with the ports asked for, and an audit log.

    Args:
        text: Of kind-config.yaml.
        settings: The ports.
        layout: Where the audit policy is and its log goes.
    """
    config: dict[str, Any] = yaml.safe_load(text)
    config["networking"]["apiServerPort"] = settings.api_port
    node = config["nodes"][0]
    mapping = node["extraPortMappings"][0]
    node["extraPortMappings"] = [
        {**mapping, "containerPort": port.number, "hostPort": port.number}
        for port in settings.served_ports()
    ]
    policy = layout.config / "audit-policy.yaml"
    node["extraMounts"] = [
        {"hostPath": str(policy), "containerPath": _AUDIT_POLICY, "readOnly": True},
        {"hostPath": str(layout.logs), "containerPath": _AUDIT_DIRECTORY},
    ]
    node["kubeadmConfigPatches"] = [yaml.safe_dump(_audit_patch(layout), sort_keys=False)]
    return config


def _audit_patch(layout: Layout) -> dict[str, Any]:
    """Return the part of kubeadm's configuration that turns the audit log on (v1beta3)."""

    def volume(name: str, path: str, kind: str, *, read_only: bool) -> dict[str, Any]:
        mount = {"hostPath": path, "mountPath": path, "pathType": kind, "readOnly": read_only}
        return {"name": name, **mount}

    return {
        "kind": "ClusterConfiguration",
        "apiServer": {
            "extraArgs": {
                "audit-policy-file": _AUDIT_POLICY,
                "audit-log-path": f"{_AUDIT_DIRECTORY}/{layout.audit_log.name}",
            },
            "extraVolumes": [
                volume("audit-policy", _AUDIT_POLICY, "File", read_only=True),
                volume("audit-log", _AUDIT_DIRECTORY, "DirectoryOrCreate", read_only=False),
            ],
        },
    }


class KindCluster:
    """One cluster of one node, made by kind.

    Args:
        layout: Where kubeconfig, audit log and records are kept.
        progress: Where to show what is going on.
    """

    backend = "kind"

    def __init__(self, layout: Layout, progress: Progress) -> None:
        self.layout = layout
        self.progress = progress

    @property
    def kubectl(self) -> list[str]:
        """How to reach the cluster as its administrator."""
        program = ensure_binary(kubernetes(), "kubectl", self.progress)
        return [str(program), "--kubeconfig", str(self.layout.kubeconfig)]

    @property
    def _installer(self) -> Installer:
        return Installer(self.kubectl, self.layout.config / "applied.json")

    def settings(self) -> Settings | None:
        """Return what the cluster was made with; None when there is none."""
        return load_settings(self.layout.state_file)

    def components(self) -> dict[str, str]:
        """Return what runs, in words."""
        return {CONTEXT: "running" if self._exists() else "not running"}

    def is_running(self, settings: Settings) -> bool:
        """Tell whether everything is as `up` with these settings would leave it."""
        if self.settings() != settings or not self._exists():
            return False
        if not is_ready(Path(self.kubectl[0]), self.layout.kubeconfig):
            return False
        return self._installer.is_installed(
            {addon: ensure_addon_archive(addon) for addon in _addons(settings)}, _NODE_ADDRESS
        )

    def up(self, settings: Settings) -> None:
        """Have the cluster run; one with other settings, or that does not answer, is replaced.

        Raises:
            ClusterError: kind failed; the message has what it said.
        """
        program = Path(self.kubectl[0])
        answers = self._exists() and is_ready(program, self.layout.kubeconfig)
        if not answers or self.settings() != settings:
            self.purge()
            self._create(settings)
        save_settings(self.layout.state_file, settings)
        archives = {addon: ensure_addon_archive(addon) for addon in _addons(settings)}
        for archive in archives.values():
            self.load(archive)
        self._installer.install(archives, self.progress, _NODE_ADDRESS)

    def _create(self, settings: Settings) -> None:
        config = self.layout.config / "kind.yaml"
        content = kind_config(_CONFIG.read_text(encoding="utf-8"), settings, self.layout)
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        write_whole(self.layout.config / "audit-policy.yaml", yaml.safe_dump(audit_policy()))
        write_whole(config, yaml.safe_dump(content, sort_keys=False))
        kubeconfig = ["--kubeconfig", str(self.layout.kubeconfig)]
        create = ["kind", "create", "cluster", "--name", CONTEXT, "--config", str(config)]
        with self.progress.step("creating the cluster by kind"):
            run([*create, *kubeconfig, "--wait", "180s"])
        run([*self.kubectl, "config", "rename-context", f"kind-{CONTEXT}", CONTEXT])

    def _exists(self) -> bool:
        return CONTEXT in run(["kind", "get", "clusters"]).split()

    def load(self, archive: Path) -> bool:
        """Have an image in the cluster; kind itself skips what is there.

        Returns:
            True: kind does not say which it was.
        """
        with self.progress.step(f"importing {archive.name}"):
            run(["kind", "load", "image-archive", "--name", CONTEXT, str(archive)])
        return True

    def down(self) -> None:
        """Delete the cluster: kind cannot stop one without losing what it runs."""
        with self.progress.step("deleting the cluster by kind"):
            run(["kind", "delete", "cluster", "--name", CONTEXT])

    def purge(self) -> None:
        """Delete the cluster and our own files about it."""
        self.down()
        if self.layout.root.exists():
            shutil.rmtree(self.layout.root, ignore_errors=True)
        if self.layout.root.exists():
            raise ClusterError(f"{self.layout.root} holds files of the node: remove it as root")

    def was_here(self) -> bool:
        """Tell whether there is anything of a cluster, running or not."""
        return self.layout.root.exists() or self._exists()

    def leftovers(self) -> list[str]:
        """Return what of the cluster is on this machine beside its files, in words."""
        return [f"kind cluster {CONTEXT}"] if self._exists() else []


def _addons(settings: Settings) -> list[Addon]:
    """Return the add-ons without DNS and the agent for network policies, which kind brings."""
    brought = (COREDNS, KUBE_NETWORK_POLICIES)
    return [addon for addon in addons(settings) if addon.tool not in brought]
