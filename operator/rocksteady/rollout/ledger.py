"""What the attempts so far come to: which one is open, and which revisions are refused.

Derived anew each time from the LLMRollouts and, for those that are no longer kept, from the status.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome, Phase
from rocksteady.api.v1alpha1.status import RefusedRevision
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.moves import whole
from rocksteady.rollout.requests import Request, Verb

FAILURES_MAX: Final = 3
FAILURE_WINDOW: Final = timedelta(hours=24)
"""After so many failed attempts in that time nothing is tried any more until a person says so."""
KEPT: Final = 10
"""Finished attempts that are kept, as a Deployment keeps ReplicaSets."""
_FAILED: Final = frozenset({Outcome.ROLLED_BACK, Outcome.ABORTED})
_LIFTING: Final = frozenset({Verb.RELEASE, Verb.RETRY})


@dataclass(frozen=True)
class Ledger:
    """The attempts of one LLMDeployment.

    Attributes:
        open: Name of the attempt that runs; None: none does.
        attempt: That attempt.
        last: Name and content of the newest attempt of all; None: there was none.
        refused: Revisions that are not tried, by hash.
        failures: When attempts failed within the window and were not lifted.
        count: How many attempts there ever were.
        surplus: Names of finished attempts beyond those that are kept.
    """

    open: str | None
    attempt: LLMRollout | None
    last: tuple[str, LLMRollout] | None
    refused: Mapping[str, RefusedRevision]
    failures: tuple[datetime, ...]
    count: int
    surplus: tuple[str, ...]


def read_ledger(
    attempts: Mapping[str, LLMRollout],
    remembered: Sequence[RefusedRevision],
    counted: int,
    now: datetime,
) -> Ledger:
    """The ledger of what was read.

    Args:
        attempts: LLMRollouts by name.
        remembered: What the status says of refused revisions.
        counted: How many attempts the status says there were.
        now: The time.
    """
    ordered = sorted(attempts.items(), key=lambda item: item[1].spec.attempt)
    unfinished = [item for item in ordered if item[1].status.phase is not Phase.FINISHED]
    finished = [item for item in ordered if item[1].status.phase is Phase.FINISHED]
    # There is one at most; should somebody have made more, the newest counts.
    newest = unfinished[-1] if unfinished else (None, None)
    refused = {entry.hash: entry for entry in remembered if entry.rollout not in attempts}
    for name, attempt in finished:
        refused.pop(attempt.spec.canary.hash, None)
        if _is_refusal(attempt):
            refused[attempt.spec.canary.hash] = _refusal(name, attempt)
    return Ledger(
        open=newest[0],
        attempt=newest[1],
        last=ordered[-1] if ordered else None,
        refused=refused,
        failures=tuple(
            attempt.status.finished_at
            for _, attempt in finished
            if attempt.status.outcome in _FAILED
            and not attempt.status.released_by
            and attempt.status.finished_at is not None
            and attempt.status.finished_at > now - FAILURE_WINDOW
        ),
        count=max([counted, *(attempt.spec.attempt for attempt in attempts.values())]),
        surplus=tuple(name for name, _ in finished[:-KEPT]),
    )


def refusal(ledger: Ledger, target: str) -> Finding | None:
    """Why a revision is not tried; None: it may be.

    Args:
        ledger: Of the LLMDeployment.
        target: Hash of the revision that the spec describes.
    """
    entry = ledger.refused.get(target)
    if entry is not None:
        cure = Verb.RELEASE if entry.quarantined else Verb.RETRY
        said = "is quarantined" if entry.quarantined else "did not make it"
        return Finding(
            "RolledBack",
            f"r{entry.number} ({target}) {said} ({entry.reason}, see llmrollout {entry.rollout})."
            f" Change the spec, or annotate rocksteady.dev/{cure}={target} to try it again.",
        )
    if len(ledger.failures) >= FAILURES_MAX:
        return Finding(
            "Frozen",
            f"{len(ledger.failures)} attempts failed within"
            f" {FAILURE_WINDOW.total_seconds() / 3600:.0f} h, so nothing is tried until somebody"
            f" has looked. Annotate rocksteady.dev/retry={target} to go on.",
        )
    return None


def lifted(
    attempts: Mapping[str, LLMRollout],
    target: str | None,
    requests: Sequence[Request],
) -> dict[str, str]:
    """Which failed attempts count no more because a person said so: the request, by name.

    `release` lifts the refusal of the revision that it names. `retry` does so too, for the one that
    the spec describes, and counts the other failures no more.
    """
    lifts: dict[str, str] = {}
    for request in requests:
        if request.verb not in _LIFTING:
            continue
        for name, attempt in attempts.items():
            names_it = attempt.spec.canary.hash == request.revision
            retries = request.verb is Verb.RETRY and request.revision == target
            if _is_refusal(attempt) and (names_it or retries):
                lifts.setdefault(name, request.text)
    return lifts


def forgiven_by(
    refused: Mapping[str, RefusedRevision],
    attempts: Mapping[str, LLMRollout],
    requests: Sequence[Request],
) -> dict[str, str]:
    """Revisions that are refused no more though their attempt is not kept: the request, by hash."""
    return {
        request.revision: request.text
        for request in reversed(requests)
        if request.verb in _LIFTING
        and request.revision in refused
        and refused[request.revision].rollout not in attempts
    }


def handled_by(attempts: Mapping[str, LLMRollout]) -> tuple[str, ...]:
    """Requests that attempts acted on."""
    return tuple(
        text
        for attempt in attempts.values()
        for text in (attempt.status.released_by, *attempt.status.handled_requests)
        if text
    )


def _is_refusal(attempt: LLMRollout) -> bool:
    return attempt.status.outcome in _FAILED and not attempt.status.released_by


def _refusal(name: str, attempt: LLMRollout) -> RefusedRevision:
    status, canary = attempt.status, attempt.spec.canary
    since = status.finished_at or status.started_at
    if since is None:
        raise ValueError(f"{name} is finished and does not say since when")
    return RefusedRevision(
        hash=canary.hash,
        number=canary.number,
        reason=status.outcome_reason,
        rollout=name,
        quarantined=status.quarantined,
        since=whole(since),
    )
