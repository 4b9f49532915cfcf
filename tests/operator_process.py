"""The operator as a process of this machine, and the controllers that a lone API server lacks."""

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kubernetes import client, config

from hack.local_cluster.control_plane import free_ports


@dataclass
class OperatorProcess:
    """`rocksteady run` against a kubeconfig.

    Attributes:
        kubeconfig: Of the cluster.
        directory: Where its log goes.
        lease_namespace: Of the Lease; it must exist.
        identity: Who it is in the Lease.
    """

    kubeconfig: Path
    directory: Path
    lease_namespace: str = "default"
    identity: str = "operator-under-test"
    probe_port: int = field(default_factory=lambda: free_ports(1)[0])
    process: subprocess.Popen[bytes] | None = None
    _log_size_before: int = 0

    @property
    def log(self) -> Path:
        """What it wrote, over all starts."""
        return self.directory / "operator.log"

    def has_said(self, text: str) -> bool:
        """Whether it wrote something to its log since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._log_size_before)
            return text in log.read().decode()

    def start(self) -> None:
        """Start it."""
        self._log_size_before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "rocksteady", "run"),
                    *("--kubeconfig", str(self.kubeconfig)),
                    *("--lease-namespace", self.lease_namespace),
                    *("--probe-port", str(self.probe_port)),
                    *("--identity", self.identity),
                ],
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End it at once, as a node failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """End it as Kubernetes would; returns its exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self.process is not None and self.process.poll() is None

    def probe(self, path: str) -> str:
        """What it answers on /healthz, /readyz or /metrics."""
        address = f"http://127.0.0.1:{self.probe_port}{path}"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return str(answer.read().decode())


@contextmanager
def running_operator(kubeconfig: Path, directory: Path) -> Iterator[OperatorProcess]:
    """An operator for the length of a block."""
    operator = OperatorProcess(kubeconfig, directory)
    operator.start()
    try:
        yield operator
    finally:
        operator.kill()


class DeploymentController:
    """Stands in for Kubernetes' own, where there is none: says that Deployments are ready.

    Args:
        kubeconfig: Of the cluster.

    Attributes:
        gets_ready: Tells by a Deployment's name whether its pods get ready; may change at any time.
    """

    def __init__(self, kubeconfig: Path) -> None:
        self.gets_ready: Callable[[str], bool] = lambda _: True
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        self._apps = client.AppsV1Api(client.ApiClient(configuration))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for deployment in self._apps.list_deployment_for_all_namespaces().items:
                self._report(deployment)
            time.sleep(0.1)

    def _report(self, deployment: Any) -> None:
        wanted = deployment.spec.replicas
        ready = wanted if self.gets_ready(deployment.metadata.name) else 0
        now = deployment.status
        if (now.observed_generation, now.replicas or 0, now.ready_replicas or 0) == (
            deployment.metadata.generation,
            wanted,
            ready,
        ):
            return
        status = {
            "observedGeneration": deployment.metadata.generation,
            "replicas": wanted,
            "readyReplicas": ready,
        }
        try:
            self._apps.patch_namespaced_deployment_status(
                deployment.metadata.name, deployment.metadata.namespace, {"status": status}
            )
        except client.ApiException as error:
            if error.status != 404:  # deleted meanwhile
                raise
