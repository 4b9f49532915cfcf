"""Attempts that tests of the machine start from: from A to B, changed by naming what matters."""

from datetime import datetime, timedelta
from typing import Any, Final

from rocksteady.api.v1alpha1.llmrollout import (
    Cause,
    Hold,
    LLMRollout,
    LLMRolloutSpec,
    LLMRolloutStatus,
    Phase,
    RevisionReference,
    RolloutPolicy,
    RolloutTests,
    SignalTest,
)
from rocksteady.api.v1alpha1.policy import Approval, Capacity, OnDeadline
from rocksteady.rollout.facts import Facts
from rocksteady.rollout.moves import Move
from rocksteady.rollout.records import recorded
from rocksteady.rollout.requests import UNVERIFIED, Request, Verb
from tests.builders import NAME, NOW, A, B, running

STEP_SECONDS: Final = 300
KEEP_SECONDS: Final = 1800
DEADLINE_SECONDS: Final = 7200
WHOLE: Final = running(2)


def ago(seconds: float) -> datetime:
    """So long before now."""
    return NOW - timedelta(seconds=seconds)


def policy(**fields: Any) -> RolloutPolicy:
    """The defaults, at a gateway."""
    content: dict[str, Any] = {
        "steps": (5, 10, 25, 50),
        "min_step_seconds": STEP_SECONDS,
        "min_step_requests": 150,
        "min_canary_replicas": 2,
        "capacity": Capacity.AVAILABILITY,
        "approval": Approval.NONE,
        "on_deadline": OnDeadline.HOLD,
        "progress_deadline_seconds": DEADLINE_SECONDS,
        "keep_stable_seconds": KEEP_SECONDS,
        "holdback_percent": 5,
        **fields,
    }
    return RolloutPolicy.model_validate(content)


def statistics(*signals: SignalTest) -> RolloutTests:
    """The statistics of an attempt that is judged by availability, or by these signals."""
    availability = SignalTest(
        signal="availability", profile="gateway/Traefik", query="up", objective_percent="99"
    )
    return RolloutTests(
        source="default",
        tick_seconds=15,
        scrape_interval_seconds=15,
        ticks_max=240,
        alpha="0.01",
        signals=signals or (availability,),
    )


def attempt(
    status: LLMRolloutStatus,
    *,
    number: int = 1,
    canary: str = B,
    stable: str = A,
    decided: Move | None = None,
    **fields: Any,
) -> LLMRollout:
    """An attempt in a state.

    Args:
        status: The state.
        number: Which attempt it is.
        canary: Hash of the revision that is tried.
        stable: Hash of the revision that serves.
        decided: A move that is on record.
        fields: Of the policy.
    """
    spec = LLMRolloutSpec(
        deployment=NAME,
        attempt=number,
        cause=Cause.SPEC_CHANGE,
        stable=RevisionReference(hash=stable, number=1),
        canary=RevisionReference(hash=canary, number=number + 1),
        policy=policy(**fields),
        tests=statistics(),
    )
    if decided is not None:
        status = recorded(decided, NOW, (), {})
    return LLMRollout(spec=spec, status=status)


def starting(**fields: Any) -> LLMRollout:
    """The canary's pods start."""
    since = ago(30)
    return attempt(LLMRolloutStatus(started_at=since, progress_since=since), **fields)


def stepping(
    *, step: int = 2, weight: int = 10, since: float = 60, progress: float = 60, **fields: Any
) -> LLMRollout:
    """In a step that began so many seconds ago."""
    status = LLMRolloutStatus(
        phase=Phase.STEPPING,
        step=step,
        weight_percent=weight,
        started_at=ago(600 + since),
        first_tick_at=ago(600 + since),
        step_since=ago(since),
        progress_since=ago(progress),
    )
    return attempt(status, **fields)


def baking(
    *, weight: int = 95, since: float = 60, progress: float = 60, **fields: Any
) -> LLMRollout:
    """In the bake, which began so many seconds ago."""
    if "keep" in fields:
        fields["keep_stable_seconds"] = fields.pop("keep")
    status = LLMRolloutStatus(
        phase=Phase.BAKING,
        step=4,
        weight_percent=weight,
        started_at=ago(3600 + since),
        first_tick_at=ago(3600 + since),
        step_since=ago(since),
        progress_since=ago(progress),
        baking_since=ago(since) if weight > 50 else None,
    )
    return attempt(status, **fields)


def held(before: LLMRollout, reason: str, seconds: float) -> LLMRollout:
    """The same, held for so many seconds, of which nobody was told."""
    hold = Hold(reason=reason, since=ago(seconds))
    return before.model_copy(update={"status": before.status.model_copy(update={"hold": hold})})


def asked(verb: Verb, revision: str = B) -> Request:
    """What ada asks for."""
    return Request(verb, revision, f"{verb}={revision}", f"ada {UNVERIFIED}")


def facts(**fields: Any) -> Facts:
    """Everything is there and nothing is in the way: two replicas at a gateway, all ready."""
    content: dict[str, Any] = {
        "now": NOW,
        "target": B,
        "replicas": 2,
        "gateway": True,
        "canary": WHOLE,
        "stable": WHOLE,
        "addresses": 2,
        "measured": True,
        "step_requests": 200,
        **fields,
    }
    return Facts(**content)
