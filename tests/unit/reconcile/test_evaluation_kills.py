"""Killed at any write of a rollout with suites, the operator ends it as it would have, and once.

A kill before a write and one after it, before the answer was read, are both tried for every write.
"""

from collections import Counter
from typing import Any

import pytest

from rocksteady.resources import kinds
from tests.fakes.cluster import Fault, Killed
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, scores, suite
from tests.fakes.rollouts import judged

QUICK: dict[str, Any] = {
    "steps": [{"weightPercent": 50}],
    "minStepSeconds": 15,
    "minStepRequests": 50,
    "keepStableSeconds": 15,
}
ATTACKS = "attacks"


def evaluated(image: str) -> dict[str, Any]:
    gates = [
        {"suite": GOLDEN, "stage": "BeforeTraffic"},
        {"suite": ATTACKS, "stage": "BeforePromotion", "action": "Gate"},
    ]
    return judged(image, rollout=QUICK, evaluations=gates)


def created(wrong: int) -> EvaluatedSimulation:
    """A simulation in which llama:a has just been written, and the suites are there."""
    simulation = EvaluatedSimulation(scores(b=wrong))
    simulation.cluster.put(suite())
    attacks = suite(30, ATTACKS, kind="Safety")
    del attacks["spec"]["marginPoints"]
    simulation.cluster.put(attacks)
    simulation.create(evaluated("llama:a"))
    return simulation


async def changed(wrong: int) -> EvaluatedSimulation:
    """A simulation in which llama:a serves and llama:b has just been written."""
    simulation = created(wrong)
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(30)
    simulation.change(evaluated("llama:b"))
    return simulation


async def to_the_end(simulation: EvaluatedSimulation, *, first: bool) -> None:
    """Until nothing rolls any more, and what follows is done."""
    if first:
        await simulation.until(
            lambda: (
                "conditions" in simulation.status
                and simulation.condition("Ready") == ("True", "Serving")
            ),
            300,
        )
    else:
        await simulation.until(lambda: bool(simulation.attempts), 120)
        await simulation.until(lambda: not simulation.open)
    await simulation.run(30)


def end_of(simulation: EvaluatedSimulation) -> dict[str, Any]:
    """Where it ended, without times and counts."""
    told = [
        (one.suite, one.verdict, one.canary, one.stable)
        for attempt in simulation.attempts.values()
        for one in attempt.status.evaluations
    ]
    return {
        "outcomes": simulation.outcomes,
        "evaluations": told,
        "stable": simulation.stable_image(),
        "front": simulation.front_image(),
        "replicas": simulation.replicas(),
        "weights": simulation.weights,
        "conditions": simulation.conditions,
        "jobs": simulation.jobs(),
        "kept": simulation.kept_results(),
        "objects": {key[:1] + key[2:] for key in simulation.end_state()},
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("takes_effect", [False, True], ids=["before it", "after it"])
@pytest.mark.parametrize(
    ("wrong", "first", "outcomes"),
    [
        pytest.param(0, True, [], id="a first revision"),
        pytest.param(0, False, ["Promoted"], id="a promotion"),
        pytest.param(12, False, ["RolledBack"], id="a rollback"),
    ],
)
async def test_kill__at_any_write_of_a_rollout_with_suites_ends_it_alike_and_asks_no_more_than_once(
    wrong: int, outcomes: list[str], *, first: bool, takes_effect: bool
) -> None:
    start = created(wrong) if first else await changed(wrong)
    undisturbed = start.cloned()
    await to_the_end(undisturbed, first=first)
    end, asked = end_of(undisturbed), Counter(undisturbed.asked)
    assert end["outcomes"] == outcomes
    assert set(asked.values()) == {1}
    writes = len(undisturbed.cluster.writes)
    assert any(one.kind == kinds.JOB.kind for one in undisturbed.cluster.writes)
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
            simulation.nodes.run()
            simulation.work()
            await to_the_end(simulation, first=first)
            killed = f"killed at write {done + at_write} of {writes}"
            assert end_of(simulation) == end, killed
            again = Counter(simulation.asked) - asked
            assert not again, f"{killed}: {again} was asked again"
            ends = {"Promoted", "RolledBack"} & set(simulation.recorder.reasons)
            assert len(ends) <= 1, killed
        done += made
