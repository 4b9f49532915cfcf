"""Runs of suites that a person asks for with `kubectl rocksteady eval run`.

They belong to their request and are kept apart from those of gates and schedules: what a person
asks never gates, promotes or rolls back, and a suite that gates is still asked once
(docs/adr/0010). A request has been acted on when all its parts have a result, or one has failed:
it is not tried again by itself, since nothing waits for it.
"""

from dataclasses import dataclass

from rocksteady.rollout.evaluation_runs import Run
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.requests import Request, Verb, read_request
from rocksteady.rollout.standing import handled_requests
from rocksteady.rollout.suites import Suite, looks_of


@dataclass(frozen=True)
class ByHand:
    """What is to be done for the request that stands.

    Attributes:
        runs: That there should be now: one part after the other.
        contents: First 10 digits of the contents that are kept for it.
        handled: The request, if it has been acted on by now; empty: it has not.
    """

    runs: tuple[Run, ...] = ()
    contents: frozenset[str] = frozenset()
    handled: str = ""


def standing_request(seen: Observation) -> Request | None:
    """The request of the annotation, also if it was acted on: its result is kept while it stands.

    None: nothing is asked for.
    """
    return read_request(seen.annotations, Verb.EVALUATE)


def open_request(seen: Observation) -> Request | None:
    """The same, unless it was acted on."""
    request = standing_request(seen)
    return None if request is None or request.text in handled_requests(seen) else request


def is_of_request(run: Run, seen: Observation) -> bool:
    """True for the runs of gates and schedules, and for those of the request that stands."""
    request = standing_request(seen)
    return not run.request or (request is not None and request.key == run.request)


def by_hand(seen: Observation) -> ByHand:
    """What the request that stands needs.

    It waits while the suite is missing or invalid, and while no request can reach the revision.
    """
    request = standing_request(seen)
    if request is None:
        return ByHand()
    kept = frozenset(run.content for run in seen.runs if run.request == request.key)
    suite = seen.suites.get(request.suite)
    if open_request(seen) is None or not isinstance(suite, Suite):
        return ByHand(contents=kept)
    contents = kept | {suite.content}
    for run in _runs(request, suite):
        known = seen.runs.get(run)
        if known is None or not known.is_kept or known.ended_at is None:
            reached = seen.addresses.get(run.revision, 0) > 0
            return ByHand((run,) if reached else (), contents)
        if known.result is None:
            break
    return ByHand(contents=contents, handled=request.text)


def _runs(request: Request, suite: Suite) -> list[Run]:
    """All parts: a person wants to know all of it, so that no look ends it early."""
    parts = range(1, max(1, len(looks_of(suite))) + 1)
    return [Run(request.revision, suite.content, part, request.key) for part in parts]
