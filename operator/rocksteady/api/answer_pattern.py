"""Patterns of Regex checks: written in the syntax of Python's `re`, searched for by `regex`.

`re` cannot be told to stop, and a pattern such as `(a+)+$` can take longer than anybody lives.
`regex` can, and in its version 0 reads what `re` reads. To compile is another matter: `regex`
writes counted repetitions out, so that `a{1000000000}` takes hours and all memory, and nothing
stops that. So a pattern is checked by `re`, which compiles any of them at once, and is compiled by
`regex` only where it is searched for, by `evaluate.checks`: in the Job of its suite, which has a
deadline.
"""

import re


class PatternError(ValueError):
    """The pattern cannot be used; the message says where and why, without the pattern itself."""


def check_pattern(pattern: str) -> None:
    """Raise PatternError when a pattern is not in the syntax of Python's `re`."""
    try:
        re.compile(pattern)
    except re.error as error:
        said = error.msg.partition("'")[0].rstrip()  # what follows is of the pattern
        raise PatternError(
            f"is no regular expression of Python at character {(error.pos or 0) + 1}: {said}"
        ) from error
    except (OverflowError, RecursionError, ValueError) as error:
        raise PatternError(f"is more than Python's re can read: {error}; simplify it") from error
