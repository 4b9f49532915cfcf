"""Run a harness as a program of its own, in folders of its own, and stop all of it in the end."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""Nothing is fetched while a suite runs, unless the suite's own `env` says so."""


@dataclass(frozen=True)
class Folders:
    """Where a harness works.

    Attributes:
        tasks: The suite's task files; where the harness is started, so that they find each other.
        output: What it writes.
        home: Its home, with caches.
        log: File of what it prints.
    """

    tasks: Path
    output: Path
    home: Path
    log: Path


def make_folders(root: Path, task_files: Path | None) -> Folders:
    """Make the folders below an empty one, and copy the suite's task files.

    A ConfigMap is mounted as links into hidden folders; a harness that searches folders for tasks
    would find each twice, so that the files are copied.
    """
    folders = Folders(root / "tasks", root / "output", root / "home", root / "log")
    for folder in (folders.tasks, folders.output, folders.home):
        folder.mkdir()
    for file in sorted(task_files.iterdir()) if task_files else ():
        if file.is_file() and not file.name.startswith(".."):
            shutil.copyfile(file, folders.tasks / file.name)
    return folders


def environment_of(
    given: Mapping[str, str], folders: Folders, more: Mapping[str, str]
) -> dict[str, str]:
    """Return a harness's environment: ours, offline unless told otherwise, with its own home."""
    home = str(folders.home)
    return OFFLINE | dict(given) | {"HOME": home, "XDG_CACHE_HOME": f"{home}/cache"} | dict(more)


def run_harness(
    command: Sequence[str],
    folders: Folders,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> int | None:
    """Run a harness to its end.

    Returns:
        Its exit code; None: it was stopped, because the time was over.

    Raises:
        FileNotFoundError: There is no such program.
    """
    with folders.log.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - an argument list of our own, without a shell
            command,
            cwd=folders.tasks,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            return process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
