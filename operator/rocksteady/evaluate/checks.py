"""Whether an answer is what a check wants: pure, from the texts alone.

What another model must be asked about, similarity and criteria, is decided here from what it said;
`judges` asks it.
"""

import math
from collections.abc import Sequence
from enum import Enum
from operator import mul
from typing import Final

import regex

from rocksteady.api.v1alpha1.items import Check, CheckType
from rocksteady.evaluate.json_schema import allows

PATTERN_SECONDS: Final = 1.0
"""Longest time for one pattern, and for all of one schema together; a million times what a pattern
without backtracking takes."""
OUTSIDE_CHECKS: Final = (CheckType.SIMILARITY, CheckType.MODEL_GRADED)
"""Checks that ask another model."""

_FOUND_CHECKS: Final = (CheckType.CONTAINS, CheckType.REGEX)
"""Checks for what stands somewhere in an answer, so that its beginning may tell."""
_ENDS: Final = ("", "x", " x")
"""How an answer may go on: a pattern may look at its end."""
_WORD: Final = regex.compile(r"[\s\W_]*(yes|no)\b", regex.IGNORECASE)
_APOSTROPHE: Final = r"['\u2019]"
_SLACK: Final = 1e-9
"""What rounding takes from the cosine of a vector with itself."""


class Verdict(Enum):
    """What a check finds."""

    PASSED = "Passed"
    FAILED = "Failed"
    UNKNOWN = "Unknown"
    """It could not be told: a pattern took too long, a judge said neither yes nor no."""
    SKIPPED = "Skipped"
    """Not looked at, since another check had failed."""


def check_text(check: Check, answer: str) -> Verdict:
    """Judge an answer by a check of a type that needs no other model.

    Raises:
        ValueError: The check is one of `OUTSIDE_CHECKS`.
    """
    match check.type:
        case CheckType.CONTAINS:
            return conclude(check, answer, fits=_contains(check, answer))
        case CheckType.EXACT:
            return conclude(check, answer, fits=_is_exactly(check, answer))
        case CheckType.REGEX:
            return conclude(check, answer, fits=_is_found(check.pattern or "", answer))
        case CheckType.JSON_SCHEMA:
            allowed = allows(check.json_schema or {}, answer, PATTERN_SECONDS)
            return conclude(check, answer, fits=allowed)
        case CheckType.MULTIPLE_CHOICE:
            letter = chosen_letter(answer, len(check.options or ()))
            return conclude(check, answer, fits=letter == check.answer)
    raise ValueError(f"a check of type {check.type} asks another model")


def is_broken_by(check: Check, part: str) -> bool:
    """True when the beginning of an answer has what the check forbids, however it goes on.

    Only of negated checks of types Contains and Regex: of others a beginning tells nothing.

    Args:
        check: The check.
        part: The beginning, with more than white space in it.
    """
    if not check.negate or check.type not in _FOUND_CHECKS:
        return False
    return all(check_text(check, part + end) is Verdict.FAILED for end in _ENDS)


def conclude(check: Check, answer: str, *, fits: bool | None) -> Verdict:
    """What follows from an answer that is as the check describes, or is not.

    An answer of nothing but white space never passes a negated check: a model that says nothing has
    not resisted anything.

    Args:
        check: The check.
        answer: The answer.
        fits: None: it could not be told.
    """
    if check.negate and not answer.strip():
        return Verdict.FAILED
    if fits is None:
        return Verdict.UNKNOWN
    return Verdict.PASSED if fits is not check.negate else Verdict.FAILED


def chosen_letter(answer: str, options: int) -> str | None:
    """The first letter of an option that stands alone; None: there is none.

    A capital letter stands alone when neither a letter, a digit nor an apostrophe touches it:
    that of `(B)`, `**B**` or `B: Rome`, not that of `Bern` or `I'm`. Small letters are words more
    often than choices, and count only when the answer holds nothing else.

    Args:
        answer: What the model said.
        options: How many there are, 1 to 26.
    """
    letters = "".join(chr(ord("A") + number) for number in range(options))
    touching = rf"[^\W_]|{_APOSTROPHE}"
    alone = regex.search(rf"(?<!{touching})[{letters}](?!{touching})", answer)
    if alone is not None:
        return alone.group()
    only = regex.sub(r"[\W_]", "", answer).upper()
    return only if len(only) == 1 and only in letters else None


def similarity(answer: Sequence[float], texts: Sequence[Sequence[float]]) -> float | None:
    """The greatest cosine of an answer's embedding with one of a text's.

    Returns:
        -1 to 1; None when a vector is empty, zero, not finite, or of another length.
    """
    cosines = [_cosine(answer, text) for text in texts]
    known = [cosine for cosine in cosines if cosine is not None]
    return max(known) if known and len(known) == len(cosines) else None


def is_similar(check: Check, cosine: float | None) -> bool | None:
    """Whether a cosine is as high as the check wants; None: there is no cosine."""
    if cosine is None:
        return None
    return 100 * cosine >= float(check.min_similarity_percent or "100") - _SLACK


def agreed(replies: Sequence[str | None]) -> bool | None:
    """What judges say who were asked for yes or no.

    Returns:
        None when one of them gave no answer, began with neither word, or they disagree.
    """
    words = {_spoken(reply) for reply in replies}
    return words.pop() if len(words) == 1 else None


def _spoken(reply: str | None) -> bool | None:
    word = _WORD.match(reply) if reply is not None else None
    return None if word is None else word.group(1).lower() == "yes"


def _contains(check: Check, answer: str) -> bool:
    said = answer.casefold() if check.ignore_case else answer
    return any((text.casefold() if check.ignore_case else text) in said for text in _texts(check))


def _is_exactly(check: Check, answer: str) -> bool:
    said = answer.strip()
    said = said.casefold() if check.ignore_case else said
    # Around the text too: a block of YAML ends with a line break.
    texts = (text.strip() for text in _texts(check))
    return said in {text.casefold() if check.ignore_case else text for text in texts}


def _texts(check: Check) -> tuple[str, ...]:
    return check.texts or ()


def _is_found(pattern: str, text: str) -> bool | None:
    """Whether a pattern is found; None: it took too long, or cannot be read."""
    try:
        return regex.search(pattern, text, timeout=PATTERN_SECONDS, concurrent=True) is not None
    except (TimeoutError, regex.error, RecursionError, OverflowError, MemoryError):
        return None


def _cosine(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(one) != len(other):
        return None
    size = math.hypot(*one) * math.hypot(*other)
    cosine = sum(map(mul, one, other)) / size if size else math.nan
    return cosine if math.isfinite(cosine) else None
