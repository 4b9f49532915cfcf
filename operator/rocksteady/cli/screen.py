"""Where rendered text goes: a terminal with its width and colours, or a pipe without."""

import json
import os
import sys
from dataclasses import dataclass
from typing import Any, Final

import click
import yaml
from rich.console import Console

from rocksteady.cli.wording import share_of_bar

PIPE_COLUMNS: Final = 120
"""Width where there is no terminal to ask and COLUMNS is not set."""


@dataclass(frozen=True)
class Glyphs:
    """Characters that bars and marks are made of.

    Attributes:
        full: A cell that is filled.
        empty: A cell that is not.
        hold: The cell of a bar from which on a canary gets no more.
        good: Before what is as it should be.
        bad: Before what is not.
        unknown: Before what is not known.
    """

    full: str
    empty: str
    hold: str
    good: str
    bad: str
    unknown: str


DRAWN: Final = Glyphs(full="█", empty="░", hold="│", good="✓", bad="✗", unknown="·")
TYPED: Final = Glyphs(full="#", empty=".", hold="|", good="+", bad="x", unknown="?")


def console() -> Console:
    """The console of standard output. Colours only on a terminal, and none with NO_COLOR."""
    piped = not sys.stdout.isatty()
    width = PIPE_COLUMNS if piped and not os.environ.get("COLUMNS") else None
    return Console(width=width, highlight=False, soft_wrap=False, emoji=False, markup=False)


def glyphs_of(screen: Console) -> Glyphs:
    """Drawn where the encoding has them, else typed."""
    return DRAWN if screen.encoding.lower().startswith("utf") else TYPED


def evidence_bar(
    glyphs: Glyphs, evidence: float, threshold: float, hold: float, *, cells: int
) -> str:
    """Evidence between 1 and its threshold on a log scale; full only at the threshold.

    Args:
        glyphs: What it is made of.
        evidence: Of harm; below 1 it speaks for the canary, and the bar is empty.
        threshold: Evidence that condemns.
        hold: Evidence from which on the canary gets no more; marked while the bar is below it.
        cells: Length.
    """
    share = share_of_bar(evidence, threshold)
    filled = cells if share >= 1 else min(int(share * cells), cells - 1)
    mark = int(share_of_bar(hold, threshold) * cells)
    drawn = [glyphs.full if index < filled else glyphs.empty for index in range(cells)]
    if filled <= mark < cells:
        drawn[mark] = glyphs.hold
    return "".join(drawn)


def share_bar(glyphs: Glyphs, percent: int, *, cells: int) -> str:
    """A share of 100 as a bar; empty only at 0, full only at 100."""
    filled = round(percent * cells / 100)
    if 0 < percent < 100:
        filled = min(max(filled, 1), cells - 1)
    return glyphs.full * filled + glyphs.empty * (cells - filled)


def harmless(text: str) -> str:
    """Text of others on one line, so that it can neither steer a terminal nor pass for ours."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def print_data(data: Any, output: str) -> None:
    """Print plain data as JSON or YAML."""
    if output == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), nl=False)


output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    help="Print data for programs instead.",
)
