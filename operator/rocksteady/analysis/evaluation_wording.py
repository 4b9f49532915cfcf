"""Numbers of an evaluation as people read them."""

_DIGITS = (2, 3, 4, 5, 6)
"""Decimals of a bound: as many of these as tell it from its limit."""


def percent(part: float) -> str:
    """A share of 1 in percent, or a difference in points, with two decimals at most."""
    return _plain(100 * part, 2)


def share(error: float) -> str:
    """An error in percent with three significant digits, such as 3.36 or 0.000819."""
    percents = 100 * error
    return f"{percents:.3g}" if percents >= 0.0001 else f"{percents:.1e}"


def apart(bound: float, limit: float) -> str:
    """A bound in percent or points, with enough decimals not to read as its limit."""
    texts = (_plain(100 * bound, digits) for digits in _DIGITS)
    return next((text for text in texts if float(text) != round(100 * limit, 9)), percent(bound))


def counted(part: int, items: int) -> str:
    """Counts with their share, such as `17/20 (85 %)`."""
    return f"{part}/{items} ({percent(part / items)} %)" if items else f"{part}/{items}"


def of_items(number: int, word: str = "") -> str:
    """A number of items, such as `1 item` or `12 more items`."""
    return f"{number} {word}item{'' if number == 1 else 's'}"


def _plain(value: float, digits: int) -> str:
    """Without zeros at the end, and without a sign before 0."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
