"""Where the attempts of one LLMDeployment stand: by what was seen, and by what is on record."""

from typing import Final

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome
from rocksteady.api.v1alpha1.policy import Capacity
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.ledger import Ledger, handled_by, read_ledger, refusal
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.policy import is_judged, policy_of

RESOURCE_AWARE_MIN: Final = 2
"""Replicas that `capacity: ResourceAware` needs: one keeps serving while the other is replaced."""


def handled_requests(seen: Observation) -> frozenset[str]:
    """Requests that were acted on, by all that is known."""
    return frozenset({*seen.reported.handled_requests, *handled_by(seen.attempts)})


def ledger_of(seen: Observation) -> Ledger:
    """The attempts so far."""
    reported = seen.reported
    counted = max(reported.attempts, seen.attempts_before)
    return read_ledger(seen.attempts, reported.refused, counted, seen.now)


def settled_stable(seen: Observation) -> str | None:
    """The revision that serves, also when a promotion is on record that the status lacks.

    The record is written first, so whoever is killed between the two finds it there.
    """
    ledger = ledger_of(seen)
    last = ledger.last
    if ledger.attempt is not None and ledger.attempt.spec.stable.hash in seen.revisions:
        # The pointer moves when an attempt ends, so the record holds also when the status is lost.
        return ledger.attempt.spec.stable.hash
    if seen.stable is None and last is not None:
        return _recorded_stable(seen, last[1])
    if last is None or last[1].status.outcome is not Outcome.PROMOTED:
        return seen.stable
    rollout = seen.reported.rollout
    spec = last[1].spec
    # Of a later attempt that is reported somebody may have deleted the record.
    later = seen.reported.attempts > spec.attempt
    told = later or (rollout is not None and rollout.name == last[0] and rollout.outcome)
    return seen.stable if told or seen.stable != spec.stable.hash else spec.canary.hash


def _recorded_stable(seen: Observation, last: LLMRollout) -> str | None:
    """The revision that serves, when the status is lost and none is ready: as an attempt left it.

    None when that one runs no more: another has taken over without an attempt since.
    """
    promoted = last.status.outcome is Outcome.PROMOTED
    revision = last.spec.canary.hash if promoted else last.spec.stable.hash
    return revision if revision in seen.workloads else None


def has_gateway(seen: Observation, attempt: LLMRollout) -> bool:
    """True when a gateway splits the requests; while the spec cannot be read, if one did before."""
    if seen.deployment is None:
        return attempt.spec.policy.holdback_percent > 0
    return seen.has_gateway


def begins_attempt(seen: Observation) -> bool:
    """True when the revision of the spec is to be tried now, as a canary."""
    ledger = ledger_of(seen)
    stable = settled_stable(seen)
    return (
        seen.target is not None
        and seen.deployment is not None
        and stable not in {None, seen.target}
        and ledger.attempt is None
        and is_judged(seen.deployment.spec)
        and refusal(ledger, seen.target) is None
    )


def reads_history(seen: Observation) -> bool:
    """True when an attempt begins as soon as stable's past is known, which is slow to read."""
    return begins_attempt(seen) and too_few(seen) is None


def too_few(seen: Observation) -> Finding | None:
    """Why there are too few replicas for an attempt to begin; None: there are enough."""
    capacity = policy_of(seen.deployment.spec).capacity if seen.deployment else None
    if capacity is not Capacity.RESOURCE_AWARE or replicas_wanted(seen) >= RESOURCE_AWARE_MIN:
        return None
    return Finding(
        "InsufficientCapacity",
        f"rollout.capacity ResourceAware needs at least {RESOURCE_AWARE_MIN} replicas, so that"
        " one serves while the other is replaced. Raise replicas, or use Availability.",
    )


def replicas_wanted(seen: Observation) -> int:
    """Replicas of the spec; while it cannot be read, those that stable has."""
    if seen.wanted_replicas is not None:
        return seen.wanted_replicas
    workload = seen.workloads.get(settled_stable(seen) or "")
    return workload.wanted if workload else 1
