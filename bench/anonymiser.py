"""How much of what was planted the anonymiser finds: `python bench/anonymiser.py`.

Needs an environment with the packages of hack/images/evaluation/requirements.lock, the operator's
package on PYTHONPATH, and no network. It ends with 1 when less is found than docs/evaluations.md
says.
"""

import logging
import sys
from collections import Counter
from typing import Final

from anonymiser_planted import CLEAN, PLANTED

from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate.anonymise.entities import Finder
from rocksteady.evaluate.anonymise.items import anonymise
from rocksteady.evaluate.anonymise.presidio import load_finder

LEAST: Final = {
    "PERSON": 25,
    "EMAIL_ADDRESS": 8,
    "PHONE_NUMBER": 9,
    "CREDIT_CARD": 8,
    "IBAN_CODE": 3,
    "IP_ADDRESS": 4,
}
"""How many must be found at least: as many as were when this was written."""


def item(text: str, expected: str) -> Item:
    """An item that asks a text, and whose answer must hold what was planted in it."""
    checks = [{"type": "Contains", "texts": [expected]}]
    return Item.model_validate({"id": "a", "prompt": text, "checks": checks})


def is_gone(planted: str, text: str, find: Finder) -> bool:
    """True when nothing of it is left, neither in the prompt nor in the check."""
    (written,) = anonymise([item(text, planted)], find).items
    said = f"{written.prompt} {written.checks[0].texts}".casefold()
    return not any(part.casefold() in said for part in planted.split())


def main() -> int:
    """Print what is found, and what of texts without anything private is changed."""
    logging.disable(logging.CRITICAL)
    find = load_finder()
    found: Counter[tuple[str, str]] = Counter()
    missed: list[str] = []
    for kind, levels in PLANTED.items():
        for level, planted in levels.items():
            for entity, text in planted:
                gone = is_gone(entity, text, find)
                found[kind, level] += gone
                missed += [] if gone else [f"{kind}: {text}"]
            print(f"{kind:<14} {level:<5} {found[kind, level]:>2} of {len(planted)}")
    total = sum(len(planted) for levels in PLANTED.values() for planted in levels.values())
    print(f"found {found.total()} of {total}")
    print("missed:", *missed, sep="\n  ")
    spoilt = [text for text in CLEAN if anonymise([item(text, "x")], find).changed]
    print(f"{len(spoilt)} of {len(CLEAN)} texts without anything private are changed:", *spoilt)
    by_kind = {kind: found[kind, "easy"] + found[kind, "hard"] for kind in PLANTED}
    return int(any(by_kind[kind] < least for kind, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
