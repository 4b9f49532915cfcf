"""Programs of the machine: found, installed when missing, and run."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from hack.images.cache import held_locks
from hack.images.errors import ImageError

# Which Debian packages bring the programs that image building needs.
_PACKAGES = {
    "buildah": ("buildah",),
    "debootstrap": ("debootstrap", "debian-archive-keyring"),
    "gcc": ("gcc", "libc6-dev"),
}
_SHOWN_LINES = 25
APT_INSTALL = Path(__file__).resolve().parents[1] / "apt-install.sh"
"""Installs the Debian packages that it is given."""


def require(program: str) -> None:
    """Make a program available, from its Debian package when it is missing.

    Args:
        program: One of buildah, debootstrap, gcc.

    Raises:
        ImageError: When it is missing and cannot be installed here.
    """
    if shutil.which(program):
        return
    packages = _PACKAGES[program]
    wanted = " ".join(packages)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise ImageError(
            f"{program} is missing: install {wanted} with the system's package manager "
            f"(Debian, Ubuntu: sudo apt-get install {wanted}), or start a Docker daemon"
        )
    click.echo(f"installing Debian package {wanted}", err=True)
    run([APT_INSTALL, *packages])
    if not shutil.which(program):
        raise ImageError(f"{program} is still missing after installing {wanted}: is it on PATH?")


def require_root(purpose: str) -> None:
    """Refuse to go on as another user than root.

    Raises:
        ImageError: Names what root is needed for.
    """
    if os.geteuid() != 0:
        raise ImageError(
            f"{purpose} needs root when there is no Docker daemon: run it with sudo, "
            "or start Docker and try again"
        )


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> str:
    """Run a program to its end.

    Args:
        command: Program and arguments.
        environment: Variables to set on top of this process's own.
        directory: Where it runs; None is the current directory.

    Returns:
        What it wrote, standard output and standard error in one.

    Raises:
        ImageError: When it ends with a failure; the message has the command and its last lines.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        check=False,
        cwd=directory,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=held_locks(),
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
        raise ImageError(f"`{' '.join(words)}` ended with code {done.returncode}:\n{tail}")
    return done.stdout


def succeeds(command: Sequence[str | Path]) -> bool:
    """Tell whether a program is there and ends well; what it says is dropped."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        return False
    return subprocess.run(words, check=False, capture_output=True).returncode == 0
