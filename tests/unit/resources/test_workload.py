"""The objects of a revision, and those that all revisions share."""

from typing import Any

from rocksteady.resources import workload
from rocksteady.resources.owned import Owner
from tests.builders import NAME, NAMESPACE, UID, A

OWNER = Owner(NAMESPACE, NAME, UID)
SERVERS = {
    "rocksteady.dev/llmdeployment": "chat",
    "app.kubernetes.io/component": "model-server",
}
TEMPLATE = {"metadata": {"labels": {"x": "y"}}, "spec": {"containers": []}}


def named(manifest: dict[str, Any]) -> tuple[str, str, str | None]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata["name"], metadata["labels"].get("rocksteady.dev/revision")


def test_build_revision__freezes_data_under_a_number() -> None:
    data = {"template": TEMPLATE, "spec": {}, "startupSeconds": 60, "egressPorts": []}
    manifest = workload.build_revision(OWNER, A, 7, data)
    assert named(manifest) == ("ControllerRevision", "chat-aaaaaaaaaa", A)
    assert manifest["revision"] == 7
    assert manifest["data"] == data


def test_build_config_copy__cannot_change() -> None:
    manifest = workload.build_config_copy(OWNER, A, {"prompts_system": "Be kind."})
    assert named(manifest) == ("ConfigMap", "chat-aaaaaaaaaa-cfg", A)
    assert manifest["immutable"] is True
    assert manifest["data"] == {"prompts_system": "Be kind."}


def test_build_deployment__never_needs_a_spare_accelerator() -> None:
    manifest = workload.build_deployment(OWNER, A, 3, TEMPLATE, 600)
    assert named(manifest) == ("Deployment", "chat-aaaaaaaaaa", A)
    assert manifest["spec"] == {
        "replicas": 3,
        "revisionHistoryLimit": 0,
        "progressDeadlineSeconds": 720,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
        },
        "selector": {"matchLabels": SERVERS | {"rocksteady.dev/revision": A}},
        "template": TEMPLATE,
    }


def test_build_disruption_budget__covers_all_revisions() -> None:
    manifest = workload.build_disruption_budget(OWNER)
    assert named(manifest) == ("PodDisruptionBudget", "chat", None)
    assert manifest["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": SERVERS},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }


def test_build_front_service__selects_one_revision_under_a_name_that_stays() -> None:
    manifest = workload.build_front_service(OWNER, A)
    assert named(manifest) == ("Service", "chat", None)
    assert manifest["spec"] == {
        "type": "ClusterIP",
        "selector": SERVERS | {"rocksteady.dev/revision": A},
        "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
    }


def test_build_revision_service__has_the_name_of_its_revision() -> None:
    manifest = workload.build_revision_service(OWNER, A)
    assert named(manifest) == ("Service", "chat-aaaaaaaaaa", A)
    assert manifest["spec"] == workload.build_front_service(OWNER, A)["spec"]
