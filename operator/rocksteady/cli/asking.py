"""What a request of a person is about: which revision, and whether there is anything to ask for."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rocksteady.api.v1alpha1.llmrollout import Phase
from rocksteady.api.v1alpha1.status import LLMDeploymentStatus
from rocksteady.rollout.requests import ANNOTATIONS, Verb

FROZEN = "Frozen"
"""Reason of Stalled after too many failed attempts, which `retry` lifts."""


class NothingToAskError(ValueError):
    """There is nothing that the request could be about; the message says so in a sentence."""


@dataclass(frozen=True)
class Wish:
    """What a person wants.

    Attributes:
        verb: What to do.
        revision: Hash of the revision it is about; None: the one that it must mean.
        token: So that the same can be asked again; None: chosen when one is needed.
    """

    verb: Verb
    revision: str | None = None
    token: str | None = None


@dataclass(frozen=True)
class State:
    """What is known where the wish is asked.

    Attributes:
        status: What the operator reported.
        annotations: Of the LLMDeployment.
        handled: Requests that were acted on, as `promote=<hash10>`.
        target: Hash of the revision that the spec describes; None: it is not known.
    """

    status: LLMDeploymentStatus
    annotations: Mapping[str, str]
    handled: frozenset[str]
    target: str | None = None


@dataclass(frozen=True)
class Ask:
    """The annotation to set.

    Attributes:
        annotation: Its name.
        value: `<hash10>[@token]`.
        label: The revision for people: `r7 (0123456789)`.
        stands: True when it stands there already and waits to be acted on.
    """

    annotation: str
    value: str
    label: str
    stands: bool


def ask_for(wish: Wish, state: State) -> Ask:
    """The annotation that says a wish.

    Raises:
        NothingToAskError: There is nothing to promote, abort, retry or release.
    """
    revision, label = (
        _canary(wish, state.status)
        if wish.verb in {Verb.PROMOTE, Verb.ABORT}
        else _refused(wish, state)
    )
    annotation = ANNOTATIONS[wish.verb]
    if wish.token:
        value = f"{revision}@{wish.token}"
    else:
        value = fresh_value(wish.verb, revision, state.handled)
    stands = state.annotations.get(annotation) == value
    if stands and f"{wish.verb}={value}" in state.handled:
        raise NothingToAskError(f"{value} was asked for and acted on already: give another --token")
    return Ask(annotation, value, label, stands)


def _canary(wish: Wish, status: LLMDeploymentStatus) -> tuple[str, str]:
    canary, rollout = status.revisions.canary, status.rollout
    running = rollout is not None and rollout.phase != Phase.FINISHED
    if canary is None or not running:
        ended = f"; {rollout.name} ended as {rollout.outcome}" if rollout else ""
        raise NothingToAskError(
            f"nothing is rolling out, so there is nothing to {wish.verb}{ended}"
        )
    label = f"r{canary.number} ({canary.hash})"
    if wish.revision not in {None, canary.hash}:
        raise NothingToAskError(
            f"{wish.revision} is not on its way: the canary is {label}, so only that one can be"
            f" asked to {wish.verb}"
        )
    return canary.hash, label


def _refused(wish: Wish, state: State) -> tuple[str, str]:
    """The revision that is refused, or that everything is frozen for."""
    refused = {entry.hash: f"r{entry.number} ({entry.hash})" for entry in state.status.refused}
    asked = wish.revision or _meant(refused, state)
    if asked is not None and asked in refused:
        return asked, refused[asked]
    frozen = wish.verb is Verb.RETRY and _is_frozen(state.status)
    if frozen and asked is not None and asked in {state.target, wish.revision}:
        return asked, asked
    if not refused:
        raise NothingToAskError(f"no revision is refused, so there is nothing to {wish.verb}")
    known = ", ".join(refused.values())
    if asked is None:
        raise NothingToAskError(
            f"more than one revision is refused: name one with --revision, of {known}"
        )
    raise NothingToAskError(
        f"{asked} is not refused, so there is nothing to {wish.verb}; refused are: {known}"
    )


def _meant(refused: Mapping[str, str], state: State) -> str | None:
    """The revision of the spec; where that is not known, the only one that is refused."""
    if state.target is not None:
        return state.target
    return next(iter(refused)) if len(refused) == 1 else None


def _is_frozen(status: LLMDeploymentStatus) -> bool:
    return any(condition.reason == FROZEN for condition in status.conditions)


def fresh_value(verb: Verb, about: str, handled: Collection[str]) -> str:
    """What is asked about, with the first token that was not acted on if it was asked before."""
    value, number = about, 1
    while f"{verb}={value}" in handled:
        number += 1
        value = f"{about}@{number}"
    return value
