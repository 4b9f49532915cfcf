"""One LLMDeployment, the reconciler and a cluster, moved step by step to where nothing moves.

`Simulation` checks after every pass what must hold at all times, so that every test that runs one
is a test of that too.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rocksteady import conventions
from rocksteady.metrics_sources import MetricsSources
from rocksteady.ports import Manifest
from rocksteady.reconcile.reconciler import Dependencies, Outcome, reconcile
from rocksteady.reconcile.signals import SignalGatherer
from rocksteady.resources import kinds
from rocksteady.resources.kinds import Kind
from rocksteady.settings import Settings
from tests.builders import KEY, NAME, NAMESPACE, UID, llm_deployment
from tests.fakes.cluster import FakeCluster, ObjectKey, copy
from tests.fakes.nodes import Nodes
from tests.fakes.recording import FakeClock, RecordingLane, RecordingObserver, RecordingRecorder


def unmeasured() -> SignalGatherer:
    """What an operator without any metrics source knows."""
    return SignalGatherer(None, MetricsSources(), tick_seconds=15)


MAX_PASSES = 40
"""More than any change takes; one that takes more never ends."""
MAX_WRITES_PER_PASS = 20
MAX_DEPLOYMENTS = 3
"""Stable, canary, and one that leaves."""


class Simulation:
    """See the module.

    Args:
        cluster: Where it happens; None: an empty one.
        broken_images: Images whose pods never start, with the kubelet's reason.
    """

    def __init__(
        self, cluster: FakeCluster | None = None, broken_images: dict[str, str] | None = None
    ) -> None:
        self.cluster = cluster or FakeCluster()
        self.nodes = Nodes(self.cluster, broken_images)
        self.recorder = RecordingRecorder()
        self.clock = FakeClock()
        self.observer = RecordingObserver()
        self.lane = RecordingLane()
        self.needs = Dependencies(
            self.cluster,
            self.recorder,
            self.clock,
            self.observer,
            Settings(),
            unmeasured(),
            self.lane,
        )
        self.cluster.on_write = self._check_write
        self._wanted = 0
        self._served_always = False
        self._taken_away = False

    def cloned(self) -> "Simulation":
        """Another world in the same state, with the same to come."""
        clone = Simulation(self.cluster.cloned(), self.nodes.broken_images)
        clone.nodes.created = self.nodes.created
        return clone

    def restarted(self) -> "Simulation":
        """The same cluster under a new process, which knows nothing of the old one."""
        successor = Simulation(self.cluster, self.nodes.broken_images)
        successor.clock.advance(3600)
        successor.nodes.created = self.nodes.created
        return successor

    # --- what the user does

    def create(self, spec: dict[str, Any], uid: str = UID) -> None:
        """Create the LLMDeployment."""
        manifest = llm_deployment(spec)
        manifest["metadata"]["uid"] = uid
        self.cluster.put(manifest)
        self._served_always = False

    def change(self, spec: dict[str, Any]) -> None:
        """Replace its spec."""
        self.cluster.edit(
            kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lambda manifest: manifest.update(spec=spec)
        )

    def edit_child(self, kind: Kind, name: str, change: Callable[[Manifest], Any]) -> None:
        """Edit an owned object by hand."""
        self._served_always = False
        self.cluster.edit(kind, NAMESPACE, name, change)

    def delete_child(self, kind: Kind, name: str) -> None:
        """Delete an owned object by hand."""
        self._served_always = False
        self._taken_away = True
        self.cluster.remove(kind, NAMESPACE, name)

    # --- what happens

    async def reconcile(self) -> Outcome:
        """One pass."""
        writes, served = len(self.cluster.writes), self.served()
        outcome = await reconcile(KEY, self.needs)
        self.clock.advance(1)
        assert len(self.cluster.writes) - writes <= MAX_WRITES_PER_PASS
        self._check_pass(served)
        return outcome

    async def reconcile_gone(self) -> Outcome:
        """One pass over an LLMDeployment that is gone, or about to be."""
        return await reconcile(KEY, self.needs)

    async def settle(self) -> Outcome:
        """Pass after pass, and all that nodes can do between them, until nothing is written."""
        for _ in range(MAX_PASSES):
            before = len(self.cluster.writes)
            outcome = await self.reconcile()
            if len(self.cluster.writes) == before and not self.nodes.steps():
                return outcome
            self.nodes.run()
        raise AssertionError(f"no end after {MAX_PASSES} passes: {self.cluster.writes[-20:]}")

    # --- what is to be seen

    @property
    def manifest(self) -> Manifest:
        return copy(self.cluster.objects["LLMDeployment", NAMESPACE, NAME])

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.manifest.get("status", {})
        return found

    def condition(self, type_: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        by_type = {one["type"]: one for one in self.status["conditions"]}
        return by_type[type_]["status"], by_type[type_]["reason"]

    def message(self, type_: str) -> str:
        """Message of a condition."""
        by_type = {one["type"]: one for one in self.status["conditions"]}
        return str(by_type[type_]["message"])

    @property
    def conditions(self) -> dict[str, str]:
        """`Status/Reason` by type."""
        return {
            one["type"]: f"{one['status']}/{one['reason']}" for one in self.status["conditions"]
        }

    @property
    def stable(self) -> str | None:
        revision = self.status.get("revisions", {}).get("stable")
        return None if revision is None else str(revision["hash"])

    @property
    def front(self) -> str | None:
        """The revision that the Service selects."""
        service = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        if service is None:
            return None
        revision: str | None = service["spec"]["selector"].get(conventions.LABEL_REVISION)
        return revision

    def served(self) -> int:
        """Ready pods that requests reach."""
        service = self.cluster.of_kind(kinds.SERVICE).get(NAME)
        return 0 if service is None else self.nodes.ready_pods(service["spec"]["selector"])

    def replicas(self) -> dict[str, int]:
        """Wanted replicas by the image of the revision, which tests name revisions by."""
        return {
            found["spec"]["template"]["spec"]["containers"][0]["image"]: found["spec"]["replicas"]
            for found in self.cluster.of_kind(kinds.DEPLOYMENT).values()
        }

    def front_image(self) -> str:
        """Image of the revision that the Service selects."""
        deployment = self.cluster.of_kind(kinds.DEPLOYMENT)[f"{NAME}-{self.front}"]
        return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])

    def end_state(self) -> dict[ObjectKey, Manifest]:
        """All objects but pods, without what differs between two equal runs."""
        return {
            key: _without_history(found)
            for key, found in self.cluster.objects.items()
            if key[0] not in {"Pod", "EndpointSlice"}
        }

    @contextmanager
    def no_writes(self) -> Iterator[None]:
        """Nothing is written inside."""
        before = len(self.cluster.writes)
        yield
        assert self.cluster.writes[before:] == []

    # --- what must hold

    def _check_write(self) -> None:
        deployments = self.cluster.of_kind(kinds.DEPLOYMENT)
        assert len(deployments) <= MAX_DEPLOYMENTS, sorted(deployments)

    def _check_pass(self, served_before: int) -> None:
        """What a pass must leave behind."""
        served = self.served()
        wanted = self.manifest["spec"].get("replicas", 1)
        if wanted >= 0:  # an invalid spec changes nothing, nor does it bring anything back
            self._wanted = wanted
            self._taken_away = False
        if self.stable is not None:
            assert self.front == self.stable, "requests go to a revision that is not stable"
            assert served >= min(served_before, self._wanted), "the pass took ready pods away"
            self._check_stable_is_kept()
        if self._served_always and self._wanted > 0:
            assert served > 0, "requests have nowhere to go"
        self._served_always = served > 0 and self._wanted > 0 and self.stable is not None

    def _check_stable_is_kept(self) -> None:
        """The serving revision keeps the wanted number whatever is on its way beside it."""
        deployment = self.cluster.of_kind(kinds.DEPLOYMENT).get(f"{NAME}-{self.stable}")
        if deployment is None and self._taken_away:
            return
        assert deployment is not None, "the serving revision was stopped"
        assert deployment["spec"]["replicas"] >= self._wanted


_HISTORY = {"uid", "resourceVersion", "generation", "observedGeneration", "lastTransitionTime"}


def _without_history(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_history(item) for key, item in value.items() if key not in _HISTORY}
    return [_without_history(item) for item in value] if isinstance(value, list) else value
