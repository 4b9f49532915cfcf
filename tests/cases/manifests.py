"""What the cases of valid and invalid LLMDeployments are made of."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

Manifest = dict[str, Any]

DIGEST: Final = "sha256:" + "0" * 64
GONE: Final = object()
"""As a change: take the field away."""

BASE: Final[Manifest] = {
    "apiVersion": "rocksteady.dev/v1alpha1",
    "kind": "LLMDeployment",
    "metadata": {"name": "chat", "namespace": "default"},
    "spec": {
        "model": {"name": "smollm2", "uri": "hf://HuggingFaceTB/SmolLM2-135M-Instruct@7e27bd9"},
        "engine": {"type": "vllm", "image": f"vllm/vllm-openai:v0.20.0@{DIGEST}"},
    },
}
"""Valid, and nothing in it that a warning is about."""

SUITE: Final[Manifest] = {
    "apiVersion": "rocksteady.dev/v1alpha1",
    "kind": "EvaluationSuite",
    "metadata": {"name": "golden", "namespace": "default"},
    "spec": {
        "marginPoints": "80",
        "items": {
            "inline": [
                {
                    "id": "capital-of-france",
                    "prompt": "What is the capital of France?",
                    "checks": [{"type": "Contains", "texts": ["Paris"]}],
                }
            ]
        },
    },
}
"""Valid, and nothing in it that a warning is about."""

LORA: Final = {"name": "sql", "uri": "hf://org/lora-sql@7e27bd9"}
CUSTOM: Final = {"type": "custom", "image": f"me/server@{DIGEST}", "port": 8000}
GATEWAY: Final = {"parentRefs": [{"name": "inference", "sectionName": "http"}]}
GATE: Final = {"name": "refusals", "query": "sum(refusals)", "maxValue": "0.05"}
EXTERNAL: Final = {
    "name": "labelled-weekly",
    "query": 'labelled_score_percent{revision="{{revision}}"}',
    "completedQuery": 'labelled_timestamp_seconds{revision="{{ revision }}"}',
}


@dataclass(frozen=True)
class Valid:
    """A manifest that is accepted by `lint`, by the operator and by the API server.

    Attributes:
        case: What it shows, as a sentence.
        changes: Dotted path to value, over BASE, or over SUITE for a suite.
        warnings: Path and a part of the message of each warning, in order.
    """

    case: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Invalid:
    """A manifest that is refused.

    Attributes:
        case: What it shows, as a sentence.
        changes: Dotted path to value, over BASE, or over SUITE for a suite.
        path: Field that our own validation names.
        message: A part of its message.
        server: A part of what the API server answers; None: it accepts the manifest, and the
            operator says in a condition what is wrong.
        lint_only: True when the operator ignores it, since a newer API may know the field.
    """

    case: str
    changes: Mapping[str, Any]
    path: str
    message: str
    server: str | None
    lint_only: bool = False


def build(changes: Mapping[str, Any], base: Manifest = BASE) -> Manifest:
    """A manifest with changes; the dotted paths make what they go through."""
    manifest = deepcopy(base)
    for path, value in changes.items():
        *parents, last = path.split(".")
        place = manifest
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is GONE:
            del place[last]
        else:
            place[last] = deepcopy(value)
    return manifest
