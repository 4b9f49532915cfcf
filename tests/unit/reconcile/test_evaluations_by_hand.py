"""Runs of suites that a person asks for, from the annotation to what is kept."""

from typing import Any

import pytest

from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.resources import kinds
from tests.builders import NAMESPACE
from tests.fakes.evaluations import GOLDEN, EvaluatedSimulation, failed, scores, suite, told
from tests.fakes.rollouts import judged

pytestmark = pytest.mark.timeout(60)
HAND = "by-hand"


async def serving(answer: Any, items: int = 40, **spec: Any) -> EvaluatedSimulation:
    """A revision serves that no suite gates, and a suite stands beside it."""
    simulation = EvaluatedSimulation(answer)
    simulation.cluster.put(suite(items, HAND, **spec))
    simulation.create(judged("llama:a"))
    await simulation.until(lambda: simulation.stable is not None)
    return simulation


def requested(simulation: EvaluatedSimulation, token: str = "") -> str:
    """Ask for a run on stable."""
    value = f"{simulation.stable}/{HAND}{token}"
    simulation.annotate(evaluate=value)
    return f"evaluate={value}"


def handled(simulation: EvaluatedSimulation) -> list[str]:
    [deployment] = simulation.cluster.of_kind(kinds.LLM_DEPLOYMENT).values()
    return list(deployment["status"].get("handledRequests", ()))


def kept(simulation: EvaluatedSimulation) -> list[dict[str, Any]]:
    """The ConfigMaps with results of runs by hand."""
    maps = simulation.cluster.of_kind(kinds.CONFIG_MAP).values()
    label = "rocksteady.dev/suite-request"
    return [found for found in maps if label in found["metadata"]["labels"]]


async def test_run_by_hand__is_asked_once_and_kept() -> None:
    simulation = await serving(scores())
    text = requested(simulation)

    await simulation.run(120)

    assert simulation.asked == ["llama:a 0+40"]
    assert text in handled(simulation)
    assert simulation.jobs() == []
    [found] = kept(simulation)
    assert list(found["data"]) == ["1"]


async def test_run_by_hand__of_a_large_suite_asks_every_part_whatever_the_first_says() -> None:
    simulation = await serving(scores(a=200), items=900)
    requested(simulation)

    await simulation.run(300)

    assert simulation.asked == ["llama:a 0+300", "llama:a 300+300", "llama:a 600+300"]


async def test_run_by_hand__with_another_token_is_asked_again_and_replaces_what_was_kept() -> None:
    simulation = await serving(scores())
    requested(simulation)
    await simulation.run(120)

    text = requested(simulation, "@2")
    await simulation.run(120)

    assert simulation.asked == ["llama:a 0+40"] * 2
    assert text in handled(simulation)
    assert len(kept(simulation)) == 1


async def test_run_by_hand__that_is_taken_back_leaves_nothing_behind() -> None:
    simulation = await serving(scores())
    requested(simulation)
    await simulation.run(120)

    simulation.annotate(evaluate="")
    await simulation.run(60)

    assert kept(simulation) == []
    assert not [name for name in simulation.cluster.of_kind(kinds.CONFIG_MAP) if "-suite-" in name]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(failed(message="no disk"), id="a Job that failed"),
        pytest.param(RunResult(outcome=RunOutcome.ERROR, message="no disk"), id="an Error"),
    ],
)
async def test_run_by_hand__that_fails_says_why_and_is_not_tried_again(end: Any) -> None:
    simulation = await serving(lambda *_: end)
    text = requested(simulation)

    await simulation.run(1200, every_seconds=30)

    assert len(simulation.asked) == 1
    assert text in handled(simulation)
    assert "no disk" in kept(simulation)[0]["data"]["1"]
    assert simulation.jobs() == []


async def test_run_by_hand__waits_for_a_suite_that_is_not_there() -> None:
    simulation = await serving(scores())
    simulation.cluster.remove(kinds.EVALUATION_SUITE, NAMESPACE, HAND)
    text = requested(simulation)
    await simulation.run(120)
    assert (simulation.asked, text in handled(simulation)) == ([], False)

    simulation.cluster.put(suite(40, HAND))
    await simulation.run(120)

    assert simulation.asked == ["llama:a 0+40"]


async def test_run_by_hand__of_a_suite_that_changes_after_it_is_not_asked_again() -> None:
    simulation = await serving(scores())
    requested(simulation)
    await simulation.run(120)

    simulation.cluster.put(suite(50, HAND))
    await simulation.run(120)

    assert simulation.asked == ["llama:a 0+40"]
    assert len(kept(simulation)) == 1


async def test_run_by_hand__of_what_no_longer_runs_asks_nobody() -> None:
    simulation = await serving(scores())
    simulation.annotate(evaluate=f"0123456789/{HAND}")

    await simulation.run(120)

    assert (simulation.asked, simulation.jobs()) == ([], [])


async def test_run_by_hand__neither_helps_nor_harms_the_canary_that_it_asks() -> None:
    gates = [{"suite": GOLDEN, "stage": "BeforeTraffic"}]
    bad = iter([12, 0, 0, 0])

    def answer(image: str, first: int, count: int) -> RunResult:
        wrong = next(bad) if image == "llama:b" else 0
        return told("0" * wrong + "1" * (count - wrong), first)

    simulation = EvaluatedSimulation(answer)
    simulation.cluster.put(suite(40))
    simulation.create(judged("llama:a", evaluations=gates))
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(judged("llama:b", evaluations=[{**gates[0], "action": "Gate"}]))
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationFailed")

    simulation.annotate(evaluate=f"{simulation.newest.spec.canary.hash}/{GOLDEN}")
    await simulation.run(120)

    assert simulation.asked.count("llama:b 0+40") == 2
    assert '"results": "' + "1" * 40 in kept(simulation)[0]["data"]["1"], "this time all right"
    assert simulation.hold == "EvaluationFailed", "what was asked for the gate stands"
