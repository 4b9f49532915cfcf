"""A file of items: JSON Lines or a JSON list, read item by item.

Pure: whoever has the bytes, the operator those of a ConfigMap or a runner those of a volume, gets
the same items and the same errors.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any, Final

from pydantic import ValidationError

from rocksteady.api.crd import Schema, evaluationsuite_schema
from rocksteady.api.fields import FieldError
from rocksteady.api.item_checks import ITEMS_MAX, check_items
from rocksteady.api.messages import explain
from rocksteady.api.shape import find_unknown_fields, without_nulls
from rocksteady.api.text import find_unwritable
from rocksteady.api.v1alpha1.items import Item

JSON_LINES: Final = ".jsonl"
JSON_LIST: Final = ".json"
ENDINGS_MESSAGE: Final = (
    f"must end with {JSON_LINES} (one item a line) or {JSON_LIST} (a list of items)"
)
_ERRORS_MAX: Final = 20
"""A file that is wrong all over is wrong in the same way all over."""


class ItemFileError(ValueError):
    """The file cannot be taken apart into items; the message says where, and the cure."""


@dataclass(frozen=True)
class ReadItems:
    """What was read of a file.

    Attributes:
        items: In the order of the file; empty when there are errors.
        errors: What is wrong, the first 20 of it, as `line 3: checks[0].pattern: ...`.
    """

    items: tuple[Item, ...]
    errors: tuple[str, ...]


def is_item_file(name: str) -> bool:
    """True when a file of this name can be read as items."""
    return name.endswith((JSON_LINES, JSON_LIST))


def read_items(content: bytes, name: str) -> ReadItems:
    """Read a file of items.

    Args:
        content: The whole file, in UTF-8 with or without a byte order mark.
        name: Of the file; its ending says how to read it.
    """
    try:
        entries = _entries(_decode(content), name)
        _check_count(len(entries))
    except ItemFileError as error:
        return ReadItems((), (str(error),))
    items: list[Item] = []
    errors = list(islice(_read_entries(entries, items), _ERRORS_MAX))
    if not errors:
        wheres = [where for where, _ in entries]
        found = ((wheres[index], error) for index, error in check_items(items))
        errors = [_say(where, error) for where, error in islice(found, _ERRORS_MAX)]
    return ReadItems(() if errors else tuple(items), tuple(errors))


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ItemFileError(
            f"line {line}: byte {error.start + 1} of the file is not UTF-8: save it as UTF-8"
        ) from error


def _entries(text: str, name: str) -> list[tuple[str, Any]]:
    """Where each item stands, and the item as JSON has it."""
    if name.endswith(JSON_LINES):
        # Not splitlines(): a JSON string may hold U+2028, which is a line break to it.
        lines = enumerate(text.split("\n"), start=1)
        return [
            (f"line {number}", _parse(f"line {number}", line))
            for number, line in lines
            if line.strip()
        ]
    if not name.endswith(JSON_LIST):
        raise ItemFileError(f"the name of the file {ENDINGS_MESSAGE}")
    found = _parse("the file", text) if text.strip() else []
    if not isinstance(found, list):
        raise ItemFileError(
            f"must be a list of items: put [ ] around them, or name it {JSON_LINES}"
        )
    return [(f"item {index}", entry) for index, entry in enumerate(found)]


def _parse(where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ItemFileError(
            f"{where}: is not JSON at character {error.pos + 1}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise ItemFileError(f"{where}: is nested too deeply") from error
    except ItemFileError as error:
        raise ItemFileError(f"{where}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, in which no key is given twice: the second would silently win."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        shown = f"key {twice}" if twice in _field_names(item_schema()) else "a key"
        raise ItemFileError(f"{shown} is given twice: keep one")
    return found


def _refuse(constant: str) -> Any:
    raise ItemFileError(f"{constant} is no JSON: write a number, or null")


def _check_count(count: int) -> None:
    if count == 0:
        raise ItemFileError("has no items: a suite without items shows nothing, write some")
    if count > ITEMS_MAX:
        raise ItemFileError(
            f"has {count} items, at most {ITEMS_MAX} are allowed: split it into several suites"
        )


def _read_entries(entries: Sequence[tuple[str, Any]], items: list[Item]) -> Iterator[str]:
    """Errors in single fields; what can be read is added to `items`."""
    for where, entry in entries:
        item, errors = read_item(entry)
        for error in errors:
            yield _say(where, error)
        if item is not None:
            items.append(item)


def read_item(entry: Any) -> tuple[Item | None, list[FieldError]]:
    """One item as JSON has it as a model, or what is wrong with its single fields."""
    schema = item_schema()
    errors = list(find_unwritable(entry)) or list(find_unknown_fields(entry, schema))
    if errors:
        return None, errors
    try:
        return Item.model_validate_json(json.dumps(without_nulls(entry, schema)), strict=True), []
    except ValidationError as error:
        return None, explain(error.errors(), schema)


@cache
def item_schema() -> Schema:
    """The structural schema of one item; see `crd.llmdeployment_schema`."""
    spec: Schema = evaluationsuite_schema()["properties"]["spec"]
    item: Schema = spec["properties"]["items"]["properties"]["inline"]["items"]
    return item


def _field_names(schema: Schema) -> set[str]:
    """The names of all fields of an item, and of what stands in it."""
    below = [*schema.get("properties", {}).values(), *filter(None, [schema.get("items")])]
    return {*schema.get("properties", {}), *(name for one in below for name in _field_names(one))}


def _say(where: str, error: FieldError) -> str:
    return ": ".join(part for part in (where, error.path, error.message) if part)
