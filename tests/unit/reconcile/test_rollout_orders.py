"""Anything may happen between any two steps of a rollout. What must hold is checked at each.

Each seed is one order of changes, requests, failures, outages, kills and edits by hand; the id
names it. `ROCKSTEADY_ROLLOUT_ORDERS=3000` tries as many.
"""

import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmrollout import Phase
from rocksteady.resources import kinds
from tests.builders import NAME
from tests.fakes.cluster import Fault, Killed
from tests.fakes.rollouts import RolloutSimulation, by_share, judged, serving_judged

SEEDS = range(int(os.environ.get("ROCKSTEADY_ROLLOUT_ORDERS", "100")))
EVENTS = 25
IMAGES = ("llama:a", "llama:b", "llama:c")
LAST = "llama:last"
"""No order has tried it, so that nothing is held against it."""
QUICK: dict[str, Any] = {
    "steps": [{"weightPercent": 20}, {"weightPercent": 50}],
    "minStepSeconds": 15,
    "minStepRequests": 50,
    "keepStableSeconds": 15,
    "progressDeadlineSeconds": 600,
}

Event = Callable[["Order"], None]


class Order:
    """One order of events.

    Args:
        seed: Which.
        simulation: Where it happens.
        content: Makes a spec from an image, a number of replicas, and fields.
        rollout: Fields of `spec.rollout`.
    """

    def __init__(
        self,
        seed: int,
        simulation: RolloutSimulation,
        content: Callable[..., dict[str, Any]],
        rollout: dict[str, Any],
    ) -> None:
        self.random = chance(seed)
        self.simulation = simulation
        self.content = content
        self.rollout = rollout

    def spec(self, image: str, replicas: int) -> dict[str, Any]:
        return self.content(image, replicas, rollout={**QUICK, **self.rollout})

    # --- what may happen

    def change(self) -> None:
        image, replicas = self.random.choice(IMAGES), self.random.choice([0, 1, 2, 2, 3])
        self.simulation.change(self.spec(image, replicas))

    def ask(self) -> None:
        verb = self.random.choice(["promote", "abort", "retry", "release", "pause"])
        attempts = list(self.simulation.attempts.values())
        if verb == "pause":
            self.simulation.annotate(pause=self.random.choice(["true", ""]))
        elif attempts:
            canary = self.random.choice(attempts).spec.canary.hash
            self.simulation.annotate(**{verb: f"{canary}@{self.random.randrange(3)}"})

    def fail_pods(self) -> None:
        reason = self.random.choice(["CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull"])
        self.simulation.nodes.break_pods(self.random.choice(IMAGES), reason)

    def heal_pods(self) -> None:
        for image in IMAGES:
            self.simulation.nodes.heal_pods(image)

    def see_or_not(self) -> None:
        traffic = self.simulation.traffic
        traffic.away, traffic.scraping = self.random.random() < 0.4, self.random.random() < 0.7

    def err(self) -> None:
        image, percent = self.random.choice(IMAGES), self.random.choice([0, 0, 2, 30, 100])
        self.simulation.traffic.error_percent[image] = percent

    def kill(self) -> None:
        at_write, takes_effect = self.random.randrange(1, 6), self.random.random() < 0.5
        self.simulation.cluster.inject(Fault(at_write, Killed(), takes_effect))

    def edit(self) -> None:
        """Edit the route by hand, or delete something."""
        cluster = self.simulation.cluster
        if self.random.random() < 0.5 and NAME in cluster.of_kind(kinds.HTTP_ROUTE):
            self.simulation.edit_route(lambda backends: backends[0].update(weight=7))
        elif self.simulation.attempts:
            self.simulation.delete_child(kinds.LLM_ROLLOUT, list(self.simulation.attempts)[-1])

    # ---

    async def happen(self) -> None:
        """So many events, and passes between them."""
        for _ in range(EVENTS):
            dice = self.random.random()
            if dice < 0.45:
                self.random.choice(EVENT_TABLE)(self)
            await self.survive(self.some_time)

    async def some_time(self) -> None:
        simulation = self.simulation
        kind = self.random.random()
        if kind < 0.1:
            simulation.clock.advance(self.random.choice([1, 60, 900]))
            simulation.traffic.flow(simulation.clock.now().timestamp())
        if kind < 0.4 and (steps := simulation.nodes.steps()):
            self.random.choice(steps).happen()
            await simulation.reconcile()
        else:
            await simulation.pass_on()

    async def survive(self, act: Callable[[], Awaitable[None]]) -> None:
        """Whoever is killed is started again."""
        try:
            await act()
        except Killed:
            self.simulation.renew()

    async def check_end(self) -> None:
        """With everything well again, a new revision is rolled out, and nothing else is left."""
        simulation, replicas = self.simulation, self.random.choice([2, 3])
        simulation.cluster.clear_fault()
        self.heal_pods()
        simulation.traffic.error_percent.clear()
        simulation.traffic.away, simulation.traffic.scraping = False, True
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
        simulation = self.simulation
        return (
            simulation.replicas() == {LAST: replicas}
            and simulation.condition("Ready") == ("True", "Serving")
            and simulation.condition("Reconciling")[0] == "False"
            and simulation.condition("Stalled")[0] == "False"
            and simulation.stable_image() == LAST
        )


EVENT_TABLE: tuple[Event, ...] = (
    Order.change,
    Order.change,
    Order.ask,
    Order.fail_pods,
    Order.heal_pods,
    Order.see_or_not,
    Order.err,
    Order.kill,
    Order.edit,
)


def chance(seed: int) -> random.Random:
    """Chance that is the same again for the same seed."""
    return random.Random(seed)  # noqa: S311 - an order of events, no secret


WAYS: tuple[tuple[Callable[..., dict[str, Any]], dict[str, Any]], ...] = (
    (judged, {}),
    (judged, {"capacity": "ResourceAware"}),
    (judged, {"onDeadline": "Rollback"}),
    (by_share, {}),
)
SERVING: dict[int, RolloutSimulation] = {}
"""Where orders of a way begin; each goes on with a clone."""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
async def test_random_order__of_a_rollout(seed: int) -> None:
    way = seed % len(WAYS)
    content, rollout = WAYS[way]
    if way not in SERVING:
        SERVING[way] = await serving_judged(content(rollout={**QUICK, **rollout}))
    order = Order(seed, SERVING[way].cloned(), content, rollout)
    await order.happen()
    await order.check_end()
