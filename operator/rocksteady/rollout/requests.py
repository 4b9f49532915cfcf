"""What people ask for by annotation: promote, abort, retry, release, pause.

A value names the revision, and may carry a token after `@` so that the same can be asked again:
`<hash10>@2`. `pause` is a state: it holds while the annotation says `true`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rocksteady import conventions

UNVERIFIED: Final = "(unverified)"
_LENGTH_MAX: Final = 100
"""Of a value that is looked at; a hash and a short token are far shorter."""


class Verb(StrEnum):
    """What can be asked for, the strongest first."""

    ABORT = "abort"
    RELEASE = "release"
    RETRY = "retry"
    PROMOTE = "promote"


ANNOTATIONS: Final = {
    Verb.ABORT: conventions.ANNOTATION_ABORT,
    Verb.RELEASE: conventions.ANNOTATION_RELEASE,
    Verb.RETRY: conventions.ANNOTATION_RETRY,
    Verb.PROMOTE: conventions.ANNOTATION_PROMOTE,
}
"""By which each is asked for."""


@dataclass(frozen=True)
class Request:
    """One thing that a person asks for.

    Attributes:
        verb: What to do.
        revision: Hash of the revision that it is about.
        text: How it is remembered: `promote=<hash10>[@token]`.
        actor: Who asks, as the annotation says.
    """

    verb: Verb
    revision: str
    text: str
    actor: str


def read_requests(
    annotations: Mapping[str, str], handled: Collection[str]
) -> tuple[tuple[Request, ...], bool]:
    """What is asked for and not yet handled, the strongest first; and whether to pause.

    Args:
        annotations: Of the LLMDeployment.
        handled: Requests that were acted on, as `Request.text`.
    """
    said = annotations.get(conventions.ANNOTATION_REQUESTED_BY, "somebody")
    actor = f"{said[:_LENGTH_MAX]} {UNVERIFIED}"
    found = []
    for verb in Verb:
        text = asked(annotations, verb)
        if text and text not in handled:
            revision = text.partition("=")[2].partition("@")[0]
            found.append(Request(verb, revision, text, actor))
    return tuple(found), annotations.get(conventions.ANNOTATION_PAUSE) == "true"


def asked(annotations: Mapping[str, str], verb: Verb) -> str:
    """What an annotation asks for, as `Request.text`; empty: nothing."""
    value = annotations.get(ANNOTATIONS[verb], "")[:_LENGTH_MAX]
    return f"{verb}={value}" if value else ""
