"""What users get wrong: each gives a condition with reason and cure, and heals when put right."""

from typing import Any

from tests.e2e.conftest import LocalCluster, engine, small_model, wait_ready, wait_reason
from tests.kubectl import condition


def test_bad_input__a_missing_secret_is_named_and_healed_by_creating_it(
    cluster: LocalCluster, namespace: str
) -> None:
    reference = {"name": "answers", "key": "token"}
    env = [{"name": "TOKEN", "valueFrom": {"secretKeyRef": reference}}]
    cluster.kubectl.apply(small_model(namespace, "secretive", engine=engine(env=env)))
    stalled = wait_reason(cluster, namespace, "secretive", "Stalled", "SecretNotFound")
    assert 'secret "answers" not found' in stalled["message"]
    assert "Create the Secret in this namespace" in stalled["message"]

    cluster.kubectl.run(
        *("create", "secret", "generic", "answers", "--from-literal=token=planted", "-n", namespace)
    )

    healed = wait_ready(cluster, namespace, "secretive", 180)
    assert condition(healed, "Stalled")["status"] == "False"


def test_bad_input__a_missing_gateway_is_named_and_healed_by_creating_it(
    cluster: LocalCluster, namespace: str
) -> None:
    parents = [{"name": "elsewhere", "sectionName": "http"}]
    routing: dict[str, Any] = {"gateway": {"parentRefs": parents}}
    cluster.kubectl.apply(small_model(namespace, "lost", routing=routing))
    stalled = wait_reason(cluster, namespace, "lost", "Stalled", "GatewayNotFound")
    assert f"Gateway {namespace}/elsewhere does not exist. Create it" in stalled["message"]

    listener = {"name": "http", "port": 8000, "protocol": "HTTP"}
    cluster.kubectl.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "elsewhere", "namespace": namespace},
            "spec": {"gatewayClassName": "traefik", "listeners": [listener]},
        }
    )

    healed = wait_ready(cluster, namespace, "lost", 180)
    assert condition(healed, "Stalled")["status"] == "False"


def test_bad_input__a_wrong_argument_crashes_and_the_condition_points_to_the_logs(
    cluster: LocalCluster, namespace: str
) -> None:
    wrong = engine(args=["--no-such-flag"])
    cluster.kubectl.apply(small_model(namespace, "crashing", engine=wrong))

    stalled = wait_reason(cluster, namespace, "crashing", "Stalled", "CrashLooping")
    assert "ends with exit code 1" in stalled["message"]

    cluster.kubectl.apply(small_model(namespace, "crashing"))
    wait_ready(cluster, namespace, "crashing")


def test_bad_input__more_memory_than_any_node_has_is_unschedulable(
    cluster: LocalCluster, namespace: str
) -> None:
    resources = {"requests": {"memory": "900Ti"}, "limits": {"memory": "900Ti"}}
    cluster.kubectl.apply(small_model(namespace, "huge", resources=resources))

    stalled = wait_reason(cluster, namespace, "huge", "Stalled", "Unschedulable")

    assert "Insufficient memory" in stalled["message"]
    assert "spec.resources" in stalled["message"]


def test_bad_input__a_server_that_never_gets_ready_is_said_to_be_so(
    cluster: LocalCluster, namespace: str
) -> None:
    silent = {
        "type": "custom",
        "image": "rocksteady/rocksteady:local",
        "command": ["python", "-c", "import time; time.sleep(3600)"],
        "port": 8080,
        "startupTimeoutSeconds": 30,
        "drainTimeoutSeconds": 0,
    }
    cluster.kubectl.apply(small_model(namespace, "silent", engine=silent, routing={}))

    stalled = wait_reason(cluster, namespace, "silent", "Stalled", "NeverReady", 300)

    assert "startupTimeoutSeconds" in stalled["message"]


def test_bad_input__an_image_volume_is_refused_where_the_cluster_has_none(
    cluster: LocalCluster, namespace: str
) -> None:
    model = {"name": "packed", "uri": "oci://example.com/models/packed:1"}
    cluster.kubectl.apply(small_model(namespace, "packed", model=model))

    stalled = wait_reason(cluster, namespace, "packed", "Stalled", "ImageVolumeUnsupported")

    assert "Use Kubernetes 1.35 or newer" in stalled["message"]
