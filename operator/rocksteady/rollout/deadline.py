"""How long an attempt may make no progress, and how its end is told."""

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome, Phase
from rocksteady.api.v1alpha1.policy import OnDeadline
from rocksteady.rollout.facts import Facts
from rocksteady.rollout.moves import (
    CLOCK_STOPS,
    Action,
    Move,
    finish,
    hold,
    seconds_between,
)


def within_deadline(attempt: LLMRollout, facts: Facts, move: Move) -> Move:
    """What does not get ahead for too long is held for somebody to look at, or rolled back."""
    status, policy = move.status, attempt.spec.policy
    stopped = status.hold is not None and status.hold.reason in CLOCK_STOPS
    moved = status.progress_since != attempt.status.progress_since
    if status.phase is Phase.FINISHED or stopped or moved or move.action is Action.SUSPEND:
        return move
    since = status.progress_since or status.started_at
    # The time that a step must last anyhow is no standstill.
    allowed = policy.progress_deadline_seconds
    if status.step_since is not None:
        allowed += least_seconds(attempt)
    if seconds_between(since, facts.now) <= allowed:
        return move
    message = f"It made no progress for {policy.progress_deadline_seconds} s: {move.message}"
    if policy.on_deadline is OnDeadline.ROLLBACK and not move.sampling:
        text = f"{back_to_stable(attempt, facts)}: {message}"
        return finish(status, facts.now, Outcome.ROLLED_BACK, "ProgressDeadlineExceeded", text)
    held = status.model_copy(update={"hold": attempt.status.hold})
    return hold(held, facts.now, "ProgressDeadlineExceeded", message, stalled=True)


def least_seconds(attempt: LLMRollout) -> int:
    """How long the present step lasts at least."""
    policy = attempt.spec.policy
    baking = attempt.status.phase is Phase.BAKING
    return policy.keep_stable_seconds if baking else policy.min_step_seconds


def back_to_stable(attempt: LLMRollout, facts: Facts) -> str:
    """How a rollback begins to be told; stable's own state is said when it is not whole."""
    spec = attempt.spec
    said = f"{spec.canary.label} is rolled back to {spec.stable.label}"
    ready = facts.stable.ready if facts.stable else 0
    if ready < facts.replicas:
        said += f" (of which {ready} of {facts.replicas} pods are ready)"
    return said
