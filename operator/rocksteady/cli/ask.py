"""What people ask for: `promote`, `abort`, `retry`, `release`, `pause` and `resume`.

Each sets an annotation on the LLMDeployment, which the operator acts on with its next pass.
"""

from collections.abc import Callable
from functools import partial

import click

from rocksteady import conventions
from rocksteady.cli.asking import Ask, NothingToAskError, State, Wish, ask_for
from rocksteady.cli.session import Session, Target, cluster_options, run
from rocksteady.cli.subject import Subject, read_subject
from rocksteady.errors import ClusterError
from rocksteady.reconcile.observe import read_frozen
from rocksteady.resources.validation import validate_manifest
from rocksteady.rollout.ledger import handled_by
from rocksteady.rollout.requests import Verb
from rocksteady.rollout.revisions import revision_hash

PAUSED = "true"


def _request_options(command: Callable[..., None]) -> Callable[..., None]:
    """What all requests about a revision take."""
    for decorate in (
        click.option(
            "--token",
            help="Makes the request a new one; chosen when the same was acted on before.",
        ),
        click.option("--revision", metavar="HASH", help="Default: the one that it must be about."),
        cluster_options,
    ):
        command = decorate(command)
    return click.argument("name")(command)


@click.command()
@_request_options
def promote(name: str, revision: str | None, token: str | None, target: Target) -> None:
    """Let the canary of NAME take over without its remaining steps; in the bake: end the bake."""
    _ask(target, name, Wish(Verb.PROMOTE, revision, token))


@click.command()
@_request_options
def abort(name: str, revision: str | None, token: str | None, target: Target) -> None:
    """End the rollout of NAME: stable takes all requests, and the canary is quarantined."""
    _ask(target, name, Wish(Verb.ABORT, revision, token))


@click.command()
@_request_options
def retry(name: str, revision: str | None, token: str | None, target: Target) -> None:
    """Try the refused revision that the spec of NAME describes again, and forget older failures."""
    _ask(target, name, Wish(Verb.RETRY, revision, token))


@click.command()
@_request_options
def release(name: str, revision: str | None, token: str | None, target: Target) -> None:
    """Lift the refusal of a revision of NAME: it is tried when the spec describes it."""
    _ask(target, name, Wish(Verb.RELEASE, revision, token))


@click.command()
@click.argument("name")
@cluster_options
def pause(name: str, target: Target) -> None:
    """Let rollouts of NAME stand still: no step begins; harm still takes traffic away."""
    _set_pause(target, name, paused=True)


@click.command()
@click.argument("name")
@cluster_options
def resume(name: str, target: Target) -> None:
    """Let rollouts of NAME go on after a pause."""
    _set_pause(target, name, paused=False)


def _ask(target: Target, name: str, wish: Wish) -> None:
    """Set the annotation that says a wish, and say so."""
    subject, ask = run(target, partial(_asked, name=name, wish=wish))
    where = f"llmdeployment/{subject.name}"
    if ask.stands:
        click.echo(f"{where}: {wish.verb} of {ask.label} is asked for already; not acted on yet")
        return
    click.echo(f"{where}: asked to {wish.verb} {ask.label}; watch it with {_watching(subject)}")


async def _asked(session: Session, name: str, wish: Wish) -> tuple[Subject, Ask]:
    subject = await read_subject(session, name)
    handled = {*subject.status.handled_requests, *handled_by(subject.attempts)}
    of_spec = await _target(session, subject) if wish.verb in {Verb.RETRY, Verb.RELEASE} else None
    state = State(subject.status, subject.annotations, frozenset(handled), of_spec)
    try:
        ask = ask_for(wish, state)
    except NothingToAskError as error:
        raise click.ClickException(str(error)) from error
    if not ask.stands:
        await _annotate(session, subject, {ask.annotation: ask.value})
    return subject, ask


async def _target(session: Session, subject: Subject) -> str | None:
    """Hash of the revision that the spec describes; None when that cannot be told."""
    deployment = validate_manifest(subject.manifest, strict=False).deployment
    if deployment is None:
        return None
    try:
        frozen, missing = await read_frozen(subject.namespace, deployment, session.cluster)
    except ClusterError:
        return None
    if missing is not None:
        return None
    return revision_hash(subject.namespace, subject.name, deployment.spec, frozen)


def _set_pause(target: Target, name: str, *, paused: bool) -> None:
    async def work(session: Session) -> Subject:
        subject = await read_subject(session, name)
        stands = subject.annotations.get(conventions.ANNOTATION_PAUSE) == PAUSED
        if stands == paused:
            said = "is paused already" if paused else "is not paused"
            raise click.ClickException(f"llmdeployment {name} {said}")
        value = PAUSED if paused else None
        await _annotate(session, subject, {conventions.ANNOTATION_PAUSE: value})
        return subject

    subject = run(target, work)
    said = "paused: no rollout goes on until resume" if paused else "resumed: rollouts go on"
    click.echo(f"llmdeployment/{subject.name}: {said}")


async def _annotate(session: Session, subject: Subject, changes: dict[str, str | None]) -> None:
    """Set annotations in the name of who asks; a name that somebody else left is taken away."""
    changes[conventions.ANNOTATION_REQUESTED_BY] = await session.cluster.user_name()
    await session.cluster.annotate(subject.namespace, subject.name, subject.uid, changes)


def _watching(subject: Subject) -> str:
    program = click.get_current_context().find_root().command_path
    return f"{program} status {subject.name} -n {subject.namespace} -w"
