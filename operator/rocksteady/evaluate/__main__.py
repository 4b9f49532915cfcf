"""`python -m rocksteady.evaluate`."""

import asyncio
import logging
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Final

from rocksteady.api.run_result import RunOutcome, RunResult, write_result
from rocksteady.evaluate import EvaluationError, UnavailableError
from rocksteady.evaluate.assignment import read_assignment
from rocksteady.evaluate.run import RUNNER, run

TERMINATION_LOG: Final = "/dev/termination-log"
"""What a container writes here, the kubelet puts into its status."""
DONE: Final = 0
"""There is a result, also one that no other try would change."""
AGAIN: Final = 1
"""Another try may have a result."""

_MESSAGE_LENGTH: Final = 512


def main() -> int:
    """Run the suite; returns the exit code."""
    # Process 1 of a container gets no signal that it does not handle.
    signal.signal(signal.SIGTERM, _stop)
    # Nobody else's words: libraries quote what they work on.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    return evaluate(os.environ)


def evaluate(environment: Mapping[str, str]) -> int:
    """Run what the environment says and leave the result; returns the exit code."""
    try:
        result, code = _result(environment), DONE
    except UnavailableError as error:
        result, code = _error(str(error)), AGAIN
    except EvaluationError as error:
        result, code = _error(str(error)), DONE
    except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold an answer
        result, code = _error(f"unexpected {type(error).__name__} {_place(error)}"), AGAIN
    say(f"{result.outcome.value}: {result.message}" if result.message else result.outcome.value)
    log = Path(environment.get("TERMINATION_LOG") or TERMINATION_LOG)
    if log.exists():
        log.write_text(write_result(result), encoding="utf-8")
    return code


def say(line: str) -> None:
    """Print one line to the container's log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _result(environment: Mapping[str, str]) -> RunResult:
    assignment = read_assignment(environment)
    say(
        f"suite {assignment.suite}: items {assignment.first_item} to"
        f" {assignment.first_item + len(assignment.asked) - 1} of {len(assignment.items)}"
    )
    return asyncio.run(run(assignment, say))


def _error(message: str) -> RunResult:
    return RunResult(outcome=RunOutcome.ERROR, message=message[:_MESSAGE_LENGTH], runner=RUNNER)


def _place(error: BaseException) -> str:
    """Where an error was raised: enough to find it, with nothing of what was worked on."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _stop(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
