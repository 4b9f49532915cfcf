"""Kubernetes quantities as numbers, to compare them."""

from decimal import Decimal
from typing import Final

_SUFFIXES: Final = {
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)},
    **{f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str | int) -> Decimal:
    """The number that a quantity stands for.

    >>> parse_quantity("500m") < parse_quantity(1) < parse_quantity("1Ki")
    True

    Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    number = str(text)
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if number.endswith(suffix):
            return Decimal(number.removesuffix(suffix)) * _SUFFIXES[suffix]
    return Decimal(number)
