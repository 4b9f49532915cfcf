"""What Presidio found of what was planted, as it is on file: `python -m bench.anonymiser --record`.

Presidio is not in the environment of these tests, but in that of the image.
"""

import json
import re
from pathlib import Path

import pytest

from bench import anonymiser
from bench.anonymiser_planted import CLEAN, PLANTED
from tests.unit.evaluate.anonymise.finding import finding

RECORD = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))
ROOT = Path(__file__).parents[4]
LOCK = ROOT / "hack" / "images" / "evaluation" / "requirements.lock"


def test_record__is_of_the_packages_in_the_image() -> None:
    locked = dict(
        re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert RECORD["packages"] == {name: locked[name] for name in anonymiser.PACKAGES}


def test_record__has_no_less_than_is_promised(capsys: pytest.CaptureFixture[str]) -> None:
    code = anonymiser.measure(finding(RECORD["found"]))

    said = capsys.readouterr().out
    assert code == 0
    assert "found 57 of 62" in said
    assert f"4 of {len(CLEAN)} texts without anything private are changed" in said


def test_planted__are_at_least_sixty() -> None:
    assert sum(len(texts) for levels in PLANTED.values() for texts in levels.values()) >= 60


def test_docs__tell_what_was_measured() -> None:
    docs = (ROOT / "docs" / "evaluations.md").read_text(encoding="utf-8")

    assert "57 of 62" in docs
