"""What a rollout of a spec would do and see, before anything is applied. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rocksteady.analysis.power import Assumptions, Detection, detection
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import RolloutPolicy
from rocksteady.queries.objectives import objectives_of
from rocksteady.queries.plan import NO_GATEWAY, SignalPlan, Unmeasurable, plan_signals
from rocksteady.queries.signals import Signal
from rocksteady.rollout.capacity import Share, attainable_steps, peak_replicas
from rocksteady.rollout.freezing import ALPHA, planned_seconds
from rocksteady.rollout.policy import policy_of

ERROR_RATIOS: Final = (0.01, 0.02, 0.05)
"""Shares of errors that a forecast is made for."""
RUNS: Final = 100
"""Rollouts to simulate for each: enough for minutes, and done in a second or two."""


@dataclass(frozen=True)
class Step:
    """One step of a forecast.

    Attributes:
        wanted_percent: As in the spec.
        weight_percent: What it comes to with whole pods.
        seconds: How long it lasts at least, by its time and by its requests.
        pods: Of stable and of the canary.
    """

    wanted_percent: int
    weight_percent: int
    seconds: float
    pods: Share


@dataclass(frozen=True)
class Forecast:
    """What a rollout would do.

    Attributes:
        policy: With what the spec leaves open filled in.
        replicas: Wanted.
        steps: Those that differ with whole pods.
        peak_pods: The most pods at once.
        seconds: Shortest time to promotion, with the bake; the canary's start is not part of it.
        plans: Who measures which objective.
        unmeasurable: Objectives that nobody measures.
    """

    policy: RolloutPolicy
    replicas: int
    steps: tuple[Step, ...]
    peak_pods: int
    seconds: float
    plans: tuple[SignalPlan, ...]
    unmeasurable: tuple[Unmeasurable, ...]


def forecast(
    spec: LLMDeploymentSpec, gateway_type: str, requests_per_second: float | None
) -> Forecast:
    """What a rollout would do.

    Args:
        spec: With SLOs or a rollout.
        gateway_type: Which gateway's counters there are; of no matter when the spec has none.
        requests_per_second: To the deployment; None: not known, and steps last their time.
    """
    policy, gateway = policy_of(spec), spec.routing.gateway is not None
    replicas = replicas_of(spec)
    plans, unmeasurable = plan_signals(
        objectives_of(spec), spec.engine.type, gateway_type if gateway else NO_GATEWAY
    )
    known = requests_per_second if plans else None
    steps = tuple(
        Step(wanted, weight, _seconds(policy, weight, known), pods)
        for wanted, weight, pods in attainable_steps(policy, replicas, gateway=gateway)
    )
    return Forecast(
        policy=policy,
        replicas=replicas,
        steps=steps,
        peak_pods=peak_replicas(policy, replicas),
        seconds=sum(step.seconds for step in steps) + policy.keep_stable_seconds,
        plans=plans,
        unmeasurable=unmeasurable,
    )


def replicas_of(spec: LLMDeploymentSpec) -> int:
    """Wanted replicas; with autoscaling its least."""
    if spec.autoscaling is not None:
        return spec.autoscaling.min_replicas
    return 1 if spec.replicas is None else spec.replicas


def detections(
    found: Forecast,
    requests_per_second: float,
    *,
    tick_seconds: int = 15,
    error_ratios: Sequence[float] = ERROR_RATIOS,
) -> dict[float, Detection]:
    """How soon errors of a canary are found at the weight of the first step, by their ratio.

    That is the worst case: later steps give the canary more, and are held once it looks bad.

    Args:
        found: Of the spec; availability must be measured.
        requests_per_second: To the deployment, above 0.
        tick_seconds: Length of a tick.
        error_ratios: Shares of errors.
    """
    objective = next(plan.objective for plan in found.plans if plan.signal is Signal.AVAILABILITY)
    assumed = Assumptions(
        # Stable is supposed to be well inside of its objective, as it must be to be changed.
        baseline_ratio=(100 - objective.objective_percent) / 100 * 0.4,
        objective_percent=objective.objective_percent,
        alpha=float(ALPHA),
        signals=len(found.plans),
        tick_seconds=tick_seconds,
        horizon_seconds=planned_seconds(found.policy),
    )
    weight = found.steps[0].weight_percent
    return {
        ratio: detection(ratio, requests_per_second, weight, assumed, runs=RUNS)
        for ratio in error_ratios
    }


def _seconds(
    policy: RolloutPolicy, weight_percent: int, requests_per_second: float | None
) -> float:
    """How long a step lasts at least."""
    if not requests_per_second or not weight_percent:
        return float(policy.min_step_seconds)
    canary_per_second = requests_per_second * weight_percent / 100
    return max(float(policy.min_step_seconds), policy.min_step_requests / canary_per_second)
