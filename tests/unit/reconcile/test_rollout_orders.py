"""Anything may happen between any two steps of a rollout. What must hold is checked at each.

Each seed is one order of changes, requests, failures, outages, kills and edits by hand; the id
names it. `ROCKSTEADY_ROLLOUT_ORDERS=3000` tries as many, and `2000-3000` those from the first to
before the second.
"""

import os
from typing import Any

import pytest

from tests.fakes.rollout_order import QUICK, Content, Order
from tests.fakes.rollouts import (
    RolloutSimulation,
    by_share,
    judged,
    serving_judged,
    timed,
    timed_by_share,
)

FIRST, _, END = os.environ.get("ROCKSTEADY_ROLLOUT_ORDERS", "40").rpartition("-")
SEEDS = range(int(FIRST or 0), int(END))
WAYS: tuple[tuple[Content, dict[str, Any]], ...] = (
    (judged, {}),
    (timed, {}),
    (timed, {"capacity": "ResourceAware"}),
    (timed, {"onDeadline": "Rollback"}),
    (by_share, {}),
    (timed, {"approval": "BeforePromotion"}),
    (timed_by_share, {}),
    (timed, {"keepStableSeconds": 300}),
)
"""What is rolled out, and how."""
SERVING: dict[int, RolloutSimulation] = {}
"""Where orders of a way begin; each goes on with a clone."""
STILL_EVERY = 5
"""Of so many orders one is left as it is for a long time before its end."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS, ids="seed {}".format)
async def test_random_order__of_a_rollout(seed: int) -> None:
    way = seed % len(WAYS)
    content, rollout = WAYS[way]
    if way not in SERVING:
        SERVING[way] = await serving_judged(content(rollout={**QUICK, **rollout}))
    order = Order(seed, SERVING[way].cloned(), content, rollout)
    await order.happen()
    if seed % STILL_EVERY == 0:
        await order.check_still()
    await order.check_end()
