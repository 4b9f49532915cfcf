"""A lane of the bench: an LLMDeployment whose users never cease to ask, for canaries in turn."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bench.cluster_watch import ClusterWatch
from tests.e2e.conftest import LocalCluster
from tests.e2e.lanes import AT_TEN_PERCENT, ENGINE, SLOS, load_on, simulated_model
from tests.kubectl import Manifest, wait_until
from tests.load import Load

NAMESPACE: Final = "bench-decisions"
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
    """An LLMDeployment that is asked all the time, from `begin` to `end`.

    Args:
        cluster: The local cluster.
        watch: Of the namespace.
        name: Of the LLMDeployment.
        stable: Arguments of its engine.
    """

    def __init__(
        self, cluster: LocalCluster, watch: ClusterWatch, name: str, stable: Sequence[str]
    ) -> None:
        self._cluster = cluster
        self._kubectl = cluster.kubectl
        self._watch = watch
        self._name = name
        self._stable = stable
        self._between = ExitStack()

    def begin(self) -> None:
        """Serve, and be asked."""
        self._apply(self._stable)
        self._wait_ready()
        self._begun = time.monotonic()
        self._ask_in_between()

    def end(self) -> None:
        """Leave nothing behind."""
        self._between.close()
        self._kubectl.run("delete", "llmdep", self._name, "-n", NAMESPACE, "--timeout=60s")

    @property
    def has_history(self) -> bool:
        """True when stable has the hour of history that a design effect is measured on."""
        return time.monotonic() - self._begun > HISTORY_SECONDS

    def run(self, scenario: Scenario) -> Run:
        """Try one canary, and go back to stable."""
        run = Run(scenario.name)
        number = self._attempts() + 1
        self._between.close()
        with self._asked(PER_SECOND, scenario.seconds + 120) as load:
            time.sleep(BEFORE_SECONDS)
            applied = time.monotonic()
            self._apply([*self._stable, *scenario.canary])
            attempt = self._until_decided(number, scenario)
            time.sleep(5)
        self._ask_in_between()
        _read_attempt(run, attempt, scenario.ends_with)
        if attempt:
            canary = attempt["spec"]["canary"]["hash"]
            run.kubelet_seconds = self._watch.seconds_from_trouble(self._name, canary, applied)
        failed = [answer.sent_seconds for answer in load.outcome.failures]
        if not scenario.stable:
            run.harmed = len(failed)
            run.harmed_seconds = failed[-1] - failed[0] if failed else None
        self._go_back(number)
        return run

    def _asked(self, per_second: int, seconds: int) -> Load:
        return load_on(self._cluster, NAMESPACE, self._name, per_second=per_second, seconds=seconds)

    def _ask_in_between(self) -> None:
        self._between.enter_context(self._asked(BETWEEN_PER_SECOND, LANE_SECONDS))

    def _apply(self, args: Sequence[str]) -> None:
        engine = [*ENGINE, *args]
        model = simulated_model(
            NAMESPACE, self._name, slos=SLOS, rollout=AT_TEN_PERCENT, args=engine
        )
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
        attempt = self._attempt(number)
        if attempt.get("status", {}).get("outcome") == "RolledBack":
            canary = attempt["spec"]["canary"]["hash"]
            release = f"rocksteady.dev/release={canary}@{number}"
            where = ("-n", NAMESPACE, "--overwrite")
            self._kubectl.run("annotate", "llmdep", self._name, release, *where)
        wait_until(self._is_alone, f"{self._name} is back at stable", 90, 3)

    def _is_alone(self) -> bool:
        """True when no pod of a canary is left."""
        stable = self._kubectl.get("llmdep", self._name, NAMESPACE)["status"]["revisions"]
        pods = self._kubectl.items("pods", NAMESPACE, f"rocksteady.dev/llmdeployment={self._name}")
        revisions = {pod["metadata"]["labels"].get("rocksteady.dev/revision") for pod in pods}
        return "canary" not in stable and revisions == {stable["stable"]["hash"]}


@contextmanager
def open_lane(
    cluster: LocalCluster, watch: ClusterWatch, name: str, stable: Sequence[str] = ()
) -> Iterator[Lane]:
    """A lane for the length of a block; arguments as for `Lane`."""
    lane = Lane(cluster, watch, name, stable)
    try:
        lane.begin()
        yield lane
    finally:
        lane.end()


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
