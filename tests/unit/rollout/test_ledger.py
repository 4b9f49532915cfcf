"""Which attempt is open, which revisions are refused, and what lifts that."""

from datetime import timedelta
from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, LLMRolloutStatus, Outcome, Phase
from rocksteady.api.v1alpha1.status import RefusedRevision
from rocksteady.rollout.ledger import (
    KEPT,
    Ledger,
    forgiven_by,
    handled_by,
    lifted,
    read_ledger,
    refusal,
)
from rocksteady.rollout.requests import Request, Verb
from tests.builders import NOW, A, B, C
from tests.unit.rollout.attempts import ago, attempt

D = "dddddddddd"


def ended(outcome: str, number: int = 1, canary: str = B, **fields: Any) -> LLMRollout:
    """An attempt that ended an hour ago."""
    content: dict[str, Any] = {
        "phase": Phase.FINISHED,
        "outcome": Outcome(outcome),
        "outcome_reason": "CrashLooping",
        "started_at": ago(7200),
        "finished_at": ago(3600),
        "quarantined": outcome == "RolledBack",
        **fields,
    }
    return attempt(LLMRolloutStatus(**content), number=number, canary=canary)


def running(number: int, canary: str = C) -> LLMRollout:
    return attempt(LLMRolloutStatus(started_at=ago(60)), number=number, canary=canary)


def ledger(*attempts: LLMRollout, remembered: tuple[RefusedRevision, ...] = ()) -> Ledger:
    named = {f"chat-{one.spec.attempt}": one for one in attempts}
    return read_ledger(named, remembered, 0, NOW)


def remembered(revision: str = B, rollout: str = "chat-1") -> RefusedRevision:
    return RefusedRevision(
        hash=revision, number=2, reason="CrashLooping", rollout=rollout, since=NOW
    )


@pytest.mark.parametrize(
    ("attempts", "target", "reason"),
    [
        pytest.param([], B, None, id="nothing was tried"),
        pytest.param([ended("RolledBack")], B, "RolledBack", id="what was rolled back"),
        pytest.param([ended("Aborted")], B, "RolledBack", id="what was aborted"),
        pytest.param([ended("RolledBack")], C, None, id="another revision is tried"),
        pytest.param([ended("Superseded")], B, None, id="what was superseded is tried again"),
        pytest.param([ended("Cancelled")], B, None, id="what was cancelled is tried again"),
        pytest.param(
            [ended("RolledBack", released_by=f"release={B}")], B, None, id="what was released"
        ),
        pytest.param(
            [ended("RolledBack", 1, B), ended("Superseded", 2, C)],
            B,
            "RolledBack",
            id="A to B to C to B: what failed before another was tried",
        ),
        pytest.param(
            [ended("RolledBack", 1, B), ended("Promoted", 2, B)],
            B,
            None,
            id="what was promoted after all",
        ),
        pytest.param(
            [ended("RolledBack", 1, A), ended("RolledBack", 2, B), ended("RolledBack", 3, C)],
            D,
            "Frozen",
            id="anything after three failures in a day",
        ),
        pytest.param(
            [ended("RolledBack", 1, A), ended("Superseded", 2, B), ended("RolledBack", 3, C)],
            D,
            None,
            id="a superseded attempt is no failure",
        ),
        pytest.param(
            [
                ended("RolledBack", 1, A, finished_at=NOW - timedelta(hours=24)),
                ended("RolledBack", 2, B),
                ended("RolledBack", 3, C),
            ],
            D,
            None,
            id="a failure is forgotten after a day",
        ),
        pytest.param(
            [
                ended("RolledBack", 1, A, released_by=f"retry={D}"),
                ended("RolledBack", 2, B),
                ended("RolledBack", 3, C),
            ],
            D,
            None,
            id="a failure that was lifted counts no more",
        ),
    ],
)
def test_refusal(attempts: list[LLMRollout], target: str, reason: str | None) -> None:
    found = refusal(ledger(*attempts), target)
    assert (found and found.reason) == reason


def test_refusal__names_the_annotation_that_lifts_it() -> None:
    harmful = refusal(ledger(ended("RolledBack")), B)
    late = refusal(ledger(ended("RolledBack", quarantined=False)), B)
    assert harmful is not None
    assert f"rocksteady.dev/release={B}" in harmful.message
    assert late is not None
    assert f"rocksteady.dev/retry={B}" in late.message


def test_refusal__is_remembered_when_the_record_is_gone() -> None:
    assert refusal(ledger(remembered=(remembered(),)), B) is not None


def test_refusal__the_record_says_more_than_what_is_remembered() -> None:
    released = ended("RolledBack", released_by=f"release={B}")
    assert refusal(ledger(released, remembered=(remembered(),)), B) is None


@pytest.mark.parametrize(
    ("verb", "revision", "target", "names"),
    [
        pytest.param(Verb.RELEASE, B, C, {"chat-1"}, id="release: the revision that it names"),
        pytest.param(Verb.RETRY, B, B, {"chat-1", "chat-2"}, id="retry of the spec's: all"),
        pytest.param(Verb.RETRY, B, C, {"chat-1"}, id="retry of another: that one"),
        pytest.param(Verb.RELEASE, D, C, set(), id="release of what never failed: none"),
        pytest.param(Verb.PROMOTE, B, B, set(), id="promote: none"),
        pytest.param(Verb.ABORT, B, B, set(), id="abort: none"),
    ],
)
def test_lifted(verb: Verb, revision: str, target: str, names: set[str]) -> None:
    attempts = {"chat-1": ended("RolledBack", 1, B), "chat-2": ended("Aborted", 2, C)}
    request = Request(verb, revision, f"{verb}={revision}", "ada")
    found = lifted(attempts, target, (request,))
    assert set(found) == names
    assert set(found.values()) <= {request.text}


def test_forgiven__is_what_is_refused_without_a_record() -> None:
    request = Request(Verb.RELEASE, B, f"release={B}", "ada")
    refused = {B: remembered()}
    assert forgiven_by(refused, {}, (request,)) == {B: f"release={B}"}
    assert forgiven_by(refused, {"chat-1": ended("RolledBack")}, (request,)) == {}
    promote = Request(Verb.PROMOTE, B, f"promote={B}", "ada")
    assert forgiven_by(refused, {}, (promote,)) == {}


def test_open__is_the_newest_that_did_not_end() -> None:
    found = ledger(ended("RolledBack", 1), running(2), running(3, D))
    assert (found.open, found.count) == ("chat-3", 3)


def test_count__never_goes_back_when_records_are_deleted() -> None:
    assert read_ledger({}, (), 7, NOW).count == 7


def test_surplus__is_what_ended_beyond_the_ten_that_are_kept() -> None:
    attempts = [ended("Superseded", number) for number in range(1, KEPT + 3)]
    found = ledger(*attempts, running(KEPT + 3))
    assert found.surplus == ("chat-1", "chat-2")


def test_handled__is_what_any_attempt_acted_on() -> None:
    one = ended("RolledBack", released_by="release=b", handled_requests=("promote=b",))
    assert set(handled_by({"chat-1": one})) == {"release=b", "promote=b"}
