"""Kubernetes manifests in YAML streams, read as the API server's clients read them."""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

import yaml


class ManifestError(ValueError):
    """A stream is not YAML with manifests in it; the message says where and what."""


class _Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a key given twice is an error, a date is text."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the signature of the base class
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} is given twice", key.start_mark
                )
            if key.value != "<<":
                seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)


def read_manifests(stream: IO[str]) -> Iterator[Mapping[str, Any]]:
    """All manifests of a stream, those inside of a List too; empty documents are passed over.

    Args:
        stream: YAML or JSON, of any number of documents.

    Raises:
        ManifestError: The stream is not YAML, or a document is not a manifest.
    """
    try:
        documents = list(yaml.load_all(stream, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ManifestError(f"{where}{error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"is not YAML: {error}") from error
    except RecursionError as error:
        raise ManifestError("is nested too deeply") from error
    for number, document in enumerate(documents, start=1):
        if document is not None:
            yield from _manifests(_as_json(document, number), number)


def _as_json(document: Any, number: int) -> Any:
    """The document as the API server gets it: YAML has more than JSON can say."""
    try:
        return json.loads(json.dumps(document, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ManifestError(f"document {number} cannot be written as JSON: {error}") from error


def _manifests(document: Any, number: int) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document, Mapping):
        raise ManifestError(
            f"document {number} is not a manifest: it must have apiVersion, kind and metadata"
        )
    items = document.get("items")
    if document.get("kind") == "List" and isinstance(items, list):
        for item in items:
            yield from _manifests(item, number)
    else:
        yield document
