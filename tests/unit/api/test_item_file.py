import json
from typing import Any

import pytest

from rocksteady.api.item_file import read_items
from tests.cases.suites import item

ONE = json.dumps(item()).encode()


def lines(*items: dict[str, Any]) -> bytes:
    return "\n".join(map(json.dumps, items)).encode()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(ONE, "items.jsonl", id="one line without an end"),
        pytest.param(
            b"\n" + ONE + b"\r\n\n", "items.jsonl", id="empty lines, and those of Windows"
        ),
        pytest.param(b"\xef\xbb\xbf" + ONE, "items.jsonl", id="a byte order mark"),
        pytest.param(b"[" + ONE + b"]", "items.json", id="a list"),
        pytest.param(b"[\n" + ONE + b"\n]\n", "folder/items.json", id="a list over several lines"),
    ],
)
def test_read_items__reads(content: bytes, name: str) -> None:
    read = read_items(content, name)

    assert read.errors == ()
    assert [one.id for one in read.items] == ["a"]


def test_read_items__takes_a_line_separator_inside_of_a_text_for_text() -> None:
    odd = item(prompt="one\u2028two\x85three")

    read = read_items(json.dumps(odd, ensure_ascii=False).encode(), "items.jsonl")

    assert [one.prompt for one in read.items] == ["one\u2028two\x85three"]


def test_read_items__reads_as_many_as_a_result_can_tell_of() -> None:
    read = read_items(lines(*(item(id=f"i{number}") for number in range(10_000))), "items.jsonl")

    assert read.errors == ()
    assert len(read.items) == 10_000


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        pytest.param(b"", "items.jsonl", "has no items: a suite without items shows nothing",
                     id="an empty file"),
        pytest.param(b"[]", "items.json", "has no items", id="an empty list"),
        pytest.param(ONE, "items.csv", "the name of the file must end with .jsonl",
                     id="an unknown ending"),
        pytest.param(ONE, "items.json", "must be a list of items: put [ ] around them",
                     id="JSON Lines by the wrong name"),
        pytest.param(ONE + b"\ncaf\xe9", "items.jsonl",
                     "line 2: byte 92 of the file is not UTF-8: save it as UTF-8", id="Latin-1"),
        pytest.param(ONE + b"\n{", "items.jsonl", "line 2: is not JSON at character 2",
                     id="half an item"),
        pytest.param(b'{"id": "a", "id": "b"}', "items.jsonl", "line 1: key 'id' is given twice",
                     id="a key twice"),
        pytest.param(b"[NaN]", "items.json", "the file: NaN is no JSON", id="not a number"),
        pytest.param(b"[" * 99_999, "items.json", "the file: is nested too deeply",
                     id="a pit of brackets"),
        pytest.param(lines(item(), item()), "items.jsonl",
                     "line 2: id: 'a' is the id of item 0 too: rename one", id="two of one id"),
        pytest.param(b"7", "items.jsonl", "line 1: must be a group of fields", id="a number"),
        pytest.param(lines(item(promt="x")), "items.jsonl",
                     "line 1: promt: unknown field: did you mean prompt?", id="a misspelt field"),
        pytest.param(lines(item(prompt="\ud800")), "items.jsonl",
                     "line 1: prompt: character 1 is half of a surrogate pair", id="half a sign"),
        pytest.param(lines(item(), item(id="b", prompt="x" * 1_048_576)), "items.jsonl",
                     "line 2: prompt: must have at most 262144 characters, has 1048576: shorten it",
                     id="an item of 1 MiB"),
        pytest.param(lines(*(item(id=f"i{number}") for number in range(10_001))), "items.jsonl",
                     "has 10001 items, at most 10000 are allowed: split it into several suites",
                     id="one item too many"),
        pytest.param(b"[" + ONE + b', {"id": "b", "prompt": "x"}]', "items.json",
                     "item 1: checks: is required: What the answer must be", id="no checks"),
    ],
)  # fmt: skip
def test_read_items__says_where_and_what_to_do(content: bytes, name: str, message: str) -> None:
    read = read_items(content, name)

    assert read.items == ()
    assert len(read.errors) == 1
    assert message in read.errors[0]


def test_read_items__stops_after_twenty_errors() -> None:
    read = read_items(lines(*({"id": "a b"} for _ in range(1000))), "items.jsonl")

    assert len(read.errors) == 20


PRIVATE = "Planted Name"


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(item(id=PRIVATE), id="an id"),
        pytest.param(item(prompt=[PRIVATE]), id="a prompt that is a list"),
        pytest.param(item(checks=PRIVATE), id="checks that are a text"),
        pytest.param(item(checks=[{"type": PRIVATE}]), id="an unknown type"),
        pytest.param(item(checks=[{"type": "Contains", "texts": PRIVATE}]), id="one text"),
        pytest.param(item(checks=[{"type": "Regex", "pattern": f"({PRIVATE}"}]), id="a pattern"),
        pytest.param(
            item(checks=[{"type": "MultipleChoice", "options": ["a", "b"], "answer": PRIVATE}]),
            id="an answer that is no letter",
        ),
        pytest.param(
            item(checks=[{"type": "JsonSchema", "jsonSchema": {"type": PRIVATE}}]), id="a schema"
        ),
        pytest.param(
            item(checks=[{"type": "JsonSchema", "jsonSchema": {"$ref": PRIVATE}}]),
            id="a reference in a schema",
        ),
        pytest.param(
            item(checks=[{"type": "Contains", "texts": ["a"], "negate": PRIVATE}]), id="a truth"
        ),
        pytest.param(item(prompt=None, messages=[{"role": PRIVATE, "content": "x"}]), id="a role"),
    ],
)
def test_read_items__quotes_nothing_of_a_private_file(odd: dict[str, Any]) -> None:
    read = read_items(lines(odd), "items.jsonl", quoted=False)

    assert read.errors
    assert all(error.startswith("line 1: ") for error in read.errors)
    assert PRIVATE not in " ".join(read.errors)
