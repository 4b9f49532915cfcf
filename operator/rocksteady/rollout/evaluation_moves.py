"""The rules of an attempt that rest on evaluations; `rollout.machine` says when they are asked."""

from collections.abc import Collection
from typing import Final

from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome, Phase
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.rollout.deadline import back_to_stable
from rocksteady.rollout.evaluation_plan import obstacle_of
from rocksteady.rollout.facts import Facts
from rocksteady.rollout.moves import EVALUATING, Move, finish, hold, quarantine

QUALITY_FAILED: Final = "EvaluationFailed"
SAFETY_FAILED: Final = "SafetyFailed"
"""Reasons of a rollback for an evaluation."""


def unfit(attempt: LLMRollout, facts: Facts) -> Move | None:
    """An evaluation that may condemn says that the canary is worse, or unsafe."""
    failed = next((one for one in facts.evaluations if one.condemns), None)
    if failed is None:
        return None
    reason = SAFETY_FAILED if failed.test.kind is SuiteKind.SAFETY else QUALITY_FAILED
    message = f"{back_to_stable(attempt, facts)}; {failed.message}."
    return quarantine(finish(attempt.status, facts.now, Outcome.ROLLED_BACK, reason, message))


def unevaluated(attempt: LLMRollout, facts: Facts) -> Move | None:
    """No requests before the evaluations that come before traffic."""
    if attempt.status.phase is not Phase.STARTING:
        return None
    return _evaluation(attempt, facts, {EvaluationStage.BEFORE_TRAFFIC})


def unevaluated_last(attempt: LLMRollout, facts: Facts) -> Move | None:
    """No promotion before all evaluations."""
    status = attempt.status
    if status.phase is not Phase.STEPPING or status.step < len(attempt.spec.policy.steps):
        return None
    return _evaluation(attempt, facts, set(EvaluationStage))


def _evaluation(
    attempt: LLMRollout, facts: Facts, stages: Collection[EvaluationStage]
) -> Move | None:
    """Wait for the first evaluation of these stages that has not passed."""
    obstacle = obstacle_of(facts.evaluations, stages)
    if obstacle is None:
        return None
    waits = obstacle.reason == EVALUATING
    return hold(attempt.status, facts.now, obstacle.reason, obstacle.message, stalled=not waits)
