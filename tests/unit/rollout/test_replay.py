"""Records that the machine made are computed again, and no change of one goes unseen."""

from collections.abc import Callable, Sequence

import pytest

from rocksteady.api.v1alpha1.llmrollout import (
    DECISIONS_MAX,
    CountedTicks,
    Decision,
    LLMRollout,
    SignalRecord,
)
from rocksteady.rollout.records import decision_hash
from rocksteady.rollout.replay import Replay, replay
from tests.fakes.rollout_story import Answers, RolloutStory, failing, healthy, slow


def with_decisions(attempt: LLMRollout, decisions: Sequence[Decision]) -> LLMRollout:
    status = attempt.status.model_copy(update={"decisions": tuple(decisions)})
    return attempt.model_copy(update={"status": status})


def with_counts(attempt: LLMRollout, change: Callable[[str], str]) -> LLMRollout:
    """The attempt with changed counts of availability."""
    counts = tuple(
        CountedTicks(series=one.series, ticks=change(one.ticks))
        if one.series == "availability"
        else one
        for one in attempt.status.counts
    )
    status = attempt.status.model_copy(update={"counts": counts})
    return attempt.model_copy(update={"status": status})


def rechained(decisions: Sequence[Decision]) -> list[Decision]:
    """Decisions with hashes that fit again, as somebody would make them who knows how."""
    chained: list[Decision] = []
    for one in decisions:
        previous = chained[-1].hash if chained else ""
        changed = one.model_copy(update={"previous_hash": previous})
        chained.append(changed.model_copy(update={"hash": decision_hash(changed)}))
    return chained


def with_record(attempt: LLMRollout, **changes: object) -> LLMRollout:
    """The attempt with a changed first signal of its last decision, and hashes that fit."""
    *before, last = attempt.status.decisions
    first, *others = last.signals
    signals = (first.model_copy(update=changes), *others)
    changed = last.model_copy(update={"signals": signals})
    return with_decisions(attempt, rechained([*before, changed]))


def differences(result: Replay) -> list[str]:
    return [text for one in result.decisions for text in one.differences]


def blind_at_first(tick: int) -> Answers:
    return Answers(blind=tick < 3, errors=0.1)


@pytest.mark.parametrize("seconds", [90, 200, 330, 400, 3600])
@pytest.mark.parametrize("answers", [healthy, failing, slow, blind_at_first])
def test_replay__of_what_the_machine_recorded_is_equal(
    answers: Callable[[int], Answers], seconds: int
) -> None:
    attempt = RolloutStory(answers).run(seconds).attempt

    result = replay(attempt)

    assert not result.differs, (result.broken, differences(result))
    assert result.compared == sum(bool(one.signals) for one in attempt.status.decisions)
    assert not any(one.obstacle for one in result.decisions)


def test_replay__compares_decisions_of_before_and_of_after_the_bake() -> None:
    attempt = RolloutStory(healthy).run().attempt
    baking = attempt.status.baking_since
    assert baking is not None

    compared = [one for one in replay(attempt).decisions if one.compared]

    assert {one.decision.time > baking for one in compared} == {True, False}


def test_replay__sees_a_changed_count() -> None:
    attempt = RolloutStory(failing).run().attempt

    result = replay(with_counts(attempt, lambda text: text.replace("30,3,", "30,2,", 1)))

    assert result.differs
    assert result.broken is None
    assert "availability: canaryBad is recorded as 9, computed as 8" in differences(result)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"evidence": "203.0"}, "evidence is recorded as 203.0", id="evidence"),
        pytest.param({"strongest": "1.0"}, "strongest is recorded as 1.0", id="strongest"),
        pytest.param({"threshold": "900.0"}, "threshold is recorded as 900.0", id="threshold"),
        pytest.param({"canary_total": 1}, "canaryTotal is recorded as 1", id="requests"),
        pytest.param({"verdict": "Passed"}, "verdict is recorded as Passed", id="verdict"),
        pytest.param({"message": "all is well"}, "message is recorded as all is well", id="text"),
        pytest.param({"signal": "speed"}, "speed is none of the signals", id="signal"),
    ],
)
def test_replay__sees_a_changed_record_though_its_hashes_fit(
    changes: dict[str, object], said: str
) -> None:
    attempt = with_record(RolloutStory(failing).run().attempt, **changes)

    result = replay(attempt)

    assert result.broken is None
    assert result.differs
    assert any(said in text for text in differences(result))


def test_replay__sees_a_changed_sentence_by_the_chain() -> None:
    attempt = RolloutStory(failing).run().attempt
    *before, last = attempt.status.decisions
    changed = last.model_copy(update={"message": "All is well."})

    result = replay(with_decisions(attempt, [*before, changed]))

    assert (result.broken, result.differs) == (last.sequence, True)


def test_replay__sees_a_decision_that_was_taken_out() -> None:
    attempt = RolloutStory(healthy).run().attempt
    first, second, third, *others = attempt.status.decisions
    renumbered = third.model_copy(update={"sequence": 2})

    result = replay(with_decisions(attempt, [first, renumbered, *others]))

    assert second.sequence == 2
    assert result.broken == 2


@pytest.mark.parametrize("where", [2, 4, 6], ids=["a step", "another step", "the bake"])
def test_replay__does_without_decisions_that_were_dropped_for_want_of_room(where: int) -> None:
    attempt = RolloutStory(healthy).run().attempt
    made = attempt.status.decisions
    quiet = {"action": "Hold", "reason": "Paused", "signals": (), "ticks": 0}
    holds = [made[where - 1].model_copy(update=quiet)] * 250
    many = [*made[:where], *holds, *made[where:]]
    numbered = [one.model_copy(update={"sequence": at}) for at, one in enumerate(many, 1)]
    chained = rechained(numbered)

    result = replay(with_decisions(attempt, [*chained[:20], *chained[20 - DECISIONS_MAX :]]))

    assert not result.differs, (result.broken, differences(result))
    assert result.dropped == len(many) - DECISIONS_MAX
    assert result.compared == sum(bool(one.signals) for one in made)


def test_replay__does_without_the_step_that_was_dropped() -> None:
    """What a pass needs depends on when its step began, which is not known then."""
    attempt = RolloutStory(healthy).run().attempt
    made = attempt.status.decisions
    quiet = {"action": "Hold", "reason": "Paused", "signals": (), "ticks": 0}
    holds = [made[0].model_copy(update=quiet)] * 200
    many = [*made[:1], *holds[:40], *made[1:-1], *holds, made[-1]]
    numbered = [one.model_copy(update={"sequence": at}) for at, one in enumerate(many, 1)]
    chained = rechained(numbered)

    result = replay(with_decisions(attempt, [*chained[:20], *chained[20 - DECISIONS_MAX :]]))

    assert not result.differs, (result.broken, differences(result))
    assert result.compared == 1


def test_replay__without_enough_counts_says_what_is_missing() -> None:
    attempt = RolloutStory(failing).run().attempt

    result = replay(with_counts(attempt, lambda text: text.rpartition(";")[0]))

    [last] = result.decisions[-1:]
    ticks = last.decision.ticks
    assert last.obstacle == (
        f"counts of {ticks - 1} ticks of availability are recorded, not of {ticks}"
    )
    assert (last.compared, last.differences) == (1, ())


def test_replay__of_unreadable_counts_compares_the_other_signals() -> None:
    attempt = RolloutStory(failing).run().attempt

    result = replay(with_counts(attempt, lambda _: "1,2"))

    assert result.differs
    assert any("the counts of availability cannot be read" in text for text in differences(result))


def test_replay__without_counts_compares_nothing_and_says_why() -> None:
    attempt = RolloutStory(failing).run().attempt
    status = attempt.status.model_copy(update={"counts": ()})

    result = replay(attempt.model_copy(update={"status": status}))

    assert (result.compared, result.differs) == (0, False)
    assert "no counts of availability are recorded" in result.decisions[-1].obstacle


def test_replay__of_an_attempt_without_slos_has_nothing_to_compare() -> None:
    story = RolloutStory(healthy)
    story.tests = None

    result = replay(story.run().attempt)

    assert (result.compared, result.differs) == (0, False)


def test_replay__what_loads_explain_was_failed_by_the_counts() -> None:
    attempt = RolloutStory(slow).run().attempt
    last = attempt.status.decisions[-1].signals[1]
    explained = last.message.split(";")[0] + (
        "; a pod of it carries 19 times stable's load, which may be why"
    )
    *before, final = attempt.status.decisions
    record: SignalRecord = last.model_copy(update={"verdict": "Inconclusive", "message": explained})
    changed = final.model_copy(update={"signals": (final.signals[0], record)})

    result = replay(with_decisions(attempt, rechained([*before, changed])))

    assert not result.differs, differences(result)
