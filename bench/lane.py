"""A lane of the bench: an LLMDeployment whose users never cease to ask, for canaries in turn."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bench.cluster_watch import ClusterWatch
from tests.e2e.lanes import simulated_model, vegeta
from tests.kubectl import Kubectl, Manifest
from tests.load import Load, chat_request

NAMESPACE: Final = "bench-decisions"
SLOS: Final[Manifest] = {
    "availability": {"objectivePercent": "99.5"},
    "timeToFirstToken": {"objectivePercent": "97", "thresholdMilliseconds": 1000},
    "requestLatency": {"objectivePercent": "99", "thresholdMilliseconds": 2500},
}
ROLLOUT: Final[Manifest] = {"steps": [{"weightPercent": 10}], "minStepSeconds": 3600}
ENGINE: Final = (
    *("--first-token-milliseconds", "180", "--sigma", "0.7"),
    *("--token-milliseconds", "1"),
)
PER_SECOND: Final = 50
"""Requests while a canary is tried."""
BETWEEN_PER_SECOND: Final = 5
"""Requests in between, by which stable's history grows."""
BEFORE_SECONDS: Final = 15
HISTORY_SECONDS: Final = 3700
"""How old a lane is when stable has the hour of history that a design effect is measured on."""
LANE_SECONDS: Final = 4 * 3600
"""How long a lane lives at most."""


@dataclass(frozen=True)
class Scenario:
    """What a canary does.

    Attributes:
        name: As the table says it.
        canary: Arguments of the engine that is to take over.
        seconds: How long it is watched at most, from its first share of requests.
        harmful: True when it should be rolled back, or lose its requests.
        limit_seconds: What the median should not exceed; None: nothing is asked.
        stable: Arguments of the engine that serves. With any, each run has a lane of its own.
        needs_history: True when it is tried only once stable has an hour of history.
        ends_with: The action that it is about.
    """

    name: str
    canary: Sequence[str]
    seconds: int
    harmful: bool
    limit_seconds: float | None = None
    stable: Sequence[str] = ()
    needs_history: bool = False
    ends_with: str = "RollBack"


@dataclass
class Run:
    """How one run went.

    Attributes:
        scenario: Its name.
        action: What came of it; empty when nothing did.
        reason: Of that decision.
        seconds: From the canary's first share of requests to that decision.
        kubelet_seconds: From the pod status that condemned it, as a client of the API server saw
            it, to a route without it; None: no pod was in trouble.
        harmed: Requests that failed, as the clients saw them.
        harmed_seconds: From the first of them to the last; None: none failed.
        design_effects: By signal, as the attempt froze them.
        message: Sentence of the decision.
        problems: Why it could not be measured.
    """

    scenario: str
    action: str = ""
    reason: str = ""
    seconds: float | None = None
    kubelet_seconds: float | None = None
    harmed: int = 0
    harmed_seconds: float | None = None
    design_effects: dict[str, float] = field(default_factory=dict)
    message: str = ""
    problems: list[str] = field(default_factory=list)


class Lane:
    """An LLMDeployment under load, for the length of a block.

    Args:
        kubectl: Of the local cluster.
        watch: Of the namespace.
        name: Of the LLMDeployment.
        stable: Arguments of its engine.
    """

    def __init__(
        self, kubectl: Kubectl, watch: ClusterWatch, name: str, stable: Sequence[str] = ()
    ) -> None:
        self._kubectl = kubectl
        self._watch = watch
        self._name = name
        self._stable = stable
        self._request = chat_request(
            local_cluster("address", "gateway"), f"{name}.{NAMESPACE}.example.com", "simulated"
        )
        self._between: Load | None = None

    def __enter__(self) -> Self:
        self._apply(self._stable)
        self._wait_ready()
        self._begun = time.monotonic()
        self._ask_in_between()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stop_asking()
        self._kubectl.run("delete", "llmdep", self._name, "-n", NAMESPACE, "--timeout=60s")

    @property
    def has_history(self) -> bool:
        """True when stable has the hour of history that a design effect is measured on."""
        return time.monotonic() - self._begun > HISTORY_SECONDS

    def run(self, scenario: Scenario) -> Run:
        """Try one canary, and go back to stable."""
        run = Run(scenario.name)
        number = self._attempts() + 1
        attempt: Manifest = {}
        self._stop_asking()
        with Load(vegeta(), self._request, PER_SECOND, scenario.seconds + 120) as load:
            time.sleep(BEFORE_SECONDS)
            applied = time.monotonic()
            self._apply([*self._stable, *scenario.canary])
            attempt = self._until_decided(number, scenario)
            time.sleep(5)
        self._ask_in_between()
        _read_attempt(run, attempt, scenario.ends_with)
        if attempt:
            canary = f"{self._name}-{attempt['spec']['canary']['hash']}"
            run.kubelet_seconds = self._watch.seconds_from_trouble(self._name, canary, applied)
        failed = [answer.sent_seconds for answer in load.outcome.failures]
        if not scenario.stable:
            run.harmed = len(failed)
            run.harmed_seconds = failed[-1] - failed[0] if failed else None
        self._go_back(number)
        return run

    def _ask_in_between(self) -> None:
        self._between = Load(vegeta(), self._request, BETWEEN_PER_SECOND, LANE_SECONDS)
        self._between.__enter__()

    def _stop_asking(self) -> None:
        if self._between is not None:
            self._between.__exit__(None, None, None)
        self._between = None

    def _apply(self, args: Sequence[str]) -> None:
        engine = [*ENGINE, *args]
        model = simulated_model(NAMESPACE, self._name, slos=SLOS, rollout=ROLLOUT, args=engine)
        self._kubectl.apply(model)

    def _wait_ready(self) -> None:
        wait = ("wait", "--for=condition=Ready", f"llmdep/{self._name}", "-n", NAMESPACE)
        self._kubectl.run(*wait, "--timeout=180s")

    def _attempts(self) -> int:
        found = self._kubectl.get("llmdep", self._name, NAMESPACE)
        return int(found.get("status", {}).get("attempts", 0))

    def _attempt(self, number: int) -> Manifest:
        return self._kubectl.find("llmro", f"{self._name}-{number}", NAMESPACE) or {}

    def _until_decided(self, number: int, scenario: Scenario) -> Manifest:
        """The attempt when a decision about it was made, or its time was over."""
        deadline = time.monotonic() + 100  # until it has its first share of requests
        begun, attempt = False, {}
        while time.monotonic() < deadline:
            attempt = self._attempt(number)
            decisions = attempt.get("status", {}).get("decisions", [])
            if any(one["action"] == scenario.ends_with for one in decisions):
                break
            if not begun and any(one["action"] == "Advance" for one in decisions):
                begun, deadline = True, time.monotonic() + scenario.seconds
            time.sleep(4)
        return attempt

    def _go_back(self, number: int) -> None:
        """Have stable described again, and nothing held against the canary."""
        self._apply(self._stable)
        self._until(lambda: bool(self._attempt(number).get("status", {}).get("outcome", "none")))
        attempt = self._attempt(number)
        if attempt.get("status", {}).get("outcome") == "RolledBack":
            canary = attempt["spec"]["canary"]["hash"]
            release = f"rocksteady.dev/release={canary}@{number}"
            where = ("-n", NAMESPACE, "--overwrite")
            self._kubectl.run("annotate", "llmdep", self._name, release, *where)
        self._until(self._is_alone)

    def _is_alone(self) -> bool:
        """True when no pod of a canary is left."""
        stable = self._kubectl.get("llmdep", self._name, NAMESPACE)["status"]["revisions"]
        pods = self._kubectl.items("pods", NAMESPACE, f"rocksteady.dev/llmdeployment={self._name}")
        revisions = {pod["metadata"]["labels"].get("rocksteady.dev/revision") for pod in pods}
        return "canary" not in stable and revisions == {stable["stable"]["hash"]}

    def _until(self, look: Any) -> None:
        deadline = time.monotonic() + 90
        while not look():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._name} did not come back to stable")
            time.sleep(3)


def _read_attempt(run: Run, attempt: Manifest, action: str) -> None:
    decisions = attempt.get("status", {}).get("decisions", [])
    begun = next((one for one in decisions if one["action"] == "Advance"), None)
    decided = next((one for one in decisions if one["action"] == action), None)
    if begun is None:
        run.problems.append("the canary never had a request")
        return
    signals = attempt["spec"]["tests"]["signals"]
    run.design_effects = {one["signal"]: float(one["designEffect"]) for one in signals}
    if decided is not None:
        run.action, run.reason = decided["action"], decided["reason"]
        run.message = decided["message"]
        run.seconds = (_time(decided) - _time(begun)).total_seconds()


def _time(decision: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(decision["time"])


def local_cluster(*arguments: str) -> str:
    """What the program of the local cluster answers."""
    command = [sys.executable, "-m", "hack.local_cluster", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def local_kubectl() -> Kubectl:
    """The kubectl of the local cluster."""
    return Kubectl(
        Path(local_cluster("build", "kubernetes/kubectl")), Path(local_cluster("kubeconfig"))
    )
