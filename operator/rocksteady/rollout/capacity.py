"""How many pods each revision gets at a weight, and what share of the requests that allows.

`Availability` keeps stable whole and adds the canary beside it: up to twice the accelerators.
`ResourceAware` takes the canary's pods out of the wanted replicas, so that no spare is ever asked
for: a canary pod starts only when one of stable's has ended.
"""

from dataclasses import dataclass

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Phase, RolloutPolicy
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.conventions import ALL_PERCENT


@dataclass(frozen=True)
class Share:
    """Pods by revision.

    Attributes:
        stable: Replicas of the revision that serves.
        canary: Replicas of the one on its way.
    """

    stable: int
    canary: int


def share_at(policy: RolloutPolicy, weight_percent: int, replicas: int) -> Share:
    """Pods that a weight needs.

    Args:
        policy: Of the attempt.
        weight_percent: Share of the requests that the canary gets; 100: the bake.
        replicas: Wanted by the spec.
    """
    if replicas == 0:
        return Share(0, 0)
    if policy.capacity is Capacity.RESOURCE_AWARE:
        # Rounded up: a canary pod never carries more than one of stable's.
        # The last pod of stable is never taken for it: with one replica there is no canary.
        canary = min(-(-weight_percent * replicas // ALL_PERCENT), replicas - 1)
        return Share(replicas - canary, canary)
    if weight_percent >= ALL_PERCENT:
        return Share(replicas, replicas)
    # canary / (canary + replicas) >= weight, in whole pods: none carries more than stable's, and
    # without a gateway that is the split.
    canary = -(-weight_percent * replicas // (ALL_PERCENT - weight_percent))
    return Share(replicas, min(max(canary, policy.min_canary_replicas), replicas))


def goal_of(attempt: LLMRollout) -> int:
    """The weight, in percent, that the present step is to have; 100 in the bake."""
    status, steps = attempt.status, attempt.spec.policy.steps
    if status.phase in {Phase.BAKING, Phase.FINISHED}:
        return ALL_PERCENT
    return steps[min(max(status.step - 1, 0), len(steps) - 1)]


def weight_at(policy: RolloutPolicy, goal_percent: int, share: Share, *, gateway: bool) -> int:
    """The canary's weight in percent once its pods are ready.

    Without a gateway it is what the pods' numbers come to, in the bake too: with all requests at
    the canary there would be nothing to compare it with. A gateway holds a part back for stable.
    """
    if share.canary == 0:
        return 0
    if not gateway:
        return round(ALL_PERCENT * share.canary / (share.stable + share.canary))
    if goal_percent < ALL_PERCENT:
        return goal_percent
    return ALL_PERCENT - policy.holdback_percent if share.stable else ALL_PERCENT


def attainable_steps(
    policy: RolloutPolicy, replicas: int, *, gateway: bool
) -> tuple[tuple[int, int, Share], ...]:
    """Steps as wanted, as whole pods give them, and their pods; one of two that are the same."""
    found: dict[int, tuple[int, int, Share]] = {}
    for wanted in policy.steps:
        pods = share_at(policy, wanted, replicas)
        weight = weight_at(policy, wanted, pods, gateway=gateway)
        found.setdefault(weight, (wanted, weight, pods))
    return tuple(found.values())


def peak_replicas(policy: RolloutPolicy, replicas: int) -> int:
    """The most pods that a rollout needs at once."""
    goals = (*policy.steps, ALL_PERCENT)
    shares = [share_at(policy, goal, replicas) for goal in goals]
    return max(share.stable + share.canary for share in shares)
