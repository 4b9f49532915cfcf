"""Environment variables and arguments of a container, as they stand in a manifest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from rocksteady.api.fields import FieldError, quote
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference

RUNNER_VARIABLES: Final = frozenset(
    {
        "OPENAI_BASE_URL",
        "MODEL",
        "SUITE",
        "SUITE_FOLDER",
        "CONTENT_HASH",
        "ITEMS_FILE",
        "ITEMS_DIGEST",
        "TASK_FILES",
        "SEED",
        "FIRST_ITEM",
        "LIMIT",
        "DEADLINE_SECONDS",
        "REPLICAS",
        "JUDGE_API_KEY",
        "EMBEDDER_API_KEY",
        "ARTIFACTS_FILE",
        "TERMINATION_LOG",
    }
)
"""What the operator tells the runner of a suite, and no suite may say otherwise: a run that asks
another model, or other items, would be taken for what it is not."""

_KEYS: Final = ("name", "value", "valueFrom")
_KEYED_SOURCES: Final = {"secretKeyRef": "Secret", "configMapKeyRef": "ConfigMap"}
_SECRET_WORDS: Final = frozenset(
    {"TOKEN", "KEY", "APIKEY", "PASSWORD", "PASSWD", "SECRET", "CREDENTIALS"}
)


def check_env(entries: Sequence[Mapping[str, Any]], path: str) -> Iterator[FieldError]:
    """Errors in a list of environment variables.

    Args:
        entries: As in a container's `env`.
        path: Of the list.
    """
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        yield from _check_entry(entry, f"{path}[{index}]")
        name = entry.get("name")
        if isinstance(name, str) and name in seen:
            yield FieldError(f"{path}[{index}].name", f"{quote(name)} is given already: keep one")
        seen |= {name} if isinstance(name, str) else set()


def plain_secrets(entries: Sequence[Any], path: str) -> Iterator[FieldError]:
    """Variables that are named like a secret and have their value in the manifest."""
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping) and entry.get("value") and _sounds_secret(entry.get("name")):
            yield FieldError(
                f"{path}[{index}].value",
                f"{entry['name']} stands in plain text: put it into a Secret and refer to it by"
                " valueFrom.secretKeyRef",
            )


def plain_secret_arguments(arguments: Sequence[Any], path: str) -> Iterator[FieldError]:
    """Flags that are named like a secret and have their value in the manifest.

    Args:
        arguments: As in a container's `args` or `command`.
        path: Of the list.
    """
    texts = [*map(str, arguments), ""]
    for index, text in enumerate(texts[:-1]):
        flag, equals, value = text.partition("=")
        where, value = (index, value) if equals else (index + 1, texts[index + 1])
        # The last word decides: --api-key-file and --image-token-id name no secret.
        secret = flag.startswith("-") and _sounds_secret(_words(flag)[-1])
        if secret and value and not value.startswith(("-", "$(")):
            yield FieldError(
                f"{path}[{where}]",
                f"the value of {flag} stands in plain text: put it into a Secret, refer to it by"
                " valueFrom.secretKeyRef in env under a name, and write $(NAME) here",
            )


def _words(name: str) -> list[str]:
    return name.upper().replace("-", "_").split("_")


def _sounds_secret(name: Any) -> bool:
    """True when a word of the name is one for secrets; `MAX_TOKENS` is not.

    >>> _sounds_secret("HF_TOKEN"), _sounds_secret("TOKENIZERS_PARALLELISM")
    (True, False)
    """
    return not _SECRET_WORDS.isdisjoint(_words(str(name)))


def _check_entry(entry: Mapping[str, Any], path: str) -> Iterator[FieldError]:
    for key in entry:
        if key not in _KEYS:
            yield FieldError(f"{path}.{key}", f"unknown field: known here are {', '.join(_KEYS)}")
    name, value, source = (entry.get(key) for key in _KEYS)
    if not isinstance(name, str) or not name or "=" in name:
        yield FieldError(f"{path}.name", f"must be a name without '=', not {quote(name)}")
    if value is not None and not isinstance(value, str):
        yield FieldError(f"{path}.value", "must be text: put it in quotes")
    if value and source is not None:
        yield FieldError(path, "give either value or valueFrom, not both")
    if source is not None:
        yield from _check_source(source, f"{path}.valueFrom")


def _check_source(source: Any, path: str) -> Iterator[FieldError]:
    """One source, with the name and key that it needs; a Secret's look like a ConfigMap's."""
    if not isinstance(source, Mapping) or len(source) != 1:
        yield FieldError(path, "must have exactly one source, such as secretKeyRef")
        return
    for kind, what in _KEYED_SOURCES.items():
        if kind in source and not _names_key(source[kind]):
            yield FieldError(f"{path}.{kind}", f"must have the name of a {what} and a key of it")


def _names_key(reference: Any) -> bool:
    try:
        ConfigMapKeyReference.model_validate(reference)
    except ValidationError:
        return False
    return True
