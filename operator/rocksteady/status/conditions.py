"""Conditions: what each one means, and how a new claim is merged into those reported before.

The three follow kstatus, which `kubectl wait`, Argo CD and Flux understand.
Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from rocksteady import conventions
from rocksteady.api.v1alpha1.status import Condition, ConditionStatus


@dataclass(frozen=True)
class ConditionMeaning:
    """What a condition type says.

    Attributes:
        type: Condition type.
        true_when: When it is True.
        false_when: When it is False, with the reasons to expect.
    """

    type: str
    true_when: str
    false_when: str


MEANINGS: Final = (
    ConditionMeaning(
        conventions.READY,
        "A promoted revision has at least one ready replica, and every gateway named in the spec"
        " has accepted the route.",
        "Starting, ScaledToZero, RoutePending, or the reason of Stalled when that is why nobody"
        " gets an answer. An old revision that still serves keeps this True while a new one is in"
        " trouble.",
    ),
    ConditionMeaning(
        conventions.RECONCILING,
        "Something is on its way: RollingOut, ReplicasStarting, RoutePending, StoppingOldRevision.",
        "Settled: what is wanted is what runs.",
    ),
    ConditionMeaning(
        conventions.STALLED,
        "It will not go on without help. The reason names what is in the way, the message says"
        " what to do.",
        "NotStalled.",
    ),
)


class ClaimLike(Protocol):
    """What a condition should say now."""

    @property
    def status(self) -> ConditionStatus:
        """Whether it holds."""

    @property
    def reason(self) -> str:
        """CamelCase word for programs."""

    @property
    def message(self) -> str:
        """Sentence for people."""


MESSAGE_MAX_LENGTH: Final = 4096


def merge_conditions(
    before: Iterable[Condition],
    claims: Mapping[str, ClaimLike],
    generation: int,
    now: datetime,
) -> tuple[Condition, ...]:
    """Conditions to report: one for each claim, in the order of the claims.

    `last_transition_time` moves only when the status changes, so that it tells since when it holds.

    Args:
        before: As reported last; types without a claim are dropped.
        claims: What each condition should say, by type.
        generation: Generation of the spec that the claims were made from.
        now: In UTC; kept to the second, as Kubernetes writes times.
    """
    known = {condition.type: condition for condition in before}
    return tuple(
        Condition(
            type=type_,
            status=claim.status,
            reason=claim.reason,
            message=claim.message[:MESSAGE_MAX_LENGTH],
            last_transition_time=_transition(known.get(type_), claim.status, now),
            observed_generation=generation,
        )
        for type_, claim in claims.items()
    )


def _transition(before: Condition | None, status: ConditionStatus, now: datetime) -> datetime:
    if before is not None and before.status is status:
        return before.last_transition_time
    return now.replace(microsecond=0)
