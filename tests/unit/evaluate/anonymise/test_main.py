import json
import logging
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rocksteady.conventions import BAD_ITEMS_EXIT_CODE
from rocksteady.evaluate.anonymise import __main__, presidio
from rocksteady.evaluate.anonymise.presidio import PIECE_CHARACTERS, pieces
from tests.cases.suites import item
from tests.unit.evaluate.anonymise.finding import find

PRIVATE = "Alice Johnson"


@pytest.fixture
def termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(__main__, "TERMINATION_LOG", log)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(logging, "disable", lambda *_: None)
    return log


def run(folder: Path, content: str, name: str = "items.jsonl") -> tuple[int, str]:
    (folder / name).write_text(content, encoding="utf-8")
    arguments = [str(folder / name), str(folder / "out.jsonl")]
    result = CliRunner().invoke(__main__.main, arguments)
    return result.exit_code, result.output


def with_finder(monkeypatch: pytest.MonkeyPatch, finder: Any) -> None:
    monkeypatch.setattr(__main__, "load_finder", lambda: finder)


@pytest.mark.parametrize("name", ["items.jsonl", "items.json"])
def test_main__writes_one_item_a_line_and_says_numbers_only(
    tmp_path: Path, termination_log: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with_finder(monkeypatch, find)
    items = [item(prompt=f"I am {PRIVATE}."), item(id="b", prompt="Hello.")]
    content = json.dumps(items) if name == "items.json" else "\n".join(map(json.dumps, items))

    code, said = run(tmp_path, content, name)

    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert (code, said) == (0, "1 of 2 items changed: 1 PERSON\n")
    assert [json.loads(line)["prompt"] for line in lines] == ["I am <PERSON_1>.", "Hello."]
    assert termination_log.read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "items.jsonl: line 1: is not JSON at character 2", id="no JSON"),
        pytest.param(json.dumps(item(id=PRIVATE)), "items.jsonl: line 1: id: must be a name of",
                     id="an id with a name in it"),
        pytest.param("", "items.jsonl: has no items", id="no items"),
    ],
)  # fmt: skip
def test_main__of_a_bad_file_says_where_and_nothing_of_it(
    tmp_path: Path,
    termination_log: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    said: str,
) -> None:
    with_finder(monkeypatch, find)

    code, output = run(tmp_path, content)

    sentence = termination_log.read_text(encoding="utf-8")
    assert code == BAD_ITEMS_EXIT_CODE
    assert sentence.startswith(said)
    assert PRIVATE not in sentence + output
    assert not (tmp_path / "out.jsonl").exists()


def test_main__of_an_error_that_nobody_foresaw_says_its_class_only(
    tmp_path: Path, termination_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(text: str) -> Any:
        raise ValueError(text)

    with_finder(monkeypatch, fails)

    code, output = run(tmp_path, json.dumps(item(prompt=PRIVATE)))

    assert code == 1
    assert "unexpected ValueError" in termination_log.read_text(encoding="utf-8")
    assert PRIVATE not in output


def test_main__in_an_image_without_presidio_says_which_image_has_it(
    tmp_path: Path, termination_log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(presidio, "import_module", absent)

    code, _ = run(tmp_path, json.dumps(item()))

    assert code == BAD_ITEMS_EXIT_CODE
    assert "name rocksteady-evaluation in harnessImage" in termination_log.read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("a" * PIECE_CHARACTERS, [PIECE_CHARACTERS], id="one piece"),
        pytest.param("a" * (PIECE_CHARACTERS + 1), [PIECE_CHARACTERS, 1], id="no place to cut"),
        pytest.param("a b. c\n" * 2000, [9996, 4004], id="cut behind a line"),
        pytest.param("word " * 2100, [PIECE_CHARACTERS, 500], id="cut behind a word"),
    ],
)
def test_pieces__are_cut_where_nothing_is_torn(text: str, lengths: list[int]) -> None:
    found = list(pieces(text))

    assert "".join(piece for _, piece in found) == text
    assert [len(piece) for _, piece in found] == lengths
    assert all(text[start:].startswith(piece) for start, piece in found)
