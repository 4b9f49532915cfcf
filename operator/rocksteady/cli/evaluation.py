"""`rocksteady eval`: results of suites that are kept, and which items changed sides."""

from functools import partial
from typing import Any

import click
from rich.table import Table

from rocksteady.cli.evaluation_diff import Difference, Wanted, difference_of, print_difference
from rocksteady.cli.evaluation_diff import data_of as difference_data
from rocksteady.cli.evaluation_results import KeptResults, read_results
from rocksteady.cli.screen import console, output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.wording import since
from rocksteady.rollout.evaluation_results import SuiteResult

_COLUMNS = ("SUITE", "CONTENT", "REVISION", "CORRECT", "ANSWERED", "ITEMS", "TOKENS", "AGO")
_LEFT = frozenset({"SUITE", "CONTENT", "REVISION"})


@click.group("eval")
def evaluation() -> None:
    """Show what suites came to on revisions."""


@evaluation.command()
@click.argument("name")
@output_option
@cluster_options
def show(name: str, output: str | None, target: Target) -> None:
    """List the results that are kept of NAME, by suite, the newest first.

    CONTENT tells contents of a suite apart: only results of one content can be compared. TOKENS is
    the mean of an answer.
    """
    found = run(target, partial(_read, name=name))
    if output is not None:
        print_data([_data(found, one) for one in found.results], output)
    elif not found.results:
        click.echo(f"no results of suites are kept of llmdeployment {name}")
    else:
        console().print(_table(found))
        for one in found.results:
            if one.trouble:
                said = f"{one.suite or one.content} on {found.label(one.revision)}"
                click.echo(f"{said}: {one.trouble}")


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


async def _read(session: Session, name: str) -> KeptResults:
    return await read_results(session, name)


def _table(found: KeptResults) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, justify="left" if name in _LEFT else "right", overflow="fold")
    now = world().clock.now()
    for one in found.results:
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
    }
