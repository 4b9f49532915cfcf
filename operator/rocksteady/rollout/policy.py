"""The policy of an attempt: what `spec.rollout` says, with what it leaves open filled in."""

from typing import Final

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import RolloutPolicy
from rocksteady.api.v1alpha1.policy import Capacity, EvaluationStage, Rollout
from rocksteady.conventions import ALL_PERCENT

DEFAULT_STEPS: Final = (5, 10, 25, 50)
"""Percent. Source: simulations of detection against requests harmed; 50 % and more harms more than
it finds sooner (docs/decisions.md)."""
HOLDBACK_PERCENT: Final = 5
"""Share of the requests that stays with the old revision in the bake, as a control."""


def is_judged(spec: LLMDeploymentSpec) -> bool:
    """True when a changed revision becomes a canary.

    Without `slos`, `rollout` and evaluations that gate there is nothing to judge it by, and time
    alone proves nothing: then it takes over as soon as it is ready.
    """
    gated = any(one.stage is not EvaluationStage.SCHEDULED for one in spec.evaluations)
    return spec.slos is not None or spec.rollout is not None or gated


def policy_of(spec: LLMDeploymentSpec) -> RolloutPolicy:
    """The policy that an attempt freezes when it begins."""
    rollout = spec.rollout or Rollout()
    steps = tuple(step.weight_percent for step in rollout.steps or ()) or DEFAULT_STEPS
    by_share = spec.routing.gateway is None
    few = by_share or rollout.capacity is Capacity.RESOURCE_AWARE
    return RolloutPolicy(
        # All traffic comes by the bake, which the last step leads to.
        steps=tuple(weight for weight in steps if weight < ALL_PERCENT) or DEFAULT_STEPS[-1:],
        min_step_seconds=rollout.min_step_seconds,
        min_step_requests=rollout.min_step_requests,
        min_canary_replicas=1 if few else rollout.min_canary_replicas,
        capacity=rollout.capacity,
        approval=rollout.approval,
        on_deadline=rollout.on_deadline,
        progress_deadline_seconds=rollout.progress_deadline_seconds,
        keep_stable_seconds=rollout.keep_stable_seconds,
        holdback_percent=0 if by_share else HOLDBACK_PERCENT,
        metrics=rollout.metrics,
    )
