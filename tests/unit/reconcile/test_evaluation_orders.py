"""Anything may happen between any two steps of a rollout that is gated on suites.

Each seed is one order of changes, requests, runs that fail, suites that change, kills and edits by
hand; the id names it. `ROCKSTEADY_EVALUATION_ORDERS=3000` tries as many, and `2000-3000` those from
the first to before the second.
"""

import os

import pytest

from tests.fakes.evaluation_order import (
    ATTACKS,
    LARGE,
    EvaluatedOrder,
    Gate,
    gate,
    suite_of,
)
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, scores
from tests.fakes.rollout_order import QUICK, Content
from tests.fakes.rollouts import SERVED_SECONDS, by_share, judged

FIRST, _, END = os.environ.get("ROCKSTEADY_EVALUATION_ORDERS", "8").rpartition("-")
SEEDS = range(int(FIRST or 0), int(END))
WAYS: tuple[tuple[Content, tuple[Gate, ...]], ...] = (
    (judged, (gate(),)),
    (judged, (gate(stage="BeforePromotion"), gate(ATTACKS, action="Gate"))),
    (judged, (gate(action="Gate"), gate(ATTACKS, "BeforePromotion"))),
    (judged, (gate(LARGE, "BeforePromotion"), gate(GOLDEN, "Scheduled"))),
    (by_share, (gate(), gate(ATTACKS, "Scheduled"))),
    (judged, (gate(ATTACKS), gate(GOLDEN, "BeforePromotion"), gate(LARGE, action="Gate"))),
)
"""What is rolled out, and which suites gate it."""
SERVING: dict[int, EvaluatedSimulation] = {}
"""Where orders of a way begin whose first revision serves; each goes on with a clone."""
FIRST_EVERY = 5
"""Of so many orders one begins with a revision before which nothing served."""
STILL_EVERY = 7
"""Of so many orders one is left as it is for a long time before its end."""


def created(way: int) -> EvaluatedSimulation:
    """The suites are there, and an LLMDeployment that nothing was done for."""
    content, gates = WAYS[way]
    simulation = EvaluatedSimulation(scores())
    for one in gates:
        simulation.cluster.put(suite_of(one["suite"]))
    simulation.create(content(rollout=QUICK, evaluations=list(gates)))
    return simulation


async def serving(way: int) -> EvaluatedSimulation:
    """The same, some time after the first revision passed its suites."""
    if way not in SERVING:
        SERVING[way] = created(way)
        await SERVING[way].run(SERVED_SECONDS)
        assert SERVING[way].condition("Ready") == ("True", "Serving")
    return SERVING[way].cloned()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
async def test_random_order__of_a_rollout_with_suites(seed: int) -> None:
    way = seed % len(WAYS)
    content, gates = WAYS[way]
    is_first = seed % FIRST_EVERY == 0
    simulation = created(way) if is_first else await serving(way)
    order = EvaluatedOrder(seed, simulation, content, gates)
    await order.happen()
    if seed % STILL_EVERY == 0:
        await order.check_still()
    await order.check_end()
