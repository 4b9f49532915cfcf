"""What a test of a rollout needs: a model that behaves as told, and users who keep asking it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.e2e.conftest import LocalCluster, ask_local_cluster, host, small_model
from tests.kubectl import Manifest
from tests.load import Load, chat_request

SIMULATED_IMAGE = "rocksteady/simulated-engine:local"
SIMULATED_MODEL = "simulated"
SLOS: Manifest = {
    "availability": {"objectivePercent": "99.5"},
    "timeToFirstToken": {"objectivePercent": "97", "thresholdMilliseconds": 1000},
    "requestLatency": {"objectivePercent": "99", "thresholdMilliseconds": 2500},
}
"""Three signals that may condemn."""
AT_TEN_PERCENT: Manifest = {"steps": [{"weightPercent": 10}], "minStepSeconds": 3600}
"""A canary that stays in its first step for as long as it is watched."""
ENGINE = ("--first-token-milliseconds", "180", "--sigma", "0.7", "--token-milliseconds", "1")
"""An engine whose stable revision keeps these SLOs."""


def simulated_model(
    namespace: str,
    name: str,
    *,
    slos: Manifest | None = None,
    rollout: Manifest | None = None,
    args: Sequence[str] = (),
    replicas: int = 2,
) -> Manifest:
    """An LLMDeployment behind the gateway whose engine only simulates one.

    Args:
        namespace: Where it is.
        name: Of the LLMDeployment.
        slos: `spec.slos`; None: left out.
        rollout: `spec.rollout`; None: left out.
        args: How the engine behaves, such as `--error-percent`, `20`; another behaviour is another
            revision. With `--seed` all replicas of all revisions draw alike, and their errors come
            together: leave it out where evidence is weighed.
        replicas: Model servers.
    """
    wanted = {"slos": slos, "rollout": rollout}
    return small_model(
        namespace,
        name,
        model={"name": SIMULATED_MODEL, "uri": "image:///models/none"},
        engine={
            "type": "vllm",
            "image": SIMULATED_IMAGE,
            "version": "0.20",
            "args": list(args),
            "startupTimeoutSeconds": 120,
            "drainTimeoutSeconds": 10,
        },
        replicas=replicas,
        resources={
            "requests": {"cpu": "20m", "memory": "64Mi"},
            "limits": {"memory": "256Mi"},
        },
        **{field: value for field, value in wanted.items() if value is not None},
    )


def load_on(
    cluster: LocalCluster, namespace: str, name: str, *, per_second: int, seconds: int
) -> Load:
    """Users of a simulated model who ask through the gateway; a context manager.

    Args:
        cluster: Where it is.
        namespace: Of the LLMDeployment.
        name: Of the LLMDeployment.
        per_second: Requests per second, whatever comes back.
        seconds: Longest duration.
    """
    request = chat_request(cluster.gateway, host(namespace, name), SIMULATED_MODEL)
    return Load(vegeta(), request, per_second, seconds)


@cache
def vegeta() -> Path:
    """The load tool, built when it is missing."""
    return Path(ask_local_cluster("build", "vegeta"))
