"""A Plan: the state to hold, each part with its reason. Not a list of commands.

Applying a Plan twice is harmless, and a Plan that was applied in part is simply made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rocksteady.api.v1alpha1.status import ConditionStatus
from rocksteady.rollout.course import Course


@dataclass(frozen=True)
class Claim:
    """What one condition should say.

    Attributes:
        status: Whether the condition holds.
        reason: CamelCase word for programs.
        message: Sentence for people.
    """

    status: ConditionStatus
    reason: str
    message: str


@dataclass(frozen=True)
class Roles:
    """Which revision does what.

    Attributes:
        stable: Serves; None before the first was ready.
        canary: Is on its way to replace stable; None when nothing rolls out.
        front: Requests go to it: stable, or the first one while it starts; None when there is none.
    """

    stable: str | None
    canary: str | None
    front: str | None


@dataclass(frozen=True)
class Plan:
    """What should be.

    Attributes:
        running: Replicas by revision hash; a revision that is absent here does not run.
        stable: Revision that serves; None before the first was ready.
        canary: Revision on its way to replace stable; None when nothing rolls out.
        front: Revision that requests go to: stable, or the first one while it starts; None when
            there is none.
        prune: True when what is owned and not part of the plan goes; False while the spec cannot be
            understood, so that a mistake in it costs nothing.
        forget: Recorded revisions beyond the history limit.
        claims: Conditions by type.
        requeue_after_seconds: When to look again without being woken; None: not needed.
        course: What becomes of the attempt that runs, or that begins now.
        split: Weights by revision for the route, stable first; they sum to 100. A revision that
            requests cannot reach is absent. Empty: everything goes to `front`.
        closed: True while nobody is served: the first revision has not passed its evaluations.
        selected: Revisions that the Service of the LLMDeployment selects, stable first; empty:
            `front` alone.
    """

    running: Mapping[str, int]
    stable: str | None
    canary: str | None
    front: str | None
    prune: bool
    forget: tuple[str, ...]
    claims: Mapping[str, Claim]
    requeue_after_seconds: float | None
    course: Course = field(default_factory=Course)
    split: Mapping[str, int] = field(default_factory=dict)
    selected: tuple[str, ...] = ()
    closed: bool = False
