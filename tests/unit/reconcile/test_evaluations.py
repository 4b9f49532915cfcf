"""Rollouts that are gated on suites, from the Job to the decision."""

from typing import Any

import pytest

from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import HASH_KEY
from tests.builders import KEY, NAMESPACE
from tests.fakes.evaluations import (
    GOLDEN,
    Answer,
    EvaluatedSimulation,
    failed,
    scores,
    suite,
    told,
)
from tests.fakes.rollouts import judged

pytestmark = pytest.mark.timeout(60)


def evaluated(image: str = "llama:a", stage: str = "BeforeTraffic", **more: Any) -> dict[str, Any]:
    return judged(image, evaluations=[{"suite": GOLDEN, "stage": stage, **more}])


async def serving(answer: Answer, items: int = 40, **spec: Any) -> EvaluatedSimulation:
    """The first revision serves, after it was asked the suite."""
    simulation = EvaluatedSimulation(answer)
    simulation.cluster.put(suite(items, **spec))
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(60)
    return simulation


async def test_first_revision__serves_once_its_suite_has_passed() -> None:
    simulation = EvaluatedSimulation(scores())
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated())
    simulation.stuck = True
    await simulation.run(60)
    assert simulation.condition("Ready") == ("False", "EvaluationsRunning")
    assert simulation.condition("EvaluationsPassed") == ("Unknown", "EvaluationsRunning")
    assert simulation.served() == 0
    assert simulation.weights == {"llama:a": 0}
    assert len(simulation.jobs()) == 1

    simulation.stuck = False
    await simulation.run(60)
    assert simulation.condition("Ready") == ("True", "Serving")
    assert simulation.served() == 2
    assert simulation.asked == ["llama:a 0+40"]
    assert simulation.jobs() == [], "the result is kept, the Job is not"
    assert len(simulation.kept_results()) == 1


async def test_scores__are_told_as_long_as_their_attempt_is_the_newest() -> None:
    simulation = await serving(scores(b=1), items=133)
    [first] = simulation.observer.scores[KEY]
    assert (first.verdict, first.score, first.baseline) == ("Passed", 1.0, "")

    simulation.change(evaluated("llama:b"))
    attempt = await simulation.finished()
    assert simulation.jobs() == []
    await simulation.run(60)
    [of_attempt] = simulation.observer.scores[KEY]
    assert of_attempt.revision == attempt.spec.canary.hash
    assert of_attempt.baseline == attempt.spec.stable.hash
    assert of_attempt.difference == pytest.approx(-1 / 133, abs=1e-6)


async def test_first_revision__under_its_floor_serves_nobody_and_says_so() -> None:
    simulation = EvaluatedSimulation(scores(a=30))
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated())
    await simulation.run(120)
    assert simulation.condition("Ready") == ("False", "EvaluationFailed")
    assert simulation.condition("Stalled") == ("True", "EvaluationFailed")
    assert "10/40 (25 %) correct" in simulation.message("EvaluationsPassed")
    assert "more than 60 % is needed: below the floor" in simulation.message("EvaluationsPassed")
    assert simulation.served() == 0


async def test_canary__that_answers_as_stable_does_is_promoted_and_asked_once() -> None:
    simulation = await serving(scores(), items=133, marginPoints="2")
    simulation.change(evaluated("llama:b"))
    attempt = await simulation.finished()

    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+133", "llama:b 0+133"], "stable's result was kept"
    [record] = attempt.status.evaluations
    assert record.verdict == "Passed"
    assert (record.score_percent, record.difference_points) == ("100", "0")
    assert record.message.startswith(
        "golden: 133/133 (100 %) correct against 133/133 (100 %) on stable"
    )
    assert simulation.condition("EvaluationsPassed") == ("True", "Passed")


async def test_canary__that_is_worse_never_gets_a_request() -> None:
    simulation = await serving(scores(b=12))
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open)
    while simulation.open:
        assert simulation.weight == 0
        await simulation.pass_on()

    attempt = simulation.newest
    assert simulation.outcomes == ["RolledBack"]
    assert attempt.status.outcome_reason == "EvaluationFailed"
    assert attempt.status.first_tick_at is None, "it never had a share of the requests"
    assert attempt.status.quarantined
    assert "difference -30 points (0 gained, 12 lost)" in attempt.status.decisions[-1].message
    assert simulation.condition("EvaluationsPassed") == ("False", "EvaluationFailed")


async def test_canary__of_which_nothing_can_be_said_is_held_at_no_requests() -> None:
    simulation = await serving(scores(b=2))
    simulation.change(evaluated("llama:b"))
    await simulation.run(300)
    assert simulation.open
    assert (simulation.weight, simulation.hold) == (0, "EvaluationInconclusive")
    assert simulation.condition("Stalled") == ("True", "EvaluationInconclusive")
    assert simulation.asked.count("llama:b 0+40") == 1, "a suite is not asked until it passes"


async def test_gate__that_only_holds_condemns_nobody() -> None:
    simulation = await serving(scores(b=12))
    simulation.change(evaluated("llama:b", action="Gate"))
    await simulation.run(300)
    assert simulation.open
    assert (simulation.weight, simulation.hold) == (0, "EvaluationFailed")


async def test_large_suite__is_asked_in_looks_and_stops_at_the_first_that_decides() -> None:
    simulation = await serving(scores(b=200), items=900, marginPoints="2")
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["RolledBack"]
    assert simulation.asked[-1] == "llama:b 0+300"
    assert "llama:b 300+300" not in simulation.asked


async def test_progress_deadline__stands_still_through_three_looks_of_nine_hours() -> None:
    def answer(image: str, first: int, count: int) -> RunResult:
        """The first two looks are too close to tell."""
        if first == 600:
            return told("1" * count, first)
        wrong = "0" * 4 + "1" * 6 if image == "llama:a" else "1" * 4 + "0" * 6
        return told(wrong + "1" * (count - 10), first)

    simulation = await serving(answer, items=900, marginPoints="2")
    spec = evaluated("llama:b")
    spec["rollout"] |= {"progressDeadlineSeconds": 600, "onDeadline": "Rollback"}
    simulation.stuck = True
    simulation.change(spec)
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationsRunning")

    for _ in range(3):
        await simulation.run(3 * 3600, every_seconds=300)
        assert (simulation.open, simulation.hold) == (True, "EvaluationsRunning")
        simulation.work_once()

    simulation.stuck = False
    await simulation.finished(3600)
    assert simulation.outcomes == ["Promoted"]
    assert "llama:b 600+300" in simulation.asked


async def test_progress_deadline__goes_on_between_runs_that_fail() -> None:
    def answer(image: str, first: int, count: int) -> Any:
        return failed() if image == "llama:b" else told("1" * count, first)

    simulation = await serving(answer)
    spec = evaluated("llama:b")
    spec["rollout"] |= {"progressDeadlineSeconds": 900, "onDeadline": "Rollback"}
    simulation.change(spec)
    await simulation.finished(7200)

    assert simulation.newest.status.outcome_reason == "ProgressDeadlineExceeded"
    assert not simulation.newest.status.quarantined


async def test_safety_suite__rolls_back_for_one_attack_that_succeeds_whatever_stable_does() -> None:
    simulation = EvaluatedSimulation(scores(b=1))
    attacks = suite(30, kind="Safety")
    del attacks["spec"]["marginPoints"]
    simulation.cluster.put(attacks)
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(evaluated("llama:b"))
    attempt = await simulation.finished()
    assert attempt.status.outcome_reason == "SafetyFailed"
    assert simulation.asked == ["llama:a 0+30", "llama:b 0+30"]


async def test_evaluation_before_promotion__waits_for_the_last_step() -> None:
    simulation = await serving(scores(b=12))
    simulation.asked.clear()
    simulation.change(evaluated("llama:b", stage="BeforePromotion"))
    await simulation.until(lambda: simulation.open and simulation.weight == 10)
    await simulation.pass_on()
    assert [one for one in simulation.asked if one.startswith("llama:b")] == []
    attempt = await simulation.finished()
    assert attempt.status.outcome_reason == "EvaluationFailed"


async def test_run_that_fails__holds_is_told_and_is_tried_again() -> None:
    unreadable = RunResult(outcome=RunOutcome.ERROR, message="the items cannot be read")
    ends: list[Any] = [failed(), unreadable, failed("DeadlineExceeded")]

    def answer(image: str, first: int, count: int) -> Any:
        if image == "llama:b" and ends:
            return ends.pop(0)
        return told("1" * count, first)

    simulation = await serving(answer)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "RunFailed")
    assert simulation.condition("Stalled") == ("True", "RunFailed")
    assert simulation.weight == 0
    await simulation.run(840, every_seconds=60)
    await simulation.until(lambda: simulation.hold == "RunTooSlow", 200)
    await simulation.run(1140, every_seconds=60)
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"], "an infrastructure failure is no score"


async def test_run_that_fails__is_tried_again_with_the_limits_that_the_suite_has_by_then() -> None:
    def answer(image: str, first: int, count: int) -> Any:
        [job] = simulation.cluster.of_kind(kinds.JOB).values()
        limits = job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]
        if image == "llama:b" and limits["memory"] != "2Gi":
            return failed()
        return told("1" * count, first)

    simulation = EvaluatedSimulation(answer)
    simulation.cluster.put(suite())
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "RunFailed")
    simulation.cluster.put(suite(limits={"resources": {"limits": {"memory": "2Gi"}}}))
    await simulation.finished(3600)
    assert simulation.outcomes == ["Promoted"]


async def test_suite_that_is_missing__refuses_the_attempt_and_names_it() -> None:
    simulation = await serving(scores())
    simulation.cluster.remove(kinds.EVALUATION_SUITE, NAMESPACE, GOLDEN)
    simulation.change(evaluated("llama:b"))
    await simulation.run(60)
    assert simulation.outcomes == []
    assert simulation.condition("Stalled") == ("True", "SuiteNotFound")
    simulation.cluster.put(suite())
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]


async def test_suite_that_changes_or_goes__while_it_gates_is_judged_as_it_was() -> None:
    simulation = await serving(scores())
    simulation.stuck = True
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and bool(simulation.jobs()))
    simulation.cluster.remove(kinds.EVALUATION_SUITE, NAMESPACE, GOLDEN)
    simulation.stuck = False
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+40", "llama:b 0+40"]


async def test_content_that_somebody_edits__is_told_to_the_run_by_what_was_frozen() -> None:
    simulation = await serving(scores())
    simulation.change(evaluated("llama:b", stage="BeforePromotion"))
    await simulation.until(lambda: simulation.open)
    [test] = simulation.newest.spec.evaluations
    name = f"chat-suite-{test.content}"
    forged = test.content + "0" * 54
    simulation.cluster.edit(
        kinds.CONFIG_MAP, NAMESPACE, name, lambda found: found["data"].update({HASH_KEY: forged})
    )
    simulation.stuck = True
    await simulation.until(lambda: bool(simulation.jobs()), 3600)

    [job] = simulation.cluster.of_kind(kinds.JOB).values()
    env = job["spec"]["template"]["spec"]["containers"][0]["env"]
    told = {one["name"]: one.get("value") for one in env}
    assert told["CONTENT_HASH"] == test.content_hash
    assert told["ITEMS_DIGEST"] == test.items_digest is not None


async def test_result_of_other_items__is_not_taken_and_says_how_to_ask_again() -> None:
    def answer(image: str, first: int, count: int) -> RunResult:
        digest = {"items_digest": "0" * 64} if image == "llama:b" else {}
        return told("1" * count, first).model_copy(update=digest)

    simulation = await serving(answer)
    simulation.change(evaluated("llama:b"))
    await simulation.until(lambda: simulation.open and simulation.hold == "EvaluationError")

    assert simulation.weight == 0
    assert "was asked other items than were frozen (digest 0000000000" in simulation.message(
        "Stalled"
    )
    assert "kubectl delete configmap -l rocksteady.dev/revision=" in simulation.message("Stalled")


async def test_suite_that_changed__is_asked_of_stable_again() -> None:
    simulation = await serving(scores())
    simulation.cluster.put(suite(50))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert sorted(simulation.asked) == ["llama:a 0+40", "llama:a 0+50", "llama:b 0+50"]


async def serving_file(answer: Answer) -> EvaluatedSimulation:
    """The same of a suite whose items stand in a file that only runs read."""
    simulation = EvaluatedSimulation(answer)
    in_file = suite()
    in_file["spec"]["items"] = {"uri": "hf://org/questions/items.jsonl@7e27bd9"}
    simulation.cluster.put(in_file)
    simulation.create(evaluated())
    await simulation.until(lambda: simulation.stable is not None)
    await simulation.run(60)
    return simulation


def reading(digests: dict[str, str], count: int = 400, **wrong: int) -> Answer:
    """A file of so many items.

    Args:
        digests: Of the items that a revision's run read, by the tag of its image.
        count: How many items the file has.
        wrong: How many answers are wrong, by the same.
    """

    def answer(image: str, first: int, _: int) -> RunResult:
        tag = image.rpartition(":")[2]
        bad = wrong.get(tag, 0)
        result = told("0" * bad + "1" * (count - bad), first)
        return result.model_copy(update={"items_digest": digests[tag] * 64})

    return answer


async def test_suite_in_a_file__is_asked_whole_at_one_look() -> None:
    simulation = await serving_file(reading({"a": "1", "b": "1"}))
    simulation.change(evaluated("llama:b"))
    attempt = await simulation.finished()
    assert simulation.outcomes == ["Promoted"]
    assert simulation.asked == ["llama:a 0+0", "llama:b 0+0"], "no number is known before"
    assert attempt.status.evaluations[0].items == 400


async def test_suite_in_a_file__condemns_as_any_other() -> None:
    simulation = await serving_file(reading({"a": "1", "b": "1"}, b=80))
    simulation.change(evaluated("llama:b"))
    await simulation.finished()
    assert simulation.outcomes == ["RolledBack"]


@pytest.mark.parametrize(
    "wrong", [pytest.param(0, id="all answers right"), pytest.param(80, id="many wrong")]
)
async def test_suite_in_a_file__that_changed_between_two_runs_compares_nothing(wrong: int) -> None:
    simulation = await serving_file(reading({"a": "1", "b": "2"}, b=wrong))
    simulation.change(evaluated("llama:b"))
    await simulation.run(300)
    assert simulation.outcomes == [""]
    assert (simulation.weight, simulation.hold) == (0, "EvaluationError")
    assert "were not asked the same items" in simulation.message("Stalled")


async def test_answers_that_take_far_longer__hold_the_canary_and_condemn_nobody() -> None:
    def answer(image: str, first: int, count: int) -> Any:
        return told("1" * count, first, tokens=10 if image == "llama:a" else 30)

    simulation = await serving(answer, maxOutputTokensIncreasePercent=50)
    simulation.change(evaluated("llama:b"))
    await simulation.run(120)
    assert (simulation.weight, simulation.hold) == (0, "EvaluationInconclusive")
    assert "30 output tokens against 10 on stable: 200 % more" in simulation.message("Stalled")


async def test_scheduled_suite__is_asked_of_the_serving_revision_again_and_again() -> None:
    answer = scores()
    simulation = EvaluatedSimulation(answer)
    simulation.cluster.put(suite(minScorePercent="60"))
    simulation.create(evaluated(stage="Scheduled", intervalSeconds=3600))
    await simulation.run(600)
    assert simulation.asked == ["llama:a 0+40"]
    assert simulation.condition("EvaluationsPassed") == ("True", "Passed")

    simulation.answer = scores(a=30)
    await simulation.run(3600, every_seconds=60)
    assert simulation.asked == ["llama:a 0+40"] * 2
    assert simulation.condition("EvaluationsPassed") == ("False", "EvaluationFailed")
    assert simulation.condition("Ready") == ("True", "Serving"), "what serves goes on serving"
    assert simulation.jobs() == []


def scored(image: str, **more: Any) -> dict[str, Any]:
    external = {
        "name": "labels",
        "query": 'score{revision="{{revision}}"}',
        "completedQuery": 'completed{revision="{{revision}}"}',
        "standardErrorQuery": 'error{revision="{{revision}}"}',
    }
    gate = {"external": external, "stage": "BeforeTraffic", **more}
    return judged(image, evaluations=[gate])


@pytest.mark.parametrize(
    ("score", "age_seconds", "outcome"),
    [
        pytest.param(80.0, 60, "Promoted", id="a score as good as stable's promotes"),
        pytest.param(60.0, 60, "RolledBack", id="a worse one rolls back"),
        pytest.param(80.0, 90_000, "", id="an old one holds"),
        pytest.param(None, 60, "", id="none holds"),
    ],
)
async def test_score_that_is_found_elsewhere(
    score: float | None, age_seconds: float, outcome: str
) -> None:
    simulation = EvaluatedSimulation(scores())

    def answer(query: str, at_seconds: float) -> float | None:
        name, _, revision = query.rstrip('"}').partition('{revision="')
        of_canary = simulation.image_of(f"chat-{revision}") == "llama:b"
        values = {
            "score": score if of_canary else 80.0,
            "completed": at_seconds - (age_seconds if of_canary else 60),
            "error": 0.5,
        }
        return values[name]

    simulation.traffic.answer = answer
    simulation.create(scored("llama:a"))
    await simulation.until(lambda: simulation.stable is not None)
    simulation.change(scored("llama:b"))
    await simulation.until(lambda: simulation.open)
    await simulation.run(600)
    assert simulation.outcomes == [outcome]
    if not outcome:
        assert (simulation.weight, simulation.hold) == (0, "EvaluationError")
