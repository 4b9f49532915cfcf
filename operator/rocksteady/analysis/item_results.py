"""What each item of a suite came to, and how that is kept: a few bits for each item.

Results stand in the order of the suite's items, so that those of two revisions can be compared item
by item long after the answers are gone. A Job's result must fit, with everything else that it says,
into the 4 096 bytes of a termination message.
"""

import base64
import binascii
import zlib
from collections.abc import Sequence
from enum import Enum
from typing import Final

ITEMS_MOST: Final = 100_000
"""More than any suite has; what claims to hold more is not unpacked."""

_RAW: Final = -15
"""zlib's name for deflate with its largest window and neither header nor checksum."""


class ItemResult(Enum):
    """What an item came to."""

    CORRECT = "Correct"
    WRONG = "Wrong"
    UNANSWERED = "Unanswered"
    """It could not be asked, or no answer came, such as on an error of the server.

    Says nothing about the model's quality. An empty answer is an answer, and wrong."""


def pack(results: Sequence[ItemResult]) -> str:
    """Write results as text: their number, a colon, and base64 of two compressed bitsets.

    The first tells which items are correct, the second which were answered; the first item is the
    highest bit of the first byte. 1 bit for each item where nearly all were answered, 2 at most,
    before base64 adds a third.

    Raises:
        ValueError: There are more than `ITEMS_MOST`.
    """
    if len(results) > ITEMS_MOST:
        raise ValueError(f"{len(results)} items, {ITEMS_MOST} at most are kept")
    correct = _bits([result is ItemResult.CORRECT for result in results])
    answered = _bits([result is not ItemResult.UNANSWERED for result in results])
    deflate = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    compressed = deflate.compress(correct + answered) + deflate.flush()
    return f"{len(results)}:{base64.b64encode(compressed).decode()}"


def unpack(text: str) -> tuple[ItemResult, ...]:
    """Read what `pack` wrote.

    Raises:
        ValueError: The text is not what `pack` writes; with nothing of the text in the message.
    """
    number, colon, encoded = text.partition(":")
    if not (
        colon and number.isascii() and number.isdigit() and len(number) <= len(str(ITEMS_MOST))
    ):
        raise ValueError("item results do not begin with a number of items")
    items = int(number)
    if items > ITEMS_MOST:
        raise ValueError(f"item results claim {items} items, {ITEMS_MOST} at most are kept")
    width = (items + 7) // 8
    both = _inflated(encoded, 2 * width)
    correct = int.from_bytes(both[:width])
    answered = int.from_bytes(both[width:])
    padding = 8 * width - items
    if correct & ~answered or (answered & ((1 << padding) - 1)):
        raise ValueError("item results contradict themselves")
    return tuple(_result(correct, answered, 8 * width - 1 - item) for item in range(items))


def packed_bytes_most(items: int) -> int:
    """Return how long the text of so many results is at most, whatever they are."""
    payload = 2 * ((items + 7) // 8)
    stored = payload + 5 * (1 + payload // 0x4000) + 8  # what deflate adds where nothing shrinks
    return len(str(items)) + 1 + 4 * ((stored + 2) // 3)


def _bits(flags: Sequence[bool]) -> bytes:
    """Flags as bytes, the first in the highest bit, padded with zeros."""
    width = (len(flags) + 7) // 8
    text = "".join("1" if flag else "0" for flag in flags).ljust(8 * width, "0")
    return int(text or "0", 2).to_bytes(width)


def _inflated(encoded: str, length: int) -> bytes:
    """Exactly so many bytes, and never more of them than that in memory."""
    try:
        compressed = base64.b64decode(encoded, validate=True)
        inflate = zlib.decompressobj(_RAW)
        inflated = inflate.decompress(compressed, length + 1)
    except (binascii.Error, UnicodeError, ValueError, zlib.error):
        raise ValueError("item results are not compressed bits in base64") from None
    if len(inflated) != length or not inflate.eof or inflate.unused_data:
        raise ValueError("item results are not as many as they say")
    return inflated


def _result(correct: int, answered: int, place: int) -> ItemResult:
    if not answered >> place & 1:
        return ItemResult.UNANSWERED
    return ItemResult.CORRECT if correct >> place & 1 else ItemResult.WRONG
