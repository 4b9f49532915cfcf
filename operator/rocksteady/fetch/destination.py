"""The folder that a fetch leaves behind: complete, or not there at all.

Files are fetched into a hidden folder beside it, named after this host, which is renamed once all
of them are there. So pods that share a volume never see, or write into, each other's halves. An
advisory lock keeps all but one from fetching the same files at once; where a file system has no
locks, they fetch twice, and the first to finish wins.
"""

import errno
import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rocksteady.fetch import FetchError

MARKER: Final = ".complete"
"""File in a complete folder; it holds the URI that the files came from, as JSON."""
LOCK_POLL_SECONDS: Final = 5

_WITHOUT_LOCKS: Final = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}

Report = Callable[[str], None]


def fill(destination: Path, uri: str, download: Callable[[Path], None], report: Report) -> None:
    """Fetch into `destination` unless the files of `uri` are there already.

    Args:
        destination: The folder; its parents are made.
        uri: What is fetched.
        download: Brings the files into the folder that it is given, where an earlier run of this
            pod may have left some.
        report: Says one line of progress.

    Raises:
        FetchError: `download` failed, or the volume cannot be written.
    """
    if is_complete(destination, uri):
        report("already there, nothing to fetch")
        return
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with _lock(destination, report):
            if is_complete(destination, uri):
                report("another pod has fetched it meanwhile")
                return
            partial = _partial(destination)
            _remove_abandoned(destination, partial)
            partial.mkdir(exist_ok=True)
            download(partial)
            _publish(partial, destination, uri)
    except OSError as error:
        raise FetchError(_volume_problem(error, destination)) from error


def is_complete(destination: Path, uri: str) -> bool:
    """True when the folder holds all files of this URI."""
    try:
        marker = json.loads((destination / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(marker, dict) and marker.get("uri") == uri


def _partial(destination: Path) -> Path:
    """The hidden folder of this pod; the same after a restart of the container."""
    return destination.parent / f".partial-{destination.name}-{socket.gethostname()}"


def _remove_abandoned(destination: Path, own: Path) -> None:
    """Drop what pods left that died while fetching; called with the lock held."""
    for left in destination.parent.glob(f".partial-{destination.name}-*"):
        if left != own:
            shutil.rmtree(left, ignore_errors=True)


def _publish(partial: Path, destination: Path, uri: str) -> None:
    """Give the folder its name, once its content is on disk and readable by the engine's user."""
    (partial / MARKER).write_text(json.dumps({"uri": uri}), encoding="utf-8")
    for path in (partial, *partial.rglob("*")):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    os.sync()
    if is_complete(destination, uri):  # a pod without the lock was faster
        shutil.rmtree(partial)
        return
    if destination.exists():  # a folder of something else, or one that was tampered with
        shutil.rmtree(destination)
    partial.rename(destination)


@contextmanager
def _lock(destination: Path, report: Report) -> Iterator[None]:
    """Hold the lock of this destination; it ends with the process, whatever ends that."""
    path = destination.parent / f".lock-{destination.name}"
    with path.open("w", encoding="utf-8") as handle:
        waiting = False
        while not _try_lock(handle.fileno()):
            if not waiting:
                report("another pod is fetching it: waiting")
            waiting = True
            time.sleep(LOCK_POLL_SECONDS)
        yield


def _try_lock(descriptor: int) -> bool:
    """True when the lock is ours, or when the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            return True
        raise
    return True


def _volume_problem(error: OSError, destination: Path) -> str:
    """What is wrong with the volume, and the cure."""
    where = destination.parent
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"the volume at {where} is full: give spec.model.cache a larger claim, or remove what"
            " older revisions left there"
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return (
            f"the volume at {where} cannot be written by user {os.getuid()}: it must support"
            " fsGroup, or be writable for that user"
        )
    return f"fetching into {where} failed: {error.strerror or error}"
