"""Something that stands in the way, in a word for programs and a sentence for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that stands in the way.

    Attributes:
        reason: CamelCase word for programs.
        message: What is wrong and what to do, for people.
    """

    reason: str
    message: str
