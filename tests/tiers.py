"""Which test tiers there are, and which of them ran."""

from collections import Counter
from collections.abc import Iterable, Mapping

TIERS = {
    "unit": "unit",
    "golden": "golden",
    "emulated": "emulated",
    "apiserver": "apiserver",
    "e2e": "cluster",
}
"""Folder of the tests to the tier they are of."""


def has_run(outcomes: Counter[str]) -> bool:
    """Tell whether a single test of a tier passed or failed.

    Args:
        outcomes: Of its tests: passed, failed, error or skipped, and how many.
    """
    return outcomes.total() > outcomes["skipped"]


def not_run(asked: Iterable[str], outcomes: Mapping[str, Counter[str]]) -> list[str]:
    """Return the tiers that were asked for and did not run.

    Args:
        asked: Tiers.
        outcomes: By tier; see `has_run`.
    """
    return [tier for tier in asked if not has_run(outcomes.get(tier, Counter()))]
