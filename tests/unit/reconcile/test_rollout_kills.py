"""Killed at any write of a whole rollout, the operator ends it as it would have, and once.

A kill before a write and one after it, before the answer was read, are both tried for every write.
"""

from typing import Any

import pytest

from rocksteady.resources import kinds
from tests.builders import NAME
from tests.fakes.cluster import Fault, Killed
from tests.fakes.rollouts import RolloutSimulation, backends_of, judged, serving_judged

QUICK: dict[str, Any] = {
    "steps": [{"weightPercent": 50}],
    "minStepSeconds": 15,
    "minStepRequests": 50,
    "keepStableSeconds": 15,
}


def quick(image: str, **rollout: Any) -> dict[str, Any]:
    return judged(image, rollout={**QUICK, **rollout})


async def at_the_start(content: dict[str, Any], errors_percent: float) -> RolloutSimulation:
    """A simulation in which llama:b has just been written."""
    simulation = await serving_judged(quick("llama:a"))
    simulation.traffic.error_percent["llama:b"] = errors_percent
    simulation.change(content)
    return simulation


async def to_the_end(simulation: RolloutSimulation) -> None:
    """Until nothing rolls any more, and what follows is done."""
    if not simulation.attempts:
        await simulation.until(lambda: bool(simulation.attempts), 120)
    await simulation.until(lambda: not simulation.open)
    await simulation.run(30)


def end_of(simulation: RolloutSimulation) -> dict[str, Any]:
    """Where it ended, without times and counts."""
    status = simulation.status
    route = simulation.cluster.of_kind(kinds.HTTP_ROUTE)[NAME]
    newest = simulation.newest
    return {
        "outcomes": simulation.outcomes,
        "reason": newest.status.outcome_reason,
        "quarantined": newest.status.quarantined,
        "stable": simulation.stable_image(),
        "front": simulation.front_image(),
        "replicas": simulation.replicas(),
        "weights": {one["name"]: one["weight"] for one in backends_of(route)},
        "conditions": simulation.conditions,
        "refused": [one["hash"] for one in status.get("refused", ())],
        "told": {key: status["rollout"].get(key) for key in ("name", "phase", "outcome")},
        "objects": {key[:1] + key[2:] for key in simulation.end_state()},
    }


STORIES = [
    pytest.param(quick("llama:b"), 0, "Promoted", id="a promotion"),
    pytest.param(quick("llama:b", keepStableSeconds=600), 40, "RolledBack", id="a rollback"),
    pytest.param(
        quick("llama:b", capacity="ResourceAware"), 0, "Promoted", id="one without spare pods"
    ),
]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("takes_effect", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize(("content", "errors_percent", "outcome"), STORIES)
async def test_kill__at_any_write_of_a_rollout_ends_it_alike_and_once(
    content: dict[str, Any], errors_percent: float, outcome: str, *, takes_effect: bool
) -> None:
    start = await at_the_start(content, errors_percent)
    undisturbed = start.cloned()
    await to_the_end(undisturbed)
    end = end_of(undisturbed)
    assert end["outcomes"] == [outcome]
    writes = len(undisturbed.cluster.writes)
    assert writes >= 20
    # Passes without a fault are gone through once: each kill begins at the pass with its write.
    walker, done = start.cloned(), 0
    while done < writes:
        before = walker.cloned()
        await walker.pass_on()
        made = len(walker.cluster.writes) - done
        for at_write in range(1, made + 1):
            simulation = before.cloned()
            simulation.cluster.inject(Fault(at_write, Killed(), takes_effect))
            with pytest.raises(Killed):
                await simulation.pass_on()
            simulation.renew()
            await to_the_end(simulation)
            assert end_of(simulation) == end, f"killed at write {done + at_write} of {writes}"
            told = [one.message for one in simulation.recorder.announcements]
            assert told.count(simulation.newest.status.decisions[-1].message) <= 1
        done += made
