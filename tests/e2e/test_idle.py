"""Twenty LLMDeployments that serve and that nobody changes: the operator writes nothing."""

import time

from tests.e2e.conftest import LocalCluster, operator_writes, small_model, wait_ready

COUNT = 20
IDLE_SECONDS = 300
SETTLE_SECONDS = 20


def test_idle__twenty_served_models_cost_no_write_in_five_minutes(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given twenty that serve; a file server takes the model's place, twenty models would not fit
    stand_in = {
        "type": "custom",
        "image": "rocksteady/rocksteady:local",
        "command": ["python", "-m", "http.server", "8080", "--directory", "/tmp"],
        "port": 8080,
        "readinessPath": "/",
    }
    resources = {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}}
    names = [f"idle-{number}" for number in range(COUNT)]
    cluster.kubectl.apply(
        *(small_model(namespace, name, engine=stand_in, resources=resources) for name in names)
    )
    for name in names:
        wait_ready(cluster, namespace, name, 240)
    time.sleep(SETTLE_SECONDS)

    # When nothing happens for five minutes
    before = operator_writes(cluster)
    time.sleep(IDLE_SECONDS)
    after = operator_writes(cluster)

    # Then the operator has written nothing but its Lease
    assert after[len(before) :] == []
    assert len(before) >= COUNT, "the audit log does see the operator's writes"
