from typing import Any

import pytest
import regex

from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.anonymise.entities import Span
from rocksteady.evaluate.anonymise.items import anonymise
from tests.unit.evaluate.anonymise.finding import find

NOTHING = {"type": "Contains", "texts": ["yes"]}


def item(prompt: str = "Hello.", *checks: dict[str, Any], **more: Any) -> Item:
    asked = {} if "messages" in more else {"prompt": prompt}
    return Item.model_validate({"id": "a", "checks": checks or (NOTHING,), **asked, **more})


def anonymised(*arguments: Any, **more: Any) -> Item:
    (written,) = anonymise([item(*arguments, **more)], find).items
    return written


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        pytest.param("I am Alice Johnson.", "I am <PERSON_1>.", id="a name"),
        pytest.param(
            "Bob Stone met Alice Johnson. Bob Stone left.",
            "<PERSON_1> met <PERSON_2>. <PERSON_1> left.",
            id="two names, numbered as they come",
        ),
        pytest.param(
            "Alice Johnson's card. Alice agrees, so does Johnson.",
            "<PERSON_1>'s card. <PERSON_1> agrees, so does <PERSON_1>.",
            id="a part of a name that nobody found",
        ),
        pytest.param("ALICE JOHNSON and alice  johnson, Alice Johnson",
                     "<PERSON_1> and <PERSON_1>, <PERSON_1>", id="a name in another case"),
        pytest.param("Will Gray, will you help?", "<PERSON_1>, will you help?",
                     id="a word that is a name too, in small letters"),
        pytest.param("Alicejohnson and Alice Johnson", "Alicejohnson and <PERSON_1>",
                     id="a word that begins like a name"),
        pytest.param(
            "Mail Alice@example.com or ALICE@example.com",
            "Mail <EMAIL_ADDRESS_1> or <EMAIL_ADDRESS_1>",
            id="an address in another case",
        ),
        pytest.param(
            "Call +44 20 7946 0958 or 020 7946 0958 or 030 1234 5678",
            "Call <PHONE_NUMBER_1> or <PHONE_NUMBER_1> or <PHONE_NUMBER_2>",
            id="a number with and without its country",
        ),
        pytest.param(
            "4111 1111 1111 1111, again 4111-1111-1111-1111",
            "<CREDIT_CARD_1>, again <CREDIT_CARD_1>",
            id="a card number, which looks like a phone number in part",
        ),
        pytest.param("<PERSON_1> knows <PERSON> and Bob.",
                     "<PERSON_1> knows <PERSON> and <PERSON_2>.",
                     id="placeholders of an anonymiser before this one"),
        pytest.param("Nobody is here.", "Nobody is here.", id="nothing private"),
    ],
)  # fmt: skip
def test_anonymise__writes_placeholders(prompt: str, expected: str) -> None:
    assert anonymised(prompt).prompt == expected


def test_anonymise__a_check_that_expects_a_name_still_fits() -> None:
    written = anonymised(
        "My name is Alice Johnson, my mail is alice.j@example.com.",
        {"type": "Contains", "texts": ["Alice", "Jill"]},
        {"type": "Contains", "texts": ["alice johnson", "ALICE"], "ignoreCase": True},
        {"type": "ModelGraded", "criterion": "It greets Alice Johnson."},
        {"type": "MultipleChoice", "options": ["Alice Johnson", "Bob Stone"], "answer": "A"},
    )

    first, second, third, fourth = written.checks
    assert first.texts == ("<PERSON_1>", "<PERSON_2>")
    assert second.texts == ("<PERSON_1>", "<PERSON_1>")
    assert third.criterion == "It greets <PERSON_1>."
    assert fourth.options == ("<PERSON_1>", "<PERSON_3>")


def test_anonymise__messages_and_the_checks_after_them_are_one() -> None:
    messages = [
        {"role": "system", "content": "You serve Alice Johnson."},
        {"role": "user", "content": "Greet Alice."},
    ]

    written = anonymised(messages=messages)

    assert written.messages is not None
    assert [one.content for one in written.messages] == [
        "You serve <PERSON_1>.",
        "Greet <PERSON_1>.",
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        "Alice Johnson",
        r"\bAlice\s+Johnson\b",
        r"(?i)hello,? alice\ johnson[.!]",
        r"\b(Alice Johnson|nobody)\b",
        r"^Hello, Alice",
    ],
)
def test_anonymise__a_pattern_still_finds_what_it_found(pattern: str) -> None:
    assert regex.search(pattern, "Hello, Alice Johnson!") is not None

    written = anonymised("I am Alice Johnson.", {"type": "Regex", "pattern": pattern})

    found = written.checks[0].pattern
    assert found is not None
    assert "alice" not in found.casefold()
    assert regex.search(found, "Hello, <PERSON_1>!") is not None
    assert regex.search(found, "Hello, <PERSON_2>!") is None


def test_anonymise__finds_in_a_pattern_what_stands_nowhere_else() -> None:
    written = anonymised("Hello.", {"type": "Regex", "pattern": r"bob\.s@example\.com|Jill"})

    assert written.checks[0].pattern == "<EMAIL_ADDRESS_1>|<PERSON_1>"


def test_anonymise__leaves_a_pattern_without_anything_private_as_it_is() -> None:
    pattern = r"(?i)\b(yes|no)\b\s*[.!]?$"

    written = anonymised("I am Bob.", {"type": "Regex", "pattern": pattern})

    assert written.checks[0].pattern == pattern


def test_anonymise__a_json_schema_keeps_its_form() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["Bob"],
        "properties": {
            "Bob": {"const": "Bob Stone", "type": "string"},
            "type": {"enum": ["Jill", 7, None], "description": "as Bob Stone says"},
            "mail": {"pattern": r"^bob\.s@example\.com$"},
        },
    }

    written = anonymised("I am Bob Stone.", {"type": "JsonSchema", "jsonSchema": schema})

    assert written.checks[0].json_schema == {
        **schema,
        "properties": {
            "Bob": {"const": "<PERSON_1>", "type": "string"},
            "type": {"enum": ["<PERSON_2>", 7, None], "description": "as <PERSON_1> says"},
            "mail": {"pattern": "^<EMAIL_ADDRESS_1>$"},
        },
    }


def test_anonymise__numbers_begin_anew_in_each_item() -> None:
    items = [item("Bob is here.", id="a"), item("Jill is here.", id="b"), item(id="c")]

    done = anonymise(items, find)

    assert [one.prompt for one in done.items] == ["<PERSON_1> is here."] * 2 + ["Hello."]
    assert (done.changed, dict(done.found)) == (2, {"PERSON": 2})


def test_anonymise__of_what_overlaps_leaves_no_end() -> None:
    def overlapping(text: str) -> list[Span]:
        return [Span(0, 8, "PERSON"), Span(4, 12, "EMAIL_ADDRESS")] if len(text) > 8 else []

    (written,) = anonymise([item("abcd efgh ijkl")], overlapping).items

    assert written.prompt in {"<PERSON_1>kl", "<PERSON_1> kl", "<EMAIL_ADDRESS_1>kl"}


def test_anonymise__says_which_item_got_too_long_and_nothing_of_it() -> None:
    names = {"type": "Contains", "texts": ["Bob " * 1000]}

    with pytest.raises(EvaluationError) as raised:
        anonymise([item(), item("x", names, id="b")], find)

    said = str(raised.value)
    assert said.startswith("item 2 of the file, once anonymised: checks[0].texts[0]: must have")
    assert "PERSON" not in said
    assert "Bob" not in said
