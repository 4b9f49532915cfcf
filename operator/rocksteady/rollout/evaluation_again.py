"""Which runs must be asked again, since what they told can be of no use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rocksteady.analysis.evaluation_rules import ANSWERED_LEAST
from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.rollout.evaluation_runs import Run, RunSeen, items_of

_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


def hardly_answered(told: Mapping[Run, RunSeen]) -> tuple[Run, ...]:
    """Which of these left too many items unanswered; when none did by itself, the worst of them.

    Args:
        told: With their results: all that a verdict would rest on.
    """
    few = tuple(run for run, known in told.items() if has_too_few(known.result))
    worst = max(told, key=lambda run: _unanswered(told[run].result), default=None)
    return few or (() if worst is None else (worst,))


def to_replace(told: Mapping[Run, RunSeen]) -> tuple[Run, ...]:
    """Which of results that cannot be compared are asked again.

    Those that are of no use by themselves; else the oldest, since the newer ones tell what the
    items and the runner are now.

    Args:
        told: One part, of each revision that is compared.
    """
    useless = tuple(run for run, known in told.items() if is_useless(known.result))
    oldest = min(told, key=lambda run: (told[run].ended_at or _LONG_AGO, run))
    return useless or (oldest,)


def is_useless(result: RunResult | None) -> bool:
    """True when nothing can be read from it."""
    if result is None or result.outcome is RunOutcome.ERROR:
        return True
    try:
        return not items_of(result)
    except ValueError:
        return True


def has_too_few(result: RunResult | None) -> bool:
    """True when so little was answered that the suite was not really asked."""
    if result is None or is_useless(result):
        return True
    items = len(items_of(result))
    return items - _unanswered(result) < ANSWERED_LEAST * items


def _unanswered(result: RunResult | None) -> int:
    return items_of(result).count(ItemResult.UNANSWERED) if result is not None else 0
