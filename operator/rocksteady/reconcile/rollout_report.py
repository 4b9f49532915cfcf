"""What the status and Events of an LLMDeployment say of its rollout. Pure."""

from typing import Final

from rocksteady.api.v1alpha1.llmrollout import Decision, LLMRollout
from rocksteady.api.v1alpha1.status import (
    DecisionLine,
    LLMDeploymentStatus,
    RolloutStatus,
    SignalStatus,
)
from rocksteady.ports import Announcement, EventType
from rocksteady.rollout.course import Course
from rocksteady.rollout.moves import ACTION_OF_OUTCOME, Action
from rocksteady.rollout.observation import Observation

DECISIONS_SHOWN: Final = 10
_WAITING_MAX_LENGTH: Final = 1024
_BAD_NEWS: Final = frozenset({Action.ROLL_BACK, Action.ABORT, Action.TAKE_AWAY, Action.SUSPEND})
_EVENT_REASONS: Final = {
    Action.START: "RolloutStarted",
    Action.ADVANCE: "RolloutAdvanced",
    Action.HOLD: "RolloutHeld",
    Action.RESUME: "RolloutResumed",
    Action.SUSPEND: "RolloutSuspended",
    Action.TAKE_AWAY: "TrafficTakenAway",
    Action.PROBE: "CanaryProbed",
    Action.BAKE: "RolloutBaking",
    Action.PROMOTE: "Promoted",
    Action.ROLL_BACK: "RolledBack",
    Action.ABORT: "RolloutAborted",
    Action.SUPERSEDE: "RolloutSuperseded",
    Action.CANCEL: "RolloutCancelled",
}


def rollout_status(
    before: LLMDeploymentStatus, seen: Observation, course: Course
) -> RolloutStatus | None:
    """The attempt that runs or ends now; else the last one as it was reported."""
    attempt, move = course.attempt, course.move
    if attempt is None or move is None or course.name is None:
        return _ended(before.rollout, seen)
    status = attempt.status
    return RolloutStatus(
        name=course.name,
        phase=status.phase.value,
        outcome="" if status.outcome is None else status.outcome.value,
        step=status.step,
        steps=len(attempt.spec.policy.steps),
        weight_percent=status.weight_percent,
        since=status.step_since or status.started_at,
        waiting_for=move.message[:_WAITING_MAX_LENGTH] if course.is_open else "",
        signals=tuple(
            SignalStatus(
                signal=one.signal,
                verdict=one.verdict.value,
                evidence=f"{one.evidence.value:.4g}",
                threshold=f"{one.threshold:g}",
                message=one.sentence[:_WAITING_MAX_LENGTH],
            )
            for one in course.judgements
        ),
    )


def _ended(reported: RolloutStatus | None, seen: Observation) -> RolloutStatus | None:
    """The last attempt; its end may be on record and not be reported yet."""
    if reported is None or reported.outcome:
        return reported
    attempt = seen.attempts.get(reported.name)
    if attempt is None or attempt.status.outcome is None:
        return reported
    status = attempt.status
    end = {
        "phase": status.phase.value,
        "outcome": str(status.outcome),
        "weight_percent": status.weight_percent,
        "waiting_for": "",
    }
    return reported.model_copy(update=end)


def missed_events(before: LLMDeploymentStatus, after: LLMDeploymentStatus) -> list[Announcement]:
    """The Event of an end that whoever decided it did not come to tell.

    A promotion is told by the change of stable.
    """
    told, end = before.rollout, after.rollout
    if told is None or end is None or told.outcome or told.name != end.name:
        return []
    action = next((a for o, a in ACTION_OF_OUTCOME.items() if o.value == end.outcome), None)
    if action is None or action is Action.PROMOTE or not after.decisions:
        return []
    type_ = EventType.WARNING if action in _BAD_NEWS else EventType.NORMAL
    return [Announcement(type_, _EVENT_REASONS[action], after.decisions[0].message)]


def last_decisions(seen: Observation, course: Course) -> tuple[DecisionLine, ...]:
    """The last decisions over all attempts, newest first."""
    attempts: dict[str, LLMRollout] = dict(seen.attempts)
    if course.name is not None and course.attempt is not None:
        attempts[course.name] = course.attempt
    ordered = sorted(attempts.items(), key=lambda item: item[1].spec.attempt)
    lines = [
        DecisionLine(
            time=decision.time,
            rollout=name,
            action=decision.action,
            reason=decision.reason,
            message=decision.message,
        )
        for name, attempt in ordered
        for decision in attempt.status.decisions[-DECISIONS_SHOWN:]
    ]
    return tuple(reversed(lines[-DECISIONS_SHOWN:]))


def decision_events(course: Course) -> list[Announcement]:
    """The Event of the decision that was made now, if there was one."""
    decision = decision_made(course)
    if decision is None or course.move is None or course.move.action is None:
        return []
    action = course.move.action
    bad = action in _BAD_NEWS or (action is Action.HOLD and course.move.stalled is not None)
    type_ = EventType.WARNING if bad else EventType.NORMAL
    return [Announcement(type_, _EVENT_REASONS[action], decision.message)]


def decision_made(course: Course) -> Decision | None:
    """The decision that was recorded now; None: nothing was worth a record."""
    if course.attempt is None or course.move is None or course.move.action is None:
        return None
    decisions = course.attempt.status.decisions
    return decisions[-1] if decisions else None
