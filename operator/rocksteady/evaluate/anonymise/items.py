"""Anonymise items: which of their texts are read, and how each is written again. Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from rocksteady.api.item_checks import check_items
from rocksteady.api.item_file import read_item
from rocksteady.api.v1alpha1.items import Item
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.anonymise.entities import (
    Finder,
    Placeholders,
    Span,
    literals_of,
    outside_placeholders,
    placeholders_of,
    trimmed,
    without_parts,
)

_NO_TEXT: Final = frozenset(
    {"$ref", "$dynamicRef", "$schema", "$id", "$anchor", "$dynamicAnchor", "type", "format"}
    | {"required", "contentEncoding", "contentMediaType"}
)
"""Fields of a JSON Schema whose strings are no texts: words of the standard, names of fields."""


class How(Enum):
    """How a text is compared with an answer."""

    AS_IT_IS = auto()
    IN_ANY_CASE = auto()
    AS_PATTERN = auto()


Change = Callable[[str, How], str]


@dataclass(frozen=True)
class Anonymised:
    """Items without what was found in them.

    Attributes:
        items: In the order of the file.
        found: How many different entities of each kind, added up over the items.
        changed: How many items are not as they were.
    """

    items: tuple[Item, ...]
    found: Counter[str]
    changed: int


def anonymise(items: Sequence[Item], find: Finder) -> Anonymised:
    """Anonymise items, each by itself.

    Ids stay: they are shown, so that no private text belongs into them. So do names of fields in a
    JSON Schema.

    Raises:
        EvaluationError: An item is not valid any more, since placeholders are longer than names.
    """
    found: Counter[str] = Counter()
    written: list[Item] = []
    for place, item in enumerate(items, start=1):
        entry, kinds = _anonymised(item.written(), find)
        found.update(kinds)
        again, errors = read_item(entry)
        if again is None:
            said = f"{errors[0].path}: {errors[0].message}"
            raise EvaluationError(f"item {place} of the file, once anonymised: {said}")
        written.append(again)
    for index, error in check_items(written):
        said = f"{error.path}: {error.message}" if error.path else error.message
        raise EvaluationError(f"item {index + 1} of the file, once anonymised: {said}")
    changed = sum(one != other for one, other in zip(items, written, strict=True))
    return Anonymised(tuple(written), found, changed)


def _anonymised(item: Mapping[str, Any], find: Finder) -> tuple[dict[str, Any], Counter[str]]:
    """An item as JSON has it, anonymised, and how many entities of each kind it had."""
    texts: list[str] = []

    def collect(text: str, how: How) -> str:
        texts.extend(literals_of(text) if how is How.AS_PATTERN else [text])
        return text

    map_texts(item, collect)
    found = {text: _spans(text, find) for text in dict.fromkeys(texts)}
    placeholders = placeholders_of(texts, [found[text] for text in texts])

    def change(text: str, how: How) -> str:
        return _changed(text, how, placeholders, found.get(text, ()))

    distinct = {(called.rpartition("_")[0][1:], called) for called in placeholders.by_key.values()}
    return map_texts(item, change), Counter(kind for kind, _ in distinct)


def _spans(text: str, find: Finder) -> list[Span]:
    spans = (trimmed(text, span) for span in find(text))
    return outside_placeholders(text, without_parts(one for one in spans if one.start < one.end))


def _changed(text: str, how: How, placeholders: Placeholders, spans: Sequence[Span]) -> str:
    if how is How.AS_PATTERN:
        return placeholders.replace_in_pattern(text)
    return placeholders.replace(text, spans, ignore_case=how is How.IN_ANY_CASE)


def map_texts(item: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The item with every text of it changed, in an order that is always the same.

    Args:
        item: As JSON has it, valid.
        change: Gets each text, and how it is compared.
    """
    changed = dict(item)
    if "prompt" in item:
        changed["prompt"] = change(item["prompt"], How.AS_IT_IS)
    if "messages" in item:
        changed["messages"] = [
            {**turn, "content": change(turn["content"], How.AS_IT_IS)} for turn in item["messages"]
        ]
    changed["checks"] = [_check(check, change) for check in item["checks"]]
    return changed


def _check(check: Mapping[str, Any], change: Change) -> dict[str, Any]:
    changed = dict(check)
    how = How.IN_ANY_CASE if check.get("ignoreCase") else How.AS_IT_IS
    for field in ("texts", "options"):
        if field in check:
            changed[field] = [change(text, how) for text in check[field]]
    if "criterion" in check:
        changed["criterion"] = change(check["criterion"], How.AS_IT_IS)
    if "pattern" in check:
        changed["pattern"] = change(check["pattern"], How.AS_PATTERN)
    if "jsonSchema" in check:
        changed["jsonSchema"] = _schema(check["jsonSchema"], "", change)
    return changed


def _schema(part: Any, field: str, change: Change) -> Any:
    """A part of a JSON Schema, and the field that it stands in."""
    if isinstance(part, Mapping):
        return {name: _schema(one, name, change) for name, one in part.items()}
    if isinstance(part, list):
        return [_schema(one, field, change) for one in part]
    if not isinstance(part, str) or field in _NO_TEXT:
        return part
    return change(part, How.AS_PATTERN if field == "pattern" else How.AS_IT_IS)
