# ruff: noqa: INP001 - a program, not a module of a package
"""What `make test-extended` found, as docs/test-extended.md."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import click

from hack.images.recipes import REPOSITORY, envoy_version
from hack.local_cluster.commands import run
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.faults import NO_FAULT, NOTHING_LEFT
from hack.local_cluster.tools import (
    ENVOY_GATEWAY,
    ETCD,
    KUBERNETES_VERSION,
    KUBERNETES_VERSIONS,
    TRAEFIK,
)

DOCUMENT = REPOSITORY / "docs" / "test-extended.md"
OTHER_VERSIONS = tuple(v for v in KUBERNETES_VERSIONS if v != KUBERNETES_VERSION)
_HEAD = """\
# Results of `make test-extended`

Written by that command. It runs what is too slow for every change, or breaks the local cluster.

"""


_NOT_THERE_YET = """\
## Not there yet

No part tries installation and sync by Argo CD, other operators for the same task side by side with
this one, or vLLM on a CPU.
"""


@dataclass(frozen=True)
class Part:
    """One part of the run.

    Attributes:
        name: What was tried.
        passed: Tests, or faults that were repaired.
        failed: Tests that failed or could not be set up.
        skipped: Tests that were skipped.
        seconds: How long it took.
        complete: Whether it came to its end.
    """

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    complete: bool = False

    @property
    def result(self) -> str:
        """In a word or two; a part in which nothing passed has not been run."""
        if self.failed or (self.passed and not self.complete):
            return "FAILED"
        return "passed" if self.passed else "NOT RUN"


def report_part(name: str, report: Path) -> Part:
    """Return how a run of pytest ended.

    Args:
        name: Of the part.
        report: Its file in JUnit's format; one that is missing was not run.
    """
    if not report.exists():
        return Part(name)
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest's own file
    counts = [
        {
            key: float(suite.get(key, 0))
            for key in ("tests", "failures", "errors", "skipped", "time")
        }
        for suite in suites
    ]
    total = {key: sum(count[key] for count in counts) for key in counts[0]}
    failed, skipped = total["failures"] + total["errors"], total["skipped"]
    passed = total["tests"] - failed - skipped
    return Part(name, int(passed), int(failed), int(skipped), total["time"], complete=True)


def fault_rows(text: str) -> list[tuple[str, float]]:
    """Return what was broken and how many seconds its repair took.

    Args:
        text: What `hack.local_cluster.faults` printed.
    """
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.endswith(" s |")]
    return [(name, float(seconds.removesuffix(" s"))) for name, seconds in cells]


def faults_part(text: str) -> Part:
    """Return how the breaking and repairing ended; see `fault_rows`."""
    rows = [row for row in fault_rows(text) if row[0] != NO_FAULT]
    complete = NOTHING_LEFT in text
    seconds = sum(seconds for _name, seconds in rows)
    return Part("Faults", len(rows), 0 if complete or not rows else 1, 0, seconds, complete)


def document(when: datetime, setting: Iterable[str], parts: Iterable[Part], faults: str) -> str:
    """Return the document.

    Args:
        when: The run ended.
        setting: Versions and machine, a line each.
        parts: In the order in which they ran.
        faults: See `fault_rows`.
    """
    lines = [f"{when:%Y-%m-%d %H:%M} UTC.", "", *(f"- {line}" for line in setting), ""]
    lines += [
        "| part | result | passed | failed | skipped | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for part in parts:
        counts = f"{part.passed} | {part.failed} | {part.skipped} | {part.seconds:.0f}"
        lines.append(f"| {part.name} | {part.result} | {counts} |")
    lines += ["", "## Faults", "", "What was done to the running cluster, and how long"]
    lines += ["`python -m hack.local_cluster up` took to have everything serve again.", ""]
    lines += ["| fault | seconds |", "|---|---|"]
    lines += [f"| {name} | {seconds:.1f} |" for name, seconds in fault_rows(faults)]
    return _HEAD + "\n".join([*lines, "", _NOT_THERE_YET])


def _setting() -> list[str]:
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    cores = len(os.sched_getaffinity(0))
    machine = f"{system}, {platform.machine()}, {cores} cores, Python {platform.python_version()}"
    cluster = f"Kubernetes {KUBERNETES_VERSION}, etcd {ETCD.version}, Traefik {TRAEFIK.version}"
    envoy = f"Envoy Gateway {ENVOY_GATEWAY.version}, Envoy {envoy_version()}"
    return [f"Rocksteady: {_commit()}", f"Local cluster: {cluster}, {envoy}", f"Machine: {machine}"]


def _commit() -> str:
    try:
        commit = run(["git", "-C", REPOSITORY, "rev-parse", "--short", "HEAD"]).strip()
        changed = run(["git", "-C", REPOSITORY, "status", "--porcelain"]).strip()
    except ClusterError:
        return "not from a Git checkout"
    return f"commit {commit}{' and changes not committed yet' if changed else ''}"


@click.group()
def main() -> None:
    """Write down what `make test-extended` found."""


@main.command()
def versions() -> None:
    """Print the Kubernetes versions that are tried beside the local cluster's."""
    click.echo(" ".join(OTHER_VERSIONS))


@main.command()
@click.argument("results", type=click.Path(path_type=Path, exists=True, file_okay=False))
def write(results: Path) -> None:
    """Write docs/test-extended.md; ends with code 1 unless all parts passed."""
    found = results / "faults.txt"
    faults = found.read_text(encoding="utf-8") if found.exists() else ""
    parts = [
        *(
            report_part(f"API server, Kubernetes {version}", results / f"apiserver-{version}.xml")
            for version in OTHER_VERSIONS
        ),
        report_part("Envoy Gateway", results / "envoy-gateway.xml"),
        report_part("Evaluation harnesses", results / "evaluation-harnesses.xml"),
        report_part("Evaluations of 20 canaries", results / "evaluation-ends.xml"),
        faults_part(faults),
    ]
    text = document(datetime.now(UTC), _setting(), parts, faults)  # noqa: TID251 - the entry
    DOCUMENT.write_text(text, encoding="utf-8")
    for part in parts:
        click.echo(f"{part.name:34}{part.result}")
    click.echo(f"written to {DOCUMENT.relative_to(REPOSITORY)}")
    sys.exit(0 if all(part.result == "passed" for part in parts) else 1)


if __name__ == "__main__":
    main()
