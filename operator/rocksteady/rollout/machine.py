"""What an open attempt does next: an ordered list of rules, of which the first that acts counts.

Pure and level-triggered: the same state and facts give the same move, however often it is asked.
Every rule but the last few may only hold the canary where it is or take requests from it; what
takes requests away comes before what gives them.

Source of the order: what a person says, what Kubernetes knows, what the evidence says, whether the
data can be trusted, and only then time and counts (docs/decisions.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from rocksteady.analysis.verdict import HOLD_EVIDENCE, Verdict
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, LLMRolloutStatus, Outcome, Phase
from rocksteady.api.v1alpha1.policy import Approval
from rocksteady.conventions import ALL_PERCENT
from rocksteady.rollout.bakes import with_requests
from rocksteady.rollout.capacity import goal_of, share_at, weight_at
from rocksteady.rollout.deadline import back_to_stable, least_seconds, within_deadline
from rocksteady.rollout.evaluation_moves import unevaluated, unevaluated_last, unfit
from rocksteady.rollout.facts import Facts
from rocksteady.rollout.judging import proof_of
from rocksteady.rollout.moves import (
    BLIND,
    NOTHING_WANTED,
    UNREADABLE,
    Action,
    Move,
    finish,
    go,
    hold,
    quarantine,
    seconds_between,
    wait,
    whole,
)
from rocksteady.rollout.requests import Request, Verb

CONDEMNING: Final = frozenset({"CrashLooping", "OutOfMemory", "NeverReady"})
"""Troubles of pods that are the revision's own fault. An image that cannot be pulled, a quota, a
node without room or a Secret that is missing are not: another try of the same may well succeed."""
BLIND_LIMIT_SECONDS: Final = 900
"""How long a canary may have requests while nobody can see how it fares, unless its tests say."""
BLIND_GRACE: Final = 2 / 15
"""For how much of that signals may be missing before it is said: 2 of 15 minutes."""
PROBE_SECONDS: Final = 60.0
"""How long after the fast lane took requests away a few are given again."""

Rule = Callable[[LLMRollout, Facts], Move | None]


def advance(attempt: LLMRollout, facts: Facts) -> Move:
    """The next move of an open attempt."""
    move = next(made for rule in RULES if (made := rule(attempt, facts)) is not None)
    return within_deadline(attempt, facts, move)


def _change_of_mind(attempt: LLMRollout, facts: Facts) -> Move | None:
    """The spec describes another revision by now."""
    spec, status = attempt.spec, attempt.status
    if facts.target is None or facts.target == spec.canary.hash:
        return None
    if facts.target == spec.stable.hash:
        message = f"The spec is back at {spec.stable.label}, which serves: nothing is to be done."
        return finish(status, facts.now, Outcome.CANCELLED, "SpecReverted", message)
    message = f"The spec describes another revision by now; {spec.stable.label} serves meanwhile."
    return finish(status, facts.now, Outcome.SUPERSEDED, "SpecChanged", message)


def _abort(attempt: LLMRollout, facts: Facts) -> Move | None:
    request = _asked(attempt, facts, Verb.ABORT)
    if request is None:
        return None
    message = f"{request.actor} aborted it; {attempt.spec.stable.label} serves."
    move = finish(attempt.status, facts.now, Outcome.ABORTED, "AbortRequested", message)
    return quarantine(_handled(move, request))


def _broken(attempt: LLMRollout, facts: Facts) -> Move | None:
    """What the kubelet says needs no statistics."""
    trouble = facts.canary.trouble if facts.canary else None
    if trouble is None or trouble.reason not in CONDEMNING:
        return None
    message = f"{back_to_stable(attempt, facts)}: {trouble.message}"
    move = finish(attempt.status, facts.now, Outcome.ROLLED_BACK, trouble.reason, message)
    return quarantine(move)


def _harmful(attempt: LLMRollout, facts: Facts) -> Move | None:
    """Proven harm, by the evidence or by a gate of the user's own that may condemn."""
    status = attempt.status
    failed = [one for one in facts.judgements if one.verdict is Verdict.FAILED]
    # Without requests a query says nothing of the canary.
    gates = facts.gates if status.weight_percent > 0 else ()
    broken = [gate for gate in gates if gate.condemns and gate.verdict is Verdict.FAILED]
    if status.first_tick_at is None or not (failed or broken):
        return None
    if failed:
        worst = max(failed, key=lambda one: one.evidence.strongest)
        reason, said = f"{worst.signal[:1].upper()}{worst.signal[1:]}Harmed", worst.sentence
    else:
        reason, said = "MetricGateFailed", broken[0].message
    message = f"{back_to_stable(attempt, facts)}: {said}."
    return quarantine(finish(status, facts.now, Outcome.ROLLED_BACK, reason, message))


def _taken_away(attempt: LLMRollout, facts: Facts) -> Move | None:
    """The fast lane: no requests for a canary that fails them all, and a few again later."""
    status = attempt.status
    if facts.trip is not None and status.weight_percent > 0:
        update = {"weight_percent": 0, "taken_away_at": whole(facts.now)}
        taken = status.model_copy(update=update)
        move = hold(
            taken,
            facts.now,
            "CanaryFailing",
            f"{facts.trip.message}: its requests go"
            f" to {attempt.spec.stable.label} for {PROBE_SECONDS:.0f} s.",
        )
        return replace(move, action=Action.TAKE_AWAY)
    if status.taken_away_at is None:
        return None
    if seconds_between(status.taken_away_at, facts.now) < PROBE_SECONDS:
        message = "Every response of the canary failed: its requests are kept away for a minute."
        return hold(status, facts.now, "CanaryFailing", message, quiet=True)
    anew = status.model_copy(update=_from_the_start())
    message = "Gives the canary requests again, to see whether it still fails them all."
    return go(anew, facts.now, Action.PROBE, "Probing", message)


def _promote_at_once(attempt: LLMRollout, facts: Facts) -> Move | None:
    """A person wants to see no more of it: the bake comes at once, or ends."""
    request = _asked(attempt, facts, Verb.PROMOTE)
    if request is None or facts.addresses == 0 or facts.target is None:
        return None
    status = attempt.status
    if status.phase is Phase.BAKING:
        if not _has_capacity(attempt, facts, ALL_PERCENT):
            return None
        message = f"{request.actor} ended the bake of {attempt.spec.canary.label}."
        move = finish(status, facts.now, Outcome.PROMOTED, "PromoteRequested", message)
        return _handled(move, request)
    message = f"{request.actor} wants {attempt.spec.canary.label} promoted: no step is left."
    return _handled(_bake(status, facts, "PromoteRequested", message), request)


def _blind(attempt: LLMRollout, facts: Facts) -> Move | None:
    """No data never passes and never condemns; for long it keeps users from an unseen canary."""
    status = attempt.status
    if facts.blind is None:
        return None
    unseen = status.hold is not None and status.hold.reason == BLIND
    seconds = seconds_between(status.hold.since, facts.now) if status.hold and unseen else 0.0
    text = f"{facts.blind.message} ({facts.blind.reason})"
    tests = attempt.spec.tests
    limit_seconds = tests.blind_limit_seconds if tests else BLIND_LIMIT_SECONDS
    # Nobody is kept from a canary that alone can answer.
    alive = facts.stable is not None and facts.stable.ready > 0
    if seconds >= limit_seconds and status.weight_percent > 0 and alive:
        away = status.model_copy(update={**_from_the_start(), "weight_percent": 0})
        message = (
            f"Nothing was seen of it for {seconds / 60:.0f} min, so it gets no requests until there"
            f" is something to see, and is not held against it. {text}"
        )
        return Move(away, Action.SUSPEND, BLIND, message)
    quiet = seconds < BLIND_GRACE * limit_seconds
    return hold(status, facts.now, BLIND, text, quiet=quiet)


def _unreadable(attempt: LLMRollout, facts: Facts) -> Move | None:
    """What is wanted is not known, so nothing is changed."""
    if facts.target is not None:
        return None
    message = "No revision can be made of the spec as it is; see the condition Stalled."
    return hold(attempt.status, facts.now, UNREADABLE, message)


def _untrustworthy(attempt: LLMRollout, facts: Facts) -> Move | None:
    if facts.invalid is None:
        return None
    return hold(
        attempt.status, facts.now, facts.invalid.reason, facts.invalid.message, stalled=True
    )


def _stable_unhealthy(attempt: LLMRollout, facts: Facts) -> Move | None:
    if not facts.stable_burning:
        return None
    return hold(attempt.status, facts.now, "StableUnhealthy", facts.stable_burning)


def _paused(attempt: LLMRollout, facts: Facts) -> Move | None:
    if not facts.paused:
        return None
    message = "Paused by the annotation rocksteady.dev/pause; take it away to go on."
    return hold(attempt.status, facts.now, "Paused", message)


def _suspicious(attempt: LLMRollout, facts: Facts) -> Move | None:
    """Too much speaks against it to give it more, and too little to condemn it."""
    if attempt.status.weight_percent == 0:
        return None
    for one in facts.judgements:
        # What is compared no more in the bake can get no better either.
        frozen = attempt.status.baking_since is not None and one.boundary_seconds is not None
        if one.evidence.value >= HOLD_EVIDENCE and not frozen:
            return hold(attempt.status, facts.now, "EvidenceInconclusive", f"{one.sentence}.")
    for gate in facts.gates:
        if gate.verdict is not Verdict.PASSED:
            reason = f"MetricGate{gate.verdict}"
            return hold(attempt.status, facts.now, reason, f"{gate.message}.")
    return None


def _capacity(attempt: LLMRollout, facts: Facts) -> Move | None:
    """Wait for the pods that the present step needs."""
    goal = goal_of(attempt)
    if _has_capacity(attempt, facts, goal):
        return None
    share = share_at(attempt.spec.policy, goal, facts.replicas)
    if share.canary == 0:
        return _no_room(attempt, facts)
    ready = facts.canary.ready if facts.canary else 0
    message = f"{attempt.spec.canary.label} has {ready} of {share.canary} pods ready for {goal} %."
    trouble = facts.canary.trouble if facts.canary else None
    if trouble is not None:
        text = f"{message} {trouble.message}"
        return hold(attempt.status, facts.now, trouble.reason, text, stalled=True)
    return wait(attempt.status, facts.now, "PodsStarting", message)


def _no_room(attempt: LLMRollout, facts: Facts) -> Move:
    """The wanted replicas leave no pod for the canary."""
    if facts.replicas == 0:
        message = "No replicas are wanted, so nothing can be tried; scale up to go on."
        return hold(attempt.status, facts.now, NOTHING_WANTED, message)
    message = (
        "rollout.capacity ResourceAware needs two replicas at least, so that one serves while the"
        " other is replaced. Raise replicas, or abort."
    )
    return hold(attempt.status, facts.now, "InsufficientCapacity", message, stalled=True)


def _give_weight(attempt: LLMRollout, facts: Facts) -> Move | None:
    """The pods are there: give the canary the requests of the present step."""
    status, policy = attempt.status, attempt.spec.policy
    goal = goal_of(attempt)
    share = share_at(policy, goal, facts.replicas)
    weight = weight_at(policy, goal, share, gateway=facts.gateway)
    begun = max(1, status.step)
    if status.weight_percent == weight and status.phase is not Phase.STARTING:
        return None
    first = _tick_of(attempt, facts) if status.first_tick_at is None else status.first_tick_at
    phase = Phase.STEPPING if status.phase is Phase.STARTING else status.phase
    given = status.model_copy(
        update={
            "phase": phase,
            "step": begun,
            "weight_percent": weight,
            "step_since": whole(facts.now),
            "first_tick_at": first,
            "taken_away_at": None,
            **with_requests(status, facts.now, phase),
        }
    )
    if phase is Phase.BAKING:
        message = (
            f"{attempt.spec.canary.label} gets {weight} % for"
            f" {policy.keep_stable_seconds} s; {attempt.spec.stable.label} stays warm."
        )
        return go(given, facts.now, Action.BAKE, "Baking", message)
    message = f"{attempt.spec.canary.label} gets {weight} %: step {begun} of {len(policy.steps)}."
    return go(given, facts.now, Action.ADVANCE, "StepBegun", message)


def _minimum(attempt: LLMRollout, facts: Facts) -> Move | None:
    """A step lasts its time, and its requests."""
    status, policy = attempt.status, attempt.spec.policy
    baking = status.phase is Phase.BAKING
    seconds = least_seconds(attempt)
    what = "The bake" if baking else f"Step {status.step} of {len(policy.steps)}"
    if seconds_between(status.step_since, facts.now) < seconds and status.step_since is not None:
        until = status.step_since + timedelta(seconds=seconds)
        message = f"{what} at {status.weight_percent} % lasts until {until:%H:%M:%S} UTC at least."
        return wait(status, facts.now, "StepTime", message)
    if not facts.measured or baking:
        return None
    counted = facts.step_requests
    if counted is None or counted < policy.min_step_requests:
        message = f"{what} has {counted or 0} of {policy.min_step_requests} requests that it needs."
        move = wait(status, facts.now, "StepRequests", message)
        return replace(move, sampling=True)
    return _unproven(attempt, facts)


def _unproven(attempt: LLMRollout, facts: Facts) -> Move | None:
    """A step that is measured ends with a pass of every signal."""
    missing = next((one for one in facts.judgements if one.verdict is not Verdict.PASSED), None)
    if missing is None:
        return None
    move = wait(attempt.status, facts.now, "StepUnproven", f"{missing.sentence}.")
    return replace(move, sampling=True)


def _next(attempt: LLMRollout, facts: Facts) -> Move:
    """Everything that was asked of this step is there."""
    status, spec = attempt.status, attempt.spec
    proof = proof_of(attempt, facts.judgements)
    if status.phase is Phase.BAKING:
        message = f"{spec.canary.label} serves from now on.{proof}"
        return finish(status, facts.now, Outcome.PROMOTED, "BakeCompleted", message)
    if status.step < len(spec.policy.steps):
        step = status.step + 1
        onward = status.model_copy(update={"step": step, "step_since": whole(facts.now)})
        message = (
            f"Step {status.step} passed at {status.weight_percent} %;"
            f" {spec.policy.steps[step - 1]} % come next.{proof}"
        )
        return go(onward, facts.now, Action.ADVANCE, "StepPassed", message)
    if spec.policy.approval is Approval.BEFORE_PROMOTION:
        message = (
            f"All steps passed.{proof} Approve with kubectl rocksteady promote"
            f" {spec.deployment}, or the annotation rocksteady.dev/promote={spec.canary.hash}."
        )
        return hold(status, facts.now, "AwaitingApproval", message)
    return _bake(status, facts, "StepsPassed", f"All steps passed.{proof}")


UNMEASURED_RULES: Final[Sequence[Rule]] = (_change_of_mind, _abort, _broken)
"""Those that end an attempt whatever its signals say, which are slow to read."""
RULES: Final[Sequence[Rule]] = (
    *UNMEASURED_RULES,
    _harmful,
    unfit,
    _taken_away,
    _promote_at_once,
    _blind,
    _unreadable,
    _untrustworthy,
    _stable_unhealthy,
    _paused,
    _suspicious,
    _capacity,
    unevaluated,
    _give_weight,
    _minimum,
    unevaluated_last,
    _next,
)
"""In the order in which they are asked; the last always acts."""


def _bake(status: LLMRolloutStatus, facts: Facts, reason: str, message: str) -> Move:
    update: dict[str, Any] = {"phase": Phase.BAKING, "step_since": whole(facts.now)}
    return go(status.model_copy(update=update), facts.now, Action.BAKE, reason, message)


def _from_the_start() -> dict[str, Any]:
    """Back to before the first step; the evidence so far stays."""
    return {"phase": Phase.STARTING, "step": 0, "step_since": None, "taken_away_at": None}


def _has_capacity(attempt: LLMRollout, facts: Facts, goal_percent: int) -> bool:
    """True when the canary has the ready pods that a weight needs, and they can be reached."""
    policy = attempt.spec.policy
    share = share_at(policy, goal_percent, facts.replicas)
    ready = facts.canary.ready if facts.canary and facts.canary.current else 0
    return share.canary > 0 and ready >= share.canary and facts.addresses > 0


def _tick_of(attempt: LLMRollout, facts: Facts) -> datetime:
    """Start of the tick that it is now: ticks begin at whole multiples of their length."""
    tests = attempt.spec.tests
    length = tests.tick_seconds if tests else 1
    seconds = int(facts.now.timestamp())
    return whole(facts.now) - timedelta(seconds=seconds % length)


def _asked(attempt: LLMRollout, facts: Facts, verb: Verb) -> Request | None:
    """A request of this kind about this canary."""
    canary = attempt.spec.canary.hash
    return next(
        (one for one in facts.requests if one.verb is verb and one.revision == canary), None
    )


def _handled(move: Move, request: Request) -> Move:
    handled = (*move.status.handled_requests, request.text)
    status = move.status.model_copy(update={"handled_requests": handled})
    return replace(move, status=status, actor=request.actor)
