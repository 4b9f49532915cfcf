"""Patterns of Regex checks: written in the syntax of Python's `re`, searched for by `regex`.

`re` cannot be told to stop, and a pattern such as `(a+)+$` can take longer than anybody lives.
`regex` can, and in its version 0 reads what `re` reads. To compile is another matter: `regex`
writes counted repetitions out, so that `a{1000000000}` takes hours and all memory, and nothing
stops that. So a pattern is checked by `re`, which compiles any of them at once, and is compiled by
`regex` only where it is searched for: in the Job of its suite, which has a deadline.
"""

import re
from typing import Final

import regex

SEARCH_TIMEOUT_SECONDS: Final = 1.0
"""For one pattern in one answer. Linear patterns take milliseconds for the longest answer."""


class PatternError(ValueError):
    """The pattern cannot be used; the message says where and why, without the pattern itself."""


def check_pattern(pattern: str) -> None:
    """Raise PatternError when a pattern is not in the syntax of Python's `re`."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise PatternError(
            f"is no regular expression of Python at character {(error.pos or 0) + 1}: {error.msg}"
        ) from error
    except (OverflowError, RecursionError, ValueError) as error:
        raise PatternError(f"is more than Python's re can read: {error}; simplify it") from error


def is_found(pattern: str, answer: str, timeout_seconds: float = SEARCH_TIMEOUT_SECONDS) -> bool:
    """True when the pattern is found anywhere in an answer.

    For the Job of a suite only, never for the operator: to compile may take for ever.

    Args:
        pattern: One that `check_pattern` accepts.
        answer: Of the model, as it is.
        timeout_seconds: Longest time for the search, above 0.

    Raises:
        PatternError: It takes longer, or `regex` cannot read it: there is no verdict.
    """
    try:
        found = regex.search(pattern, answer, flags=regex.VERSION0, timeout=timeout_seconds)
    except TimeoutError as error:
        raise PatternError(
            f"takes more than {timeout_seconds:g} s to be searched for: avoid repetitions inside of"
            " repetitions"
        ) from error
    except (regex.error, RecursionError, ValueError) as error:
        raise PatternError(f"cannot be searched for: {error}") from error
    return found is not None
