"""What a run has to do, read from its environment and from what is mounted.

docs/reference/evaluation-runners.md is the contract.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from rocksteady.api.item_file import is_item_file
from rocksteady.api.model_uri import parse_model_uri
from rocksteady.api.suite_checks import check_helpers
from rocksteady.api.suite_content import in_order, items_digest
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.runner import ModelEndpoint
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.chat import Endpoint
from rocksteady.evaluate.content import check_content
from rocksteady.evaluate.files import read_file, read_item_file

SUITE_FOLDER: Final = "/suite"
SUITE_FILE: Final = "suite.json"
ITEMS_FILE: Final = "items.jsonl.gz"
FETCHED_FILE: Final = "items.jsonl"
"""In a folder of items whose URI names no file, such as an artifact."""


@dataclass(frozen=True)
class Assignment:
    """What a run has to do.

    Attributes:
        suite: Its name.
        spec: The suite.
        items: All items of the suite, in the order in which they are asked and counted.
        digest: Of all items, `suite_content.items_digest`.
        first_item: Place of the first item to ask.
        asked: The items to ask, from that place on.
        seed: Of the first sample of each item; the next sample has the next seed.
        deadline_seconds: Longest time for the run.
        model: Who is asked.
        judge: Judges ModelGraded checks; None: the suite has none.
        embedder: Gives embeddings; None: the suite has none.
        artifacts: File for prompts, answers and verdicts; None: they are not kept.
    """

    suite: str
    spec: EvaluationSuiteSpec
    items: tuple[Item, ...]
    digest: str
    first_item: int
    asked: tuple[Item, ...]
    seed: int
    deadline_seconds: float
    model: Endpoint
    judge: Endpoint | None
    embedder: Endpoint | None
    artifacts: Path | None


def read_assignment(environment: Mapping[str, str]) -> Assignment:
    """Read what to do.

    Raises:
        EvaluationError: A variable or a file is missing or wrong.
    """
    folder = Path(environment.get("SUITE_FOLDER") or SUITE_FOLDER)
    spec = _read_spec(folder / SUITE_FILE)
    items = tuple(in_order(_read_items(folder, spec, environment)))
    check_content(environment, spec, None if _behind_uri(spec) else items)
    digest = items_digest(items)
    expected = environment.get("ITEMS_DIGEST")
    if expected and expected != digest:
        raise EvaluationError(
            "the items are not those that were meant: their digest is"
            f" {digest}, not {expected[:64]}; pin items.uri, or run both revisions anew"
        )
    first = _number(environment, "FIRST_ITEM", 0)
    limit = _number(environment, "LIMIT", len(items))
    asked = items[first : first + limit]
    if not asked:
        raise EvaluationError(
            f"no item is to be asked: the suite has {len(items)}, FIRST_ITEM is {first} and LIMIT"
            f" {limit}"
        )
    artifacts = environment.get("ARTIFACTS_FILE")
    return Assignment(
        suite=_needed(environment, "SUITE"),
        spec=spec,
        items=items,
        digest=digest,
        first_item=first,
        asked=asked,
        seed=_number(environment, "SEED", spec.sampling.seed),
        deadline_seconds=_number(environment, "DEADLINE_SECONDS", spec.limits.deadline_seconds),
        model=Endpoint(
            "the model",
            _needed(environment, "OPENAI_BASE_URL").rstrip("/"),
            _needed(environment, "MODEL"),
            environment.get("OPENAI_API_KEY") or None,
        ),
        judge=_endpoint("the judge", spec.judge, environment.get("JUDGE_API_KEY")),
        embedder=_endpoint("the embedder", spec.embedder, environment.get("EMBEDDER_API_KEY")),
        artifacts=Path(artifacts) if artifacts else None,
    )


def _behind_uri(spec: EvaluationSuiteSpec) -> bool:
    """True when the content knows its items by their URI only."""
    return spec.items is not None and spec.items.uri is not None


def _needed(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise EvaluationError(f"environment variable {name} is missing")
    return environment[name]


def _number(environment: Mapping[str, str], name: str, absent: int) -> int:
    text = environment.get(name)
    if not text:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise EvaluationError(f"environment variable {name} must be a whole number from 0 on")
    return int(text)


def _endpoint(role: str, endpoint: ModelEndpoint | None, key: str | None) -> Endpoint | None:
    if endpoint is None:
        return None
    return Endpoint(role, endpoint.base_url.rstrip("/"), endpoint.model, key or None)


def _read_spec(file: Path) -> EvaluationSuiteSpec:
    try:
        return EvaluationSuiteSpec.model_validate_json(read_file(file))
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, found["loc"])) or "it"
        raise EvaluationError(f"{file.name} is no suite: {where}: {found['type']}") from None


def _items_file(folder: Path, spec: EvaluationSuiteSpec, environment: Mapping[str, str]) -> Path:
    """The file of items: that of the operator, or the one that was fetched."""
    known = folder / ITEMS_FILE
    if known.exists():
        return known
    given = environment.get("ITEMS_FILE")
    if not given:
        raise EvaluationError(f"there are no items: neither {ITEMS_FILE} nor variable ITEMS_FILE")
    path = Path(given)
    if not path.is_dir():
        return path
    uri = spec.items.uri if spec.items else None
    named = parse_model_uri(uri).path.partition("?")[0].rpartition("/")[2] if uri else ""
    return path / (named if is_item_file(named) else FETCHED_FILE)


def _read_items(
    folder: Path, spec: EvaluationSuiteSpec, environment: Mapping[str, str]
) -> tuple[Item, ...]:
    file = _items_file(folder, spec, environment)
    items = read_item_file(file)
    for error in check_helpers(spec, items):  # the operator has not seen a file behind a URI
        raise EvaluationError(f"{file.name}: {error.message}")
    return items
