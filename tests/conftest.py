"""What all tests share: each tier is a folder and a marker, and pure tiers open no socket."""

import os
from collections import Counter
from pathlib import Path

import pytest
import pytest_socket

from tests.tiers import TIERS, has_run, not_run

# The tiers that hack/test.sh was asked for.
_ASKED = os.environ.get("ROCKSTEADY_TIERS", "").split()
_SOCKETLESS = ("unit", "golden")
_TIMEOUT_SECONDS = {"apiserver": 120, "cluster": 600}
_OUTCOMES = ("passed", "failed", "error", "skipped")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the tier of its folder."""
    root = Path(__file__).parent
    for item in items:
        folder = item.path.relative_to(root).parts[0]
        tier = TIERS[folder]
        item.add_marker(tier)
        if tier in _TIMEOUT_SECONDS and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_TIMEOUT_SECONDS[tier]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pure tiers get no network; Unix sockets stay, since event loops need them."""
    if any(item.get_closest_marker(tier) for tier in _SOCKETLESS):
        pytest_socket.disable_socket(allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    """Give sockets back to the other tiers."""
    pytest_socket.enable_socket()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A tier that was asked for and did not run is a failure, never a pass."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter and not_run(_ASKED, _outcomes(reporter)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tiers ran. A tier without a single test that passed or failed did not run."""
    outcomes = _outcomes(terminalreporter)
    terminalreporter.section("tiers")
    for tier, count in outcomes.items():
        said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(count.items()))
        unsaid = "NOT RUN" + (f" ({said})" if said else "")
        terminalreporter.line(f"{tier:<10} {said if has_run(count) else unsaid}")
    for tier in not_run(_ASKED, outcomes):
        terminalreporter.line(f"error: {tier} was asked for and no test of it was run")


def _outcomes(reporter: pytest.TerminalReporter) -> dict[str, Counter[str]]:
    """Return how the tests of each tier ended."""
    counts: dict[str, Counter[str]] = {tier: Counter() for tier in (*TIERS.values(), "extended")}
    for outcome in _OUTCOMES:
        for report in reporter.stats.get(outcome, ()):
            if not isinstance(report, pytest.TestReport):
                continue
            # What only `make test-extended` runs says nothing about the tier of its folder.
            extended = "extended" in report.keywords
            for tier in {"extended"} if extended else counts.keys() & set(report.keywords):
                counts[tier][outcome] += 1
    return counts
