"""What a fetch says while it runs: bytes so far, at a steady pace, with no secret in it."""

import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

INTERVAL_SECONDS: Final = 10
_SECRET_NAME: Final = re.compile(
    r"TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL|AUTHORIZATION", re.IGNORECASE
)
_QUERY: Final = re.compile(r"\?[^\s'\"]+")
_LINE_LENGTH: Final = 600
_SECRET_LENGTH: Final = 4
_UNIT: Final = 1024


def say(line: str) -> None:
    """Print one line to the container's log."""
    sys.stdout.write(f"{redact(line, os.environ)}\n")
    sys.stdout.flush()


def redact(text: str, environment: Mapping[str, str]) -> str:
    """`text` on one line, without secrets: no URL keeps its query, no variable's value is shown.

    Args:
        text: What would be said.
        environment: Variables; the values of those whose names speak of a secret are hidden.

    >>> redact("GET https://host/file?signature=abc refused", {})
    'GET https://host/file?… refused'
    """
    for name, value in environment.items():
        if _SECRET_NAME.search(name) and len(value) >= _SECRET_LENGTH:
            text = text.replace(value, "***")
    return " ".join(_QUERY.sub("?…", text).split())[:_LINE_LENGTH]


@contextmanager
def progress_of(folder: Path) -> Iterator[None]:
    """Say every few seconds how much is in the folder, whoever writes it."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(folder, done), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(folder: Path, done: threading.Event) -> None:
    before, since = size_of(folder), time.monotonic()
    while not done.wait(INTERVAL_SECONDS):
        size, now = size_of(folder), time.monotonic()
        say(f"{readable(size)} so far, {readable(int((size - before) / (now - since)))}/s")
        before, since = size, now


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder; files may come and go meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total


def readable(size: float) -> str:
    """Bytes as people read them.

    >>> readable(3 * 1024**3)
    '3.0 GiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < _UNIT:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= _UNIT
    return f"{size:.1f} TiB"
