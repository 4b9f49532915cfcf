"""A move: the next state of an attempt, with the decision that led there, if it is worth a record.

Moves are made of the state before them, so that a rule says only what changes.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from rocksteady.api.v1alpha1.llmrollout import Hold, LLMRolloutStatus, Outcome, Phase
from rocksteady.conventions import ALL_PERCENT
from rocksteady.rollout.finding import Finding


class Action(StrEnum):
    """What was decided, as records and metrics say it."""

    START = "Start"
    ADVANCE = "Advance"
    HOLD = "Hold"
    RESUME = "Resume"
    SUSPEND = "Suspend"
    TAKE_AWAY = "TakeAway"
    PROBE = "Probe"
    BAKE = "Bake"
    PROMOTE = "Promote"
    ROLL_BACK = "RollBack"
    ABORT = "Abort"
    SUPERSEDE = "Supersede"
    CANCEL = "Cancel"


ACTION_OF_OUTCOME: Final = {
    Outcome.PROMOTED: Action.PROMOTE,
    Outcome.ROLLED_BACK: Action.ROLL_BACK,
    Outcome.ABORTED: Action.ABORT,
    Outcome.SUPERSEDED: Action.SUPERSEDE,
    Outcome.CANCELLED: Action.CANCEL,
}


@dataclass(frozen=True)
class Move:
    """What an attempt does next.

    Attributes:
        status: Its state from now on, without the decision.
        action: What to record; None: nothing that is worth it.
        reason: CamelCase word for programs.
        message: Sentence for people.
        stalled: What needs somebody's help; None: nothing.
        actor: Who asked for it.
        sampling: True when it only waits for requests to be counted.
    """

    status: LLMRolloutStatus
    action: Action | None
    reason: str
    message: str
    stalled: Finding | None = None
    actor: str = "operator"
    sampling: bool = False


BLIND: Final = "MonitoringUnavailable"
"""Reason to hold while the signals cannot be read."""
UNREADABLE: Final = "SpecUnreadable"
"""Reason to hold while no revision can be made of the spec."""
NOTHING_WANTED: Final = "ScaledToZero"
"""Reason to hold while no replicas are wanted."""
EVALUATING: Final = "EvaluationsRunning"
"""Reason to hold while suites are being asked, which has deadlines of its own."""
CLOCK_STOPS: Final = frozenset(
    {"Paused", "AwaitingApproval", BLIND, UNREADABLE, NOTHING_WANTED, EVALUATING}
)
"""Reasons to hold for which the progress deadline's clock stands still."""


def seconds_between(earlier: datetime | None, later: datetime) -> float:
    """Seconds from one time to another; 0 when the earlier is not known."""
    return 0.0 if earlier is None else max(0.0, (later - earlier).total_seconds())


def whole(now: datetime) -> datetime:
    """A time as Kubernetes writes it: to the second."""
    return now.replace(microsecond=0)


def go(status: LLMRolloutStatus, now: datetime, action: Action, reason: str, message: str) -> Move:
    """Get ahead: whatever was in the way is gone, and the deadline's clock begins anew."""
    ahead = status.model_copy(update={"hold": None, "progress_since": whole(now)})
    return Move(ahead, action, reason, message)


def wait(status: LLMRolloutStatus, now: datetime, reason: str, message: str) -> Move:
    """Wait for what comes by itself. A hold that was told of ends here, which is told too."""
    if status.hold is None or not _told(status, status.hold.reason):
        return Move(_released(status, now), None, reason, message)
    said = f"Goes on: {status.hold.reason} is over. {message}"
    return Move(_released(status, now), Action.RESUME, reason, said)


def hold(
    status: LLMRolloutStatus,
    now: datetime,
    reason: str,
    message: str,
    *,
    stalled: bool = False,
    quiet: bool = False,
) -> Move:
    """Stand still.

    Args:
        status: State before.
        now: The time.
        reason: CamelCase word.
        message: Sentence.
        stalled: True when it needs somebody's help.
        quiet: True: remembered, and not yet worth a record.
    """
    finding = Finding(reason, message) if stalled else None
    if status.hold is not None and status.hold.reason == reason:
        action = None if quiet or _told(status, reason) else Action.HOLD
        return Move(status, action, reason, message, finding)
    held = _released(status, now).model_copy(update={"hold": Hold(reason=reason, since=whole(now))})
    action = None if quiet or _told(status, reason) else Action.HOLD
    return Move(held, action, reason, message, finding)


def finish(
    status: LLMRolloutStatus, now: datetime, outcome: Outcome, reason: str, message: str
) -> Move:
    """End the attempt. Unless it was promoted, the canary gets nothing from now on."""
    update: dict[str, Any] = {
        "phase": Phase.FINISHED,
        "outcome": outcome,
        "outcome_reason": reason,
        "finished_at": whole(now),
        "hold": None,
        "taken_away_at": None,
        "weight_percent": ALL_PERCENT if outcome is Outcome.PROMOTED else 0,
    }
    return Move(status.model_copy(update=update), ACTION_OF_OUTCOME[outcome], reason, message)


def quarantine(move: Move) -> Move:
    """The same end, after which the revision is refused until it changes or is released."""
    status = move.status.model_copy(update={"quarantined": True})
    return Move(status, move.action, move.reason, move.message, move.stalled, move.actor)


def _told(status: LLMRolloutStatus, reason: str) -> bool:
    """True when the last decision on record gave this reason."""
    return any(decision.reason == reason for decision in status.decisions[-1:])


def _released(status: LLMRolloutStatus, now: datetime) -> LLMRolloutStatus:
    """The state without its hold; a hold that stops the clock moves the deadline on."""
    if status.hold is None:
        return status
    update: dict[str, Any] = {"hold": None}
    if status.hold.reason in CLOCK_STOPS and status.progress_since is not None:
        update["progress_since"] = status.progress_since + (whole(now) - status.hold.since)
    return status.model_copy(update=update)
