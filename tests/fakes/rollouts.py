"""Whole rollouts in milliseconds: the simulation, with requests, metrics and a clock that runs.

Checked after every write and every pass, whatever a test does: see `Watch`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Phase
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Manifest
from rocksteady.reconcile.reconciler import Dependencies, Outcome, reconcile
from rocksteady.reconcile.signals import SignalGatherer
from rocksteady.resources import kinds
from rocksteady.rollout.moves import Action
from rocksteady.settings import Settings
from tests.builders import KEY, NAME, NAMESPACE, spec, with_gateway
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.nodes import ending
from tests.fakes.recording import RecordingLane
from tests.fakes.rollout_watch import Watch
from tests.fakes.simulation import MAX_WRITES_PER_PASS, Simulation
from tests.fakes.stories import GATEWAY
from tests.fakes.traffic import SOURCES, Traffic

TICK_SECONDS: Final = 15
SLOS: Final[dict[str, Any]] = {"availability": {"objectivePercent": "99"}}
TIMED: Final[dict[str, Any]] = {
    "timeToFirstToken": {"objectivePercent": "95", "thresholdMilliseconds": 500}
}
STEP_SECONDS: Final = 30
BAKE_SECONDS: Final = 60
FAST: Final[dict[str, Any]] = {
    "steps": [{"weightPercent": 10}, {"weightPercent": 50}],
    "minStepSeconds": STEP_SECONDS,
    "minStepRequests": 100,
    "keepStableSeconds": BAKE_SECONDS,
}
SERVED_SECONDS: Final = 60
SECONDS_PER_PASS: Final = 5.0
"""How far the clock moves between passes, unless the operator wants to look sooner."""


def judged(image: str = "llama:a", replicas: int = 2, **fields: Any) -> dict[str, Any]:
    """A spec whose changes are judged by availability at a gateway."""
    rollout = {**FAST, **fields.pop("rollout", {})}
    content = {"slos": SLOS, "routing": with_gateway("inference"), "rollout": rollout, **fields}
    return spec(image, replicas, **content)


def by_share(image: str = "llama:a", replicas: int = 2, **fields: Any) -> dict[str, Any]:
    """A spec without a gateway and without metrics: time and readiness are the gates."""
    rollout = {**FAST, **fields.pop("rollout", {})}
    return spec(image, replicas, rollout=rollout, **fields)


def timed(image: str = "llama:a", replicas: int = 2, **fields: Any) -> dict[str, Any]:
    """A spec whose changes are judged at a gateway and by the servers' time to first token."""
    return judged(image, replicas, **{"slos": {**SLOS, **TIMED}, **_vllm(image), **fields})


def timed_by_share(image: str = "llama:a", replicas: int = 2, **fields: Any) -> dict[str, Any]:
    """A spec without a gateway whose changes are judged by the servers' time to first token."""
    return by_share(image, replicas, **{"slos": TIMED, **_vllm(image), **fields})


def _vllm(image: str) -> dict[str, Any]:
    return {"engine": {"type": "vllm", "image": image}}


class RolloutSimulation(Simulation):
    """See the module.

    Attributes:
        traffic: The requests, and Prometheus.
        watch: What must hold.
        blind_limit_seconds: Of the operator's configuration.
    """

    blind_limit_seconds = 900

    def __init__(self, cluster: FakeCluster | None = None, traffic: Traffic | None = None) -> None:
        super().__init__(cluster)
        self.traffic = traffic or Traffic(self.cluster)
        self.watch = Watch(self.cluster)
        self.cluster.on_write = self.watch.after_write
        self.cluster.linger = ending
        self.nodes.lingers = True
        self.renew()

    def renew(self, sources: MetricsSources = SOURCES) -> None:
        """A new process, which knows nothing but what the cluster and Prometheus have."""
        signals = SignalGatherer(self.traffic, sources, TICK_SECONDS, self.blind_limit_seconds)
        self.lane = RecordingLane()
        self.needs = Dependencies(
            self.cluster,
            self.recorder,
            self.clock,
            self.observer,
            Settings(),
            signals,
            self.lane,
        )

    def cloned(self) -> "RolloutSimulation":
        clone = self._beginning(self.cluster.cloned())
        clone.nodes.broken_images = dict(self.nodes.broken_images)
        clone.nodes.created = self.nodes.created
        clone.blind_limit_seconds = self.blind_limit_seconds
        clone.clock.advance((self.clock.now() - clone.clock.now()).total_seconds())
        clone.watch.remember(self.watch)
        return clone

    def _beginning(self, cluster: FakeCluster) -> "RolloutSimulation":
        """A simulation of the same kind that knows nothing of what was before."""
        return RolloutSimulation(cluster, self.traffic.cloned(cluster))

    # --- what the user does

    def annotate(self, **annotations: str) -> None:
        """Set annotations of the project, such as `promote="<hash10>"`; an empty one goes."""

        def change(manifest: Manifest) -> None:
            found = manifest["metadata"].setdefault("annotations", {})
            for verb, value in annotations.items():
                found.pop(f"{conventions.GROUP}/{verb}", None)
                if value:
                    found[f"{conventions.GROUP}/{verb}"] = value

        self.cluster.edit(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, change)

    def edit_route(self, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Edit the backends of the route by hand."""
        self.cluster.edit(
            kinds.HTTP_ROUTE, NAMESPACE, NAME, lambda route: change(backends_of(route))
        )

    # --- what happens

    async def reconcile(self) -> Outcome:
        before = len(self.cluster.writes)
        self.traffic.flow(self.clock.now().timestamp())
        now = self.clock.now()
        self.watch.proofs.truth.learn(self.cluster, self.traffic, self.nodes, now)
        self.watch.before_pass(self.manifest, self.lane.trip_of(KEY))
        outcome = await reconcile(KEY, self.needs)
        assert len(self.cluster.writes) - before <= MAX_WRITES_PER_PASS
        self.watch.after_pass(self.manifest)
        return outcome

    async def pass_on(self, seconds_at_most: float = SECONDS_PER_PASS) -> None:
        """One pass, everything that nodes can do then, and time until the next."""
        outcome = await self.reconcile()
        self.nodes.run()
        wanted = outcome.requeue_after_seconds or seconds_at_most
        if seconds_at_most == SECONDS_PER_PASS or wanted < SECONDS_PER_PASS:
            self.clock.advance(min(max(1.0, wanted), SECONDS_PER_PASS))
        else:
            self.clock.advance(seconds_at_most)
        self.traffic.flow(self.clock.now().timestamp())

    async def run(self, seconds: float, every_seconds: float = SECONDS_PER_PASS) -> None:
        """Let so much time pass; with fewer passes where nothing happens for long."""
        until = self.clock.now() + timedelta(seconds=seconds)
        while self.clock.now() < until:
            await self.pass_on(every_seconds)

    async def until(self, reached: Callable[[], bool], seconds: float = 1800) -> None:
        """Let time pass until something is so.

        Raises:
            AssertionError: It did not come about in that time.
        """
        until = self.clock.now() + timedelta(seconds=seconds)
        while not reached():
            assert self.clock.now() < until, self.story()
            await self.pass_on()

    async def finished(self, seconds: float = 1800) -> LLMRollout:
        """Let time pass until the attempt that runs or begins now has ended, and what follows it.

        Returns:
            That attempt.
        """
        if not self.open:
            await self.until(lambda: self.open, 60)
        await self.until(lambda: not self.open, seconds)
        await self.run(30)
        return self.newest

    # --- what is to be seen

    @property
    def attempts(self) -> dict[str, LLMRollout]:
        """LLMRollouts by name, oldest first."""
        found = self.watch.proofs.attempts()
        return dict(sorted(found.items(), key=lambda item: item[1].spec.attempt))

    @property
    def newest(self) -> LLMRollout:
        return list(self.attempts.values())[-1]

    @property
    def open(self) -> bool:
        """True while an attempt runs."""
        return any(one.status.phase is not Phase.FINISHED for one in self.attempts.values())

    @property
    def outcomes(self) -> list[str]:
        """How the attempts ended, oldest first; empty while one runs."""
        return [str(one.status.outcome or "") for one in self.attempts.values()]

    @property
    def weights(self) -> Mapping[str, int]:
        """Weights of the live route by the image of the revision."""
        route = self.cluster.of_kind(kinds.HTTP_ROUTE)[NAME]
        return {self.image_of(one["name"]): one["weight"] for one in backends_of(route)}

    @property
    def weight(self) -> int:
        """What the newest attempt's canary should get."""
        return self.newest.status.weight_percent

    @property
    def hold(self) -> str:
        """Why the newest attempt stands still; empty: it does not."""
        hold = self.newest.status.hold
        return hold.reason if hold else ""

    @property
    def actions(self) -> list[str]:
        """What was decided in the newest attempt, in order."""
        return [one.action for one in self.newest.status.decisions]

    def recorded(self, action: Action) -> list[str]:
        """Messages of the newest attempt's decisions of a kind."""
        return [one.message for one in self.newest.status.decisions if one.action == action]

    def image_of(self, name: str) -> str:
        """Image of a revision, by the name of its Deployment."""
        deployment = self.cluster.of_kind(kinds.DEPLOYMENT)[name]
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def stable_image(self) -> str:
        return self.image_of(f"{NAME}-{self.stable}")

    def pods_of(self, image: str) -> set[str]:
        """Names of the pods of a revision that are not about to end."""
        return {
            name
            for name, pod in self.cluster.of_kind(kinds.POD).items()
            if pod["spec"]["containers"][0]["image"] == image
            and "deletionTimestamp" not in pod["metadata"]
        }

    def story(self) -> str:
        """What was decided, for the log of a failed test."""
        lines = [f"clock {self.clock.now():%H:%M:%S}, weights in the route {self._routed()}"]
        for name, attempt in self.attempts.items():
            lines.append(f"{name}: {attempt.status.phase} {attempt.status.outcome or ''}")
            lines += [
                f"  {one.time:%H:%M:%S} {one.action}/{one.reason} {one.weight_percent} %:"
                f" {one.message}"
                for one in attempt.status.decisions
            ]
        lines.append(str(self.status.get("rollout")))
        lines.append(str(self.conditions))
        return "\n".join(lines)

    def _routed(self) -> dict[str, int]:
        route = self.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        return {one["name"]: one["weight"] for one in backends_of(route)} if route else {}


def backends_of(route: Manifest) -> list[dict[str, Any]]:
    """The backends of a route of ours, which has one rule."""
    found: list[dict[str, Any]] = route["spec"]["rules"][0]["backendRefs"]
    return found


async def serving_judged(content: dict[str, Any] | None = None) -> RolloutSimulation:
    """A simulation in which the first revision, image llama:a, has served for some minutes."""
    simulation = RolloutSimulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.create(judged() if content is None else content)
    await simulation.run(SERVED_SECONDS)
    assert simulation.condition("Ready") == ("True", "Serving")
    return simulation
