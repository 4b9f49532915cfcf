"""Whether an answer is JSON that a schema allows: pure, and in bounded time.

jsonschema searches for patterns with `re`, which has no end for some and lets nothing else run
meanwhile. Its keywords with patterns are replaced here by such as can be stopped.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import regex
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend, validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

_MARK: Final = "```"
_PATTERNS: Final = "patternProperties"

Keyword = Callable[[Any, Any, Any, Any], Iterator[ValidationError]]


def allows(schema: Mapping[str, Any], answer: str, search_seconds: float) -> bool | None:
    """Whether an answer is JSON, alone or in its first code fence, that a schema allows.

    Numbers that are no number of finite size, such as 1e400, are taken for no JSON, and one that
    is too large to be reckoned with for none that the schema allows.

    Args:
        schema: A JSON Schema; draft 2020-12 unless it says otherwise.
        answer: What the model said.
        search_seconds: Longest time for all searches for the schema's patterns together, above 0.

    Returns:
        None when the schema cannot be followed: a reference leads nowhere, a pattern takes too long
        or cannot be read, or `unevaluatedProperties` depends on patterns.
    """
    found = [parsed for text in _json_texts(answer) for parsed in _parsed(text)]
    if not found:
        return False
    known = validator_for(schema, default=Draft202012Validator)
    keywords = _Patient(schema, known.VALIDATORS, search_seconds).keywords()
    patient = extend(known, keywords)
    try:
        # An empty registry fetches nothing, whatever a reference names.
        valid: bool = patient(schema, registry=Registry()).is_valid(found[0])
    except OverflowError:
        return False
    except (Unresolvable, TimeoutError, regex.error, RecursionError):
        return None
    return valid


class _Patient:
    """The keywords that search for patterns, in a time that all of them have together.

    Args:
        schema: The whole schema.
        keywords: Those of its standard.
        seconds: For all searches.
    """

    def __init__(
        self, schema: Mapping[str, Any], keywords: Mapping[str, Keyword], seconds: float
    ) -> None:
        self._has_names = f'"{_PATTERNS}":' in json.dumps(schema, separators=(",", ":"))
        self._known = keywords
        self._ends = time.monotonic() + seconds

    def keywords(self) -> dict[str, Keyword]:
        """By name, as far as the standard has them."""
        own: dict[str, Keyword] = {
            "pattern": self._pattern,
            _PATTERNS: self._pattern_properties,
            "additionalProperties": self._additional_properties,
            "unevaluatedProperties": self._unevaluated_properties,
        }
        return {name: keyword for name, keyword in own.items() if name in self._known}

    def _is_found(self, pattern: str, text: str) -> bool:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return regex.search(pattern, text, timeout=left, concurrent=True) is not None

    def _pattern(
        self, validator: Any, pattern: str, instance: Any, _schema: Any
    ) -> Iterator[ValidationError]:
        if validator.is_type(instance, "string") and not self._is_found(pattern, instance):
            yield ValidationError("does not match")

    def _pattern_properties(
        self, validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
    ) -> Iterator[ValidationError]:
        if not validator.is_type(instance, "object"):
            return
        for pattern, below in patterns.items():
            for name, value in instance.items():
                if self._is_found(pattern, name):
                    yield from validator.descend(value, below, path=name, schema_path=pattern)

    def _additional_properties(
        self, validator: Any, below: Any, instance: Any, around: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if not validator.is_type(instance, "object"):
            return
        listed, patterns = around.get("properties", {}), around.get(_PATTERNS, {})
        for name in instance:
            if name not in listed and not any(self._is_found(one, name) for one in patterns):
                yield from validator.descend(instance[name], below, path=name)

    def _unevaluated_properties(
        self, validator: Any, below: Any, instance: Any, around: Any
    ) -> Iterator[ValidationError]:
        if self._has_names:  # the library would search for them in its own way
            raise TimeoutError
        yield from self._known["unevaluatedProperties"](validator, below, instance, around)


def _json_texts(answer: str) -> Iterator[str]:
    """Where JSON may stand: alone, or in the first code fence."""
    yield answer
    yield from _fenced(answer)


def _fenced(answer: str) -> Iterator[str]:
    """What stands in the first code fence, if there is one; in one pass, however long it is."""
    begins = 0
    for line in answer.split("\n")[:-1]:
        begins += len(line) + 1
        # The mark, and after it on its line the name of a language at most.
        if line.rpartition("`")[0].endswith(_MARK[1:]):
            content, closed, _ = answer[begins:].partition(_MARK)
            if closed:
                yield content
            return


def _parsed(text: str) -> Iterator[Any]:
    """The JSON of a text, if it is any."""
    try:
        yield json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refuse(text)


def _refuse(_: str) -> Any:
    raise ValueError("no number of JSON that can be reckoned with")
