"""`rocksteady replay`: compute every decision of an attempt again, and say equal or not."""

import asyncio
import json
import sys
from functools import partial
from typing import Any, Final, TextIO

import click

from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.cli.replay_view import print_evaluations, with_evaluations
from rocksteady.cli.screen import output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.subject import attempt_of, read_subject
from rocksteady.cli.wording import moment_of
from rocksteady.errors import MetricsError
from rocksteady.metrics_sources import MetricsSources, SourcesError, load
from rocksteady.reconcile.counting import Counting, count_segments
from rocksteady.rollout.measuring import joined
from rocksteady.rollout.recount import Recount, grid_of_record, recount
from rocksteady.rollout.replay import Replay, Replayed, read_counts
from rocksteady.rollout.replay import replay as compute_again
from rocksteady.rollout.replay_evaluations import replay_evaluations

DIFFERS: Final = 1
NOTHING_COMPARED: Final = 3
_SHOWN: Final = 5
"""Ticks that differ are shown one by one up to here."""


@click.command()
@click.argument("name")
@click.option("--attempt", "number", type=click.IntRange(1), help="Default: the newest.")
@click.option(
    "--prometheus",
    metavar="URL",
    help="Count anew from this Prometheus too, and compare with the recorded counts.",
)
@click.option(
    "--metrics-sources",
    type=click.File(encoding="utf-8"),
    help="The same from the operator's own configuration, with its credentials.",
)
@output_option
@cluster_options
def replay(
    name: str,
    number: int | None,
    prometheus: str | None,
    metrics_sources: TextIO | None,
    output: str | None,
    target: Target,
) -> None:
    """Compute every recorded decision of an attempt of NAME again, from its recorded counts.

    Evidence must be equal to the last digit, and the chain of hashes whole; so must be what
    evaluations said, from the recorded results of their items. Exits with 1 when something is not
    equal, and with 3 when nothing could be compared.
    """
    namespace, key, attempt = run(target, partial(_read, name=name, number=number))
    result = compute_again(attempt)
    evaluations = replay_evaluations(attempt)
    sources = _sources(attempt, prometheus, metrics_sources)
    counted = _counted_anew(attempt, namespace, sources) if sources else ()
    if output is not None:
        data = _data(key, result, counted)
        print_data(with_evaluations(data, evaluations), output)
    else:
        _print(key, result, counted)
        print_evaluations(evaluations)
    if result.differs or evaluations.differs or any(one.differences for one in counted):
        sys.exit(DIFFERS)
    if not (result.compared or evaluations.compared or any(one.equal for one in counted)):
        sys.exit(NOTHING_COMPARED)


async def _read(session: Session, name: str, number: int | None) -> tuple[str, str, LLMRollout]:
    subject = await read_subject(session, name)
    return (subject.namespace, *attempt_of(subject, number))


# --- what Prometheus says today


def _counted_anew(
    attempt: LLMRollout, namespace: str, sources: MetricsSources
) -> tuple[Recount, ...]:
    """Recorded counts beside those of today; none when nothing was recorded."""
    recorded, _ = read_counts(attempt)
    tests, grid = attempt.spec.tests, grid_of_record(attempt, recorded)
    if tests is None or grid is None:
        return ()
    around = world()

    async def count() -> tuple[Recount, ...]:
        async with around.metrics(sources) as metrics:
            interval = tests.scrape_interval_seconds
            counting = Counting(metrics, tests.source, interval, around.clock.now())
            found = count_segments(counting, attempt, tests, namespace, grid)
            return recount(recorded, joined([one async for one in found]))

    try:
        return asyncio.run(count())
    except MetricsError as error:
        raise click.ClickException(error.message) from error


def _sources(attempt: LLMRollout, url: str | None, file: TextIO | None) -> MetricsSources | None:
    """Where to count anew; None: nowhere.

    Raises:
        UsageError: The address or the file is none.
    """
    tests = attempt.spec.tests
    try:
        if file is not None:
            return load(file.read())
        if url is None or tests is None:
            return None
        source = {"url": url, "scrapeIntervalSeconds": tests.scrape_interval_seconds}
        return load(json.dumps({"metricsSources": {tests.source: source}}))
    except SourcesError as error:
        raise click.UsageError(str(error)) from error


# --- text


def _print(key: str, result: Replay, counted: tuple[Recount, ...]) -> None:
    click.echo(f"{key}: {_summary(result)}")
    for one in result.decisions:
        _print_decision(one)
    if result.dropped:
        click.echo(f"{result.dropped} decisions are not kept for want of room")
    click.echo(_chain(result))
    for series in counted:
        _print_series(series)


def _summary(result: Replay) -> str:
    unequal = sum(bool(one.differences) for one in result.decisions)
    if unequal:
        return f"{unequal} of {len(result.decisions)} decisions are not equal"
    if not result.compared:
        return "nothing could be compared"
    partly = sum(bool(one.obstacle) for one in result.decisions)
    rest = f"; of {partly} not all could be compared" if partly else ""
    return f"all {result.compared} decisions that could be compared are equal{rest}"


def _print_decision(one: Replayed) -> None:
    decision = one.decision
    when = moment_of(decision.time, world().clock.now())
    line = f"  {decision.sequence:>3}  {when}  {decision.action:<9} {decision.reason:<24}"
    click.echo(f"{line} {_word(one)}")
    for text in (*one.differences, *filter(None, [one.obstacle])):
        click.echo(f"       {text}")


def _word(one: Replayed) -> str:
    if one.differences:
        return click.style("NOT EQUAL", fg="red")
    if one.obstacle and not one.compared:
        return "not compared"
    if not one.compared:
        return "rests on no counts"
    return click.style(f"equal ({one.compared} signals, {one.decision.ticks} ticks)", fg="green")


def _chain(result: Replay) -> str:
    if result.broken is None:
        return "the chain of hashes is whole"
    broken = click.style("BROKEN", fg="red")
    return f"the chain of hashes is {broken}: decision {result.broken} is not what was recorded"


def _print_series(series: Recount) -> None:
    parts = [f"{series.equal} ticks equal"]
    if series.gone:
        parts.append(f"{series.gone} no longer there")
    if series.differences:
        parts.append(click.style(f"{len(series.differences)} NOT EQUAL", fg="red"))
    click.echo(f"counted anew, {series.series}: {', '.join(parts)}")
    for one in series.differences[:_SHOWN]:
        click.echo(f"       tick {one.tick}: recorded {one.recorded}, counted {one.counted}")


def _data(key: str, result: Replay, counted: tuple[Recount, ...]) -> dict[str, Any]:
    """For programs."""
    return {
        "rollout": key,
        "equal": not result.differs and not any(one.differences for one in counted),
        "compared": result.compared,
        "brokenAt": result.broken,
        "dropped": result.dropped,
        "decisions": [
            {
                "sequence": one.decision.sequence,
                "signals": one.compared,
                "differences": list(one.differences),
                "obstacle": one.obstacle,
            }
            for one in result.decisions
        ],
        "countedAnew": [
            {
                "series": one.series,
                "equal": one.equal,
                "gone": one.gone,
                "differences": len(one.differences),
            }
            for one in counted
        ],
    }
