"""What must hold for the items of a suite, wherever they come from.

No message repeats a prompt or an expected answer: messages reach status, Events and logs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for

from rocksteady.api.answer_pattern import PatternError, check_pattern
from rocksteady.api.fields import FieldError
from rocksteady.api.v1alpha1.items import (
    CASE_CHECKS,
    CASE_MESSAGE,
    FIELDS_OF_TYPES,
    Check,
    Item,
    Role,
)

ITEMS_MAX: Final = 10_000
"""Of one suite: which of them were right must fit into a termination message of 4096 bytes, and
10,000 bits are 1,667 characters of base64."""
ITEM_MAX_BYTES: Final = 262_144
"""Of one item as JSON in UTF-8."""
INLINE_MAX_BYTES: Final = 900 * 1024
"""Of all items inside of the object: their copy, kept for each content, must fit into a ConfigMap
of 1 MiB."""
ITEM_FILE_MAX_BYTES: Final = 64 * 1024 * 1024
"""Of a file of items behind a URI: 10,000 items of 6.5 KiB. Who reads it holds it in memory several
times over."""

_SPLIT: Final = "shorten it, or split it into several items"


def check_items(items: Sequence[Item]) -> Iterator[tuple[int, FieldError]]:
    """What is wrong with items whose single fields are valid.

    Args:
        items: At least one; their order is that of the file.

    Yields:
        Index of the item, and the error with a path inside of the item.
    """
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        if item.id in first:
            yield index, FieldError("id", f"is the id of item {first[item.id]} too: rename one")
        first.setdefault(item.id, index)
        for error in check_item(item):
            yield index, error


def check_item(item: Item) -> Iterator[FieldError]:
    """What is wrong with one item; paths begin inside of it."""
    if (item.prompt is None) == (item.messages is None):
        yield FieldError("", "give either prompt or messages")
    if item.messages and item.messages[-1].role is not Role.USER:
        yield FieldError(
            f"messages[{len(item.messages) - 1}].role",
            f"must be user, not {item.messages[-1].role}: the model answers the last message",
        )
    size = item_size_bytes(item)
    if size > ITEM_MAX_BYTES:
        yield FieldError("", f"must have at most {ITEM_MAX_BYTES} bytes, has {size}: {_SPLIT}")
    for index, check in enumerate(item.checks):
        for error in _check_check(check):
            where = f"checks[{index}]"
            yield FieldError(f"{where}.{error.path}" if error.path else where, error.message)


def item_size_bytes(item: Item) -> int:
    """Size of an item as JSON in UTF-8, as short as it can be written."""
    text = json.dumps(item.written(), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode())


def _check_check(check: Check) -> Iterator[FieldError]:
    written = check.model_dump(by_alias=True)
    misplaced = [
        message
        for field, types, message in FIELDS_OF_TYPES
        if (written[field] is not None) != (check.type in types)
    ]
    if check.ignore_case and check.type not in CASE_CHECKS:
        misplaced.append(CASE_MESSAGE)
    for message in dict.fromkeys(misplaced):
        yield FieldError("", message)
    if not misplaced:
        yield from _check_content(check)


def _check_content(check: Check) -> Iterator[FieldError]:
    """The one field that the type needs can be used."""
    if check.pattern is not None:
        yield from _check_pattern(check.pattern)
    if check.json_schema is not None:
        yield from _check_json_schema(check.json_schema)
    if check.options is not None and check.answer is not None:
        letters = [chr(ord("A") + number) for number in range(len(check.options))]
        if check.answer not in letters:
            yield FieldError(
                "answer",
                f"must be a letter of {letters[0]} to {letters[-1]}, since there are"
                f" {len(letters)} options",
            )


def _check_pattern(pattern: str) -> Iterator[FieldError]:
    try:
        check_pattern(pattern)
    except PatternError as error:
        yield FieldError("pattern", str(error))


def _check_json_schema(schema: Mapping[str, Any]) -> Iterator[FieldError]:
    path = "jsonSchema"
    # None: `$schema` names a version that nobody knows.
    known = validator_for(schema, default=None) if "$schema" in schema else Draft202012Validator
    if known is None:
        yield FieldError(
            f"{path}.$schema", "is unknown: leave it out for draft 2020-12, or name an older draft"
        )
        return
    try:
        known.check_schema(schema, format_checker=known.FORMAT_CHECKER)
    except SchemaError as error:
        yield FieldError(
            path,
            f"is no JSON Schema: what stands at {error.json_path} is not what {error.validator} of"
            " the standard allows there",
        )
    except RecursionError:
        yield FieldError(path, "is nested too deeply: simplify it")
    else:
        yield from _check_references(schema, path)


def _check_references(schema: Any, path: str) -> Iterator[FieldError]:
    """References stay inside: a suite is judged without reaching for anything."""
    if isinstance(schema, list):
        for part in schema:
            yield from _check_references(part, path)
    elif isinstance(schema, Mapping):
        for key in ("$ref", "$dynamicRef"):
            target = schema.get(key)
            if isinstance(target, str) and not target.startswith("#"):
                yield FieldError(
                    path,
                    "refers to another document: nothing is fetched, so put it into $defs and refer"
                    " to it by #/$defs/<name>",
                )
        for part in schema.values():
            yield from _check_references(part, path)
