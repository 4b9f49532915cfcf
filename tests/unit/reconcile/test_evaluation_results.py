"""Which result of which run counts for whom, when it is asked again, and when it goes."""

import json
from typing import Any

import pytest

from rocksteady import conventions
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.moves import Action
from tests.builders import NAMESPACE
from tests.fakes.evaluations import Answer, EvaluatedSimulation, failed, scores, suite, told
from tests.fakes.rollouts import judged
from tests.unit.reconcile.test_evaluations import evaluated, serving, serving_file

pytestmark = pytest.mark.timeout(120)
DAILY = {"suite": "daily", "stage": "Scheduled", "intervalSeconds": 86400}
FEW = "1" * 20 + "-" * 20
"""Half of the items without an answer."""


def answers(**by_tag: list[Any]) -> Answer:
    """What the runs of each revision tell one after the other, then all items correct.

    Args:
        by_tag: By the tag of the revision's image: letters as `told` has them, or a failure.
    """

    def answer(image: str, first: int, count: int) -> Any:
        left = by_tag.get(image.rpartition(":")[2], [])
        said = left.pop(0) if left else "1" * count
        return told(said, first) if isinstance(said, str) else said

    return answer


def by_runner(**versions: list[str]) -> Answer:
    """All items correct, as judged by these versions of the runner one after the other.

    The last one stays.
    """

    def answer(image: str, first: int, count: int) -> Any:
        left = versions[image.rpartition(":")[2]]
        version = left.pop(0) if len(left) > 1 else left[0]
        return told("1" * count, first).model_copy(update={"runner": f"builtin {version}"})

    return answer


def runs_of(simulation: EvaluatedSimulation, image: str) -> int:
    return sum(one.startswith(f"{image} ") for one in simulation.asked)


# --- results of no use are replaced


async def test_canary__of_which_too_few_items_were_answered_is_asked_again() -> None:
    simulation = await serving(answers(b=[FEW, FEW]))
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationError")
    assert "only 20 of 40 items could be compared" in simulation.message("Stalled")

    await simulation.run(240, every_seconds=60)
    assert runs_of(simulation, "llama:b") == 1, "after 5 minutes, not before"
    await simulation.run(660, every_seconds=60)
    attempt = await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert runs_of(simulation, "llama:b") == 3
    assert runs_of(simulation, "llama:a") == 1
    holds = [one for one in attempt.status.decisions if one.reason == "EvaluationError"]
    assert len(holds) == 1, "one reason is recorded once"


async def test_stable__of_which_too_few_items_were_answered_holds_no_later_canary() -> None:
    simulation = EvaluatedSimulation(answers(a=[FEW]))
    simulation.cluster.put(suite())
    simulation.create(judged("llama:a"))
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationError")

    simulation.change(evaluated("llama:c"))
    await simulation.until(lambda: simulation.outcomes[-1] == "Promoted", 280)
    assert runs_of(simulation, "llama:a") == 2, "what is older than the attempt is asked at once"


async def test_first_revision__of_which_too_few_items_were_answered_serves_after_all() -> None:
    simulation = EvaluatedSimulation(answers(a=[FEW]))
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated())
    await simulation.run(60)
    assert simulation.condition("Ready") == ("False", "EvaluationError")
    await simulation.run(400)
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.asked == ["llama:a 0+40"] * 2


async def test_look__of_which_too_few_items_were_answered_is_replaced_alone() -> None:
    simulation = await serving(answers(b=["1" * 100, "1" * 40 + "-" * 60]), 300, marginPoints="2")
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: runs_of(simulation, "llama:b") == 4)
    asked = [one for one in simulation.asked if one.startswith("llama:b")]
    assert asked == ["llama:b 0+100", "llama:b 100+100", "llama:b 200+100", "llama:b 100+100"]


async def test_stable__that_an_older_runner_judged_is_asked_again_by_the_new_one() -> None:
    simulation = await serving(by_runner(a=["1.0", "1.1"], b=["1.1"]))
    simulation.change(evaluated("llama:b"))
    attempt = await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+40", "llama:b 0+40", "llama:a 0+40"]
    assert "EvaluationError" not in [one.reason for one in attempt.status.decisions]


async def test_runners__that_never_agree_hold_and_each_is_asked_again_once_an_hour() -> None:
    simulation = await serving(by_runner(a=["1.0"], b=["1.1"]))
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationError")
    assert "builtin 1.0 and builtin 1.1" in simulation.message("Stalled")
    assert len(simulation.asked) == 3, "stable was asked at once"

    await simulation.run(2 * 3600 + 600, every_seconds=60)
    assert simulation.open
    assert len(simulation.asked) == 7


async def test_digests__that_changed_between_the_runs_ask_the_older_one_again() -> None:
    digests = {"llama:a": ["a" * 64, "b" * 64], "llama:b": ["b" * 64]}

    def answer(image: str, first: int, _: int) -> Any:
        digest = digests[image].pop(0)
        return told("1" * 200, first).model_copy(update={"items_digest": digest})

    simulation = await serving_file(answer)
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+0", "llama:b 0+0", "llama:a 0+0"]


# --- whose results count


async def test_revision__that_was_promoted_is_asked_again_as_stable_and_then_once() -> None:
    simulation = await serving(scores())
    for image in ("llama:b", "llama:c", "llama:d"):
        simulation.change(evaluated(image))
        await simulation.until(lambda: simulation.open)
        if image == "llama:d":
            await simulation.until(lambda: runs_of(simulation, "llama:c") == 2)
            simulation.change(evaluated("llama:e"))
            await simulation.until(lambda: simulation.outcomes[-1] == "Superseded", 60)
        await simulation.finished()
    assert simulation.outcomes[-1] == "Promoted"
    counted = {image: runs_of(simulation, f"llama:{image}") for image in "abce"}
    assert counted == {"a": 1, "b": 2, "c": 2, "e": 1}


async def test_stable__is_compared_by_what_it_answered_once_it_served() -> None:
    """As a canary it had luck with every fourth item."""
    simulation = await serving(answers(b=["1" * 40, "0" * 10 + "1" * 30], c=["0" * 10 + "1" * 30]))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    simulation.change(evaluated("llama:c"))
    attempt = await simulation.finished()
    assert simulation.outcomes == ["Promoted", "Promoted"]
    assert attempt.status.evaluations[0].difference_points == "0"


async def test_retry__of_a_quarantined_revision_asks_it_again() -> None:
    simulation = await serving(answers(b=["0" * 12 + "1" * 28]))
    simulation.change(evaluated("llama:b"))
    rolled_back = await simulation.finished()
    assert rolled_back.status.quarantined

    simulation.annotate(retry=rolled_back.spec.canary.hash)
    await simulation.finished()
    assert simulation.outcomes == ["RolledBack", "Promoted"]
    assert runs_of(simulation, "llama:b") == 2


async def test_abort__leaves_no_result_that_passes_the_revision_unasked() -> None:
    simulation = await serving(answers(b=["1" * 40, "0" * 12 + "1" * 28]))
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.weight == 10)
    canary = simulation.newest.spec.canary.hash
    simulation.annotate(abort=canary)
    await simulation.finished()
    simulation.annotate(abort="", retry=canary)
    await simulation.finished()
    assert simulation.outcomes == ["Aborted", "RolledBack"]
    assert simulation.newest.status.outcome_reason == "EvaluationFailed"


async def test_result__of_a_content_that_only_begins_alike_is_not_taken() -> None:
    simulation = await serving(scores())

    def of_another(found: Manifest) -> None:
        for part, text in found["data"].items():
            kept = json.loads(text)
            assert len(kept["contentHash"]) == 64
            kept["contentHash"] = kept["contentHash"][:10] + "0" * 54
            found["data"][part] = json.dumps(kept, sort_keys=True)

    [name] = simulation.kept_results()
    simulation.cluster.edit(kinds.CONFIG_MAP, NAMESPACE, name, of_another)
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert runs_of(simulation, "llama:a") == 2


# --- what is deleted, and what is not


async def test_end_of_an_attempt__leaves_the_results_of_scheduled_suites() -> None:
    def spec(image: str) -> dict[str, Any]:
        gate = {"suite": "golden", "stage": "BeforeTraffic"}
        return judged(image, evaluations=[gate, DAILY])

    simulation = EvaluatedSimulation(scores(b=12))
    for one in (suite(), suite(50, "daily")):
        simulation.cluster.put(one)
    simulation.create(spec("llama:a"))
    await simulation.until(lambda: "llama:a 0+50" in simulation.asked)
    await simulation.run(60)
    simulation.change(spec("llama:b"))
    await simulation.finished()
    await simulation.run(60)
    assert simulation.outcomes == ["RolledBack"]
    assert simulation.asked.count("llama:a 0+50") == 1
    assert any("daily" in str(one) for one in simulation.cluster.of_kind(kinds.CONFIG_MAP).values())


async def test_run__goes_on_when_its_revision_cannot_be_reached_for_a_while() -> None:
    simulation = await serving(scores())
    simulation.stuck = True
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and bool(simulation.jobs()))
    [before] = simulation.cluster.of_kind(kinds.JOB).values()

    name = f"chat-{simulation.newest.spec.canary.hash}"
    [slices] = [one for one in simulation.cluster.of_kind(kinds.ENDPOINT_SLICE) if name in one]
    simulation.cluster.edit(
        kinds.ENDPOINT_SLICE, NAMESPACE, slices, lambda found: found.update(endpoints=[])
    )
    await simulation.reconcile()
    [after] = simulation.cluster.of_kind(kinds.JOB).values()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_job__that_told_of_a_content_that_is_wanted_no_more_goes() -> None:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite())
    simulation.create(evaluated())
    simulation.stuck = True
    await simulation.until(lambda: bool(simulation.jobs()))
    [job] = simulation.jobs()
    simulation.stuck = False
    simulation.work()
    simulation.cluster.put(suite(50))
    await simulation.run(60)
    assert job not in simulation.jobs()
    assert simulation.condition("Ready") == ("True", "Serving")


# --- what comes to nothing is tried again


async def test_run_that_always_fails__is_tried_ever_more_rarely_and_told_once() -> None:
    simulation = await serving(answers(b=[failed()] * 50))
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "RunFailed")
    await simulation.run(3 * 3600, every_seconds=60)

    # 0, 5, 15, 35, 75 and 135 minutes after the first
    assert runs_of(simulation, "llama:b") == 6
    reasons = [one.reason for one in simulation.newest.status.decisions]
    assert reasons.count("RunFailed") == 1
    assert len(simulation.recorded(Action.HOLD)) <= 3
    assert simulation.condition("Stalled") == ("True", "ProgressDeadlineExceeded")

    await simulation.run(3600, every_seconds=60)
    assert runs_of(simulation, "llama:b") == 7, "as long as the attempt is open"


async def test_failures__of_an_earlier_attempt_make_the_next_wait_no_longer() -> None:
    simulation = await serving(answers(b=[failed()] * 4))
    simulation.change(evaluated("llama:b"))
    await simulation.run(1140, every_seconds=60)
    assert runs_of(simulation, "llama:b") == 3
    canary = simulation.newest.spec.canary.hash
    simulation.annotate(abort=canary)
    await simulation.finished()
    simulation.annotate(abort="", retry=canary)
    await simulation.until(lambda: simulation.open and simulation.hold == "RunFailed", 120)
    await simulation.until(lambda: runs_of(simulation, "llama:b") == 5, 330)


async def test_scheduled_run_that_fails__is_tried_again_before_the_next_is_due() -> None:
    simulation = EvaluatedSimulation(answers(a=[failed()]))
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated(stage="Scheduled", intervalSeconds=86400))
    await simulation.until(lambda: len(simulation.asked) == 1)
    for _ in range(3):
        outcome = await simulation.reconcile()
    assert outcome.requeue_after_seconds is not None
    assert 0 < outcome.requeue_after_seconds <= 300
    await simulation.run(400)
    assert simulation.asked == ["llama:a 0+40"] * 2
    assert simulation.condition("EvaluationsPassed") == ("True", "Passed")


async def test_job__says_the_whole_hash_of_what_it_asks() -> None:
    simulation = await serving(scores())
    simulation.stuck = True
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and bool(simulation.jobs()))
    [job] = simulation.cluster.of_kind(kinds.JOB).values()
    [test] = simulation.newest.spec.evaluations
    assert job["metadata"]["annotations"][conventions.ANNOTATION_CONTENT_HASH] == test.content_hash
