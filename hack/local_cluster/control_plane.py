"""etcd and the API server: all that a client needs to see, with or without a node."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole
from hack.local_cluster.go_build import ensure_binary, stamp_path
from hack.local_cluster.paths import Layout
from hack.local_cluster.pki import Authority, Certificate, write_kubeconfig
from hack.local_cluster.processes import Processes, terminate
from hack.local_cluster.tools import ETCD, kubernetes

_READY_SECONDS = 90
_ADMINISTRATOR = Certificate("admin", "admin", "system:masters")


@dataclass(frozen=True)
class ControlPlane:
    """etcd and one API server of a version.

    Attributes:
        layout: Where they keep their files.
        version: Of Kubernetes.
        api_port: Of the API server.
        etcd_port: Where the API server reaches etcd, on loopback.
        etcd_peer_port: etcd wants one even when it has no peers.
        bind_address: Where the API server listens.
        service_range: Addresses of Services.
        service_address: The first of them, which is the API server's own.
        extra_names: Further names of the API server in its certificate.
        extra_flags: Further flags of the API server.
    """

    layout: Layout
    version: str
    api_port: int
    etcd_port: int
    etcd_peer_port: int
    bind_address: str = "127.0.0.1"
    service_range: str = "10.214.0.0/16"
    service_address: str = "10.214.0.1"
    extra_names: tuple[str, ...] = ()
    extra_flags: tuple[str, ...] = ()

    @property
    def authority(self) -> Authority:
        """Signs every certificate of the cluster."""
        return Authority(self.layout.pki)

    @property
    def server(self) -> str:
        """The API server's address on this machine."""
        return f"https://127.0.0.1:{self.api_port}"

    def prepare(self) -> None:
        """Write certificates, the administrator's kubeconfig and the audit policy."""
        names = ("DNS:localhost", "IP:127.0.0.1", f"IP:{self.service_address}", *self.extra_names)
        suffixes = ("", ".default", ".default.svc", ".default.svc.cluster.local")
        names += tuple(f"DNS:kubernetes{suffix}" for suffix in suffixes)
        server = Certificate("apiserver", "kube-apiserver", alternative_names=names)
        kubelet_client = Certificate("kubelet-client", "kube-apiserver", "system:masters")
        self.authority.issue([server, kubelet_client, _ADMINISTRATOR])
        write_kubeconfig(self.layout.kubeconfig, self.server, self.authority, "admin")
        write_whole(self._audit_policy, yaml.safe_dump(audit_policy(), sort_keys=False))
        self.layout.logs.mkdir(parents=True, exist_ok=True)

    def start(self, processes: Processes) -> bool:
        """Have both run, compiled when missing, and wait until the API server is ready.

        Returns:
            Whether one of them had to be started.

        Raises:
            ClusterError: It does not get ready; the message has the last lines of its log.
        """
        etcd = ensure_binary(ETCD, "etcd")
        api_server = ensure_binary(kubernetes(self.version), "kube-apiserver")
        kubectl = ensure_binary(kubernetes(), "kubectl")
        self.prepare()
        started = processes.ensure("etcd", [str(etcd), *self._etcd_flags()], [stamp_path(etcd)])
        signed = [self.authority.certificate, self.authority.certificate_of("apiserver")]
        files = [self._audit_policy, *signed, stamp_path(api_server)]
        command = [str(api_server), *self._api_server_flags()]
        started |= processes.ensure("kube-apiserver", command, files)
        wait_until(
            lambda: is_ready(kubectl, self.layout.kubeconfig),
            _READY_SECONDS,
            lambda: self._not_ready(processes),
            alive=lambda: bool(processes.record("etcd") and processes.record("kube-apiserver")),
        )
        return started

    @property
    def _audit_policy(self) -> Path:
        return self.layout.config / "audit-policy.yaml"

    def _not_ready(self, processes: Processes) -> str:
        name = "kube-apiserver" if processes.record("etcd") else "etcd"
        return f"the API server did not get ready; {processes.log_tail(name)}"

    def _etcd_flags(self) -> list[str]:
        clients = f"http://127.0.0.1:{self.etcd_port}"
        peers = f"http://127.0.0.1:{self.etcd_peer_port}"
        return [
            "--name=local",
            f"--data-dir={self.layout.etcd}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=local={peers}",
            # A power cut may cost this cluster its data; a slow disk must not cost it leases.
            "--unsafe-no-fsync",
            "--auto-compaction-retention=1h",
            "--log-level=warn",
        ]

    def _api_server_flags(self) -> list[str]:
        signed = self.authority
        return [
            f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
            f"--secure-port={self.api_port}",
            f"--bind-address={self.bind_address}",
            f"--service-cluster-ip-range={self.service_range}",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            f"--client-ca-file={signed.certificate}",
            f"--tls-cert-file={signed.certificate_of('apiserver')}",
            f"--tls-private-key-file={signed.key_of('apiserver')}",
            f"--kubelet-certificate-authority={signed.certificate}",
            f"--kubelet-client-certificate={signed.certificate_of('kubelet-client')}",
            f"--kubelet-client-key={signed.key_of('kubelet-client')}",
            "--kubelet-preferred-address-types=InternalIP,Hostname",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={signed.directory / 'tokens.pub'}",
            f"--service-account-signing-key-file={signed.key_of('tokens')}",
            f"--audit-policy-file={self._audit_policy}",
            f"--audit-log-path={self.layout.audit_log}",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=3",
            "--profiling=false",
            *self.extra_flags,
        ]


def audit_policy() -> dict[str, object]:
    """Return what the audit log holds: who asked for what, never the objects themselves.

    Every request of the operator's service accounts, and everybody's writes other than those of
    Kubernetes' own components, so that a test can count what the operator wrote.
    """
    own_components = ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "userGroups": ["system:serviceaccounts:rocksteady-system"]},
            {"level": "None", "users": own_components},
            {"level": "None", "userGroups": ["system:nodes"]},
            {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "Metadata", "verbs": ["create", "update", "patch", "delete"]},
            {"level": "Metadata", "verbs": ["deletecollection"]},
            {"level": "None"},
        ],
    }


def is_ready(kubectl: Path, kubeconfig: Path) -> bool:
    """Tell whether the API server says that it is ready."""
    command = [kubectl, "--kubeconfig", kubeconfig, "--request-timeout=5s", "get", "--raw=/readyz"]
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True)
    return done.returncode == 0


def wait_until(
    reached: Callable[[], bool],
    timeout_seconds: float,
    reason: Callable[[], str],
    alive: Callable[[], bool] = lambda: True,
) -> None:
    """Wait for something, and give up early when it cannot come any more.

    Args:
        reached: What is waited for.
        timeout_seconds: How long at most.
        reason: What to say when it did not come.
        alive: Whether it may still come.

    Raises:
        ClusterError: It did not come.
    """
    deadline = time.monotonic() + timeout_seconds
    while not reached():
        if time.monotonic() > deadline or not alive():
            raise ClusterError(reason())
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    """Return TCP ports of loopback that nobody listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [int(opened.getsockname()[1]) for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


@contextmanager
def api_server(version: str, directory: Path) -> Iterator[Path]:
    """Run etcd and an API server of a version for the length of a block; needs no root.

    There is no node and no controller: pods are accepted and stay Pending, nothing is garbage
    collected, service accounts are not made. Both processes end with the process that called,
    even when that is killed (strictly: with the thread, so enter the block from a thread that
    lives as long); what an earlier run left in the directory is stopped first.

    Args:
        version: Of Kubernetes, such as 1.34.4; compiled when missing, which takes minutes.
        directory: Where it keeps its data and logs, such as pytest's tmp_path.

    Yields:
        Path of the administrator's kubeconfig. The audit log is `logs/audit.log` beside it.

    Raises:
        ClusterError: The API server did not get ready.
    """
    layout = Layout(directory.resolve())
    processes = Processes(
        layout.processes, layout.logs, marker=str(layout.root), die_with_parent=True
    )
    terminate(processes.unrecorded(), grace_seconds=5)
    api_port, etcd_port, etcd_peer_port = free_ports(3)
    # Nobody makes the default service account that this plugin would wait for.
    flags = ("--disable-admission-plugins=ServiceAccount",)
    plane = ControlPlane(layout, version, api_port, etcd_port, etcd_peer_port, extra_flags=flags)
    try:
        plane.start(processes)
        yield layout.kubeconfig
    finally:
        processes.stop("kube-apiserver")
        processes.stop("etcd")
