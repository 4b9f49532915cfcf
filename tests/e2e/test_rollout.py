"""A changed revision takes over when it is ready, and nobody who asks meanwhile notices."""

from tests.e2e.asker import Asker
from tests.e2e.conftest import (
    LocalCluster,
    client_for,
    engine,
    small_model,
    wait_ready,
    wait_reason,
)
from tests.kubectl import condition, wait_until


def test_rollout__a_changed_revision_takes_over_without_a_failed_request(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given a model that serves
    kubectl = cluster.kubectl
    kubectl.apply(small_model(namespace))
    old = wait_ready(cluster, namespace, "chat")["status"]["revisions"]["stable"]["hash"]

    # When its arguments change while somebody asks all the time
    with client_for(cluster, namespace) as client, Asker(client) as asker:
        wait_until(lambda: asker.answered > 3, "requests run")
        changed = engine(args=["--ctx-size", "512", "--parallel", "1"])
        kubectl.apply(small_model(namespace, engine=changed))
        after = wait_ready(cluster, namespace, "chat")
        wait_until(
            lambda: not kubectl.items("pods", namespace, f"rocksteady.dev/revision={old}"),
            "the old pods are gone",
            90,
        )
        before_end = asker.answered
        wait_until(lambda: asker.answered > before_end + 3, "requests still run")

    # Then the new revision serves, and no request failed
    assert after["status"]["revisions"]["stable"]["hash"] != old
    assert asker.failures == []


def test_rollout__a_revision_that_cannot_start_leaves_the_old_one_serving_and_heals(
    cluster: LocalCluster, namespace: str
) -> None:
    # Given a model that serves
    kubectl = cluster.kubectl
    kubectl.apply(small_model(namespace, "steady"))
    old = wait_ready(cluster, namespace, "steady")["status"]["revisions"]["stable"]["hash"]

    # When it is given an image that cannot be pulled
    broken = engine(image="rocksteady/no-such-image:local")
    kubectl.apply(small_model(namespace, "steady", engine=broken))
    stalled = wait_reason(cluster, namespace, "steady", "Stalled", "ImagePullFailed")

    # Then the old revision serves, and the condition says what to do
    found = kubectl.get("llmdep", "steady", namespace)
    assert condition(found, "Ready")["status"] == "True"
    assert found["status"]["revisions"]["stable"]["hash"] == old
    assert "Check spec.engine.image" in stalled["message"]

    # And when the change is taken back, it settles on the revision that never stopped
    kubectl.apply(small_model(namespace, "steady"))
    healed = wait_ready(cluster, namespace, "steady")
    assert healed["status"]["revisions"]["stable"]["hash"] == old
    assert condition(healed, "Stalled")["status"] == "False"
