import json
import re
import time
from typing import Any

import pytest

from rocksteady.api.answer_pattern import check_pattern
from rocksteady.api.v1alpha1.items import Check
from rocksteady.evaluate import checks
from rocksteady.evaluate.checks import (
    Verdict,
    agreed,
    check_text,
    chosen_letter,
    conclude,
    is_broken_by,
    is_similar,
    similarity,
)

PASSED, FAILED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.UNKNOWN
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

CLOSED = {
    "properties": {"a": {}},
    "patternProperties": {"^n": {}},
    "additionalProperties": False,
}


def check(**fields: Any) -> Check:
    return Check.model_validate(fields)


def contains(*texts: str, **more: Any) -> Check:
    return check(type="Contains", texts=texts, **more)


def exact(*texts: str, **more: Any) -> Check:
    return check(type="Exact", texts=texts, **more)


def pattern(text: str, **more: Any) -> Check:
    return check(type="Regex", pattern=text, **more)


def schema(content: dict[str, Any], **more: Any) -> Check:
    return check(type="JsonSchema", jsonSchema=content, **more)


def choice(answer: str, options: int = 4) -> Check:
    texts = [f"option {number}" for number in range(options)]
    return check(type="MultipleChoice", options=texts, answer=answer)


@pytest.mark.parametrize(
    ("asked", "answer", "verdict"),
    [
        pytest.param(contains("Paris"), "It is Paris.", PASSED, id="it stands somewhere"),
        pytest.param(contains("Paris"), "It is paris.", FAILED, id="case matters"),
        pytest.param(contains("PARIS", ignoreCase=True), "paris", PASSED, id="case is ignored"),
        pytest.param(
            contains("STRASSE", ignoreCase=True), "die Straße", PASSED, id="case beyond ASCII"
        ),
        pytest.param(contains("Rom", "Paris"), "Paris", PASSED, id="any of several"),
        pytest.param(contains("パリ"), "フランスの首都はパリです", PASSED, id="other scripts"),
        pytest.param(contains(" "), "one word", PASSED, id="texts are not trimmed"),
        pytest.param(contains("a"), "", FAILED, id="nothing was said"),
        pytest.param(contains("a.c"), "abc", FAILED, id="a text is no pattern"),
    ],
)
def test_contains__finds_a_text_in_the_answer(asked: Check, answer: str, verdict: Verdict) -> None:
    assert check_text(asked, answer) is verdict


@pytest.mark.parametrize(
    ("asked", "answer", "verdict"),
    [
        pytest.param(exact("Paris"), " Paris\n", PASSED, id="white space around it"),
        pytest.param(exact("Paris\n"), "Paris", PASSED, id="white space around the text"),
        pytest.param(exact("Paris"), "Paris.", FAILED, id="a dot more"),
        pytest.param(exact("yes", "no"), "no", PASSED, id="any of several"),
        pytest.param(exact("yes"), "Yes", FAILED, id="case matters"),
        pytest.param(exact("yes", ignoreCase=True), "YES", PASSED, id="case is ignored"),
        pytest.param(exact("yes"), "", FAILED, id="nothing was said"),
    ],
)
def test_exact__is_the_whole_answer(asked: Check, answer: str, verdict: Verdict) -> None:
    assert check_text(asked, answer) is verdict


@pytest.mark.parametrize(
    ("asked", "answer", "verdict"),
    [
        pytest.param(pattern(r"\b42\b"), "It is 42.", PASSED, id="found inside"),
        pytest.param(pattern(r"^42$"), "It is 42.", FAILED, id="anchored"),
        pytest.param(pattern(r"(?i)paris"), "PARIS", PASSED, id="case ignored by the pattern"),
        pytest.param(pattern(r"(?s)(.{12,80}?)\1{5}"), "all is well. " * 7, PASSED, id="repeats"),
        pytest.param(pattern("x", negate=True), "abc", PASSED, id="must not be found"),
        pytest.param(pattern("("), "abc", UNKNOWN, id="no pattern at all"),
    ],
)
def test_regex__is_found_in_the_answer(asked: Check, answer: str, verdict: Verdict) -> None:
    assert check_text(asked, answer) is verdict


ANSWER = "The capital is Paris.\nIt lies on the Seine, in [Ile-de-France]."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"\bparis\b", id="case counts"),
        pytest.param(r"(?i)\bparis\b", id="case is ignored"),
        pytest.param(r"Paris.*Seine", id="a dot stops at a line break"),
        pytest.param(r"(?s)Paris.*Seine", id="a dot matches a line break"),
        pytest.param(r"(?m)^It", id="a line begins"),
        pytest.param(r"^It", id="the answer begins"),
        pytest.param(r"[[I]le", id="a bracket in a class is a bracket"),
        pytest.param(r"(?P<a>s).*?(?P=a)", id="a group is referred to by name"),
        pytest.param(r"(?<!The )capital", id="what stands before"),
        pytest.param(r"(?x) Paris  # the city", id="spaces and comments"),
        pytest.param(r"[a-z--[aeiou]]", id="no set operations"),
        pytest.param(r"\w{5}\.", id="a counted repetition"),
        pytest.param(r"(?>P+)aris", id="an atomic group"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible (nested|set):FutureWarning")
def test_regex__finds_what_re_finds(text: str) -> None:
    check_pattern(text)

    assert (check_text(pattern(text), ANSWER) is PASSED) == bool(re.search(text, ANSWER))


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(pattern(r"^(a|a)*$"), id="a pattern"),
        pytest.param(pattern(r"^(a|a)*$", negate=True), id="a negated pattern"),
        pytest.param(schema({"items": {"pattern": r"^(a|a)*$"}}), id="a pattern of a schema"),
        pytest.param(schema({"items": {"patternProperties": {r"^(a|a)*$": {}}}}),
                     id="a pattern for names"),
        pytest.param(schema({"items": {"patternProperties": {r"^(a|a)*$": {}},
                                       "additionalProperties": False}}),
                     id="a pattern for the names that are no others"),
        pytest.param(schema({"items": {"additionalProperties": False,
                                       "patternProperties": {r"^(a|a)*$": {}}}}),
                     id="a pattern that is looked at for other names first"),
        pytest.param(schema({"items": {"allOf": [{"patternProperties": {r"^(a|a)*$": {}}}],
                                       "unevaluatedProperties": False}}),
                     id="a pattern for names that are evaluated elsewhere"),
    ],
)  # fmt: skip
def test_pattern_without_end__is_stopped_and_passes_nobody(
    asked: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PATTERN_SECONDS", 0.1)
    began = time.monotonic()
    endless = "a" * 60 + "!"
    said = [{endless: 1}, endless] if "Properties" in str(asked.json_schema) else [endless]

    verdict = check_text(asked, json.dumps(said) if asked.json_schema else endless)

    assert verdict is UNKNOWN
    assert time.monotonic() - began < 5


def test_patterns_of_a_schema__have_one_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PATTERN_SECONDS", 0.5)
    began = time.monotonic()
    slow = {"anyOf": [{"items": {"pattern": r"^(a|a)*$"}}]}

    verdict = check_text(schema(slow), json.dumps(["a" * 20 + "!"] * 1000))

    assert verdict is UNKNOWN
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("```json\n" + " " * 200_000, id="spaces and no end"),
        pytest.param("`" * 200_000 + "\n", id="nothing but marks"),
        pytest.param("```\n" * 50_000 + "a" * 1_000_000, id="fence after fence"),
    ],
)
def test_code_fence__is_looked_for_in_one_pass(answer: str) -> None:
    began = time.monotonic()

    assert check_text(schema({}), answer) is FAILED
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("asked", "answer", "verdict"),
    [
        pytest.param(schema(NUMBER), '{"n": 1}', PASSED, id="alone"),
        pytest.param(schema(NUMBER), ' \n{"n": 1}\n', PASSED, id="with space around it"),
        pytest.param(schema(NUMBER), '```json\n{"n": 1}\n```', PASSED, id="in a fence"),
        pytest.param(schema(NUMBER), 'Here:\n```\n{"n": 1}```\nDone', PASSED, id="fence in prose"),
        pytest.param(schema(NUMBER), 'Here: {"n": 1}', FAILED, id="in prose without a fence"),
        pytest.param(schema(NUMBER), '{"n": "1"}', FAILED, id="not what the schema allows"),
        pytest.param(schema(NUMBER), '{"n": 1', FAILED, id="cut off"),
        pytest.param(schema(NUMBER), "", FAILED, id="nothing was said"),
        pytest.param(schema({}), "NaN", FAILED, id="a number that JSON has not"),
        pytest.param(schema({}), "[" * 100_000, FAILED, id="nested without end"),
        pytest.param(schema({}), "1" * 10_000, FAILED, id="a number without end"),
        pytest.param(schema({}), "1e400", FAILED, id="a number that is infinite"),
        pytest.param(schema({}), "-1e400", FAILED, id="a number that is infinite, below zero"),
        pytest.param(schema({"multipleOf": 0.01}), "1" * 400, FAILED,
                     id="a number that is too large to be reckoned with"),
        pytest.param(schema({"multipleOf": 0.01}), "0.5", PASSED, id="a multiple"),
        pytest.param(schema(NUMBER), 'Say `n`:\n```json\n{"n": 1}\n  ```', PASSED,
                     id="a fence behind other marks"),
        pytest.param(schema(NUMBER), '````json\n{"n": 1}\n````', PASSED, id="a longer fence"),
        pytest.param(schema(NUMBER), '```json {"n": 1}```', FAILED, id="a fence on one line"),
        pytest.param(schema(NUMBER), '```json\n{"n": 1}', FAILED, id="a fence that never ends"),
        pytest.param(schema({"patternProperties": {"^n": {"type": "integer"}}}),
                     '{"n1": 1, "a": "b"}', PASSED, id="names by a pattern"),
        pytest.param(schema({"patternProperties": {"^n": {"type": "integer"}}}),
                     '{"n1": "1"}', FAILED, id="not what names by a pattern may be"),
        pytest.param(schema({"patternProperties": {"^n": {}}}), "7", PASSED,
                     id="names are of groups only"),
        pytest.param(schema(CLOSED), '{"n1": 1, "a": 1}', PASSED, id="no other names"),
        pytest.param(schema(CLOSED), '{"n1": 1, "b": 1}', FAILED, id="another name"),
        pytest.param(schema(CLOSED), "[1]", PASSED, id="no names at all"),
        pytest.param(schema({**CLOSED, "additionalProperties": {"type": "integer"}}),
                     '{"b": 1}', PASSED, id="another name of the right type"),
        pytest.param(schema({"properties": {"a": {}}, "unevaluatedProperties": False}),
                     '{"b": 1}', FAILED, id="a name that nothing evaluates"),
        pytest.param(schema({"pattern": "^a"}), '"abc"', PASSED, id="a pattern"),
        pytest.param(schema({"pattern": "^b"}), '"abc"', FAILED, id="another pattern"),
        pytest.param(schema({"pattern": "^b"}), "7", PASSED, id="a pattern is for text only"),
        pytest.param(
            schema({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}),
            "7",
            PASSED,
            id="a reference inside",
        ),
        pytest.param(schema({"$ref": "#/$defs/n"}), "7", UNKNOWN, id="a reference to nothing"),
        pytest.param(
            schema({"$ref": "https://example.com/schema"}), "7", UNKNOWN, id="nothing is fetched"
        ),
        pytest.param(
            schema({"$schema": "http://json-schema.org/draft-04/schema#", "maximum": 3}),
            "7",
            FAILED,
            id="an older draft",
        ),
        pytest.param(schema(NUMBER, negate=True), "no JSON", PASSED, id="must not be so"),
    ],
)  # fmt: skip
def test_json_schema__allows_the_json_of_the_answer(
    asked: Check, answer: str, verdict: Verdict
) -> None:
    assert check_text(asked, answer) is verdict


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        pytest.param("B", "B", id="nothing else"),
        pytest.param("(B) Rome", "B", id="in brackets"),
        pytest.param("**B**: Rome", "B", id="in bold"),
        pytest.param("_B_", "B", id="emphasised"),
        pytest.param("The answer is C. Not D.", "C", id="the first of two"),
        pytest.param("Bern is not Rome", None, id="the start of a word"),
        pytest.param("I think it is D", "D", id="a word that is no letter of an option"),
        pytest.param("A'dam", None, id="with an apostrophe"),
        pytest.param("E", None, id="a letter that has no option"),
        pytest.param("b)", "B", id="small, and nothing else"),
        pytest.param("it is a trap", None, id="a small letter is a word"),
        pytest.param("4B", None, id="behind a digit"),
        pytest.param("答案是 B。", "B", id="in another script, apart"),
        pytest.param("", None, id="nothing was said"),
    ],
)
def test_chosen_letter__is_the_first_that_stands_alone(answer: str, letter: str | None) -> None:
    assert chosen_letter(answer, 4) == letter


def test_multiple_choice__is_right_with_the_right_letter() -> None:
    assert check_text(choice("B"), "B. option 1") is PASSED
    assert check_text(choice("B"), "A. option 0") is FAILED


@pytest.mark.parametrize("answer", ["", " \n\t", "\u00a0"])
@pytest.mark.parametrize("fits", [True, False, None])
def test_empty_answer__never_passes_a_negated_check(answer: str, fits: bool | None) -> None:  # noqa: FBT001
    assert conclude(pattern("x", negate=True), answer, fits=fits) is FAILED


@pytest.mark.parametrize(
    ("asked", "part", "broken"),
    [
        pytest.param(contains("key", negate=True), "The key", True, id="a text is said"),
        pytest.param(contains("key", negate=True), "The k", False, id="it is not said yet"),
        pytest.param(contains("key"), "The", False, id="what must be said may still come"),
        pytest.param(pattern(r"\d{4}", negate=True), "It is 1234", True, id="a pattern is found"),
        pytest.param(pattern(r"^yes$", negate=True), "yes", False, id="a pattern for the end"),
        pytest.param(pattern(r"\bkey\b", negate=True), "my key", False, id="a word may go on"),
        pytest.param(pattern(r"\bkey\b", negate=True), "my key is", True, id="a word is over"),
        pytest.param(exact("yes", negate=True), "yes", False, id="the whole may be another"),
        pytest.param(schema({}, negate=True), "1", False, id="JSON may go on"),
    ],
)
def test_beginning_of_an_answer__tells_what_was_said_and_must_not_be(
    asked: Check,
    part: str,
    broken: bool,  # noqa: FBT001
) -> None:
    assert is_broken_by(asked, part) is broken


@pytest.mark.parametrize(
    ("negate", "fits", "verdict"),
    [
        pytest.param(False, True, PASSED, id="it fits"),
        pytest.param(False, False, FAILED, id="it does not"),
        pytest.param(True, True, FAILED, id="it fits and must not"),
        pytest.param(True, False, PASSED, id="it does not, as it must not"),
        pytest.param(False, None, UNKNOWN, id="nobody can tell"),
        pytest.param(True, None, UNKNOWN, id="nobody can tell of what must not be"),
    ],
)
def test_conclude__turns_round_what_is_negated(
    negate: bool,  # noqa: FBT001
    fits: bool | None,  # noqa: FBT001
    verdict: Verdict,
) -> None:
    assert conclude(pattern("x", negate=negate), "answer", fits=fits) is verdict


@pytest.mark.parametrize(
    ("answer", "texts", "cosine"),
    [
        pytest.param([1.0, 0.0], [[2.0, 0.0]], 1.0, id="the same direction"),
        pytest.param([1.0, 0.0], [[0.0, 1.0]], 0.0, id="at right angles"),
        pytest.param([1.0, 0.0], [[-1.0, 0.0], [3.0, 4.0]], 0.6, id="the best of several"),
        pytest.param([0.0, 0.0], [[1.0, 0.0]], None, id="a vector of zeros"),
        pytest.param([1.0], [[1.0, 0.0]], None, id="vectors of two lengths"),
        pytest.param([float("inf")], [[1.0]], None, id="not finite"),
        pytest.param([], [[]], None, id="empty"),
    ],
)
def test_similarity__is_the_greatest_cosine(
    answer: list[float], texts: list[list[float]], cosine: float | None
) -> None:
    assert similarity(answer, texts) == (None if cosine is None else pytest.approx(cosine))


@pytest.mark.parametrize(
    ("cosine", "fits"),
    [
        pytest.param(0.8, True, id="just enough"),
        pytest.param(0.79, False, id="too little"),
        pytest.param(None, None, id="not known"),
    ],
)
def test_is_similar__compares_in_percent(cosine: float | None, fits: bool | None) -> None:  # noqa: FBT001
    asked = check(type="Similarity", texts=["a"], minSimilarityPercent="80")
    assert is_similar(asked, cosine) is fits


@pytest.mark.parametrize(
    ("replies", "fits"),
    [
        pytest.param(["yes", "Yes."], True, id="both say yes"),
        pytest.param(["No", "no, since"], False, id="both say no"),
        pytest.param(["**Yes**", "\n- yes"], True, id="with marks around it"),
        pytest.param(["yes", "no"], None, id="they disagree"),
        pytest.param(["yes", "maybe"], None, id="one says neither"),
        pytest.param(["yes", None], None, id="one says nothing"),
        pytest.param(["", ""], None, id="both are empty"),
        pytest.param(["It is yes", "yes"], None, id="not at the beginning"),
        pytest.param(["yesterday", "yes"], None, id="the start of a word"),
    ],
)
def test_agreed__needs_the_same_clear_word_of_each(
    replies: list[str | None],
    fits: bool | None,  # noqa: FBT001
) -> None:
    assert agreed(replies) is fits
