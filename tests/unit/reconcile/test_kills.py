"""Killed at any write, and started again, the operator ends where it would have ended.

A kill before a write and one after it, before the answer was read, are both tried for every write
that the story makes.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from rocksteady import errors
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import spec, with_gateway
from tests.fakes.cluster import FakeCluster, Fault, Killed, ObjectKey
from tests.fakes.simulation import Simulation
from tests.fakes.stories import GATEWAY, prompts


def full_spec(image: str, replicas: int = 2) -> dict[str, Any]:
    """A spec for which one of every kind is owned."""
    source = {"configMapKeyRef": {"name": "prompts", "key": "system"}}
    engine = {
        "type": "llamacpp",
        "image": image,
        "env": [{"name": "PROMPT", "valueFrom": source}],
    }
    return spec(replicas=replicas, engine=engine, routing=with_gateway("inference"))


Story = Callable[[Simulation], None]
"""What the user does last; everything before has settled."""


def create(simulation: Simulation) -> None:
    simulation.create(full_spec("llama:a"))


def change(simulation: Simulation) -> None:
    simulation.change(full_spec("llama:b"))


def change_and_scale(simulation: Simulation) -> None:
    simulation.change(full_spec("llama:b", replicas=3))


def drop_gateway(simulation: Simulation) -> None:
    simulation.change({**full_spec("llama:b"), "routing": {}})


def damage(simulation: Simulation) -> None:
    simulation.delete_child(kinds.SERVICE, "chat")
    simulation.edit_child(
        kinds.NETWORK_POLICY, "chat", lambda manifest: manifest["spec"].update(egress=[{}])
    )


STORIES = [
    pytest.param([], create, id="creation"),
    pytest.param([create], change, id="a change"),
    pytest.param([create], change_and_scale, id="a change with more replicas"),
    pytest.param([create], drop_gateway, id="a change that takes the Gateway away"),
    pytest.param([create, change], change_and_scale, id="scaling up"),
    pytest.param([create], damage, id="repairing what was edited and deleted"),
]


async def at_the_start_of(before: list[Story], last: Story) -> Simulation:
    """A simulation in which the user has just done the last thing."""
    cluster = FakeCluster()
    for manifest in (GATEWAY, prompts("Be kind.")):
        cluster.put(manifest)
    simulation = Simulation(cluster)
    for act in before:
        act(simulation)
        await simulation.settle()
    last(simulation)
    return simulation


async def undisturbed(start: Simulation) -> tuple[int, dict[ObjectKey, Manifest]]:
    """How many writes the last thing takes, and where it ends."""
    simulation = start.cloned()
    await simulation.settle()
    return len(simulation.cluster.writes), simulation.end_state()


@pytest.mark.parametrize("takes_effect", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize(("before", "last"), STORIES)
async def test_kill__at_any_write_ends_in_the_same_objects(
    before: list[Story], last: Story, *, takes_effect: bool
) -> None:
    start = await at_the_start_of(before, last)
    writes, end = await undisturbed(start)
    assert writes >= 2
    for at_write in range(1, writes + 1):
        simulation = start.cloned()
        simulation.cluster.inject(Fault(at_write, Killed(), takes_effect))
        with pytest.raises(Killed):
            await simulation.settle()
        restarted = simulation.restarted()
        await restarted.settle()
        assert restarted.end_state() == end, f"killed at write {at_write} of {writes}"
        with restarted.no_writes():
            await restarted.reconcile()


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(errors.ClusterError("timed out"), id="no answer came"),
        pytest.param(errors.ClusterError("500: etcdserver: leader changed", 500), id="500"),
        pytest.param(errors.Conflict("409: modified", 409), id="a conflict"),
    ],
)
async def test_failure__of_any_write_is_made_good_by_the_next_pass(
    error: errors.ClusterError,
) -> None:
    start = await at_the_start_of([create], change)
    writes, end = await undisturbed(start)
    for at_write in range(1, writes + 1):
        simulation = start.cloned()
        simulation.cluster.inject(Fault(at_write, error, takes_effect=at_write % 2 == 0))
        await until_it_does_not_fail(simulation.settle)
        assert simulation.end_state() == end, f"failed at write {at_write} of {writes}"


async def test_refusal__of_any_write_is_made_good_by_a_later_pass() -> None:
    start = await at_the_start_of([create], change)
    writes, end = await undisturbed(start)
    for at_write in range(1, writes + 1):
        simulation = start.cloned()
        denied = errors.Forbidden("403: exceeded quota", 403)
        simulation.cluster.inject(Fault(at_write, denied, takes_effect=False))
        with suppress(errors.Forbidden):  # of an owned object it is said, not raised
            await simulation.settle()
        await simulation.settle()
        assert simulation.end_state() == end, f"refused at write {at_write} of {writes}"


async def until_it_does_not_fail(settle: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(errors.ClusterError):
        await settle()
    await settle()
