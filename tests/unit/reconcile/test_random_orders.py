"""Anything may happen between any two steps. `Simulation` checks what must hold after every pass.

Each seed is one order of user's changes, passes, and steps of nodes; the id names it.
"""

import random
from collections.abc import Callable
from typing import Any

import pytest

from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import NAME, spec
from tests.fakes.cluster import Fault, Killed
from tests.fakes.simulation import Simulation

SEEDS = range(100)
FEWER_SEEDS = range(30)
STEPS = 40
IMAGES = ("llama:a", "llama:b", "llama:c")
MAX_WRITES_PER_CHANGE = 20
"""A change writes at most: a record, two Services, two Deployments, three statuses and two
deletions, and the same once more when it is changed back in the middle."""


def seeded(seed: int) -> random.Random:
    """Chance that is the same again for the same seed."""
    return random.Random(seed)  # noqa: S311 - an order of events, no secret


def any_spec(random_: random.Random) -> dict[str, Any]:
    """A valid spec in nine of ten cases."""
    image, replicas = random_.choice(IMAGES), random_.choice([0, 1, 2, 2, 3])
    return spec(image, replicas=-1 if random_.random() < 0.1 else replicas)


async def take_steps(
    simulation: Simulation, random_: random.Random, disturb: Callable[[], None] | None = None
) -> int:
    """So many random steps; returns how many changes the user made."""
    changes = 0
    for _ in range(STEPS):
        dice, steps = random_.random(), simulation.nodes.steps()
        if dice < 0.12:
            simulation.change(any_spec(random_))
            changes += 1
        elif dice < 0.2 and disturb is not None:
            disturb()
        elif dice < 0.5 or not steps:
            await simulation.reconcile()
        else:
            random_.choice(steps).happen()
    return changes


async def check_end(simulation: Simulation, content: dict[str, Any]) -> None:
    """What is wanted is what runs, and nothing else is there."""
    simulation.change(content)
    await simulation.settle()
    wanted = content["replicas"]
    assert simulation.replicas() == {content["engine"]["image"]: wanted}
    assert simulation.served() == wanted
    assert simulation.conditions == {
        "Ready": "True/Serving" if wanted else "False/ScaledToZero",
        "Reconciling": "False/Settled",
        "Stalled": "False/NotStalled",
    }
    services = {NAME, f"{NAME}-{simulation.stable}"}
    assert set(simulation.cluster.of_kind(kinds.SERVICE)) == services
    with simulation.no_writes():
        await simulation.reconcile()


@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
async def test_random_order__never_takes_away_what_serves(seed: int) -> None:
    random_, simulation = seeded(seed), Simulation()
    simulation.create(spec(random_.choice(IMAGES), replicas=2))
    changes = await take_steps(simulation, random_)
    await check_end(simulation, spec(random_.choice(IMAGES), random_.randrange(3)))
    assert len(simulation.cluster.writes) <= MAX_WRITES_PER_CHANGE * (changes + 2)


@pytest.mark.parametrize("seed", FEWER_SEEDS, ids="seed {}".format)
async def test_random_order__with_edits_and_deletions_by_hand_comes_to_the_same_end(
    seed: int,
) -> None:
    random_, simulation = seeded(seed), Simulation()
    simulation.create(spec(random_.choice(IMAGES), replicas=2))

    def disturb() -> None:
        owned = [key for key, found in simulation.cluster.objects.items() if is_child(found)]
        if not owned:
            return
        kind, _, name = random_.choice(sorted(owned))
        if random_.random() < 0.5 and kind in EDITS:
            simulation.edit_child(KINDS[kind], name, EDITS[kind])
        else:
            simulation.delete_child(KINDS[kind], name)

    await take_steps(simulation, random_, disturb)
    await check_end(simulation, spec(random_.choice(IMAGES), random_.randrange(3)))


@pytest.mark.parametrize("seed", FEWER_SEEDS, ids="seed {}".format)
async def test_random_order__with_processes_that_are_killed_comes_to_the_same_end(
    seed: int,
) -> None:
    random_, simulation = seeded(seed), Simulation()
    simulation.create(spec(random_.choice(IMAGES), replicas=2))
    for _ in range(4):
        at_write, takes_effect = random_.randrange(1, 8), random_.random() < 0.5
        simulation.cluster.inject(Fault(at_write, Killed(), takes_effect))
        try:
            await take_steps(simulation, random_)
        except Killed:
            continue
    simulation.cluster.clear_fault()
    await check_end(simulation, spec(random_.choice(IMAGES), random_.randrange(3)))


KINDS = {kind.kind: kind for kind in kinds.OWNED}


def is_child(found: Manifest) -> bool:
    return found["kind"] in KINDS and bool(found["metadata"].get("ownerReferences"))


def edit_deployment(manifest: Manifest) -> None:
    manifest["spec"]["replicas"] = 5


def edit_service(manifest: Manifest) -> None:
    manifest["spec"]["selector"]["extra"] = "key"


def edit_budget(manifest: Manifest) -> None:
    manifest["spec"]["maxUnavailable"] = "100%"


def edit_policy(manifest: Manifest) -> None:
    manifest["spec"]["policyTypes"] = ["Ingress"]


EDITS: dict[str, Callable[[Manifest], None]] = {
    "Deployment": edit_deployment,
    "Service": edit_service,
    "PodDisruptionBudget": edit_budget,
    "NetworkPolicy": edit_policy,
}
