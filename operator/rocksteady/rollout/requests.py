"""What people ask for by annotation: promote, abort, retry, release, evaluate, pause.

A value names the revision, and may carry a token after `@` so that the same can be asked again:
`<hash10>@2`. That of evaluate names a suite too: `<hash10>/<suite>@2`. `pause` is a state: it holds
while the annotation says `true`.
"""

import hashlib
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
    EVALUATE = "evaluate"


ANNOTATIONS: Final = {
    Verb.ABORT: conventions.ANNOTATION_ABORT,
    Verb.RELEASE: conventions.ANNOTATION_RELEASE,
    Verb.RETRY: conventions.ANNOTATION_RETRY,
    Verb.PROMOTE: conventions.ANNOTATION_PROMOTE,
    Verb.EVALUATE: conventions.ANNOTATION_EVALUATE,
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
        suite: Name of the suite that it is about; empty: it is about none.
    """

    verb: Verb
    revision: str
    text: str
    actor: str
    suite: str = ""

    @property
    def key(self) -> str:
        """What belongs to this very request is labelled with it: 10 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:10]


def read_requests(
    annotations: Mapping[str, str], handled: Collection[str]
) -> tuple[tuple[Request, ...], bool]:
    """What is asked for and not yet handled, the strongest first; and whether to pause.

    Args:
        annotations: Of the LLMDeployment.
        handled: Requests that were acted on, as `Request.text`.
    """
    standing = (read_request(annotations, verb) for verb in Verb)
    found = tuple(one for one in standing if one is not None and one.text not in handled)
    return found, annotations.get(conventions.ANNOTATION_PAUSE) == "true"


def read_request(annotations: Mapping[str, str], verb: Verb) -> Request | None:
    """What stands in an annotation, also if it was acted on; None: nothing."""
    text = asked(annotations, verb)
    if not text:
        return None
    said = annotations.get(conventions.ANNOTATION_REQUESTED_BY, "somebody")
    actor = f"{said[:_LENGTH_MAX]} {UNVERIFIED}"
    about = text.partition("=")[2].partition("@")[0]
    revision, _, suite = about.partition("/")
    return Request(verb, revision, text, actor, suite)


def asked(annotations: Mapping[str, str], verb: Verb) -> str:
    """What an annotation asks for, as `Request.text`; empty: nothing."""
    value = annotations.get(ANNOTATIONS[verb], "")[:_LENGTH_MAX]
    return f"{verb}={value}" if value else ""
