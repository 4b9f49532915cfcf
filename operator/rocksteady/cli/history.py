"""`rocksteady history`: all attempts that are kept, and how they ended."""

from datetime import datetime
from functools import partial
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome
from rocksteady.cli.screen import console, output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.subject import Subject, read_subject
from rocksteady.cli.wording import duration
from rocksteady.rollout.moves import seconds_between

_STYLES = {
    Outcome.PROMOTED: "green",
    Outcome.ROLLED_BACK: "red",
    Outcome.ABORTED: "red",
    None: "cyan",
}
_COLUMNS = (
    "#",
    "FROM",
    "TO",
    "CAUSE",
    "OUTCOME",
    "REASON",
    "STARTED (UTC)",
    "TOOK",
    "PEAK",
    "JUDGED",
)


@click.command()
@click.argument("name")
@output_option
@cluster_options
def history(name: str, output: str | None, target: Target) -> None:
    """List the attempts of NAME that are kept, the newest first.

    PEAK is the greatest share of the requests that the canary was given, JUDGED how many of its
    answers the decisions rest on.
    """
    subject = run(target, partial(_read, name=name))
    attempts = list(subject.attempts.items())[::-1]
    now = world().clock.now()
    if output is not None:
        print_data([_data(key, attempt, now) for key, attempt in attempts], output)
    elif not attempts:
        click.echo(f"llmdeployment {name} has no rollout that is kept and can be read")
    else:
        console().print(_table([attempt for _, attempt in attempts], now))
        gone = subject.status.attempts - len(attempts)
        if gone > 0:
            click.echo(f"{gone} older attempts are no longer kept")


async def _read(session: Session, name: str) -> Subject:
    return await read_subject(session, name)


def _table(attempts: list[LLMRollout], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for name in _COLUMNS:
        right = name in {"#", "TOOK", "PEAK", "JUDGED"}
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for attempt in attempts:
        spec, status = attempt.spec, attempt.status
        outcome = status.outcome
        started = "-" if status.started_at is None else f"{status.started_at:%Y-%m-%d %H:%M}"
        table.add_row(
            str(spec.attempt),
            f"r{spec.stable.number}",
            f"r{spec.canary.number}",
            spec.cause.value,
            Text(
                status.phase.value if outcome is None else outcome.value, _STYLES.get(outcome, "")
            ),
            status.outcome_reason or (status.hold.reason if status.hold else ""),
            started,
            duration(_seconds(attempt, now)),
            f"{peak_percent(attempt)} %",
            str(requests_judged(attempt)),
        )
    return table


def peak_percent(attempt: LLMRollout) -> int:
    """The greatest share of the requests that the canary was given before it was promoted."""
    weights = [one.weight_percent for one in attempt.status.decisions if one.action != "Promote"]
    return max(weights, default=0)


def requests_judged(attempt: LLMRollout) -> int:
    """How many answers of the canary the last decisions rest on."""
    records = [one for made in attempt.status.decisions for one in made.signals]
    return max((one.canary_total for one in records), default=0)


def _seconds(attempt: LLMRollout, now: datetime) -> float:
    status = attempt.status
    return seconds_between(status.started_at, status.finished_at or now)


def _data(key: str, attempt: LLMRollout, now: datetime) -> dict[str, Any]:
    """For programs."""
    spec, status = attempt.spec, attempt.status
    return {
        "rollout": key,
        "attempt": spec.attempt,
        "from": spec.stable.model_dump(mode="json"),
        "to": spec.canary.model_dump(mode="json"),
        "cause": spec.cause.value,
        "phase": status.phase.value,
        "outcome": None if status.outcome is None else status.outcome.value,
        "reason": status.outcome_reason,
        "startedAt": None if status.started_at is None else status.started_at.isoformat(),
        "durationSeconds": round(_seconds(attempt, now)),
        "peakPercent": peak_percent(attempt),
        "requestsJudged": requests_judged(attempt),
        "quarantined": status.quarantined,
    }
