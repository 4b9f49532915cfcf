"""The local cluster with the operator installed, as `make test` leaves it, and no other cluster."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openai import DefaultHttpxClient, OpenAI

from tests.kubectl import Kubectl, Manifest, condition, wait_until

MODEL_IMAGE = "rocksteady/smollm2-llamacpp:local"
OWNED = (
    "controllerrevisions,configmaps,services,networkpolicies,poddisruptionbudgets,deployments,"
    "httproutes,replicasets,pods"
)
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""Security context of a pod that a namespace for restricted pods admits."""


@dataclass(frozen=True)
class LocalCluster:
    """What tests know of the cluster.

    Attributes:
        kubectl: As its administrator.
        gateway: Where the gateway answers on this machine.
        prometheus: Where Prometheus answers on this machine.
    """

    kubectl: Kubectl
    gateway: str
    prometheus: str

    @property
    def audit_logs(self) -> list[Path]:
        """Every request of the operator, and everybody's writes, as JSON lines, in all files."""
        return sorted((self.kubectl.kubeconfig.parent / "logs").glob("audit*.log"))


def ask_local_cluster(*arguments: str) -> str:
    command = [sys.executable, "-m", "hack.local_cluster", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the local cluster is needed: run `make operator-up` first\n{done.stderr}")
    return done.stdout.strip()


def build_image(name: str) -> str:
    """Build one of the project's images if it changed; returns the path of its archive."""
    command = [sys.executable, "-m", "hack.images", "build", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"the image {name} was not built\n{done.stderr}")
    return done.stdout.strip()


def local_cluster() -> LocalCluster:
    """The local cluster, which must be up and no other one."""
    ask_local_cluster("status")
    kubectl = Kubectl(
        Path(ask_local_cluster("build", "kubernetes/kubectl")),
        Path(ask_local_cluster("kubeconfig")),
    )
    context = kubectl.run("config", "current-context").strip()
    assert context == "rocksteady-local", f"refusing to test on {context}"
    rollout = ("rollout", "status", "deployment/rocksteady", "-n", "rocksteady-system")
    kubectl.run(*rollout, "--timeout=60s")
    return LocalCluster(
        kubectl, ask_local_cluster("address", "gateway"), ask_local_cluster("address", "prometheus")
    )


@pytest.fixture(scope="session")
def cluster() -> LocalCluster:
    found = local_cluster()
    _remove_leftovers(found.kubectl)
    return found


def _remove_leftovers(kubectl: Kubectl) -> None:
    """Take away what a killed run left: the operator would work on it while tests count."""
    names = kubectl.run("get", "namespaces", "-o", "name").split()
    for name in (name.removeprefix("namespace/") for name in names):
        if name.startswith("e2e-"):
            kubectl.run("delete", "llmdep", "--all", "-n", name, "--timeout=60s")
            kubectl.run("delete", "namespace", name, "--timeout=170s")


@pytest.fixture(scope="module")
def namespace(cluster: LocalCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test module's own that admits only restricted pods."""
    name = (
        f"e2e-{request.module.__name__.rpartition('.')[2].removeprefix('test_').replace('_', '-')}"
    )
    kubectl = cluster.kubectl
    kubectl.run("delete", "namespace", name, "--ignore-not-found", "--timeout=170s")
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": name, "labels": labels}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    # First what the operator acts on: it would bring back what the namespace's end takes away, and
    # another module may be counting its writes.
    kubectl.run("delete", "llmdep", "--all", "-n", name, "--timeout=60s")
    kubectl.run("delete", "namespace", name, "--wait=false")


def small_model(namespace: str, name: str = "chat", **spec: Any) -> Manifest:
    """SmolLM2 on llama.cpp, as an ordinary LLMDeployment behind the gateway."""
    parent = {"name": "inference", "namespace": "rocksteady-gateway", "sectionName": "http"}
    return {
        "apiVersion": "rocksteady.dev/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": {"name": "smollm2", "uri": "image:///models/model.gguf"},
            "engine": engine(),
            "resources": {
                "requests": {"cpu": "50m", "memory": "256Mi"},
                "limits": {"memory": "1Gi"},
            },
            "routing": {"gateway": {"parentRefs": [parent], "hostnames": [host(namespace, name)]}},
            **spec,
        },
    }


def engine(**changes: Any) -> Manifest:
    return {
        "type": "llamacpp",
        "image": MODEL_IMAGE,
        "args": ["--ctx-size", "1024", "--parallel", "2"],
        "startupTimeoutSeconds": 120,
        "drainTimeoutSeconds": 5,
        **changes,
    }


def host(namespace: str, name: str) -> str:
    return f"{name}.{namespace}.example.com"


@contextmanager
def client_for(cluster: LocalCluster, namespace: str, name: str = "chat") -> Iterator[OpenAI]:
    """The official client, through the gateway, for the length of a block."""
    headers = {"Host": host(namespace, name)}
    with OpenAI(
        base_url=f"{cluster.gateway}/v1",
        api_key="none",
        default_headers=headers,
        http_client=DefaultHttpxClient(trust_env=False, timeout=60),
        max_retries=0,
    ) as client:
        yield client


def wait_answer(client: OpenAI) -> None:
    """Wait until the gateway knows the route, which takes it a moment."""

    def answers() -> bool:
        try:
            return bool(client.models.list().data)
        except Exception:  # noqa: BLE001 - any failure means not yet
            return False

    wait_until(answers, "the gateway knows the route", 20)


def wait_ready(cluster: LocalCluster, namespace: str, name: str, seconds: float = 120) -> Manifest:
    """Wait until the current generation is Ready and nothing is on its way."""

    def ready() -> Manifest | None:
        found = cluster.kubectl.get("llmdep", name, namespace)
        fact = condition(found, "Ready")
        current = fact.get("observedGeneration") == found["metadata"]["generation"]
        settled = condition(found, "Reconciling")["status"] == "False"
        return found if fact["status"] == "True" and current and settled else None

    return wait_until(ready, f"{namespace}/{name} is ready and settled", seconds)


def wait_finished(
    cluster: LocalCluster, namespace: str, name: str, seconds: float = 120
) -> Manifest:
    """Wait until an attempt is over; returns its LLMRollout."""

    def over() -> Manifest | None:
        found = cluster.kubectl.find("llmro", name, namespace) or {}
        return found if found.get("status", {}).get("phase") == "Finished" else None

    return wait_until(over, f"attempt {namespace}/{name} is over", seconds)


def wait_reason(
    cluster: LocalCluster, namespace: str, name: str, type_: str, reason: str, seconds: float = 120
) -> Manifest:
    """Wait until a condition has a reason; returns the condition."""

    def there() -> Manifest | None:
        fact = condition(cluster.kubectl.get("llmdep", name, namespace), type_)
        return fact if fact["reason"] == reason else None

    return wait_until(there, f"{namespace}/{name}: {type_}/{reason}", seconds)


def operator_writes(cluster: LocalCluster, since: datetime) -> list[str]:
    """What the operator wrote since then, Leases left out, as `verb resource namespace/name`."""
    writes = []
    for line in (line for log in cluster.audit_logs for line in log.read_text().splitlines()):
        entry = json.loads(line)
        if datetime.fromisoformat(entry["requestReceivedTimestamp"]) < since:
            continue
        target = entry.get("objectRef", {})
        ours = entry["user"]["username"].endswith(":rocksteady-system:rocksteady")
        wrote = entry["verb"] in {"create", "update", "patch", "delete", "deletecollection"}
        if ours and wrote and target.get("resource") != "leases":
            where = f"{target.get('namespace')}/{target.get('name')}"
            writes.append(f"{entry['verb']} {target.get('resource')} {where}")
    return writes
