"""What is as wanted costs no write."""

from typing import Any

import pytest

from rocksteady.resources import kinds
from tests.builders import NAME, NAMESPACE, spec, with_gateway
from tests.fakes.cluster import copy
from tests.fakes.simulation import Simulation
from tests.fakes.stories import (
    ENGINE_WITH_PROMPT,
    GATEWAY,
    INVALID,
    prompts,
    serving,
)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(spec(), id="a plain one"),
        pytest.param(spec(replicas=0), id="one without replicas"),
        pytest.param(spec(replicas=None), id="one that leaves replicas to the default"),
        pytest.param(INVALID, id="one that is invalid"),
        pytest.param(
            spec(routing=with_gateway("inference", hostnames=["chat.example.com"])),
            id="one with a Gateway",
        ),
        pytest.param(spec(engine=ENGINE_WITH_PROMPT), id="one that reads a ConfigMap"),
        pytest.param(
            spec(
                model={"name": "smol", "uri": "hf://org/smol/smol.gguf@" + "0" * 40},
                resources={"limits": {"nvidia.com/gpu": 2, "memory": "4096Mi"}},
            ),
            id="one that fetches its model and has GPUs",
        ),
        pytest.param(
            spec(podTemplate={"spec": {"nodeSelector": {"gpu": "a100"}, "priority": 0}}),
            id="one with a pod template",
        ),
    ],
)
async def test_rest__costs_no_write_not_even_after_a_restart(content: dict[str, Any]) -> None:
    simulation = Simulation()
    simulation.cluster.put(copy(GATEWAY))
    simulation.cluster.put(prompts("Be kind."))
    simulation.create(content)
    await simulation.settle()
    restarted = Simulation(simulation.cluster)
    with simulation.no_writes():
        for _ in range(3):
            await restarted.reconcile()
    assert restarted.recorder.announcements == []


async def test_rest__costs_no_write_when_only_the_users_annotations_change() -> None:
    simulation = await serving()
    simulation.cluster.edit(
        kinds.LLM_DEPLOYMENT,
        NAMESPACE,
        NAME,
        lambda manifest: manifest["metadata"].update(annotations={"team": "search"}),
    )
    with simulation.no_writes():
        await simulation.reconcile()
