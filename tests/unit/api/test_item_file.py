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
        pytest.param(b'{"id": "a", "id": "b"}', "items.jsonl", "line 1: key id is given twice",
                     id="a key twice"),
        pytest.param(b"[NaN]", "items.json", "the file: NaN is no JSON", id="not a number"),
        pytest.param(b"[" * 99_999, "items.json", "the file: is nested too deeply",
                     id="a pit of brackets"),
        pytest.param(lines(item(), item()), "items.jsonl",
                     "line 2: id: is the id of item 0 too: rename one", id="two of one id"),
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
    read = read_items(lines(odd), "items.jsonl")

    assert read.errors
    assert all(error.startswith("line 1: ") for error in read.errors)
    assert PRIVATE not in " ".join(read.errors)


SECRET = "PATIENT Jane Doe, 3.5"


def pit(levels: int, bottom: Any = SECRET) -> Any:
    """So many lists around something."""
    for _ in range(levels):
        bottom = [bottom]
    return bottom


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(item(prompt=pit(500)), "prompt", id="a prompt in 500 lists"),
        pytest.param(item(prompt=pit(150)), "prompt", id="a prompt in 150 lists"),
        pytest.param(
            item({"type": "JsonSchema", "jsonSchema": {"enum": pit(900)}}),
            "checks[0].jsonSchema.enum",
            id="a schema that is as deep",
        ),
        pytest.param(pit(500), "[0]", id="no item at all"),
    ],
)
def test_read_items__refuses_what_is_nested_too_deeply(entry: Any, said: str) -> None:
    read = read_items(lines(entry), "items.jsonl")

    assert read.items == ()
    assert len(read.errors) == 1
    assert f"line 1: {said}" in read.errors[0]
    assert "is nested more than 100 levels deep: simplify it" in read.errors[0]
    assert "PATIENT" not in read.errors[0]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        pytest.param(SECRET, "must be a group of fields", id="a bare text"),
        pytest.param([SECRET], "unknown field: known here are id", id="a list"),
        pytest.param(item(prompt=[SECRET]), "prompt: must be text", id="a list as a prompt"),
        pytest.param(item(messages=SECRET), "messages: must be a list", id="messages as a text"),
        pytest.param(
            item(messages=[{"role": SECRET, "content": "x"}]), "role: must be one of", id="a role"
        ),
        pytest.param(item(id=SECRET), "id: must be a name of letters", id="an id with spaces"),
        pytest.param(item(id=7), "id: must be a name of letters, digits", id="a number as an id"),
        pytest.param(item(checks=SECRET), "checks: must be a list", id="checks as a text"),
        pytest.param(item(checks=[SECRET]), "checks[0]: must be a group", id="a check as a text"),
        pytest.param(
            item({"type": "Contains", "texts": SECRET}), "texts: must be a list", id="one text"
        ),
        pytest.param(item({"type": SECRET}), "type: must be one of", id="a type"),
        pytest.param(
            item({"type": "Contains", "texts": ["a"], "negate": SECRET}),
            "negate: must be true or false",
            id="a text where there is a choice",
        ),
        pytest.param({SECRET: "yes"}, "unknown field: known here are id", id="a question as a key"),
        pytest.param(
            item({"type": "Contains", SECRET: 1}),
            "checks[0]: unknown field: known here are type",
            id="an expected answer as a key",
        ),
        pytest.param(
            item({"type": "Regex", "pattern": f"(?P<{SECRET}>x)"}),
            "pattern: is no regular expression",
            id="a pattern",
        ),
        pytest.param(
            item({"type": "JsonSchema", "jsonSchema": {"$ref": "PATIENT"}}),
            "refers to another document",
            id="a reference",
        ),
        pytest.param(
            item({"type": "MultipleChoice", "options": ["a", "b"], "answer": SECRET}),
            "answer: must have at most 1 characters",
            id="an answer as a text",
        ),
    ],
)
def test_read_items__quotes_nothing_of_an_item(entry: Any, said: str) -> None:
    read = read_items(lines(entry), "items.jsonl")

    assert len(read.errors) >= 1
    assert said in read.errors[0]
    assert not any("PATIENT" in error for error in read.errors)


def test_read_items__names_no_key_that_is_given_twice_unless_it_is_a_field() -> None:
    read = read_items(f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode(), "items.jsonl")

    assert read.errors == ("line 1: a key is given twice: keep one",)
