"""Runs of suites: which part of which content a revision is asked, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.api.run_result import RunResult
from rocksteady.rollout.finding import Finding

RETRY_SECONDS: Final = 300
"""After how long a run that came to nothing is tried again, for what was in the way may be gone.
Every further time in a row takes twice as long."""
RETRY_SECONDS_MOST: Final = 3600
"""The longest of these waits. Every wait ends in a run, for as long as something needs it."""
FAILURES_KEPT: Final = 8
"""Tries that are remembered; from the fifth on the wait is the longest."""
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
class Failures:
    """Tries in a row that came to nothing.

    Attributes:
        times: When they ended, oldest first; one at least.
        trouble: Why the last of them failed; None: it told a result with too few answers.
    """

    times: tuple[datetime, ...]
    trouble: Finding | None = None

    @property
    def wait_seconds(self) -> int:
        """How long after the last of them the next may begin."""
        doublings: int = 2 ** (len(self.times) - 1)
        return min(RETRY_SECONDS_MOST, RETRY_SECONDS * doublings)


@dataclass(frozen=True)
class RunSeen:
    """What is known of a run that was started.

    Attributes:
        result: What it told; None: nothing yet, or nothing that can be read.
        ended_at: When it ended; None: it runs.
        trouble: Why it does not start, or why it failed; None: it did not.
        is_kept: True when the result is kept where no Job is needed any more.
        again: What is known of asking again, beside a result that is kept; None: nothing.
        has_job: True while the Job is there that this was read from.
        failures: Tries in a row up to now that came to nothing; None: the last one did not.
        content_hash: Whole hash of the content that was asked; empty: it is not known.
        is_from_before: True when it ended before the attempt began that looks at it.
    """

    result: RunResult | None = None
    ended_at: datetime | None = None
    trouble: Finding | None = None
    is_kept: bool = False
    again: "RunSeen | None" = None
    has_job: bool = False
    failures: Failures | None = None
    content_hash: str = ""
    is_from_before: bool = False

    @property
    def newest(self) -> "RunSeen":
        """What is known of the last time that it was asked."""
        return self.again or self

    @property
    def obstacle(self) -> Finding | None:
        """Why there is no result yet, of the try before while it runs again; None: nothing is."""
        return self.trouble or (self.failures.trouble if self.failures else None)

    @property
    def due_at(self) -> datetime | None:
        """When it may be asked again, if it must be; None: it is being asked, or never was.

        At once, when what it told does not count, or cannot be used and is older than the attempt.
        A result without a failure that cannot be used is asked again as rarely as can be.
        """
        newest = self.newest
        if newest.ended_at is None:
            return None
        if newest.is_from_before or (newest.result is None and newest.trouble is None):
            return newest.ended_at
        wait_seconds = RETRY_SECONDS if newest.trouble else RETRY_SECONDS_MOST
        if newest.failures is not None:
            wait_seconds = newest.failures.wait_seconds
        return newest.ended_at + timedelta(seconds=wait_seconds)

    def is_due_again(self, now: datetime) -> bool:
        """True when it ended so long ago that it may be asked again, if it must be."""
        return self.due_at is not None and now >= self.due_at


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
