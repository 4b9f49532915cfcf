"""Twenty LLMDeployments that serve and that nobody changes: the operator writes nothing."""

import time

from rocksteady.adapters.clock import SystemClock
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
    clock = SystemClock()
    start = clock.now()
    names = [f"idle-{number}" for number in range(COUNT)]
    cluster.kubectl.apply(
        *(small_model(namespace, name, engine=stand_in, resources=resources) for name in names)
    )
    for name in names:
        wait_ready(cluster, namespace, name, 240)
    time.sleep(SETTLE_SECONDS)
    assert len(operator_writes(cluster, start)) > COUNT, "the audit log has the operator's writes"

    # When nothing happens for five minutes
    settled = clock.now()
    time.sleep(IDLE_SECONDS)

    # Then the operator has written nothing but its Lease
    assert operator_writes(cluster, settled) == []
