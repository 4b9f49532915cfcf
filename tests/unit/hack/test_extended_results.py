"""What the document of `make test-extended` says of each way in which a part can end."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hack.extended_results import document, fault_rows, faults_part, report_part
from hack.images.recipes import envoy_version
from hack.local_cluster.faults import NOTHING_LEFT

FAULTS = (
    "| fault | repaired by `up` in |\n|---|---|\n| kill -9 etcd | 3.2 s |\n| nothing | 0.8 s |\n"
)
WHEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def _report(directory: Path, **counts: int) -> Path:
    attributes = " ".join(f'{name}="{count}"' for name, count in counts.items())
    path = directory / "report.xml"
    path.write_text(f'<testsuites><testsuite name="pytest" {attributes} time="12.5"/></testsuites>')
    return path


@pytest.mark.parametrize(
    ("counts", "passed", "failed", "result"),
    [
        pytest.param({"tests": 3}, 3, 0, "passed", id="all passed"),
        pytest.param({"tests": 3, "skipped": 1}, 2, 0, "passed", id="one skipped"),
        pytest.param({"tests": 3, "failures": 1}, 2, 1, "FAILED", id="one failed"),
        pytest.param({"tests": 3, "errors": 3}, 0, 3, "FAILED", id="the set-up failed"),
        pytest.param({"tests": 2, "skipped": 2}, 0, 0, "NOT RUN", id="all skipped"),
        pytest.param({"tests": 0}, 0, 0, "NOT RUN", id="no test was found"),
    ],
)
def test_report_part__counts(
    counts: dict[str, int], passed: int, failed: int, result: str, tmp_path: Path
) -> None:
    part = report_part("x", _report(tmp_path, **counts))
    assert (part.passed, part.failed, part.result, part.seconds) == (passed, failed, result, 12.5)


def test_report_part__without_a_report_was_not_run(tmp_path: Path) -> None:
    assert report_part("x", tmp_path / "missing.xml").result == "NOT RUN"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        pytest.param(f"{FAULTS}\n{NOTHING_LEFT}\n", "passed", id="everything was repaired"),
        pytest.param(FAULTS, "FAILED", id="it ended before its end"),
        pytest.param("", "NOT RUN", id="it did not begin"),
    ],
)
def test_faults_part__result(text: str, result: str) -> None:
    assert faults_part(text).result == result


def test_faults_part__counts_faults_that_were_repaired_and_not_the_last_look() -> None:
    part = faults_part(f"{FAULTS}\n{NOTHING_LEFT}\n")
    assert (part.passed, part.seconds) == (1, 3.2)


def test_fault_rows__are_what_was_done_and_the_seconds_of_its_repair() -> None:
    assert fault_rows(FAULTS) == [("kill -9 etcd", 3.2), ("nothing", 0.8)]


def test_document__has_date_setting_results_and_faults(tmp_path: Path) -> None:
    parts = [report_part("API server", _report(tmp_path, tests=3, failures=1)), faults_part(FAULTS)]
    text = document(WHEN, ["Machine: small"], parts, FAULTS)
    assert "2030-01-02 03:04 UTC." in text
    assert "- Machine: small\n" in text
    assert "| API server | FAILED | 2 | 1 | 0 | 12 |\n" in text
    assert "| kill -9 etcd | 3.2 |\n" in text
    assert "| nothing | 0.8 |\n\n## Not there yet\n" in text
    assert text.endswith("vLLM on a CPU.\n")


def test_envoy_version__is_the_locked_one() -> None:
    assert envoy_version() == "1.39.1"
