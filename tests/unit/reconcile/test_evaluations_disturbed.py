"""Evaluations of which something is lost, edited by hand, or told wrongly."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import NAMESPACE
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, scores, suite, told
from tests.fakes.rollouts import judged

pytestmark = pytest.mark.timeout(120)


def evaluated(image: str = "llama:a", stage: str = "BeforeTraffic", **more: Any) -> dict[str, Any]:
    return judged(image, evaluations=[{"suite": GOLDEN, "stage": stage, **more}])


def created(**more: Any) -> EvaluatedSimulation:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated(**more))
    return simulation


async def serving() -> EvaluatedSimulation:
    simulation = created()
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(60)
    return simulation


def edit_results(simulation: EvaluatedSimulation, change: Callable[[Manifest], Any]) -> None:
    """Edit by hand what is kept of the only run."""
    [name] = simulation.kept_results()

    def edit(found: Manifest) -> None:
        kept = json.loads(found["data"]["1"])
        change(kept)
        found["data"]["1"] = json.dumps(kept)

    simulation.cluster.edit(kinds.CONFIG_MAP, NAMESPACE, name, edit)


async def test_first_revision__gets_no_request_when_the_spec_breaks_before_it_has_passed() -> None:
    simulation = created()
    simulation.stuck = True
    await simulation.run(60)
    broken = {**evaluated(), "replicas": -1}
    simulation.change(broken)
    await simulation.run(60)
    assert simulation.condition("Stalled") == ("True", "InvalidSpec")
    assert simulation.served() == 0
    assert simulation.weights == {"llama:a": 0}


async def test_result_whose_time_was_edited__is_asked_again() -> None:
    simulation = await serving()
    edit_results(simulation, lambda kept: kept.update(endedAt="2026-11-23T12:00:00"))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert sorted(simulation.asked) == ["llama:a 0+40", "llama:a 0+40", "llama:b 0+40"]


@pytest.mark.parametrize(
    "results",
    [
        pytest.param("11", id="tells of fewer items than were asked"),
        pytest.param("what is this", id="tells of nothing that can be read"),
    ],
)
async def test_kept_result__that_was_edited_is_asked_again(results: str) -> None:
    simulation = await serving()
    edit_results(simulation, lambda kept: kept["result"].update(results=results))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked.count("llama:a 0+40") == 2


async def test_run_that_tells_of_other_items__is_no_result_and_is_asked_again() -> None:
    ends = ["1" * 39, "what is this"]

    def answer(image: str, first: int, count: int) -> Any:
        if image == "llama:b" and ends:
            return told(ends.pop(0), first)
        return told("1" * count, first)

    simulation = await serving()
    simulation.answer = answer
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "ResultUnreadable")
    await simulation.run(3 * 3600, 300)  # each is asked again an hour later
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked.count("llama:b 0+40") == 3


async def test_job_of_a_suite_that_became_another__goes_when_it_has_ended() -> None:
    simulation = created()
    simulation.stuck = True
    await simulation.until(lambda: bool(simulation.jobs()))
    simulation.stuck = False
    simulation.work()
    simulation.cluster.put(suite(50, minScorePercent="60"))
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(60)
    assert simulation.asked == ["llama:a 0+40", "llama:a 0+50"]
    assert simulation.jobs() == []


async def test_result__stays_while_its_suite_is_away() -> None:
    simulation = await serving()
    simulation.cluster.remove(kinds.EVALUATION_SUITE, NAMESPACE, GOLDEN)
    await simulation.run(60)
    assert len(simulation.kept_results()) == 1
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.asked == ["llama:a 0+40", "llama:b 0+40"]


async def test_record_of_a_pass__outlives_results_that_are_lost_in_the_bake() -> None:
    simulation = await serving()
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.newest.status.phase == "Baking")
    passed = simulation.newest.status.evaluations
    for name in simulation.kept_results():
        simulation.cluster.remove(kinds.CONFIG_MAP, NAMESPACE, name)
    attempt = await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert attempt.status.evaluations == passed
    assert simulation.condition("EvaluationsPassed") == ("True", "Passed")


async def test_scheduled_run_that_failed__is_looked_at_again_when_it_may_be_tried() -> None:
    simulation = created(stage="Scheduled", intervalSeconds=86400)
    simulation.answer = lambda *_: {"reason": "BackoffLimitExceeded", "message": ""}
    await simulation.until(lambda: bool(simulation.asked))
    await simulation.run(30)
    outcome = await simulation.reconcile()
    assert outcome.requeue_after_seconds is not None
    assert outcome.requeue_after_seconds <= 300
    assert simulation.condition("EvaluationsPassed") == ("False", "EvaluationError")
