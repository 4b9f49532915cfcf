"""Answers that mean something: a table of them, of which a share is wrong."""

import hashlib
import json
from collections.abc import Mapping
from typing import Final

from hack.simulated_engine.flags import Behaviour

WRONG: Final = "none of this is right"
"""Unlike any answer that a table should hold."""
_DIGEST_VALUES: Final = 2**64


class Table:
    """What is answered to prompts that are known.

    Args:
        answers: By prompt.
        wrong_percent: Share of the prompts that are answered with `WRONG`.
        seed: Which prompts those are; see `flags.Behaviour`.
    """

    def __init__(self, answers: Mapping[str, str], wrong_percent: float = 0, seed: int = 0) -> None:
        self._answers = answers
        self._wrong_share = wrong_percent / 100
        self._seed = seed

    def answer(self, prompt: str) -> str | None:
        """Return the answer to a prompt, the same each time; None: it is not known."""
        found = self._answers.get(prompt)
        if found is None:
            return None
        return WRONG if self._place(prompt) < self._wrong_share else found

    def _place(self, prompt: str) -> float:
        """Return where a prompt stands between 0 and 1, evenly spread, for this seed."""
        digest = hashlib.sha256(f"{self._seed} {prompt}".encode()).digest()
        return int.from_bytes(digest[:8]) / _DIGEST_VALUES


def load(behaviour: Behaviour) -> Table:
    """Read the table that is asked for.

    Raises:
        OSError: Its file cannot be read.
        ValueError: It holds no JSON.
    """
    known = behaviour.answers
    answers = {} if known is None else json.loads(known.read_text(encoding="utf-8"))
    return Table(answers, behaviour.wrong_percent, behaviour.answers_seed)
