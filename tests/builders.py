"""Objects that tests start from: small, valid, and changed by naming what matters in a test."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.ports import Key, Manifest
from rocksteady.resources.labels import owned_labels
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.observation import Observation, RevisionRecord, Workload

NAMESPACE = "demo"
NAME = "chat"
UID = "11111111-1111-1111-1111-111111111111"
KEY = Key(NAMESPACE, NAME)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

A = "aaaaaaaaaa"
B = "bbbbbbbbbb"
C = "cccccccccc"
"""Hashes of three revisions."""


def spec(image: str = "llama:a", replicas: int | None = 1, **fields: Any) -> dict[str, Any]:
    """A valid spec: a model that is baked into the image of llama.cpp."""
    content: dict[str, Any] = {
        "model": {"name": "smol", "uri": "image:///models/smol.gguf"},
        "engine": {"type": "llamacpp", "image": image},
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
        **fields,
    }
    return content if replicas is None else {**content, "replicas": replicas}


def llm_deployment(
    content: Mapping[str, Any] | None = None, *, name: str = NAME, namespace: str = NAMESPACE
) -> Manifest:
    """An LLMDeployment as a user writes it.

    Args:
        content: Its spec; None: `spec()`.
        name: Its name.
        namespace: Its namespace.
    """
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": dict(spec() if content is None else content),
    }


def with_gateway(*names: str, **fields: Any) -> dict[str, Any]:
    """The part of a spec that attaches the model to Gateways."""
    return {"gateway": {"parentRefs": [{"name": name} for name in names], **fields}}


def running(wanted: int, ready: int | None = None, trouble: Finding | None = None) -> Workload:
    """The pods of a revision; all of them ready unless said otherwise."""
    return Workload(wanted, wanted, wanted if ready is None else ready, trouble)


@cache
def _deployment(replicas: int) -> LLMDeployment:
    """An LLMDeployment as a model, which is frozen."""
    return LLMDeployment.model_validate(llm_deployment(spec(replicas=replicas)))


def observation(
    *,
    target: str | None = A,
    stable: str | None = None,
    wanted: int | None = 1,
    workloads: Mapping[str, Workload] | None = None,
    recorded: Mapping[str, int] | None = None,
    **fields: Any,
) -> Observation:
    """What was seen of an LLMDeployment.

    Args:
        target: Hash of the revision that the spec describes; None: no revision can be made of it.
        stable: Hash of the revision that serves.
        wanted: Replicas of the spec; None: the spec cannot be read.
        workloads: Pods by revision.
        recorded: Numbers of the recorded revisions; None: those of A, B and C that are mentioned.
        fields: Other fields of an Observation.
    """
    pods = dict(workloads or {})
    mentioned = {target, stable, *pods} - {None}
    numbers = {A: 1, B: 2, C: 3} if recorded is None else recorded
    known = [revision for revision in numbers if recorded is not None or revision in mentioned]
    seen: dict[str, Any] = {
        "namespace": NAMESPACE,
        "name": NAME,
        "generation": 1,
        "deployment": None if wanted is None else _deployment(wanted),
        "obstacle": None if target else Finding("InvalidSpec", "spec.model: is required"),
        "target": target,
        "stable": stable,
        "revisions": {revision: RevisionRecord(revision, numbers[revision]) for revision in known},
        "workloads": pods,
        **fields,
    }
    return Observation(**seen)


def live_deployment(
    revision: str = A, *, wanted: int = 1, ready: int = 0, conditions: list[Manifest] | None = None
) -> Manifest:
    """A revision's Deployment as the API server returns it, its last change seen."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": f"{NAME}-{revision}",
            "namespace": NAMESPACE,
            "generation": 1,
            "labels": owned_labels(NAME, revision),
        },
        "spec": {"replicas": wanted},
        "status": {
            "observedGeneration": 1,
            "replicas": wanted,
            "readyReplicas": ready,
            "conditions": conditions or [],
        },
    }


def pod(name: str = "chat-aaaaaaaaaa-x7k2p", **status: Any) -> Manifest:
    """A model server's pod with a status."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": owned_labels(NAME, A, conventions.COMPONENT_MODEL_SERVER),
        },
        "status": status,
    }


def container_status(name: str = "model-server", **state: Any) -> dict[str, Any]:
    """The status of one container; keys as in Kubernetes."""
    return {"name": name, "image": "llama:a", "ready": False, "restartCount": 0, **state}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    """State of a container that waits."""
    said = {"message": message} if message else {}
    return {"state": {"waiting": {"reason": reason, **said}}}
