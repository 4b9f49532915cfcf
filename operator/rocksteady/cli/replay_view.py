"""How `replay` shows evaluations that were computed again."""

from collections.abc import Mapping
from typing import Any

import click

from rocksteady.rollout.replay_evaluations import EvaluationsReplay, ReplayedEvaluation


def print_evaluations(result: EvaluationsReplay) -> None:
    """Print a line for each evaluation, and what is not equal below it; nothing without any."""
    for one in result.evaluations:
        _print_evaluation(one)
    if result.untold:
        click.echo(f"{click.style('NOT EQUAL', fg='red')}: {result.untold}")


def _print_evaluation(one: ReplayedEvaluation) -> None:
    record = one.record
    click.echo(f"evaluation {record.suite} ({record.stage.value}): {record.verdict}, {_word(one)}")
    for text in (*one.differences, *filter(None, [one.obstacle])):
        click.echo(f"       {text}")


def _word(one: ReplayedEvaluation) -> str:
    if one.differences:
        return click.style("NOT EQUAL", fg="red")
    if not one.compared:
        return "not compared"
    return click.style(f"equal ({one.record.items} items)", fg="green")


def with_evaluations(data: Mapping[str, Any], result: EvaluationsReplay) -> dict[str, Any]:
    """Data for programs of a replay, with its evaluations."""
    return {
        **data,
        "equal": bool(data["equal"]) and not result.differs,
        "evaluations": [
            {
                "suite": one.record.suite,
                "stage": one.record.stage.value,
                "verdict": one.record.verdict,
                "compared": one.compared,
                "differences": list(one.differences),
                "obstacle": one.obstacle,
            }
            for one in result.evaluations
        ],
        "untold": result.untold,
    }
