"""`python -m rocksteady.evaluate.anonymise IN OUT`."""

import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

import click

from rocksteady.conventions import BAD_ITEMS_EXIT_CODE
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.anonymise.entities import KINDS, Finder
from rocksteady.evaluate.anonymise.items import Anonymised, anonymise
from rocksteady.evaluate.anonymise.presidio import load_finder
from rocksteady.evaluate.files import read_item_file

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What a container writes here, the kubelet puts into its status."""

_MESSAGE_LENGTH: Final = 512


def anonymise_file(source: Path, target: Path, load: Callable[[], Finder]) -> str:
    """Anonymise a file of items.

    Args:
        source: A file of items, `.jsonl` or `.json`.
        target: Where they are written, one a line.
        load: Loads what finds entities.

    Returns:
        What was found, in numbers.

    Raises:
        EvaluationError: The file is wrong, or cannot be read or written.
    """
    items = read_item_file(source)
    done = anonymise(items, load())
    lines = "".join(f"{json.dumps(item.written(), sort_keys=True)}\n" for item in done.items)
    try:
        target.write_text(lines, encoding="utf-8")
    except OSError as error:
        problem = os.strerror(error.errno) if error.errno else type(error).__name__
        raise EvaluationError(f"{target.name} cannot be written: {problem}") from None
    return summary(done)


def summary(done: Anonymised) -> str:
    """What was found, in numbers: never what.

    >>> from collections import Counter
    >>> summary(Anonymised((), Counter(PERSON=2), 0))
    '0 of 0 items changed: 2 PERSON'
    """
    counts = ", ".join(f"{done.found[kind]} {kind}" for kind in KINDS if done.found[kind])
    return f"{done.changed} of {len(done.items)} items changed: {counts or 'nothing found'}"


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
def main(source: Path, target: Path) -> None:
    """Write the items of the file IN, anonymised, into the file OUT."""
    # Process 1 of a container gets no signal that it does not handle.
    signal.signal(signal.SIGTERM, _stop)
    # Nobody else's words: libraries quote what they work on.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    try:
        click.echo(anonymise_file(source, target, load_finder))
    except EvaluationError as error:
        _give_up(str(error), BAD_ITEMS_EXIT_CODE)
    except Exception as error:  # noqa: BLE001 - its text may quote an item, its class does not
        _give_up(f"the anonymiser failed: unexpected {type(error).__name__}", 1)


def _give_up(problem: str, code: int) -> None:
    """End with one sentence, where the operator finds it."""
    sentence = problem[:_MESSAGE_LENGTH]
    click.echo(sentence, err=True)
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(sentence, encoding="utf-8")
    sys.exit(code)


def _stop(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


if __name__ == "__main__":
    main()
