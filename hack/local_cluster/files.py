"""Files that appear whole or not at all, and one holder of a lock at a time."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write a text file so that a reader, or a crash, never sees half of it.

    Args:
        path: The file; its directory is made when missing.
        text: Its whole content.
        mode: Permission bits.

    Returns:
        Whether the content changed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "w") as opened:
        opened.write(text)
    partial.replace(path)
    return True


@contextmanager
def locked(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock file; the kernel lets go of it when the holder dies, however it dies.

    Args:
        path: The lock file, made when missing.
        waiting: Called once with the holder's process id when somebody else has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            opened.seek(0)
            waiting(opened.read().strip() or "unknown")
            fcntl.flock(opened, fcntl.LOCK_EX)
        opened.seek(0)
        opened.truncate()
        opened.write(str(os.getpid()))
        opened.flush()
        yield
