"""`rocksteady status`: what serves, what is on its way, and what it waits for."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from time import sleep
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from rocksteady.cli.screen import console, glyphs_of, output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.status_view import Frame, view
from rocksteady.cli.subject import Subject, read_subject

WATCH_SECONDS: Final = 2.0
"""How often the live view reads: the operator reports a change within a second or two."""


@click.command()
@click.argument("name")
@click.option("-w", "--watch", is_flag=True, help="Go on showing it until Ctrl-C.")
@output_option
@cluster_options
def status(name: str, watch: bool, output: str | None, target: Target) -> None:  # noqa: FBT001 - click passes it by name
    """Show what serves of NAME, what is on its way, and what it waits for.

    The bar of a signal is its evidence of harm on a log scale: empty at 1, which says nothing, full
    at the threshold, which rolls back. The mark, at 10, is where its share is no longer raised.
    """
    read = partial(run, target, partial(_read, name=name))
    if output is not None:
        if watch:
            raise click.UsageError("-w shows pictures, so it does not go with -o")
        print_data(_data(read()), output)
        return
    screen = console()
    if watch:
        with suppress(KeyboardInterrupt):
            _watch(screen, read)
        return
    screen.print(_picture(screen, read()))


async def _read(session: Session, name: str) -> Subject:
    return await read_subject(session, name)


def _watch(screen: Console, read: Callable[[], Subject]) -> None:
    """Show picture after picture: on a terminal in place, else each one that is new."""
    first = read()
    if not screen.is_terminal or screen.is_dumb_terminal:
        for subject in _changes(_readings(first, read)):
            screen.print(_picture(screen, subject))
            screen.print("---")
        return
    shown: RenderableType = _picture(screen, first)
    try:
        with Live(shown, console=screen, screen=True, auto_refresh=False) as live:
            for subject in _readings(first, read):
                shown = _picture(screen, subject)
                live.update(shown, refresh=True)
    finally:
        # The screen of the live view is gone: what was seen last stays.
        screen.print(shown)


def _readings(first: Subject, read: Callable[[], Subject]) -> Iterator[Subject | str]:
    """What was read, again and again; a sentence when it could not be, and it is tried again."""
    yield first
    while True:
        sleep(WATCH_SECONDS)
        try:
            yield read()
        except click.ClickException as error:
            yield f"{error.message}; trying again"


def _changes(readings: Iterator[Subject | str]) -> Iterator[Subject | str]:
    """What differs from what was read before."""
    last: Subject | str | None = None
    for reading in readings:
        if reading != last:
            yield reading
        last = reading


def _picture(screen: Console, subject: Subject | str) -> RenderableType:
    if isinstance(subject, str):
        return Text(subject, style="yellow")
    return view(subject, Frame(world().clock.now(), glyphs_of(screen)))


def _data(subject: Subject) -> dict[str, Any]:
    """For programs: the status as the operator wrote it, with the attempt that it speaks of."""
    name, attempt = subject.current or ("", None)
    rollout = None
    if attempt is not None:
        said = attempt.model_dump(mode="json", by_alias=True, exclude_none=True)
        rollout = {"name": name, **said}
    return {
        "name": subject.name,
        "namespace": subject.namespace,
        "status": subject.status.model_dump(mode="json", by_alias=True, exclude_none=True),
        "rollout": rollout,
    }
