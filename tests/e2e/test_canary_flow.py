"""Whole rollouts on the real cluster: promoted without a lost request, and with Prometheus away."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from tests.e2e.conftest import LocalCluster, wait_ready
from tests.e2e.lanes import load_on, simulated_model
from tests.kubectl import Manifest
from tests.kubectl import wait_until as wait_often
from tests.load import Answer

_T = TypeVar("_T")

pytestmark = pytest.mark.timeout(600)

SLOS: Manifest = {
    "availability": {"objectivePercent": "99"},
    "requestLatency": {"objectivePercent": "95", "thresholdMilliseconds": 5000},
}
SHORT: Manifest = {
    "steps": [{"weightPercent": 20}, {"weightPercent": 50}],
    "minStepSeconds": 15,
    "minStepRequests": 20,
    "keepStableSeconds": 15,
}


def _model(namespace: str, name: str, *args: str, **rollout: Any) -> Manifest:
    return simulated_model(namespace, name, slos=SLOS, rollout={**SHORT, **rollout}, args=args)


def _rollout(cluster: LocalCluster, namespace: str, name: str) -> Manifest:
    """Status of the LLMRollout; empty while there is none."""
    found = cluster.kubectl.find("llmro", name, namespace) or {}
    status: Manifest = found.get("status", {})
    return status


def _pods(cluster: LocalCluster, namespace: str, revision: str) -> set[str]:
    found = cluster.kubectl.items("pods", namespace, f"rocksteady.dev/revision={revision}")
    return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]}


def _rocksteady(cluster: LocalCluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user runs it."""
    kubeconfig = str(cluster.kubectl.kubeconfig)
    command = [sys.executable, "-m", "rocksteady", *arguments, "--kubeconfig", kubeconfig]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def wait_until(look: Callable[[], _T | None], what: str, seconds: float) -> _T:
    """Look every two seconds: each look is a process of its own, beside which models serve."""
    return wait_often(look, what, seconds, 2)


@contextmanager
def _without_prometheus(cluster: LocalCluster) -> Iterator[None]:
    scale = ("scale", "deployment/prometheus", "-n", "monitoring")
    cluster.kubectl.run(*scale, "--replicas=0")
    try:
        yield
    finally:
        cluster.kubectl.run(*scale, "--replicas=1")
        rollout = ("rollout", "status", "deployment/prometheus", "-n", "monitoring")
        cluster.kubectl.run(*rollout, "--timeout=60s")


@dataclass(frozen=True)
class Promotion:
    """A change that was promoted under load, and what was seen of it.

    Attributes:
        canary: Hash of the revision.
        record: Status of its LLMRollout.
        failures: Requests that failed meanwhile.
        pods_at_95_percent: Its pods while it had 95 % of the requests.
        pods_afterwards: Its pods once the attempt was over.
    """

    canary: str
    record: Manifest
    failures: tuple[Answer, ...]
    pods_at_95_percent: set[str]
    pods_afterwards: set[str]


@pytest.fixture(scope="module")
def promotion(cluster: LocalCluster, namespace: str) -> Promotion:
    """The LLMDeployment `good`, whose second revision was promoted under load."""
    kubectl = cluster.kubectl
    kubectl.apply(_model(namespace, "good"))
    wait_ready(cluster, namespace, "good")

    with load_on(cluster, namespace, "good", per_second=20, seconds=240) as load:
        kubectl.apply(_model(namespace, "good", "--output-tokens", "65"))
        wait_until(
            lambda: _rollout(cluster, namespace, "good-1").get("phase") == "Baking", "it bakes", 150
        )
        canary = kubectl.get("llmro", "good-1", namespace)["spec"]["canary"]["hash"]
        wait_until(
            lambda: _rollout(cluster, namespace, "good-1").get("weightPercent") == 95, "95 %", 60
        )
        pods = _pods(cluster, namespace, canary)
        wait_until(lambda: _rollout(cluster, namespace, "good-1").get("outcome"), "it is over", 60)
        wait_ready(cluster, namespace, "good")

    record = _rollout(cluster, namespace, "good-1")
    return Promotion(canary, record, load.outcome.failures, pods, _pods(cluster, namespace, canary))


def test_flow__a_harmless_canary_is_promoted_and_no_request_is_lost(
    cluster: LocalCluster, namespace: str, promotion: Promotion
) -> None:
    assert promotion.record["outcome"] == "Promoted"
    assert promotion.failures == ()
    assert len(promotion.pods_at_95_percent) == 2
    assert promotion.pods_afterwards == promotion.pods_at_95_percent, "promotion restarts no pod"
    weights = [one["weightPercent"] for one in promotion.record["decisions"]]
    assert weights == sorted(weights), "it only ever got more"
    found = cluster.kubectl.get("llmdep", "good", namespace)["status"]
    assert found["revisions"]["stable"]["hash"] == promotion.canary
    assert "canary" not in found["revisions"]


@pytest.mark.usefixtures("promotion")
def test_flow__every_decision_on_record_can_be_computed_again(
    cluster: LocalCluster, namespace: str
) -> None:
    replayed = _rocksteady(
        cluster, "replay", "good", "-n", namespace, "--prometheus", cluster.prometheus
    )

    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "equal" in replayed.stdout


def test_flow__with_prometheus_away_it_is_held_then_kept_from_users_and_goes_on_later(
    cluster: LocalCluster, namespace: str
) -> None:
    kubectl = cluster.kubectl
    kubectl.apply(_model(namespace, "blind", minStepSeconds=30))
    wait_ready(cluster, namespace, "blind")

    with load_on(cluster, namespace, "blind", per_second=20, seconds=500) as load:
        kubectl.apply(_model(namespace, "blind", "--output-tokens", "65", minStepSeconds=30))
        wait_until(
            lambda: _rollout(cluster, namespace, "blind-1").get("weightPercent") == 20, "20 %", 90
        )
        with _without_prometheus(cluster):
            wait_until(
                lambda: (
                    (_rollout(cluster, namespace, "blind-1").get("hold") or {}).get("reason")
                    == "MonitoringUnavailable"
                ),
                "it is held",
                60,
            )
            assert _rollout(cluster, namespace, "blind-1")["weightPercent"] == 20
            # 90 s on this cluster; 15 min by default.
            wait_until(
                lambda: _rollout(cluster, namespace, "blind-1")["weightPercent"] == 0,
                "it gets no requests",
                150,
            )
            blind = _rollout(cluster, namespace, "blind-1")
            assert not blind.get("quarantined")
            assert "outcome" not in blind
        wait_until(
            lambda: _rollout(cluster, namespace, "blind-1").get("outcome"), "it is over", 240
        )

    status = _rollout(cluster, namespace, "blind-1")
    assert status["outcome"] == "Promoted", status["decisions"][-1]
    actions = [one["action"] for one in status["decisions"]]
    assert actions.count("Suspend") == 1
    assert load.outcome.failures == ()


@pytest.mark.usefixtures("promotion")
def test_flow__with_prometheus_away_nothing_happens_to_a_promoted_revision(
    cluster: LocalCluster, namespace: str
) -> None:
    before = wait_ready(cluster, namespace, "good")

    with _without_prometheus(cluster):
        after = wait_ready(cluster, namespace, "good")

    assert after["status"]["revisions"] == before["status"]["revisions"]
    assert after["status"]["conditions"] == before["status"]["conditions"]


@pytest.mark.usefixtures("promotion")
def test_flow__a_route_that_is_edited_by_hand_is_restored_and_said(
    cluster: LocalCluster, namespace: str
) -> None:
    kubectl = cluster.kubectl
    kubectl.run(
        *("patch", "httproute", "good", "-n", namespace, "--type=json", "-p"),
        '[{"op": "replace", "path": "/spec/rules/0/backendRefs/0/weight", "value": 7}]',
    )

    def restored() -> bool:
        route = kubectl.get("httproute", "good", namespace)
        return bool(route["spec"]["rules"][0]["backendRefs"][0]["weight"] == 100)

    wait_until(restored, "the weight is back", 20)
    events = kubectl.items("events", namespace, "")
    said = [event["message"] for event in events if event["reason"] == "Restored"]
    assert any("HTTPRoute good" in message for message in said)
