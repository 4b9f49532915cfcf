"""The pods of a revision: its record, ConfigMap copy and Deployment, the budget, the Services."""

from collections.abc import Mapping
from typing import Any, Final

from rocksteady import conventions
from rocksteady.resources import kinds
from rocksteady.resources.labels import server_selector
from rocksteady.resources.owned import Owner, owned_manifest

PROGRESS_MARGIN_SECONDS: Final = 120
"""On top of the start-up time: image pull and scheduling. Kubernetes' default deadline of 600 s is
shorter than many cold starts and would call a healthy one failed. The deadline also counts the time
that init containers take to fetch, which it cannot know: `rollout.pod_trouble` allows for that."""


NOBODY: Final = "none"
"""Stands for the revision in the selector of a Service that selects no pod."""


def build_revision(
    owner: Owner, revision: str, number: int, data: Mapping[str, Any]
) -> dict[str, Any]:
    """The ControllerRevision that freezes a revision.

    Args:
        owner: The LLMDeployment.
        revision: Its hash.
        number: What people see, from 1.
        data: `template` (the rendered pod template), `spec` (the part of the spec that behaves),
            `startupSeconds`, `configuration` (the content of its ConfigMap copy) and `egressPorts`
            (from where its pods fetch); immutable by the API server.
    """
    body = {"revision": number, "data": dict(data)}
    name = owner.revision_name(revision)
    return owned_manifest(owner, kinds.CONTROLLER_REVISION, name, body, revision)


def build_config_copy(owner: Owner, revision: str, content: Mapping[str, str]) -> dict[str, Any]:
    """The immutable copy of the ConfigMap keys that a revision's spec refers to."""
    body = {"immutable": True, "data": dict(content)}
    name = owner.config_map_name(revision)
    return owned_manifest(owner, kinds.CONFIG_MAP, name, body, revision)


def build_deployment(
    owner: Owner,
    revision: str,
    replicas: int,
    template: Mapping[str, Any],
    startup_seconds: int,
) -> dict[str, Any]:
    """The Deployment of a revision.

    Its pod template never changes, so the strategy only matters when somebody else changes it, for
    example by `kubectl rollout restart`: the default surge would ask for a spare accelerator, which
    `maxSurge: 0` does not.
    """
    body = {
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "progressDeadlineSeconds": startup_seconds + PROGRESS_MARGIN_SECONDS,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
            },
            "selector": {"matchLabels": server_selector(owner.name, revision)},
            "template": dict(template),
        }
    }
    return owned_manifest(owner, kinds.DEPLOYMENT, owner.revision_name(revision), body, revision)


def build_disruption_budget(owner: Owner) -> dict[str, Any]:
    """The budget that keeps node drains from taking more than one model server at a time."""
    body = {
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": server_selector(owner.name)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
    return owned_manifest(owner, kinds.POD_DISRUPTION_BUDGET, owner.name, body)


def build_front_service(owner: Owner, revision: str | None) -> dict[str, Any]:
    """The Service that users in the cluster talk to.

    Args:
        owner: The LLMDeployment.
        revision: Hash of the revision that serves; None: all that run, each by its pods' number.
    """
    body = _service_body(server_selector(owner.name, revision))
    return owned_manifest(owner, kinds.SERVICE, owner.name, body)


def build_revision_service(owner: Owner, revision: str) -> dict[str, Any]:
    """The Service of one revision, for routes and evaluations."""
    body = _service_body(server_selector(owner.name, revision))
    return owned_manifest(owner, kinds.SERVICE, owner.revision_name(revision), body, revision)


def _service_body(selector: dict[str, str]) -> dict[str, Any]:
    port = {
        "name": conventions.MODEL_SERVER_PORT_NAME,
        "port": conventions.SERVICE_PORT,
        "targetPort": conventions.MODEL_SERVER_PORT_NAME,
        "protocol": "TCP",
    }
    return {"spec": {"type": "ClusterIP", "selector": selector, "ports": [port]}}
