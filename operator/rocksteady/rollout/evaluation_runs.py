"""Runs of suites: which part of which content a revision is asked, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.api.run_result import RunResult
from rocksteady.rollout.finding import Finding

RETRY_SECONDS: Final = 300
"""After how long a run that failed is tried again: what was in the way may be gone. It goes on
until the progress deadline of the attempt."""
_PLAIN: Final = {"1": ItemResult.CORRECT, "0": ItemResult.WRONG, "-": ItemResult.UNANSWERED}


@dataclass(frozen=True, order=True)
class Run:
    """One Job: a revision is asked one part of a suite's items.

    Attributes:
        revision: Hash of the revision.
        content: First 10 digits of the content's hash.
        part: From 1: the items after those of the look before.
        request: Key of the request by which a person asked for it; empty: a gate or a schedule
            needs it. Those that a person asked for are kept apart, so that no gate takes them.
    """

    revision: str
    content: str
    part: int
    request: str = ""


@dataclass(frozen=True)
class RunSeen:
    """What is known of a run that was started.

    Attributes:
        result: What it told; None: nothing yet, or nothing that can be read.
        ended_at: When it ended; None: it runs.
        trouble: Why it does not start, or why it failed; None: it did not.
        is_kept: True when the result is kept where no Job is needed any more.
        again: What is known of a Job that asks again, beside a result that is kept; None: none.
    """

    result: RunResult | None = None
    ended_at: datetime | None = None
    trouble: Finding | None = None
    is_kept: bool = False
    again: "RunSeen | None" = None

    @property
    def retry_at(self) -> datetime | None:
        """When it may be tried again; None: it did not fail."""
        if self.again is not None:
            return self.again.retry_at
        if self.result is not None or self.ended_at is None:
            return None
        return self.ended_at + timedelta(seconds=RETRY_SECONDS)

    def is_due_again(self, now: datetime) -> bool:
        """True when it failed so long ago that it may be tried again."""
        return self.retry_at is not None and now >= self.retry_at


Runs = Mapping[Run, RunSeen]


@dataclass(frozen=True)
class Part:
    """The items of one run.

    Attributes:
        first_item: From 0.
        items: How many; None: all that the runner has.
    """

    first_item: int
    items: int | None


def part_of(looks: Sequence[int], part: int) -> Part:
    """The items that come between one look and the one before.

    Args:
        looks: Items asked by each look; empty: there is one look, at whatever the runner has.
        part: From 1.
    """
    if not looks:
        return Part(0, None)
    before = looks[part - 2] if part > 1 else 0
    return Part(before, looks[part - 1] - before)


def items_of(result: RunResult) -> tuple[ItemResult, ...]:
    """What each item of a run came to.

    Raises:
        ValueError: The text is neither packed nor plain results; with nothing of it in the message.
    """
    if set(result.results) <= set(_PLAIN):
        return tuple(_PLAIN[letter] for letter in result.results)
    return unpack(result.results)
