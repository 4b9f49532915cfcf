"""Where built things are kept, how their inputs are told apart, and who may write."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from hack.images.mounts import unmount_below

# Python writes these beside the sources; they are no input.
_NOT_AN_INPUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}

PARTIAL_SUFFIX = ".partial"
_held_locks: set[int] = set()


def cache_root() -> Path:
    """Return the project's cache directory, by the XDG base directory specification."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "rocksteady"


def images_directory() -> Path:
    """Return the directory of the built archives, created when missing."""
    directory = cache_root() / "images"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def input_files(path: Path) -> list[Path]:
    """Return every file that `path` stands for: itself, or all files below it, sorted."""
    if path.is_file():
        return [path]
    return sorted(
        found
        for found in path.rglob("*")
        if found.is_file() and not _NOT_AN_INPUT.intersection(found.relative_to(path).parts)
    )


def fingerprint(paths: Iterable[Path], texts: Iterable[str] = ()) -> str:
    """Return what tells one set of inputs from another.

    Args:
        paths: Files, or directories taken with all below them. Names below a given path count,
            the place of the checkout does not.
        texts: Further inputs: versions, build arguments.

    Returns:
        The first 16 hex digits of a SHA-256.

    Raises:
        FileNotFoundError: When one of the paths is missing.
    """
    digest = hashlib.sha256()
    for text in texts:
        digest.update(f"text {len(text)} {text}\n".encode())
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(path)
        for found in input_files(path):
            digest.update(f"file {path.name} {found.relative_to(path)}\n".encode())
            digest.update(_file_digest(found))
    return digest.hexdigest()[:16]


def _file_digest(path: Path) -> bytes:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()


def held_locks() -> tuple[int, ...]:
    """Return file descriptors of the locks that this process holds.

    A program that is given them keeps them locked when this process is killed, so that nobody
    builds at the place where it still writes.
    """
    return tuple(_held_locks)


@contextmanager
def exclusive(purpose: str) -> Iterator[None]:
    """Hold the lock of the image cache; a second process waits, and says that it does.

    The kernel drops the lock when the holder and the programs it runs have ended, however they end.

    Args:
        purpose: What the lock is wanted for, for the message.
    """
    lock_file = images_directory() / ".lock"
    with lock_file.open("a") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            click.echo(f"{purpose}: waiting for another image build to end", err=True)
            fcntl.flock(opened, fcntl.LOCK_EX)
        _held_locks.add(opened.fileno())
        try:
            yield
        finally:
            _held_locks.discard(opened.fileno())


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path to write to that becomes `target` only when the block ends well.

    Call it with the lock held: what a killed build left behind is removed first.

    Args:
        target: The file or directory that is to appear at once, or not at all.

    Yields:
        A path beside it that does not exist yet.
    """
    partial = target.with_name(f".{target.name}{PARTIAL_SUFFIX}")
    _remove(partial)
    try:
        yield partial
        partial.rename(target)
    finally:
        _remove(partial)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give an empty directory that is gone afterwards; call it with the lock held."""
    directory = images_directory() / ".work"
    _remove(directory)
    directory.mkdir()
    try:
        yield directory
    finally:
        _remove(directory)


def keep_newest(pattern: str, count: int) -> None:
    """Remove all but the newest of what matches; call it with the lock held.

    Args:
        pattern: Glob below the images directory.
        count: How many stay; more than one, because another process may be reading the last.
    """
    found = sorted(images_directory().glob(pattern), key=lambda path: path.stat().st_mtime)
    for stale in found[:-count]:
        _remove(stale)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # debootstrap mounts /proc inside; killed, it leaves that behind.
        unmount_below(path)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
