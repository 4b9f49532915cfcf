"""`python -m rocksteady.evaluate.harness`."""

import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final, Protocol

import click

from rocksteady.api.run_result import RunOutcome, RunResult, write_result
from rocksteady.api.v1alpha1.runner import RunnerType
from rocksteady.evaluate import EvaluationError, UnavailableError
from rocksteady.evaluate.harness import inspect_ai, lm_eval
from rocksteady.evaluate.harness.items import Judged, run_result
from rocksteady.evaluate.harness.process import Folders, environment_of, make_folders, run_harness
from rocksteady.evaluate.harness.start import Start, read_start
from rocksteady.evaluate.harness.trouble import why_ended

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What a container writes here, the kubelet puts into its status."""

DONE: Final = 0
"""Exit code of a run that is complete, or would end in the same way if it were tried again."""
TRY_AGAIN: Final = 1
"""Exit code of a run that another try may complete."""
_MESSAGE_MOST: Final = 512


class Harness(Protocol):
    """What is known of a harness."""

    def check(self, start: Start) -> None:
        """Refuse what it cannot do."""

    def prepare(self, start: Start, folders: Folders, root: Path) -> list[str]:
        """Write its configuration, and return its command."""

    def environment(self, start: Start) -> dict[str, str]:
        """Return further variables of its environment."""

    def read(self, start: Start, folders: Folders) -> Judged:
        """Read what it wrote."""

    def artifacts(self, output: Path) -> Iterator[dict[str, Any]]:
        """Give the samples that it wrote."""


HARNESSES: Final[Mapping[RunnerType, Harness]] = {
    RunnerType.LM_EVAL: lm_eval,
    RunnerType.INSPECT: inspect_ai,
}


def evaluate(environment: Mapping[str, str]) -> RunResult:
    """Run the suite.

    Raises:
        EvaluationError: There is no result and would be none the next time.
        UnavailableError: There is no result; another try may bring one.
    """
    start = read_start(environment)
    kind = start.suite.runner.type
    if kind not in HARNESSES:
        raise EvaluationError(f"this image runs LMEval and Inspect, and the suite wants {kind}")
    harness = HARNESSES[kind]
    harness.check(start)
    with TemporaryDirectory(prefix="harness-") as temporary:
        root = Path(temporary)
        folders = make_folders(root, start.task_files)
        try:
            _run(harness, start, folders, environment)
            return run_result(harness.read(start, folders))
        finally:
            _keep(harness, start, folders)


def _run(harness: Harness, start: Start, folders: Folders, environment: Mapping[str, str]) -> None:
    """Run the harness to a good end."""
    command = harness.prepare(start, folders, folders.home.parent)
    own = environment_of(environment, folders, harness.environment(start))
    try:
        code = run_harness(command, folders, own, start.deadline_seconds)
    except FileNotFoundError:
        raise EvaluationError(f"there is no program {command[0]} in this image") from None
    if code is None:
        raise EvaluationError(f"the deadline of {start.deadline_seconds:g} s was over")
    if code != 0:
        log = folders.log.read_text(encoding="utf-8", errors="replace")
        raise why_ended(f"{command[0]} ended with exit code {code}", [log])


def _keep(harness: Harness, start: Start, folders: Folders) -> None:
    """Write the artifacts: samples, one a line, and beside them what the harness printed."""
    if start.artifacts_file is None:
        return
    try:
        with start.artifacts_file.open("w", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(row)}\n" for row in harness.artifacts(folders.output))
        if folders.log.exists():
            log = start.artifacts_file.with_name(f"{start.artifacts_file.name}.log")
            log.write_bytes(folders.log.read_bytes())
    except (OSError, ValueError) as error:
        click.echo(f"artifacts are not complete: {type(error).__name__}", err=True)


def main(environment: Mapping[str, str]) -> int:
    """Run the suite, leave its result in the termination message, and return the exit code."""
    try:
        text, code = _written(evaluate(environment)), DONE
    except UnavailableError as error:
        text, code = _error(str(error)), TRY_AGAIN
    except EvaluationError as error:
        text, code = _error(str(error)), DONE
    except Exception as error:  # noqa: BLE001 - its text may quote a prompt, its class does not
        text, code = _error(f"unexpected {type(error).__name__}"), TRY_AGAIN
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(text, encoding="utf-8")
    click.echo(text)
    return code


def _written(result: RunResult) -> str:
    try:
        return write_result(result)
    except ValueError:
        raise EvaluationError(
            f"the results of {result.items_total} items do not fit into a termination message:"
            " give maxItemsPerTask, or make several suites of the tasks"
        ) from None


def _error(message: str) -> str:
    return write_result(RunResult(outcome=RunOutcome.ERROR, message=message[:_MESSAGE_MOST]))


def _stop(number: int, _: FrameType | None) -> None:
    # Process 1 of a container gets no signal that it does not handle; this stops the harness too.
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main(os.environ))
