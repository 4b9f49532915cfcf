"""One order of events around a rollout: people, pods, metrics, requests and kills, by chance.

What must hold meanwhile is checked by `Watch` and `Proofs`, at every write and after every pass.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Phase
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.reading import Trip
from tests.builders import KEY, NAME, NAMESPACE, UID
from tests.fakes.cluster import Fault, Killed
from tests.fakes.nodes import is_ready
from tests.fakes.rollouts import RolloutSimulation
from tests.fakes.token_times import USUAL

IMAGES: Final = ("llama:a", "llama:b", "llama:c")
LAST: Final = "llama:last"
"""No order has tried it, so that nothing is held against it."""
QUICK: Final[dict[str, Any]] = {
    "steps": [{"weightPercent": 20}, {"weightPercent": 50}],
    "minStepSeconds": 15,
    "minStepRequests": 50,
    "keepStableSeconds": 15,
    "progressDeadlineSeconds": 600,
}
FAILING_PERCENT: Final = 100
"""Of the canary's responses, from which on the fast lane trips."""
WELL_PERCENT: Final = 10
"""Of stable's, from which on it does not."""
STILL_PASSES: Final = 60
QUIET_PASSES: Final = 5
"""With a minute between them; so many follow each other, sooner or later, that decide nothing."""
PASSES_AT_ONCE: Final = 16
"""Beginning, giving weight, ending, stopping what is left over: each may be a pass, and each again
for every request to try once more that stands there; one finds nothing."""
WRITES_WHEN_STILL: Final = 1
"""In a pass: counts and ages in messages of the status go on."""
TROUBLES: Final = (
    "CrashLoopBackOff",
    "OOMKilled",
    "ImagePullBackOff",
    "ErrImagePull",
    "Unschedulable",
    "CreateContainerConfigError",
)

Event = Callable[["Order"], None]
Content = Callable[..., dict[str, Any]]


class Order:
    """See the module.

    Args:
        seed: Which.
        simulation: Where it happens.
        content: Makes a spec from an image, a number of replicas, and fields.
        rollout: Fields of `spec.rollout`.
    """

    def __init__(
        self, seed: int, simulation: RolloutSimulation, content: Content, rollout: dict[str, Any]
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - an order of events, no secret
        self.simulation = simulation
        self.content = content
        self.rollout = rollout
        self.passes = self.random.choice([30, 60, 90])
        self.density = self.random.choice([0.1, 0.2, 0.4])
        simulation.traffic.requests_per_second = self.random.choice([10, 50])
        simulation.blind_limit_seconds = self.random.choice([60, 900])
        simulation.renew()

    def spec(self, image: str, replicas: int) -> dict[str, Any]:
        return self.content(image, replicas, rollout={**QUICK, **self.rollout})

    def likely(self, chance: float) -> bool:
        """True with this chance, 0 to 1."""
        return self.random.random() < chance

    def image(self) -> str:
        """One of the images, and rather the canary's."""
        attempt, images = self.open, self.simulation.watch.proofs.truth.images
        canary = images.get(attempt.spec.canary.hash) if attempt is not None else None
        return canary if canary and self.likely(0.5) else self.random.choice(IMAGES)

    # --- people

    def change(self) -> None:
        image, replicas = self.random.choice(IMAGES), self.random.choice([0, 1, 2, 2, 2, 3])
        self.simulation.change(self.spec(image, replicas))

    def scale(self) -> None:
        self._respecify(lambda spec: spec.update(replicas=self.random.randrange(5)))

    def break_spec(self) -> None:
        """Make it unreadable."""
        self._respecify(lambda spec: spec.update(replicas=-1))

    def change_terms(self) -> None:
        """What an attempt is judged by, which counts from the next one on; or the gateway."""
        whole = self.spec(LAST, 1)

        def change(spec: Manifest) -> None:
            what = self.random.choice(["rollout", "rollout", "slos", "routing"])
            if what in spec and self.likely(0.5):
                del spec[what]
            elif what in whole:
                spec[what] = whole[what]
            if "rollout" in spec:
                spec["rollout"]["capacity"] = self.random.choice(["Availability", "ResourceAware"])

        self._respecify(change)

    def _respecify(self, change: Callable[[Manifest], Any]) -> None:
        self.simulation.cluster.edit(
            kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lambda manifest: change(manifest["spec"])
        )

    def ask(self) -> None:
        verb = self.random.choice(["promote", "abort", "retry", "release", "pause"])
        attempts = list(self.simulation.attempts.values())
        if verb == "pause":
            self.simulation.annotate(pause=self.random.choice(["true", ""]))
        elif attempts:
            asked = self.open if self.open and self.likely(0.7) else self.random.choice(attempts)
            canary = asked.spec.canary.hash
            self.simulation.annotate(**{verb: f"{canary}@{self.random.randrange(3)}"})

    def edit(self) -> None:
        """Edit the route by hand, or delete something."""
        simulation, found = self.simulation, self.simulation.cluster.of_kind
        what = self.random.choice(["weight", "route", "record", "canary", "status"])
        attempt = self.open
        if what == "weight" and NAME in found(kinds.HTTP_ROUTE):
            simulation.edit_route(lambda backends: backends[0].update(weight=7))
        elif what == "route" and NAME in found(kinds.HTTP_ROUTE):
            simulation.delete_child(kinds.HTTP_ROUTE, NAME)
        elif what == "record" and simulation.attempts:
            name = list(simulation.attempts)[-1]
            simulation.watch.proofs.forget_record(name)
            simulation.delete_child(kinds.LLM_ROLLOUT, name)
        elif what == "canary" and attempt is not None:
            name = f"{NAME}-{attempt.spec.canary.hash}"
            if name in found(kinds.DEPLOYMENT):
                simulation.delete_child(kinds.DEPLOYMENT, name)
        elif what == "status":
            self._lose_status()

    def _lose_status(self) -> None:
        """The record of a request that a failed attempt no longer keeps may be in it alone."""
        self.simulation.cluster.edit(
            kinds.LLM_DEPLOYMENT, NAMESPACE, NAME, lambda manifest: manifest.pop("status", None)
        )

    def delete(self) -> None:
        """The LLMDeployment, and all with it; later it is there again."""
        self.simulation.cluster.remove(kinds.LLM_DEPLOYMENT, NAMESPACE, NAME)

    # --- pods

    def fail_pods(self) -> None:
        image = self.image()
        self.simulation.nodes.break_pods(image, self.random.choice(TROUBLES))

    def heal_pods(self) -> None:
        for image in IMAGES:
            self.simulation.nodes.heal_pods(image)

    def lose_pod(self) -> None:
        """One ends: a crash, or an eviction."""
        pods = self.simulation.cluster.of_kind(kinds.POD)
        ready = sorted(name for name, pod in pods.items() if is_ready(pod))
        if ready:
            nodes = self.simulation.nodes
            self.random.choice([nodes.evict, nodes.restart])(self.random.choice(ready))

    # --- requests and what is seen of them

    def see_or_not(self) -> None:
        traffic = self.simulation.traffic
        traffic.away, traffic.scraping = self.likely(0.4), self.likely(0.7)
        traffic.token_times.scraping = self.likely(0.7)
        if self.likely(0.1):
            traffic.restart_gateway()

    def see_again(self) -> None:
        traffic = self.simulation.traffic
        traffic.away, traffic.scraping = False, True
        traffic.token_times.mend()

    def err(self) -> None:
        image, percent = self.image(), self.random.choice([0, 0, 2, 30, 100])
        self.simulation.traffic.error_percent[image] = percent

    def slow_down(self) -> None:
        times, image = self.simulation.traffic.token_times, self.image()
        (times.slow.add if self.likely(0.7) else times.slow.discard)(image)

    def lose_boundary(self) -> None:
        """New servers of an image, or what Prometheus keeps of all, have a boundary less."""
        times, boundary = self.simulation.traffic.token_times, self.random.choice(list(USUAL)[:-1])
        if self.likely(0.5):
            times.dropped = boundary
        else:
            times.lacking[self.image()] = boundary

    def trip(self) -> None:
        """The fast lane says something, of this canary or another, of now or long ago."""
        attempt, now = self.open, self.simulation.clock.now()
        if attempt is not None:
            revision = self.random.choice([attempt.spec.canary.hash, "0123456789"])
            at = now - timedelta(seconds=self.random.choice([0, 0, 5, 300]))
            self.simulation.lane.trips[KEY] = Trip(at, revision, "All responses were bad")

    def notice(self) -> None:
        """The fast lane sees what really fails, if whoever runs it lets it follow."""
        attempt, percent = self.open, self.simulation.traffic.error_percent
        images = self.simulation.watch.proofs.truth.images
        if attempt is None or not self.simulation.lane.weights.get(KEY):
            return
        canary, stable = (
            percent.get(images.get(one.hash, ""), 0)
            for one in (attempt.spec.canary, attempt.spec.stable)
        )
        if canary >= FAILING_PERCENT and stable < WELL_PERCENT and self.likely(0.7):
            now, revision = self.simulation.clock.now(), attempt.spec.canary.hash
            self.simulation.lane.trips[KEY] = Trip(now, revision, "All responses were bad")

    # --- the operator

    def kill(self) -> None:
        at_write, takes_effect = self.random.randrange(1, 6), self.likely(0.5)
        self.simulation.cluster.inject(Fault(at_write, Killed(), takes_effect))

    # ---

    @property
    def open(self) -> LLMRollout | None:
        """The attempt that runs; None: none does."""
        attempts = self.simulation.attempts.values()
        return next((one for one in attempts if one.status.phase is not Phase.FINISHED), None)

    async def happen(self) -> None:
        """A change, then so many passes, and events between them."""
        self.change()
        for _ in range(self.passes):
            if self.likely(self.density):
                self.random.choice(self.events())(self)
            if ("LLMDeployment", NAMESPACE, NAME) not in self.simulation.cluster.objects:
                await self.begin_anew()
            self.notice()
            await self.survive(self.some_time)

    def events(self) -> Sequence[Event]:
        """What may happen, each as often as it stands there."""
        return EVENTS

    async def begin_anew(self) -> None:
        """The LLMDeployment is gone: nothing is done, and then there is another of that name."""
        simulation = self.simulation
        with simulation.no_writes():
            await simulation.reconcile_gone()
        simulation.nodes.run()
        simulation.watch.proofs.begin_anew()
        simulation.create(self.spec(self.random.choice(IMAGES), 2), f"{UID}-{self.random.random()}")

    async def some_time(self) -> None:
        simulation, kind = self.simulation, self.random.random()
        if kind < 0.1:
            simulation.clock.advance(self.random.choice([1, 60, 300, 900]))
            simulation.traffic.flow(simulation.clock.now().timestamp())
        if kind < 0.4 and (steps := simulation.nodes.steps()):
            self.random.choice(steps).happen()
            await simulation.reconcile()
        elif kind < 0.45:
            await self.check_moment()
        else:
            await simulation.pass_on()

    async def check_moment(self) -> None:
        """While nothing else happens, and no time passes, passes soon have nothing to write."""
        writes = -1
        for _ in range(PASSES_AT_ONCE):
            if writes == len(self.simulation.cluster.writes):
                return
            writes = len(self.simulation.cluster.writes)
            await self.simulation.reconcile()
        raise AssertionError(f"{self.simulation.cluster.writes[-20:]} {self.simulation.story()}")

    async def survive(self, act: Callable[[], Awaitable[None]]) -> None:
        """Whoever is killed is started again."""
        try:
            await act()
        except Killed:
            self.simulation.renew()

    # --- how it ends

    async def check_still(self) -> None:
        """With nothing new, and whatever is broken left broken, nothing is decided for ever."""
        simulation, quiet = self.simulation, 0
        simulation.cluster.clear_fault()
        for _ in range(STILL_PASSES):
            writes, decided = len(simulation.cluster.writes), self._decisions()
            await simulation.pass_on(60)
            written = len(simulation.cluster.writes) - writes
            still = written <= WRITES_WHEN_STILL and self._decisions() == decided
            quiet = quiet + 1 if still else 0
            if quiet == QUIET_PASSES:
                return
        raise AssertionError(f"{simulation.cluster.writes[-20:]} {simulation.story()}")

    def _decisions(self) -> int:
        return sum(len(one.status.decisions) for one in self.simulation.attempts.values())

    async def check_end(self) -> None:
        """With everything well again, a new revision is rolled out, and nothing else is left."""
        simulation, replicas = self.simulation, self.random.choice([2, 3])
        simulation.cluster.clear_fault()
        self.heal_pods()
        self.see_again()
        simulation.traffic.error_percent.clear()
        simulation.traffic.token_times.slow.clear()
        simulation.annotate(pause="", abort="", promote="", retry="", release="")
        simulation.change(self.spec(LAST, replicas))
        await simulation.run(30)
        if simulation.condition("Stalled")[1] == "Frozen":
            target = simulation.message("Stalled").rpartition("retry=")[2].split()[0]
            simulation.annotate(retry=target)
        await simulation.until(lambda: self.is_settled(replicas), 3600)
        assert all(one.status.phase is Phase.FINISHED for one in simulation.attempts.values())
        if NAME in simulation.cluster.of_kind(kinds.HTTP_ROUTE):
            assert simulation.weights == {LAST: 100}
        await simulation.run(10)
        with simulation.no_writes():
            await simulation.run(20)

    def is_settled(self, replicas: int) -> bool:
        """True when the last revision serves with so many pods; approves it where that is due."""
        simulation, attempt = self.simulation, self.open
        if attempt is not None and simulation.hold == "AwaitingApproval":
            simulation.annotate(promote=f"{attempt.spec.canary.hash}@end")
        return (
            simulation.replicas() == {LAST: replicas}
            and simulation.condition("Ready") == ("True", "Serving")
            and simulation.condition("Reconciling")[0] == "False"
            and simulation.condition("Stalled")[0] == "False"
            and simulation.stable_image() == LAST
        )


EVENTS: Final[tuple[Event, ...]] = (
    *[Order.change] * 5,
    *[Order.scale] * 2,
    Order.break_spec,
    *[Order.change_terms] * 2,
    *[Order.ask] * 6,
    *[Order.edit] * 3,
    Order.delete,
    *[Order.fail_pods] * 3,
    *[Order.heal_pods] * 4,
    *[Order.lose_pod] * 2,
    *[Order.see_or_not] * 3,
    *[Order.see_again] * 4,
    *[Order.err] * 5,
    *[Order.slow_down] * 5,
    *[Order.lose_boundary] * 2,
    *[Order.trip] * 5,
    *[Order.kill] * 4,
)
"""What may happen, each as often as it stands here."""
