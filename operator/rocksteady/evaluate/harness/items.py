"""What the items of a harness's run came to, in an order that every run of the suite has."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rocksteady.analysis.item_results import ItemResult, pack
from rocksteady.api.run_result import Amounts, RunOutcome, RunResult

CORRECT_FROM: Final = 0.5
"""Least value of a metric that is correct: half of it, where it is not 0 or 1."""


@dataclass(frozen=True, order=True)
class Item:
    """One item of a task and what it came to.

    Attributes:
        task: Name of its task.
        identity: Tells it from the task's others, the same in every run: what the harness calls it.
        content: Digests of what is asked and of what is right; empty: not known.
        result: What it came to.
        output_tokens: Tokens of its answer; None: not known.
        seconds: From a request to the last token of its answer; None: not known.
    """

    task: str
    identity: str
    content: str = ""
    result: ItemResult = field(default=ItemResult.UNANSWERED, compare=False)
    output_tokens: float | None = field(default=None, compare=False)
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Judged:
    """What a harness came to: all its items in any order, and its name and version."""

    items: tuple[Item, ...]
    runner: str


def by_value(value: object) -> ItemResult:
    """Tell what the value of a metric means for its item.

    Args:
        value: A number or truth value of which more is better; whatever else, and NaN, is no
            verdict.
    """
    if not isinstance(value, bool | int | float) or math.isnan(value):
        return ItemResult.UNANSWERED
    return ItemResult.CORRECT if value >= CORRECT_FROM else ItemResult.WRONG


def of_samples(results: Iterable[ItemResult], samples: int, *, every: bool) -> ItemResult:
    """Tell what an item came to that was asked several times.

    Args:
        results: Of the samples that there are.
        samples: How many there should be; what is missing is unanswered.
        every: True: all must be right, as in a Safety suite. False: more than half.

    Returns:
        Unanswered, when the samples that were not answered could turn the result.
    """
    found = Counter(results)
    needed = samples if every else samples // 2 + 1
    if found[ItemResult.CORRECT] >= needed:
        return ItemResult.CORRECT
    if samples - found[ItemResult.WRONG] < needed:
        return ItemResult.WRONG
    return ItemResult.UNANSWERED


def run_result(judged: Judged) -> RunResult:
    """Write what a completed run tells."""
    items = sorted(judged.items)
    answered = [item for item in items if item.result is not ItemResult.UNANSWERED]
    return RunResult(
        outcome=RunOutcome.COMPLETED,
        results=pack([item.result for item in items]),
        items_digest=items_digest(items),
        items_total=len(items),
        output_tokens=amounts([item.output_tokens for item in answered]),
        seconds=amounts([item.seconds for item in answered]),
        runner=judged.runner,
    )


def items_digest(items: Sequence[Item]) -> str:
    """Return what tells these items, in their order, from all others."""
    digest = hashlib.sha256()
    for item in items:
        for part in (item.task, item.identity, item.content):
            digest.update(f"{len(part.encode())} {part}\n".encode())
    return digest.hexdigest()


def amounts(values: Iterable[float | None]) -> Amounts:
    """Add up what is known."""
    known = [value for value in values if value is not None]
    return Amounts(
        count=len(known),
        sum=math.fsum(known),
        sum_of_squares=math.fsum(value * value for value in known),
    )
