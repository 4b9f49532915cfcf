"""Programs of the machine, run to their end."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.local_cluster.errors import ClusterError

_SHOWN_LINES = 20


def run(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """Run a program that has to succeed.

    Args:
        command: Program and arguments.
        stdin: Text for its standard input; None is no input.
        environment: Variables on top of this process's own.
        directory: Where it runs; None is the current directory.
        timeout_seconds: When to give up; None waits as long as it takes.

    Returns:
        Its standard output.

    Raises:
        ClusterError: It is missing, failed or took too long; the message has its last lines.
    """
    words = [str(word) for word in command]
    shown = " ".join(words)
    try:
        done = subprocess.run(
            words,
            check=False,
            capture_output=True,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            errors="replace",
            input=stdin or "",
            text=True,
            timeout=timeout_seconds,
        )
    except FileNotFoundError as missing:
        raise ClusterError(f"{words[0]} is missing: install it and try again") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(f"`{shown}` did not end within {timeout_seconds:.0f} s") from late
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).splitlines()[-_SHOWN_LINES:])
        raise ClusterError(f"`{shown}` ended with code {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(command: Sequence[str | Path], *, timeout_seconds: float = 10) -> bool:
    """Tell whether a program is there and ends well in time; what it says is dropped."""
    try:
        run(command, timeout_seconds=timeout_seconds)
    except ClusterError:
        return False
    return True
