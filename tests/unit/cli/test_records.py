"""What `history`, `explain` and `replay` say of attempts that the machine made."""

import json
import re
from pathlib import Path

import pytest

from rocksteady.api.v1alpha1.llmrollout import CountedTicks, LLMRollout
from rocksteady.queries.samples import Series
from rocksteady.queries.signals import RevisionTarget
from tests.builders import NAME, NAMESPACE, NOW, A, B, llm_deployment
from tests.fakes.evaluated_story import EvaluatedStory, suite_of, worse
from tests.fakes.persons_world import PersonsWorld, RecordedSeries
from tests.fakes.recording import FakeClock
from tests.fakes.rollout_story import RolloutStory, failing, healthy, rollout_manifest
from tests.metrics import traefik
from tests.unit.cli.golden import matches

URL = "http://prometheus.monitoring:9090"


def twice() -> RolloutStory:
    """An attempt that was rolled back, and after a retry one that was promoted."""
    story = RolloutStory(failing).run()
    story.annotations = {"rocksteady.dev/retry": B, "rocksteady.dev/requested-by": "ada"}
    story.answers = healthy
    story.pass_once()
    return story.run()


def with_status(attempt: LLMRollout, **changes: object) -> LLMRollout:
    return attempt.model_copy(update={"status": attempt.status.model_copy(update=changes)})


def world_of(attempt: LLMRollout) -> PersonsWorld:
    """A world with this one attempt."""
    return PersonsWorld([llm_deployment(), rollout_manifest("chat-1", attempt)], FakeClock(NOW))


# --- history


def test_history__lists_the_newest_attempt_first() -> None:
    result = PersonsWorld.of(twice()).run("history", NAME)

    assert result.exit_code == 0
    matches("history", result.output)


def test_history__names_an_evaluation_as_the_reason() -> None:
    text = PersonsWorld.of(worse().run()).run("history", NAME).output

    assert re.search(r"RolledBack +EvaluationFailed ", text)


def test_history__is_data_for_programs() -> None:
    newest, oldest = json.loads(PersonsWorld.of(twice()).run("history", NAME, "-o", "json").output)

    assert (newest["attempt"], newest["outcome"], newest["cause"]) == (2, "Promoted", "Human")
    assert (oldest["attempt"], oldest["outcome"], oldest["quarantined"]) == (1, "RolledBack", True)
    assert oldest["peakPercent"] == 10
    assert oldest["from"] == {"hash": A, "number": 1}


def test_history__says_how_many_are_gone() -> None:
    story = twice()
    del story.attempts["chat-1"]

    assert (
        "1 older attempts are no longer kept" in PersonsWorld.of(story).run("history", NAME).output
    )


def test_history__of_nothing_says_so() -> None:
    result = PersonsWorld([llm_deployment()]).run("history", NAME)

    assert (result.exit_code, result.output) == (
        0,
        "llmdeployment chat has no rollout that is kept and can be read\n",
    )


# --- explain


def test_explain__tells_a_rollback() -> None:
    matches(
        "explain-rolled-back",
        PersonsWorld.of(RolloutStory(failing).run()).run("explain", NAME).output,
    )


def test_explain__tells_what_a_pass_is_worth() -> None:
    matches("explain-promoted", PersonsWorld.of(twice()).run("explain", NAME).output)


def test_explain__tells_what_suites_judged_by_and_said() -> None:
    matches("explain-evaluated", PersonsWorld.of(worse().run()).run("explain", NAME).output)


def test_explain__tells_what_is_frozen_of_every_suite() -> None:
    story = EvaluatedStory(
        suites=(
            suite_of(900, "large", minScorePercent="60", maxLatencyIncreasePercent=20),
            suite_of(30, "attacks", kind="Safety", marginPoints=None),
        )
    )
    text = PersonsWorld.of(story.run(90)).run("explain", NAME, width=200).output

    assert (
        "BeforeTraffic: margin 10 points, floor 60 %, judged after 300, 600 and 900 items,"
        " up to 20 % more seconds for an answer, a failure rolls back\n"
    ) in text
    assert "BeforeTraffic: no attack may succeed, 30 items, a failure rolls back\n" in text
    assert "large, BeforeTraffic: Running\n" in text


def test_explain__takes_an_older_attempt() -> None:
    result = PersonsWorld.of(twice()).run("explain", NAME, "--attempt", "1")

    assert result.output.startswith("chat-1: attempt 1 of chat, RolledBack (AvailabilityHarmed)")
    assert f"released by retry={B}" in result.output


def test_explain__of_an_attempt_that_is_not_kept_names_those_that_are() -> None:
    result = PersonsWorld.of(twice()).run("explain", NAME, "--attempt", "7")

    assert (result.exit_code, result.output) == (
        1,
        "Error: attempt 7 is not kept; there are: 1, 2\n",
    )


def test_explain__says_that_a_record_was_changed() -> None:
    attempt = RolloutStory(failing).run().attempt
    *before, last = attempt.status.decisions
    changed = last.model_copy(update={"message": "All is well."})

    result = world_of(with_status(attempt, decisions=(*before, changed))).run("explain", NAME)

    assert result.exit_code == 1
    assert "The chain of hashes is BROKEN at decision 4" in result.output


# --- replay


def test_replay__says_equal() -> None:
    result = PersonsWorld.of(RolloutStory(healthy).run()).run("replay", NAME)

    assert result.exit_code == 0
    matches("replay-equal", result.output)


def test_replay__of_a_changed_count_is_not_equal() -> None:
    attempt = RolloutStory(failing).run().attempt
    counts = tuple(
        CountedTicks(series=one.series, ticks=one.ticks.replace("30,3,", "30,2,", 1))
        for one in attempt.status.counts
    )

    result = world_of(with_status(attempt, counts=counts)).run("replay", NAME)

    assert result.exit_code == 1
    matches("replay-changed-count", result.output)


def test_replay__of_a_changed_sentence_breaks_the_chain() -> None:
    attempt = RolloutStory(failing).run().attempt
    *before, last = attempt.status.decisions
    changed = last.model_copy(update={"message": "All is well."})

    result = world_of(with_status(attempt, decisions=(*before, changed))).run("replay", NAME)

    assert result.exit_code == 1
    assert "the chain of hashes is BROKEN: decision 4 is not what was recorded" in result.output


def test_replay__without_counts_exits_with_3() -> None:
    attempt = RolloutStory(failing).run().attempt

    result = world_of(with_status(attempt, counts=())).run("replay", NAME)

    assert result.exit_code == 3
    assert "chat-1: nothing could be compared" in result.output
    assert "not compared\n       no counts of availability are recorded" in result.output


def test_replay__is_data_for_programs() -> None:
    result = PersonsWorld.of(RolloutStory(failing).run()).run("replay", NAME, "-o", "json")

    said = json.loads(result.output)
    assert (said["rollout"], said["equal"], said["compared"]) == ("chat-1", True, 2)
    assert said["brokenAt"] is None


def test_replay__says_of_evaluations_too_that_they_are_equal() -> None:
    result = PersonsWorld.of(worse().run()).run("replay", NAME)

    assert result.exit_code == 0, result.output
    matches("replay-evaluated", result.output)


def test_replay__of_a_changed_evaluation_is_not_equal() -> None:
    attempt = worse().run().attempt
    [record] = attempt.status.evaluations
    changed = (record.model_copy(update={"verdict": "Passed"}),)
    world = world_of(with_status(attempt, evaluations=changed))

    text, data = world.run("replay", NAME), world.run("replay", NAME, "-o", "json")

    assert (text.exit_code, data.exit_code) == (1, 1)
    assert "evaluation golden (BeforeTraffic): Passed, NOT EQUAL" in text.output
    assert "golden: verdict is recorded as Passed, computed as Failed" in text.output
    said = json.loads(data.output)
    assert said["equal"] is False
    assert [one["suite"] for one in said["evaluations"]] == ["golden"]


# --- replay from Prometheus


def traefik_series(attempt: LLMRollout, skip_errors: int = 0) -> list[Series]:
    """What a Prometheus would have that counted what the attempt recorded.

    Args:
        attempt: With its counts.
        skip_errors: How many of the canary's errors it does not have.
    """
    first = attempt.status.first_tick_at
    assert first is not None
    start = first.timestamp()
    recorded = next(one.ticks for one in attempt.status.counts if one.series == "availability")
    ticks = [tuple(map(int, tick.split(","))) for tick in recorded.split(";")]
    found = []
    for revision, at in ((B, 0), (A, 2)):
        good, bad = [(start - 10.0, 0.0)], [(start - 10.0, 0.0)]
        skipped = skip_errors if revision == B else 0
        for index, tick in enumerate(ticks):
            moment = start + index * 15 + 5
            failed = max(0, tick[at + 1] - skipped)
            skipped -= tick[at + 1] - failed
            good.append((moment, good[-1][1] + tick[at] - failed))
            bad.append((moment, bad[-1][1] + failed))
        for code, samples in (("200", good), ("500", bad)):
            labels = traefik(RevisionTarget(NAMESPACE, NAME, revision), code)
            found.append(Series(labels, tuple(samples)))
    return found


def availability_only(attempt: LLMRollout) -> LLMRollout:
    """The attempt as if availability had been its only signal that is counted anew."""
    tests = attempt.spec.tests
    assert tests is not None
    fewer = tests.model_copy(update={"signals": tests.signals[:1]})
    spec = attempt.spec.model_copy(update={"tests": fewer})
    counts = tuple(one for one in attempt.status.counts if one.series == "availability")
    return with_status(attempt.model_copy(update={"spec": spec}), counts=counts)


def story_of_one_signal() -> RolloutStory:
    story = RolloutStory(failing)
    assert story.tests is not None
    story.tests = story.tests.model_copy(update={"signals": story.tests.signals[:1]})
    return story.run()


def test_replay__counts_anew_what_prometheus_still_has() -> None:
    attempt = availability_only(story_of_one_signal().attempt)
    world = world_of(attempt)
    world.metrics = RecordedSeries(traefik_series(attempt))

    result = world.run("replay", NAME, "--prometheus", URL)

    assert result.exit_code == 0, result.output
    assert re.search(r"counted anew, availability: \d+ ticks equal$", result.output, re.MULTILINE)
    assert str(world.sources.metrics_sources["default"].url) == URL


def test_replay__tells_what_prometheus_counts_otherwise() -> None:
    attempt = availability_only(story_of_one_signal().attempt)
    world = world_of(attempt)
    world.metrics = RecordedSeries(traefik_series(attempt, skip_errors=1))

    result = world.run("replay", NAME, "--prometheus", URL)

    assert result.exit_code == 1
    assert "1 NOT EQUAL" in result.output
    assert "canary_bad=3" in result.output
    assert "canary_bad=2" in result.output


def test_replay__goes_by_the_record_alone_when_prometheus_has_forgotten() -> None:
    attempt = availability_only(story_of_one_signal().attempt)

    result = world_of(attempt).run("replay", NAME, "--prometheus", URL)

    assert result.exit_code == 0, result.output
    assert "counted anew, availability: 0 ticks equal, " in result.output
    assert "no longer there" in result.output


@pytest.mark.parametrize("url", ["prometheus:9090", "http://user:secret@prometheus:9090"])
def test_replay__refuses_what_is_no_address(url: str) -> None:
    result = PersonsWorld.of(RolloutStory(failing).run()).run("replay", NAME, "--prometheus", url)

    assert result.exit_code == 2
    assert "secret" not in result.output


def test_replay__takes_the_sources_of_the_operator(tmp_path: Path) -> None:
    attempt = availability_only(story_of_one_signal().attempt)
    world = world_of(attempt)
    world.metrics = RecordedSeries(traefik_series(attempt))
    file = tmp_path / "sources.yaml"
    file.write_text(f"metricsSources: {{default: {{url: {URL}, customQueries: true}}}}")

    result = world.run("replay", NAME, "--metrics-sources", str(file))

    assert result.exit_code == 0, result.output
    assert "ticks equal" in result.output
    assert world.sources.metrics_sources["default"].custom_queries
