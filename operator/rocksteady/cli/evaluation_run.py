"""What `eval run` asks for, and what came of it: decided from what was read."""

from dataclasses import dataclass
from typing import Any, Final

import click

from rocksteady import conventions
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteStatus
from rocksteady.api.v1alpha1.status import ConditionStatus, RevisionStatus
from rocksteady.cli.asking import fresh_value
from rocksteady.cli.evaluation_results import KeptResults, read_results
from rocksteady.cli.session import Session
from rocksteady.cli.subject import Subject, read_subject
from rocksteady.errors import Forbidden, NotServed
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.evaluation_results import SuiteResult
from rocksteady.rollout.ledger import handled_by
from rocksteady.rollout.requests import Request, Verb, read_request

_ANNOTATION: Final = conventions.ANNOTATION_EVALUATE


@dataclass(frozen=True)
class RunWanted:
    """What a person wants.

    Attributes:
        suite: Name of the suite.
        deployment: Name of the LLMDeployment.
        revision: Hash or `r7`; None: stable.
        token: Makes it another request; None: chosen when the same was acted on before.
    """

    suite: str
    deployment: str
    revision: str | None
    token: str | None


@dataclass(frozen=True)
class RunAsked:
    """What was asked for.

    Attributes:
        request: As the annotation has it.
        label: The revision as people read it.
        stood: True when it stood there already and waits to be acted on.
    """

    request: Request
    label: str
    stood: bool


@dataclass(frozen=True)
class RunEnd:
    """What came of a request.

    Attributes:
        found: All results that are kept.
        results: Those of the request: one, or more where the suite changed meanwhile.
        trouble: Why nothing can be said, a sentence; empty: it can.
    """

    found: KeptResults
    results: tuple[SuiteResult, ...]
    trouble: str


async def ask_for_run(session: Session, wanted: RunWanted) -> RunAsked:
    """Set the annotation that asks for a run, unless it stands there already.

    Raises:
        ClickException: It could not be run; the message says why and what to do.
        ClusterError: Refused otherwise, or not answered.
    """
    subject = await read_subject(session, wanted.deployment)
    await _check_suite(session, wanted.suite)
    revision = served_revision(subject, wanted.revision)
    handled = handled_of(subject)
    about = f"{revision.hash}/{wanted.suite}"
    value = (
        f"{about}@{wanted.token}" if wanted.token else fresh_value(Verb.EVALUATE, about, handled)
    )
    standing = read_request(subject.annotations, Verb.EVALUATE)
    stood = _check_standing(subject, standing, about, value, handled)
    if not stood:
        await _annotate(session, subject, value)
    text = standing.text if stood and standing else f"{Verb.EVALUATE}={value}"
    request = read_request({_ANNOTATION: text.partition("=")[2]}, Verb.EVALUATE)
    if request is None:
        raise click.ClickException("give the name of a suite")
    return RunAsked(request, f"r{revision.number} ({revision.hash})", stood)


async def _check_suite(session: Session, name: str) -> None:
    """The suite is there, and the operator has nothing against it."""
    try:
        found = await session.cluster.get(kinds.EVALUATION_SUITE, session.namespace, name)
    except NotServed as error:
        raise click.ClickException(
            "the cluster does not know EvaluationSuites: install the CRDs, or choose another"
            " context"
        ) from error
    except Forbidden as error:
        raise click.ClickException(
            f"you may not read EvaluationSuites in {session.namespace} ({error}): ask for"
            " ClusterRole rocksteady-viewer"
        ) from error
    if found is None:
        raise click.ClickException(
            f"there is no evaluationsuite {name} in {session.namespace}: create it, or correct"
            " the name"
        )
    refused = _refused(found)
    if refused:
        raise click.ClickException(refused)


def _refused(suite: Manifest) -> str:
    """What the operator has against a suite as it is now; empty: nothing that is known."""
    try:
        status = EvaluationSuiteStatus.model_validate(suite.get("status") or {})
    except ValueError:
        return ""
    generation = suite["metadata"].get("generation", 0)
    for condition in status.conditions:
        against = condition.type == conventions.READY and condition.status == ConditionStatus.FALSE
        if against and condition.observed_generation >= generation:
            return f"evaluationsuite {suite['metadata']['name']} cannot be run: {condition.message}"
    return ""


def served_revision(subject: Subject, wanted: str | None) -> RevisionStatus:
    """The revision to ask: one that has ready pods.

    Raises:
        ClickException: It does not serve; the message says which do.
    """
    both = (subject.status.revisions.stable, subject.status.revisions.canary)
    known = [one for one in both if one is not None]
    ready = [one for one in known if one.ready_replicas > 0]
    others = ", ".join(f"r{one.number} ({one.hash})" for one in ready)
    cure = f"choose one that serves: {others}" if others else "no revision has a ready pod yet"
    if wanted is None:
        stable = both[0]
        if stable is not None and stable in ready:
            return stable
        said = "no revision is stable yet" if stable is None else "no pod of stable is ready"
        raise click.ClickException(f"{said}, so there is nothing to ask: {cure}")
    for one in known:
        if wanted in {one.hash, f"r{one.number}"}:
            if one in ready:
                return one
            raise click.ClickException(f"no pod of revision {wanted} is ready: {cure}")
    raise click.ClickException(f"revision {wanted} is not served, so nobody can ask it: {cure}")


def handled_of(subject: Subject) -> frozenset[str]:
    """Requests that were acted on."""
    return frozenset({*subject.status.handled_requests, *handled_by(subject.attempts)})


def _check_standing(
    subject: Subject, standing: Request | None, about: str, value: str, handled: frozenset[str]
) -> bool:
    """True when just this is asked for already.

    Raises:
        ClickException: Another one is being acted on, or this very one was.
    """
    if f"{Verb.EVALUATE}={value}" in handled:
        raise click.ClickException(
            f"{value} was asked for and acted on already: give another --token"
        )
    if standing is None or standing.text in handled:
        return False
    if f"{standing.revision}/{standing.suite}" == about:
        return True
    raise click.ClickException(
        f"suite {standing.suite} is being asked of {standing.revision}, and one run goes on at a"
        f" time: wait for its end, or give it up with kubectl annotate llmdeployment"
        f" {subject.name} -n {subject.namespace} {_ANNOTATION}-"
    )


async def _annotate(session: Session, subject: Subject, value: str) -> None:
    changes = {
        _ANNOTATION: value,
        conventions.ANNOTATION_REQUESTED_BY: await session.cluster.user_name(),
    }
    try:
        await session.cluster.annotate(subject.namespace, subject.name, subject.uid, changes)
    except Forbidden as error:
        raise click.ClickException(
            f"you may not ask for a run ({error}): it takes patch on LLMDeployments, which"
            " ClusterRoles rocksteady-deployer and rocksteady-approver give"
        ) from error


async def read_end(session: Session, wanted: RunWanted, asked: RunAsked) -> RunEnd | None:
    """What came of a request; None: it is not over.

    Raises:
        ClickException: It was replaced by another, or taken away.
        ClusterError: Refused, or not answered.
    """
    found = await read_results(session, wanted.deployment)
    standing = read_request(found.subject.annotations, Verb.EVALUATE)
    if standing is None or standing.text != asked.request.text:
        raise click.ClickException(
            f"the run of {wanted.suite} was given up: annotation {_ANNOTATION} says something else"
            " by now"
        )
    if asked.request.text not in handled_of(found.subject):
        return None
    results = tuple(one for one in found.results if one.request == asked.request.key)
    trouble = next((one.trouble for one in results if one.trouble), "")
    missing = found.unread or "its result is kept no more"
    return RunEnd(found, results, trouble if results else missing)


def run_data(asked: RunAsked) -> dict[str, Any]:
    """A request for programs."""
    return {
        "suite": asked.request.suite,
        "revision": asked.request.revision,
        "label": asked.label,
        "request": asked.request.text,
    }
