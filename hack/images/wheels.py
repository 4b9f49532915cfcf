"""Wheels for images, downloaded by the host's pip: a chroot may have no way to an index."""

import importlib.util
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hack.images.cache import fingerprint, images_directory, keep_newest, written_whole
from hack.images.errors import ImageError
from hack.images.programs import run
from hack.images.python_base import GLIBC_MINOR_VERSION, PYTHON_VERSION

# manylinux2014 is glibc 2.17, the oldest that wheels for these Pythons are built against.
_OLDEST_GLIBC_MINOR_VERSION = 17
_KEPT_WHEEL_DIRECTORIES = 10  # five images, each before and after its last change


def wheel_platforms(machine: str, glibc_minor_version: int) -> list[str]:
    """Return the platform tags that fit, best first (PEP 600).

    Args:
        machine: Such as x86_64 or aarch64.
        glibc_minor_version: The x of glibc 2.x in the image.
    """
    newest_first = range(glibc_minor_version, _OLDEST_GLIBC_MINOR_VERSION - 1, -1)
    perennial = [f"manylinux_2_{minor}_{machine}" for minor in newest_first]
    return [*perennial, f"manylinux2014_{machine}", f"linux_{machine}"]


def ensure_wheels(locks: Sequence[Path], *, with_dependencies: bool) -> Path:
    """Have the wheels of hash-locked requirements in a directory.

    Args:
        locks: requirements.txt files with a hash for each file; each is resolved by itself.
        with_dependencies: False where a lock leaves out dependencies on purpose.

    Returns:
        A directory of *.whl, complete.

    Raises:
        ImageError: pip is missing or found no fitting wheel with a listed hash.
    """
    texts = (PYTHON_VERSION, platform.machine(), str(with_dependencies))
    target = images_directory() / f"wheels-{fingerprint(locks, texts)}"
    if target.exists():
        return target
    with written_whole(target) as partial:
        for lock in locks:
            click.echo(f"wheels: downloading what {lock.name} lists", err=True)
            _download(lock, partial, with_dependencies=with_dependencies)
    keep_newest("wheels-*", _KEPT_WHEEL_DIRECTORIES)
    return target


def _download(lock: Path, directory: Path, *, with_dependencies: bool) -> None:
    python_tag = f"cp{PYTHON_VERSION.replace('.', '')}"
    command: list[str | Path] = [_python_with_pip(), "-m", "pip", "download", "--quiet"]
    command += ["--only-binary", ":all:", "--require-hashes", "--requirement", lock]
    command += ["--dest", directory, "--python-version", PYTHON_VERSION, "--implementation", "cp"]
    for abi in (python_tag, "abi3", "none"):
        command += ["--abi", abi]
    for tag in wheel_platforms(platform.machine(), GLIBC_MINOR_VERSION):
        command += ["--platform", tag]
    if not with_dependencies:
        command.append("--no-deps")
    run(command)


def _python_with_pip() -> Path:
    # uv makes virtual environments without pip; the standard library carries one.
    if importlib.util.find_spec("pip"):
        return Path(sys.executable)
    environment = images_directory() / f"pip-{sys.version_info.major}.{sys.version_info.minor}"
    if not environment.exists():
        if not importlib.util.find_spec("ensurepip"):
            raise ImageError("pip is missing: apt-get install python3-venv, or python -m ensurepip")
        with written_whole(environment) as partial:
            run([sys.executable, "-m", "venv", partial])
    return environment / "bin" / "python"
