"""Read files of a suite; no error quotes what stands in them."""

import gzip
import os
import zlib
from pathlib import Path

from rocksteady.api.item_checks import ITEM_FILE_MAX_BYTES
from rocksteady.api.item_file import read_items
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError


def read_item_file(file: Path) -> tuple[Item, ...]:
    """Read a file of items, also one that is packed (`.gz`), in its order.

    Args:
        file: Its name ends with `.jsonl` or `.json`, or with one of these and `.gz`.

    Raises:
        EvaluationError: It cannot be read, is too large, or an item of it is wrong.
    """
    content = read_file(file)
    name = file.name
    if name.endswith(".gz"):
        content, name = _unzipped(content, name), name.removesuffix(".gz")
    read = read_items(content, name)
    if read.errors:
        raise EvaluationError(f"{file.name}: {read.errors[0]}")
    return read.items


def read_file(file: Path) -> bytes:
    """A file of a suite, whole.

    Raises:
        EvaluationError: It cannot be read or is too large.
    """
    try:
        size = file.stat().st_size
        if size > ITEM_FILE_MAX_BYTES:
            raise EvaluationError(
                f"{file.name} has {size} bytes, at most {ITEM_FILE_MAX_BYTES} are read: split it"
                " into several suites"
            )
        return file.read_bytes()
    except OSError as error:
        problem = os.strerror(error.errno) if error.errno else type(error).__name__
        raise EvaluationError(f"{file.name} cannot be read: {problem}") from None


def _unzipped(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        raise EvaluationError(f"{name} is not compressed by gzip") from None
