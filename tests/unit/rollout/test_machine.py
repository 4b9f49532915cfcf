"""What an open attempt does next: one table of rules, one row for each thing that can be so."""

from datetime import timedelta
from typing import Any

import pytest

from rocksteady.analysis.evidence import Evidence
from rocksteady.analysis.verdict import SignalJudgement, Verdict
from rocksteady.api.v1alpha1.llmrollout import EvaluationTest, Outcome, Phase
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.rollout import machine
from rocksteady.rollout.evaluated import Evaluated
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.machine import advance
from rocksteady.rollout.moves import Action, Move
from rocksteady.rollout.reading import Gate, Trip
from rocksteady.rollout.requests import Verb
from tests.builders import NOW, A, B, C, running
from tests.unit.rollout.attempts import (
    DEADLINE_SECONDS,
    KEEP_SECONDS,
    STEP_SECONDS,
    ago,
    asked,
    attempt,
    baking,
    facts,
    held,
    starting,
    stepping,
)

DOWN = Finding("PrometheusUnreachable", "Prometheus does not answer.")
SKEWED = Finding("ClockSkew", "The clocks differ.")
CRASH = Finding("CrashLooping", "pod b: ends with exit code 1.")
PULL = Finding("ImagePullFailed", "pod b: image cannot be pulled.")
TRIP = Trip(NOW, B, "6 of 6 responses failed")


def judgement(verdict: Verdict = Verdict.PASSED, value: float = 0.5) -> SignalJudgement:
    return SignalJudgement(
        signal="availability",
        verdict=verdict,
        evidence=Evidence(value, max(1.0, value), 10, 1.0, None),
        threshold=100.0,
        canary_total=200,
        canary_bad=1,
        stable_total=1800,
        stable_bad=9,
        boundary_seconds=None,
        blind_ticks=0,
        blind_ticks_at_end=0,
        bound=None,
        sentence="availability 1/200 bad against 9/1800 on stable",
    )


def gate(verdict: Verdict, *, condemns: bool = False) -> Gate:
    return Gate("cost", verdict, condemns, "cost is 3, at most 2 may be")


FAILED = judgement(Verdict.FAILED, 200.0)


def told(move: Move) -> tuple[str | None, str]:
    return (None if move.action is None else str(move.action), move.reason)


WAITING = [
    pytest.param(
        starting(), facts(canary=None, addresses=0), (None, "PodsStarting"), id="no pod yet: waits"
    ),
    pytest.param(
        starting(),
        facts(canary=running(2, 1)),
        (None, "PodsStarting"),
        id="one of two pods ready: waits",
    ),
    pytest.param(
        starting(),
        facts(addresses=0),
        (None, "PodsStarting"),
        id="pods ready and not reachable: waits",
    ),
    pytest.param(
        starting(), facts(), ("Advance", "StepBegun"), id="pods ready: the first step begins"
    ),
    pytest.param(
        stepping(since=STEP_SECONDS - 1),
        facts(),
        (None, "StepTime"),
        id="a step lasts its time",
    ),
    pytest.param(
        stepping(since=STEP_SECONDS),
        facts(step_requests=149),
        (None, "StepRequests"),
        id="a step needs its requests",
    ),
    pytest.param(
        stepping(since=STEP_SECONDS),
        facts(step_requests=None),
        (None, "StepRequests"),
        id="a step of which nothing is counted yet has no requests",
    ),
    pytest.param(
        stepping(since=STEP_SECONDS),
        facts(judgements=(judgement(), judgement(Verdict.INCONCLUSIVE))),
        (None, "StepUnproven"),
        id="a step needs a pass of every signal",
    ),
    pytest.param(
        stepping(since=STEP_SECONDS),
        facts(measured=False, step_requests=None, judgements=()),
        ("Advance", "StepPassed"),
        id="without metrics time and readiness are the gates",
    ),
    pytest.param(
        stepping(since=STEP_SECONDS),
        facts(),
        ("Advance", "StepPassed"),
        id="time, requests and a pass: the next step",
    ),
    pytest.param(
        stepping(step=4, weight=50, since=STEP_SECONDS),
        facts(canary=running(10), replicas=10),
        ("Bake", "StepsPassed"),
        id="after the last step comes the bake",
    ),
    pytest.param(
        stepping(step=4, weight=50, since=STEP_SECONDS, approval="BeforePromotion"),
        facts(canary=running(10), replicas=10),
        ("Hold", "AwaitingApproval"),
        id="with approval the bake waits for a person",
    ),
    pytest.param(
        baking(weight=50),
        facts(canary=running(9), replicas=10),
        (None, "PodsStarting"),
        id="the bake begins with all pods",
    ),
    pytest.param(
        baking(weight=50),
        facts(canary=running(10), replicas=10),
        ("Bake", "Baking"),
        id="with all pods ready the bake begins",
    ),
    pytest.param(
        baking(since=KEEP_SECONDS - 1),
        facts(),
        (None, "StepTime"),
        id="the bake lasts its time",
    ),
    pytest.param(
        baking(since=KEEP_SECONDS),
        facts(judgements=(judgement(Verdict.INCONCLUSIVE),), step_requests=0),
        ("Promote", "BakeCompleted"),
        id="the bake needs no requests of its own: its steps were proven",
    ),
    pytest.param(
        stepping(),
        facts(replicas=0, canary=running(0), addresses=0),
        ("Hold", "ScaledToZero"),
        id="with no replicas wanted it holds",
    ),
    pytest.param(
        stepping(capacity="ResourceAware"),
        facts(replicas=1, canary=running(0), addresses=0),
        ("Hold", "InsufficientCapacity"),
        id="ResourceAware with one replica left holds",
    ),
]

HOLDING = [
    pytest.param(stepping(), facts(invalid=SKEWED), "ClockSkew", id="data that cannot be trusted"),
    pytest.param(
        stepping(), facts(stable_burning="stable burns"), "StableUnhealthy", id="a burning stable"
    ),
    pytest.param(stepping(), facts(paused=True), "Paused", id="a pause"),
    pytest.param(
        stepping(),
        facts(judgements=(judgement(Verdict.INCONCLUSIVE, 10.0),)),
        "EvidenceInconclusive",
        id="evidence of 10",
    ),
    pytest.param(
        stepping(),
        facts(gates=(gate(Verdict.FAILED),)),
        "MetricGateFailed",
        id="a failed gate that does not condemn",
    ),
    pytest.param(
        stepping(), facts(gates=(gate(Verdict.ERROR),)), "MetricGateError", id="a gate in error"
    ),
    pytest.param(stepping(), facts(target=None), "SpecUnreadable", id="a spec that is unreadable"),
    pytest.param(
        stepping(),
        facts(canary=running(2, 1, PULL)),
        "ImagePullFailed",
        id="an image that cannot be pulled",
    ),
    pytest.param(
        stepping(),
        facts(canary=running(2, 1, Finding("Unschedulable", "no room"))),
        "Unschedulable",
        id="a node without room",
    ),
    pytest.param(
        stepping(),
        facts(canary=running(2, 1, Finding("PodsRefused", "quota"))),
        "PodsRefused",
        id="a quota",
    ),
    pytest.param(
        stepping(),
        facts(canary=running(2, 1, Finding("SecretNotFound", "no Secret"))),
        "SecretNotFound",
        id="a Secret that is missing",
    ),
]


@pytest.mark.parametrize(("before", "seen", "expected"), WAITING)
def test_advance__goes_on_when_everything_asked_of_a_step_is_there(
    before: Any, seen: Any, expected: tuple[str | None, str]
) -> None:
    assert told(advance(before, seen)) == expected


@pytest.mark.parametrize(("before", "seen", "reason"), HOLDING)
def test_advance__holds_and_condemns_nobody_for(before: Any, seen: Any, reason: str) -> None:
    move = advance(before, seen)
    assert told(move) == ("Hold", reason)
    assert move.status.hold is not None
    assert move.status.outcome is None
    assert move.status.weight_percent == before.status.weight_percent


@pytest.mark.parametrize(
    "trouble", ["CrashLooping", "OutOfMemory", "NeverReady"], ids="{} of the canary".format
)
@pytest.mark.parametrize("before", [starting(), stepping(), baking()], ids=["0", "10", "95"])
def test_advance__is_rolled_back_and_quarantined_at_once_for(before: Any, trouble: str) -> None:
    move = advance(before, facts(canary=running(2, 1, Finding(trouble, "pod b: gone"))))
    assert told(move) == ("RollBack", trouble)
    assert move.status.quarantined
    assert (move.status.weight_percent, move.status.outcome) == (0, Outcome.ROLLED_BACK)


TEST = EvaluationTest(
    suite="golden", stage=EvaluationStage.BEFORE_TRAFFIC, content_hash="0" * 64, looks=(40,)
)
LAST = TEST.model_copy(update={"stage": EvaluationStage.BEFORE_PROMOTION})
WORSE = Evaluated(TEST, Verdict.FAILED, "golden 10/40 correct")
UNASKED = Evaluated(TEST, None, "golden is being asked")


@pytest.mark.parametrize(
    ("before", "evaluated", "expected"),
    [
        pytest.param(starting(), UNASKED, ("Hold", "EvaluationsRunning"), id="no verdict yet"),
        pytest.param(
            starting(),
            Evaluated(TEST, Verdict.INCONCLUSIVE, "golden"),
            ("Hold", "EvaluationInconclusive"),
            id="an undecided suite",
        ),
        pytest.param(
            starting(),
            Evaluated(TEST, Verdict.ERROR, "golden", trouble=Finding("RunFailed", "gone")),
            ("Hold", "RunFailed"),
            id="a run that failed",
        ),
        pytest.param(
            starting(),
            Evaluated(TEST.model_copy(update={"may_roll_back": False}), Verdict.FAILED, "golden"),
            ("Hold", "EvaluationFailed"),
            id="a failure that only holds",
        ),
        pytest.param(
            starting(),
            Evaluated(LAST, None, "golden is being asked"),
            ("Advance", "StepBegun"),
            id="a suite that comes before promotion, while the canary starts",
        ),
        pytest.param(
            starting(),
            Evaluated(TEST, Verdict.PASSED, "golden"),
            ("Advance", "StepBegun"),
            id="a pass",
        ),
    ],
)
def test_evaluation__before_traffic(
    before: Any, evaluated: Evaluated, expected: tuple[str, str]
) -> None:
    assert told(advance(before, facts(evaluations=(evaluated,)))) == expected


# --- the order of the rules: each beats all those below it

EVERYTHING: list[tuple[str, dict[str, Any], tuple[str | None, str]]] = [
    ("a change of the spec", {"target": C}, ("Supersede", "SpecChanged")),
    ("a person's abort", {"abort": True}, ("Abort", "AbortRequested")),
    ("a crash loop", {"canary": running(2, 1, CRASH)}, ("RollBack", "CrashLooping")),
    ("proven harm", {"judgements": (FAILED,)}, ("RollBack", "AvailabilityHarmed")),
    ("a failed suite", {"evaluations": (WORSE,)}, ("RollBack", "EvaluationFailed")),
    ("the fast lane", {"trip": TRIP}, ("TakeAway", "CanaryFailing")),
    ("a person's promote", {"promote": True}, ("Bake", "PromoteRequested")),
    ("blindness", {"blind": DOWN}, (None, "MonitoringUnavailable")),
    ("data that cannot be trusted", {"invalid": SKEWED}, ("Hold", "ClockSkew")),
    ("a burning stable", {"stable_burning": "burns"}, ("Hold", "StableUnhealthy")),
    ("a pause", {"paused": True}, ("Hold", "Paused")),
    ("a gate", {"gates": (gate(Verdict.FAILED),)}, ("Hold", "MetricGateFailed")),
    ("missing pods", {"canary": running(2, 0)}, (None, "PodsStarting")),
]


@pytest.mark.parametrize("index", range(len(EVERYTHING)), ids=[one[0] for one in EVERYTHING])
def test_precedence__beats_everything_below_it(index: int) -> None:
    fields: dict[str, Any] = {}
    for _, more, _ in reversed(EVERYTHING[index:]):
        fields |= more
    verbs = [verb for verb in (Verb.ABORT, Verb.PROMOTE) if fields.pop(str(verb), False)]
    seen = facts(requests=tuple(asked(verb) for verb in verbs), **fields)
    assert told(advance(stepping(), seen)) == EVERYTHING[index][2]


def test_precedence__names_every_rule() -> None:
    assert len(machine.RULES) == 19, "a new rule needs a place in the order that is tested"


def test_precedence__of_an_unreadable_spec_is_below_blindness_and_above_all_that_only_holds() -> (
    None
):
    unreadable = {"target": None, "invalid": SKEWED, "paused": True}
    assert advance(stepping(), facts(**unreadable)).reason == "SpecUnreadable"
    assert advance(stepping(), facts(blind=DOWN, **unreadable)).reason == "MonitoringUnavailable"


def test_precedence__a_spec_that_is_back_at_stable_cancels_even_a_crashing_canary() -> None:
    move = advance(stepping(), facts(target=A, canary=running(2, 1, CRASH)))
    assert told(move) == ("Cancel", "SpecReverted")
    assert not move.status.quarantined


def test_precedence__harm_is_acted_on_while_paused_and_while_blind() -> None:
    for more in ({"paused": True}, {"blind": DOWN}):
        move = advance(stepping(), facts(judgements=(FAILED,), **more))
        assert told(move) == ("RollBack", "AvailabilityHarmed")


def test_harm__before_the_canary_had_a_request_is_none() -> None:
    assert advance(starting(), facts(judgements=(FAILED,))).status.outcome is None


def test_gate__that_condemns_rolls_back() -> None:
    move = advance(stepping(), facts(gates=(gate(Verdict.FAILED, condemns=True),)))
    assert told(move) == ("RollBack", "MetricGateFailed")
    assert move.status.quarantined


def test_rollback__says_when_stable_is_not_whole_and_does_not_wait_for_it() -> None:
    move = advance(stepping(), facts(judgements=(FAILED,), stable=running(2, 1)))
    assert "(of which 1 of 2 pods are ready)" in move.message


# --- blind


BLIND_TABLE = [
    pytest.param(0, None, 10, id="at first nothing is said"),
    pytest.param(119, None, 10, id="nor for two minutes"),
    pytest.param(120, "Hold", 10, id="after two minutes it is held, with its requests"),
    pytest.param(899, "Hold", 10, id="for a quarter of an hour"),
    pytest.param(900, "Suspend", 0, id="after which it gets no requests"),
]


@pytest.mark.parametrize(("seconds", "action", "weight"), BLIND_TABLE)
def test_blind__for_so_many_seconds(seconds: int, action: str | None, weight: int) -> None:
    before = held(stepping(), "MonitoringUnavailable", seconds)
    move = advance(before, facts(blind=DOWN))
    assert (move.action and str(move.action), move.status.weight_percent) == (action, weight)
    assert move.status.outcome is None
    assert not move.status.quarantined


def test_blind__a_suspended_canary_begins_again_with_the_first_step() -> None:
    gone = advance(
        held(stepping(step=3, weight=25), "MonitoringUnavailable", 900), facts(blind=DOWN)
    )
    assert (gone.status.phase, gone.status.step) == (Phase.STARTING, 0)
    back = advance(attempt(gone.status), facts())
    assert told(back) == ("Advance", "StepBegun")
    assert (back.status.step, back.status.weight_percent) == (1, 5)
    assert back.status.first_tick_at == gone.status.first_tick_at, "the evidence goes on"


def test_blind__in_the_bake_is_suspended_too() -> None:
    move = advance(held(baking(), "MonitoringUnavailable", 900), facts(blind=DOWN))
    assert move.status.weight_percent == 0


def test_bake__that_is_begun_again_compares_no_latencies_from_the_first_one_on() -> None:
    first = baking(since=900)
    again = advance(
        attempt(first.status.model_copy(update={"weight_percent": 50})), facts(canary=running(2))
    )
    assert told(again) == ("Bake", "Baking")
    assert again.status.baking_since == first.status.baking_since
    assert again.status.step_since == NOW


# --- the progress deadline


@pytest.mark.parametrize(
    ("policy", "seen", "expected"),
    [
        pytest.param(
            {}, facts(canary=running(2, 1)), ("Hold", "ProgressDeadlineExceeded"), id="Hold holds"
        ),
        pytest.param(
            {"on_deadline": "Rollback"},
            facts(canary=running(2, 1)),
            ("RollBack", "ProgressDeadlineExceeded"),
            id="Rollback rolls back",
        ),
        pytest.param(
            {"on_deadline": "Rollback"},
            facts(step_requests=3),
            ("Hold", "ProgressDeadlineExceeded"),
            id="Rollback holds when only requests are missing",
        ),
    ],
)
def test_deadline__when_it_has_passed(
    policy: dict[str, Any], seen: Any, expected: tuple[str, str]
) -> None:
    late = DEADLINE_SECONDS + STEP_SECONDS
    assert advance(stepping(since=late, progress=late, **policy), seen).status.outcome is None
    move = advance(stepping(since=late + 1, progress=late + 1, **policy), seen)
    assert told(move) == expected
    assert not move.status.quarantined


@pytest.mark.parametrize(
    ("reason", "seen"),
    [
        pytest.param("Paused", facts(paused=True), id="paused"),
        pytest.param("MonitoringUnavailable", facts(blind=DOWN), id="blind"),
        pytest.param("SpecUnreadable", facts(target=None), id="the spec is unreadable"),
        pytest.param("ScaledToZero", facts(replicas=0), id="nothing is wanted"),
    ],
)
def test_deadline__stands_still_while(reason: str, seen: Any) -> None:
    late = 10 * DEADLINE_SECONDS
    before = held(stepping(progress=late, on_deadline="Rollback"), reason, late)
    move = advance(before, seen)
    assert move.status.outcome is None
    assert move.reason == reason
    # Afterwards the time that was lost is not held against it.
    after = advance(attempt(move.status, on_deadline="Rollback"), facts(canary=running(2, 1)))
    assert after.status.outcome is None


def test_deadline__is_not_run_down_by_a_step_that_must_last_longer() -> None:
    day = 86_400
    before = baking(since=day - 1, progress=day - 1, keep=day, on_deadline="Rollback")
    assert told(advance(before, facts())) == (None, "StepTime")
    after = baking(since=day, progress=day, keep=day, on_deadline="Rollback")
    assert told(advance(after, facts())) == ("Promote", "BakeCompleted")


def test_deadline__is_told_once_and_over_when_it_gets_ahead() -> None:
    late = DEADLINE_SECONDS + STEP_SECONDS + 1
    first = advance(stepping(since=late, progress=late), facts(canary=running(2, 1)))
    assert first.stalled is not None
    ahead = advance(attempt(first.status), facts())
    assert told(ahead) == ("Advance", "StepPassed")
    assert ahead.status.hold is None


# --- the fast lane


def test_fast_lane__takes_requests_away_probes_after_a_minute_and_condemns_nobody() -> None:
    taken = advance(stepping(step=3, weight=25), facts(trip=TRIP))
    assert told(taken) == ("TakeAway", "CanaryFailing")
    assert (taken.status.weight_percent, taken.status.outcome) == (0, None)
    kept = advance(attempt(taken.status), facts(now=NOW + timedelta(seconds=59)))
    assert told(kept) == (None, "CanaryFailing")
    probe = advance(attempt(taken.status), facts(now=NOW + timedelta(seconds=60)))
    assert told(probe) == ("Probe", "Probing")
    again = advance(attempt(probe.status), facts(now=NOW + timedelta(seconds=61)))
    assert (again.status.step, again.status.weight_percent) == (1, 5)


def test_fast_lane__says_nothing_of_a_canary_without_requests() -> None:
    assert advance(starting(), facts(trip=TRIP)).action is not Action.TAKE_AWAY


# --- people


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(starting(), ("Bake", "PromoteRequested"), id="before the first step"),
        pytest.param(stepping(), ("Bake", "PromoteRequested"), id="in a step"),
        pytest.param(
            held(stepping(step=4, weight=50), "AwaitingApproval", 9),
            ("Bake", "PromoteRequested"),
            id="as the approval that it waits for",
        ),
        pytest.param(
            held(stepping(), "EvidenceInconclusive", 9),
            ("Bake", "PromoteRequested"),
            id="though something spoke against it",
        ),
        pytest.param(baking(), ("Promote", "PromoteRequested"), id="in the bake: it ends"),
    ],
)
def test_promote__at_once(before: Any, expected: tuple[str, str]) -> None:
    move = advance(before, facts(requests=(asked(Verb.PROMOTE),)))
    assert told(move) == expected
    assert move.actor == "ada (unverified)"
    assert f"promote={B}" in move.status.handled_requests


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"addresses": 0}, id="while no pod can be reached"),
        pytest.param({"target": None}, id="while the spec is unreadable"),
        pytest.param({"requests": (asked(Verb.PROMOTE, C),)}, id="for another revision"),
    ],
)
def test_promote__is_not_acted_on(more: dict[str, Any]) -> None:
    move = advance(stepping(), facts(**{"requests": (asked(Verb.PROMOTE),), **more}))
    assert move.reason != "PromoteRequested"
    assert move.status.handled_requests == ()


# --- what is worth a record


def test_hold__is_recorded_once() -> None:
    first = advance(stepping(), facts(paused=True))
    assert first.action is Action.HOLD
    again = advance(attempt(first.status, decided=first), facts(paused=True))
    assert again.action is None
    assert again.status == attempt(first.status, decided=first).status


def test_hold__that_is_over_is_recorded() -> None:
    first = advance(stepping(), facts(paused=True))
    move = advance(attempt(first.status, decided=first), facts())
    assert told(move) == ("Resume", "StepTime")


def test_hold__that_nobody_heard_of_ends_untold() -> None:
    first = advance(stepping(), facts(blind=DOWN))
    assert first.action is None
    move = advance(attempt(first.status), facts())
    assert told(move) == (None, "StepTime")
    assert move.status.hold is None


@pytest.mark.parametrize("before", [starting(), stepping(), baking()], ids=["0", "10", "95"])
@pytest.mark.parametrize("fields", [one[1] for one in EVERYTHING if "abort" not in one[1]])
def test_advance__asked_twice_says_the_same(before: Any, fields: dict[str, Any]) -> None:
    known = {key: value for key, value in fields.items() if key != "promote"}
    assert advance(before, facts(**known)) == advance(before, facts(**known))


def test_first_tick__begins_at_a_whole_multiple_of_its_length() -> None:
    move = advance(starting(), facts(now=NOW + timedelta(seconds=22)))
    assert move.status.first_tick_at == NOW + timedelta(seconds=15)
    assert move.status.step_since == NOW + timedelta(seconds=22)


def test_ago__is_before_now() -> None:
    assert NOW - ago(60) == timedelta(seconds=60)
