"""Results of suites that the operator keeps, as the cluster has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import click

from rocksteady import conventions
from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.llmrollout import RevisionReference
from rocksteady.cli.session import Session
from rocksteady.cli.subject import Subject, read_subject
from rocksteady.errors import Forbidden, NotServed
from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluations import Kept, read_kept
from rocksteady.reconcile.snapshot import Live, is_owned
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import content_name, read_items
from rocksteady.resources.labels import owned_labels, selector_text
from rocksteady.resources.owned import Owner
from rocksteady.rollout.evaluation_results import SuiteResult, recorded_results, results_of

_UNREAD: Final = (
    "You may not list ConfigMaps in {namespace}, so this is what attempts recorded; for the rest,"
    " ask for ClusterRole rocksteady-results-viewer."
)


@dataclass(frozen=True)
class KeptResults:
    """Results and contents of one LLMDeployment.

    Attributes:
        subject: The LLMDeployment.
        kept: What was read.
        live: The ConfigMaps that it was read from.
        revealing: Suites by name, whether they may be shown now; those that cannot be read are
            absent.
        unread: Why nothing was read of what is kept, a sentence; empty: it was.
    """

    subject: Subject
    kept: Kept
    live: Live
    revealing: Mapping[str, bool]
    unread: str = ""

    @cached_property
    def results(self) -> tuple[SuiteResult, ...]:
        """By suite, the newest first; those that attempts recorded, where no others can be read."""
        if self.unread:
            return recorded_results(self.subject.attempts.values())
        suites = {short: content.suite for short, content in self.kept.contents.items()}
        return results_of(self.kept.runs, suites)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """How people read revisions, by hash, as far as their numbers are known."""
        status = self.subject.status
        found = {one.hash: one.number for one in status.refused}
        for one in (status.revisions.stable, status.revisions.canary):
            if one is not None:
                found[one.hash] = one.number
        for attempt in self.subject.attempts.values():
            for reference in (attempt.spec.stable, attempt.spec.canary):
                found[reference.hash] = reference.number
        return {
            known: RevisionReference(hash=known, number=number).label
            for known, number in found.items()
        }

    def label(self, revision: str) -> str:
        """How people read a revision."""
        return self.labels.get(revision, revision)

    def revision(self, text: str) -> str:
        """The hash of a revision that is given as such or as `r7`.

        Raises:
            ClickException: No revision of that number is known.
        """
        if not re.fullmatch(r"r[0-9]+", text):
            return text
        for known, label in self.labels.items():
            if label.startswith(f"{text} "):
                return known
        raise click.ClickException(f"revision {text} is not known: give its hash")

    def items(self, content: str) -> tuple[Item, ...] | None:
        """The items of a content, in their order; None: they are not kept.

        Raises:
            ClickException: They cannot be read.
        """
        name = content_name(_owner(self.subject), content)
        config_map = self.live.find(kinds.CONFIG_MAP, name)
        try:
            return None if config_map is None else read_items(config_map)
        except ValueError as error:
            raise click.ClickException(str(error)) from error

    def reveals(self, content: str) -> bool:
        """True when the suite allows its items to be shown.

        What it says now counts; of a suite that is gone, what it said when its content was kept.
        """
        kept = self.kept.contents.get(content)
        if kept is None:
            return False
        return self.revealing.get(kept.suite, kept.spec.reveal)


async def read_results(session: Session, name: str) -> KeptResults:
    """What is kept of the suites that the revisions of an LLMDeployment were asked.

    Raises:
        ClickException: There is no such LLMDeployment.
        ClusterError: Refused, or not answered.
    """
    subject = await read_subject(session, name)
    labels = owned_labels(name, component=conventions.COMPONENT_EVALUATION)
    selector = selector_text(labels)
    owner, unread = _owner(subject), ""
    try:
        found = await session.cluster.list(kinds.CONFIG_MAP, subject.namespace, selector)
    except Forbidden:
        found, unread = [], _UNREAD.format(namespace=subject.namespace)
    owned = {
        (kinds.CONFIG_MAP.kind, str(one["metadata"]["name"])): one
        for one in found
        if is_owned(owner, one)
    }
    live = Live(owned, ())
    kept = read_kept(live, ())
    suites = {content.suite for content in kept.contents.values()}
    revealing = [(suite, await _reveals(session, subject, suite)) for suite in sorted(suites)]
    known = {suite: reveals for suite, reveals in revealing if reveals is not None}
    return KeptResults(subject, kept, live, known, unread)


async def _reveals(session: Session, subject: Subject, suite: str) -> bool | None:
    """Whether a suite allows its items to be shown; None: it is gone.

    Nothing is shown of one that may not be read.
    """
    try:
        found: Manifest | None = await session.cluster.get(
            kinds.EVALUATION_SUITE, subject.namespace, suite
        )
    except (Forbidden, NotServed):
        return False
    return None if found is None else found.get("spec", {}).get("reveal") is True


def _owner(subject: Subject) -> Owner:
    return Owner(subject.namespace, subject.name, subject.uid)
