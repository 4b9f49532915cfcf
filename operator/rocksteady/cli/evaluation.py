"""`rocksteady eval`: ask a suite now, results that are kept, and which items changed sides."""

from collections.abc import Sequence
from functools import partial
from time import sleep
from typing import Any, Final

import click
from rich.table import Table

from rocksteady.cli.evaluation_diff import Difference, Wanted, difference_of, print_difference
from rocksteady.cli.evaluation_diff import data_of as difference_data
from rocksteady.cli.evaluation_results import KeptResults, read_results
from rocksteady.cli.evaluation_run import (
    RunAsked,
    RunEnd,
    RunWanted,
    ask_for_run,
    read_end,
    run_data,
)
from rocksteady.cli.screen import console, output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.wording import since
from rocksteady.rollout.evaluation_results import SuiteResult

_COLUMNS = ("SUITE", "CONTENT", "REVISION", "CORRECT", "ANSWERED", "ITEMS", "TOKENS", "AGO", "FOR")
_LEFT = frozenset({"SUITE", "CONTENT", "REVISION", "FOR"})
WAIT_SECONDS: Final = 2.0
"""How often `run --wait` looks whether it is over."""


@click.group("eval")
def evaluation() -> None:
    """Ask suites of revisions, and show what they came to."""


@evaluation.command()
@click.argument("name")
@output_option
@cluster_options
def show(name: str, output: str | None, target: Target) -> None:
    """List the results that are kept of NAME, by suite, the newest first.

    CONTENT tells contents of a suite apart: only results of one content can be compared. TOKENS is
    the mean of an answer. FOR says `hand` of what `run` asked for, else `gate`.
    """
    found = run(target, partial(_read, name=name))
    if output is not None:
        print_data([_data(found, one) for one in found.results], output)
    elif not found.results:
        click.echo(found.unread or f"no results of suites are kept of llmdeployment {name}")
    else:
        _print(found, found.results)


@evaluation.command()
@click.argument("name")
@click.argument("suite")
@click.option("--from", "before", metavar="REV", help="Default: stable of the newest attempt.")
@click.option("--to", "after", metavar="REV", help="Default: canary of the newest attempt.")
@output_option
@cluster_options
def diff(
    name: str,
    suite: str,
    before: str | None,
    after: str | None,
    output: str | None,
    target: Target,
) -> None:
    """Tell which items of SUITE changed sides between two revisions of NAME, by their ids.

    REV is a hash, or a number as r7. Prompts are shown when the suite says reveal: true.
    """
    found = run(target, partial(_read, name=name))
    difference: Difference = difference_of(found, Wanted(suite, before, after))
    if output is not None:
        print_data(difference_data(difference), output)
    else:
        print_difference(difference)


@evaluation.command("run")
@click.argument("suite")
@click.option("--deployment", required=True, metavar="NAME", help="The LLMDeployment to ask.")
@click.option("--revision", metavar="REV", help="A hash, or a number as r7. Default: stable.")
@click.option("--token", help="Makes it a new request; chosen when the same was acted on before.")
@click.option("--wait", is_flag=True, help="Wait for the end, and show the result.")
@output_option
@cluster_options
def ask(
    suite: str,
    deployment: str,
    revision: str | None,
    token: str | None,
    wait: bool,  # noqa: FBT001 - click passes it by name
    output: str | None,
    target: Target,
) -> None:
    """Ask SUITE now of a revision that serves.

    All items are asked, whatever is kept already. What comes of it is kept until the next run, and
    decides nothing: no gate takes it. The operator acts on annotation rocksteady.dev/evaluate.
    """
    wanted = RunWanted(suite, deployment, revision, token)
    asked = run(target, partial(ask_for_run, wanted=wanted))
    if output is None:
        already = "is asked for already" if asked.stood else "is asked for"
        click.echo(f"llmdeployment/{deployment}: a run of {suite} on {asked.label} {already}")
    if not wait:
        if output is not None:
            print_data(run_data(asked), output)
        return
    end = _end(target, wanted, asked)
    if output is not None:
        print_data([_data(end.found, one) for one in end.results], output)
    else:
        _print(end.found, end.results)
    if end.trouble:
        raise click.ClickException(f"nothing can be said of {suite}: {end.trouble}")


def _end(target: Target, wanted: RunWanted, asked: RunAsked) -> RunEnd:
    """Wait for the end of a run."""
    while (end := run(target, partial(read_end, wanted=wanted, asked=asked))) is None:
        sleep(WAIT_SECONDS)
    return end


def _print(found: KeptResults, results: Sequence[SuiteResult]) -> None:
    console().print(_table(found, results))
    if found.unread:
        click.echo(found.unread)
    for one in results:
        if one.trouble:
            said = f"{one.suite or one.content} on {found.label(one.revision)}"
            click.echo(f"{said}: {one.trouble}")


async def _read(session: Session, name: str) -> KeptResults:
    return await read_results(session, name)


def _table(found: KeptResults, results: Sequence[SuiteResult]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in _LEFT else "right", overflow="fold")
    now = world().clock.now()
    for one in results:
        counts, tokens = one.asked.counts, one.asked.output_tokens
        share = 100 * counts.correct / counts.answered if counts.answered else None
        table.add_row(
            one.suite or "-",
            one.content,
            found.label(one.revision),
            "-" if share is None else f"{share:.4g} %",
            str(counts.answered),
            str(counts.items),
            f"{tokens.sum / tokens.count:.3g}" if tokens.count else "-",
            since(one.asked.completed_at, now),
            "hand" if one.request else "gate",
        )
    return table


def _data(found: KeptResults, one: SuiteResult) -> dict[str, Any]:
    """For programs."""
    asked, counts = one.asked, one.asked.counts
    ended = asked.completed_at
    return {
        "suite": one.suite,
        "content": one.content,
        "revision": one.revision,
        "label": found.label(one.revision),
        "correct": counts.correct,
        "wrong": counts.wrong,
        "unanswered": counts.unanswered,
        "completedAt": None if ended is None else ended.isoformat(),
        "outputTokens": asked.output_tokens.model_dump(mode="json", by_alias=True),
        "seconds": asked.seconds.model_dump(mode="json", by_alias=True),
        "trouble": one.trouble,
        "byHand": bool(one.request),
    }
