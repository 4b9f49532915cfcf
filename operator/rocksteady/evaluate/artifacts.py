"""The file in which a suite keeps prompts, answers and verdicts, where it asks for that."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from rocksteady.analysis.item_results import ItemResult
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.replies import Reply
from rocksteady.evaluate.samples import Sample


class Artifacts:
    """One JSON line for each item, written as soon as it is judged.

    Args:
        file: Made anew, with its folder; None: nothing is written.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._open: TextIO | None = None

    def __enter__(self) -> Self:
        """Open the file.

        Raises:
            EvaluationError: It cannot be written.
        """
        if self._file is not None:
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._open = self._file.open("w", encoding="utf-8", buffering=1)
            except OSError as error:
                raise _problem(error) from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        if self._open is not None:
            self._open.close()

    def write(self, item: Item, result: ItemResult, samples: Sequence[Sample]) -> None:
        """Write an item's line.

        Raises:
            EvaluationError: The volume does not take it.
        """
        if self._open is None:
            return
        try:
            # In ASCII: an answer may hold half a character, which no file takes.
            self._open.write(json.dumps(_line(item, result, samples)) + "\n")
        except OSError as error:
            raise _problem(error) from None


def _line(item: Item, result: ItemResult, samples: Sequence[Sample]) -> dict[str, Any]:
    return {**item.written(), "result": result.value, "samples": [*map(_sample, samples)]}


def _sample(sample: Sample) -> dict[str, Any]:
    said = sample.result.value
    if not isinstance(sample.reply, Reply):
        silent = {"result": said, "noAnswer": sample.reply.value}
        verdicts = [verdict.value for verdict in sample.verdicts]
        return silent | ({"parts": sample.parts, "verdicts": verdicts} if sample.parts else {})
    return {
        "result": said,
        "answer": sample.reply.text,
        "verdicts": [verdict.value for verdict in sample.verdicts],
        "outputTokens": sample.reply.output_tokens,
        "seconds": round(sample.reply.seconds, 3),
    }


def _problem(error: OSError) -> EvaluationError:
    said = os.strerror(error.errno) if error.errno else type(error).__name__
    return EvaluationError(f"the artifacts cannot be written: {said}: check artifacts.claimName")
