"""Conditions: how a new claim is merged into those reported before.

What each one means is said in docs/reference/status.md. The three follow kstatus, which
`kubectl wait`, Argo CD and Flux understand.
Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol

from rocksteady.api.v1alpha1.status import Condition, ConditionStatus


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
