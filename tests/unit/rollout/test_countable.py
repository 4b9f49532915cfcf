"""Which results count for an attempt, and when what does not is asked again."""

from datetime import datetime, timedelta

import pytest

from rocksteady.api.v1alpha1.llmrollout import (
    EvaluationTest,
    LLMRollout,
    LLMRolloutStatus,
    Outcome,
    Phase,
)
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.rollout.countable import countable, since_of
from rocksteady.rollout.evaluation_again import hardly_answered, has_too_few, to_replace
from rocksteady.rollout.evaluation_runs import Failures, Run, RunSeen
from rocksteady.rollout.finding import Finding
from tests.builders import NOW, A, B, C
from tests.fakes.evaluations import told
from tests.unit.rollout.attempts import starting

HASH = "0123456789" * 6 + "abcd"
TEST = EvaluationTest(
    suite="golden", stage=EvaluationStage.BEFORE_TRAFFIC, content_hash=HASH, margin_points="2"
)
OF_A, OF_B = Run(A, TEST.content, 1), Run(B, TEST.content, 1)
FAILED = Finding("RunFailed", "it failed.")
BEGUN = NOW - timedelta(minutes=10)
PROMOTED = NOW - timedelta(days=1)


def seen(ended_at: datetime, **fields: object) -> RunSeen:
    return RunSeen(told("1" * 40), ended_at, is_kept=True, **fields)  # type: ignore[arg-type]


def failing(*minutes_ago: int, has_job: bool = True) -> RunSeen:
    times = tuple(NOW - timedelta(minutes=one) for one in minutes_ago)
    failures = Failures(times, FAILED)
    return RunSeen(None, times[-1], FAILED, has_job=has_job, failures=failures)


def from_a_to_b() -> LLMRollout:
    """An attempt that began 10 minutes ago."""
    found = starting()
    status = found.status.model_copy(update={"started_at": BEGUN})
    return found.model_copy(update={"status": status})


def promotion_of(revision: str, number: int = 1, at: datetime = PROMOTED) -> LLMRollout:
    found = starting()
    canary = found.spec.canary.model_copy(update={"hash": revision})
    spec = found.spec.model_copy(update={"canary": canary, "attempt": number})
    ended = LLMRolloutStatus(phase=Phase.FINISHED, outcome=Outcome.PROMOTED, finished_at=at)
    return LLMRollout(spec=spec, status=ended)


@pytest.mark.parametrize(
    ("run", "known", "counts"),
    [
        pytest.param(OF_B, seen(BEGUN), True, id="of the canary, in this attempt"),
        pytest.param(OF_B, seen(BEGUN - timedelta(seconds=1)), False, id="before it"),
        pytest.param(OF_A, seen(PROMOTED), True, id="of stable, since its promotion"),
        pytest.param(OF_A, seen(PROMOTED - timedelta(seconds=1)), False, id="as a canary"),
        pytest.param(OF_A, seen(NOW, content_hash=HASH), True, id="of the same content"),
        pytest.param(OF_A, seen(NOW, content_hash="f" * 64), False, id="of another content"),
    ],
)
def test_result__counts_or_is_hidden(run: Run, known: RunSeen, *, counts: bool) -> None:
    this = from_a_to_b()
    found = countable({run: known}, [TEST], since_of(this, [promotion_of(A), this]))
    assert (found[run].result is not None) is counts


def test_stable__counts_since_its_newest_promotion_and_always_without_a_record() -> None:
    this = from_a_to_b()
    again = promotion_of(A, 7, PROMOTED + timedelta(hours=1))
    assert since_of(this, [again, promotion_of(A), promotion_of(C, 9)]).by_revision == {
        A: PROMOTED + timedelta(hours=1),
        B: BEGUN,
    }
    assert since_of(this, [promotion_of(C)]).by_revision == {B: BEGUN}


def test_hidden_result__leaves_what_is_known_of_asking_again() -> None:
    this = from_a_to_b()
    again = RunSeen(has_job=True)
    known = seen(PROMOTED - timedelta(days=1), again=again)
    found = countable({OF_A: known}, [TEST], since_of(this, [promotion_of(A)]))
    assert found[OF_A] == again


def test_hidden_result__whose_job_is_still_there_lets_it_go_first() -> None:
    this = from_a_to_b()
    known = seen(BEGUN - timedelta(minutes=1), has_job=True)
    [found] = countable({OF_B: known}, [TEST], since_of(this, [])).values()
    assert (found.result, found.has_job) == (None, True)
    assert found.is_due_again(NOW)


def test_failures__of_before_the_attempt_are_forgotten() -> None:
    this = from_a_to_b()
    known = failing(60, 30, 4)
    [found] = countable({OF_B: known}, [TEST], since_of(this, [])).values()
    assert found.failures == Failures((NOW - timedelta(minutes=4),), FAILED)
    [old] = countable({OF_B: failing(60, 30)}, [TEST], since_of(this, [])).values()
    assert (old.trouble, old.is_due_again(NOW)) == (None, True)


@pytest.mark.parametrize(
    ("known", "minutes"),
    [
        pytest.param(RunSeen(has_job=True), None, id="what runs is not asked again"),
        pytest.param(failing(0), 5, id="after the first failure in 5 minutes"),
        pytest.param(failing(5, 0), 10, id="after the second in 10"),
        pytest.param(failing(45, 40, 30, 0), 40, id="after the fourth in 40"),
        pytest.param(failing(9, 8, 7, 6, 5, 4, 3, 0), 60, id="then every hour"),
        pytest.param(seen(NOW), 60, id="what answered and cannot be used, in an hour"),
        pytest.param(seen(NOW, failures=Failures((NOW,))), 5, id="too few answers, in 5 minutes"),
        pytest.param(seen(NOW, is_from_before=True), 0, id="older than the attempt, at once"),
        pytest.param(seen(NOW, again=failing(5, 0)), 10, id="asking again failed: as after that"),
    ],
)
def test_run_that_must_be_asked_again__is_due(known: RunSeen, minutes: int | None) -> None:
    due = None if minutes is None else NOW + timedelta(minutes=minutes)
    assert known.due_at == due


@pytest.mark.parametrize(
    ("letters", "too_few"),
    [
        pytest.param("1" * 36 + "-" * 4, False, id="9 of 10"),
        pytest.param("1" * 35 + "-" * 5, True, id="fewer"),
        pytest.param("", True, id="nothing"),
    ],
)
def test_result__has_too_few_answers(letters: str, *, too_few: bool) -> None:
    assert has_too_few(told(letters)) is too_few


def test_runs_to_replace() -> None:
    older, newer = seen(NOW - timedelta(hours=1)), seen(NOW)
    nothing = RunSeen(told(""), NOW)
    assert to_replace({OF_A: older, OF_B: newer}) == (OF_A,)
    assert to_replace({OF_A: older, OF_B: nothing}) == (OF_B,), "it is of no use by itself"

    few, fewer = (RunSeen(told("1" * (40 - one) + "-" * one), NOW) for one in (3, 4))
    assert hardly_answered({OF_A: few, OF_B: fewer}) == (OF_B,), "the worst of them"
    bad = RunSeen(told("1" * 20 + "-" * 20), NOW)
    assert hardly_answered({OF_A: few, OF_B: bad}) == (OF_B,)
