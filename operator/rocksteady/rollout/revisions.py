"""What a revision is: the part of a spec that changes how the model behaves, and its hash.

Replicas, routing, SLOs, rollout and guard are not part of it: changing them restarts nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference

HISTORY_LIMIT: Final = 10
"""How many revisions are remembered that do not run; a Deployment's own default."""

_BEHAVING: Final = {"model", "engine", "resources", "pod_template"}
_HASH_LENGTH: Final = 10


@dataclass(frozen=True)
class FrozenText:
    """The content of a ConfigMap key that a revision depends on.

    Attributes:
        reference: Where it was read.
        content: The text as it was then.
    """

    reference: ConfigMapKeyReference
    content: str


def referenced_keys(spec: LLMDeploymentSpec) -> tuple[ConfigMapKeyReference, ...]:
    """The ConfigMap keys whose contents a revision freezes: chat template, then env in order."""
    keys = [spec.model.chat_template, *map(frozen_key_of, spec.engine.env)]
    return tuple(dict.fromkeys(key for key in keys if key is not None))


def frozen_key_of(entry: Mapping[str, Any]) -> ConfigMapKeyReference | None:
    """The ConfigMap key that an environment variable is frozen from; None: it is not.

    An optional key may be missing, and then there is nothing to freeze: it stays a reference.
    """
    source = (entry.get("valueFrom") or {}).get("configMapKeyRef") or {}
    if "name" not in source or "key" not in source or source.get("optional"):
        return None
    return ConfigMapKeyReference(name=source["name"], key=source["key"])


def behaving_part(spec: LLMDeploymentSpec) -> dict[str, Any]:
    """The part of the spec that a revision is made of.

    Defaults are left out, so that a field that a newer operator adds does not make every model a
    new revision.
    """
    return spec.model_dump(
        mode="json", by_alias=True, include=_BEHAVING, exclude_defaults=True, exclude_none=True
    )


def revision_hash(
    namespace: str, name: str, spec: LLMDeploymentSpec, frozen: tuple[FrozenText, ...] = ()
) -> str:
    """Identity of the revision that a spec describes: 10 hex digits.

    Args:
        namespace: Of the LLMDeployment.
        name: Of the LLMDeployment.
        spec: As written.
        frozen: Contents of `referenced_keys(spec)`, in that order.
    """
    content = {
        "for": f"{namespace}/{name}",
        "spec": behaving_part(spec),
        "configuration": [
            [text.reference.name, text.reference.key, text.content] for text in frozen
        ],
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_LENGTH]
