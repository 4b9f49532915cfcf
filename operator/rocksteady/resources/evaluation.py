"""What a suite needs to be run: its content as it was, the Job that asks, and the results."""

import gzip
import hashlib
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.runner import RunnerType
from rocksteady.resources import kinds
from rocksteady.resources.labels import owned_labels, server_selector
from rocksteady.resources.network import DNS_PORT
from rocksteady.resources.owned import Owner, owned_manifest

NAME_KEY: Final = "suite"
HASH_KEY: Final = "content-hash"
SUITE_KEY: Final = "suite.json"
ITEMS_KEY: Final = "items.jsonl.gz"
TASK_PREFIX: Final = "task."
"""In front of the keys of task files."""


@dataclass(frozen=True)
class Content:
    """A content of a suite as it is kept.

    Attributes:
        suite: Name of the EvaluationSuite.
        content_hash: See `api.suite_content`.
        spec: As it was written, without inline items.
        has_items: True when the items are kept too; False: only a run can read them.
        task_files: Names of the runner's own task files.
    """

    suite: str
    content_hash: str
    spec: EvaluationSuiteSpec
    has_items: bool
    task_files: tuple[str, ...]


def content_name(owner: Owner, content: str) -> str:
    """Name of the ConfigMap that keeps a content.

    Args:
        owner: The LLMDeployment.
        content: First 10 digits of its hash.
    """
    return f"{owner.name}-suite-{content}"


def results_name(owner: Owner, revision: str, content: str, request: str = "") -> str:
    """Name of the ConfigMap that keeps what a content came to on a revision.

    Args:
        owner: The LLMDeployment.
        revision: Its hash.
        content: First 10 digits of the content's hash.
        request: Key of the request by which a person asked for it; empty: a gate or a schedule did.
    """
    return "-".join(filter(None, (owner.name, revision, "eval", content, request)))


def job_name(owner: Owner, revision: str, content: str, part: int, request: str = "") -> str:
    """Name of a run's Job, short enough for the label that its pods have; see `results_name`."""
    said = "/".join(filter(None, (revision, content, str(part), request)))
    return f"{owner.name}-eval-{hashlib.sha256(said.encode()).hexdigest()[:10]}"


def evaluation_labels(
    owner: Owner,
    content: str,
    revision: str | None = None,
    part: int | None = None,
    request: str = "",
) -> dict[str, str]:
    """Labels of everything that belongs to an evaluation."""
    labels = owned_labels(owner.name, revision, conventions.COMPONENT_EVALUATION)
    labels[conventions.LABEL_CONTENT] = content
    if part is not None:
        labels[conventions.LABEL_PART] = str(part)
    if request:
        labels[conventions.LABEL_REQUEST] = request
    return labels


def build_content(
    owner: Owner,
    content: Content,
    items: Sequence[Item] | None,
    task_files: Mapping[str, str],
) -> dict[str, Any]:
    """The ConfigMap that keeps a content: another one has another name.

    What is no part of the content, such as limits, is in it too and may change.

    Args:
        owner: The LLMDeployment.
        content: What it is.
        items: In the order in which they are asked; None: only a run can read them.
        task_files: Texts by name.
    """
    written = content.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    if written.get("items", {}).get("inline"):
        written["items"] = {}
    body: dict[str, Any] = {
        "data": {
            NAME_KEY: content.suite,
            HASH_KEY: content.content_hash,
            SUITE_KEY: json.dumps(written, sort_keys=True),
            **{f"{TASK_PREFIX}{name}": text for name, text in sorted(task_files.items())},
        },
    }
    if items is not None:
        lines = "".join(json.dumps(item.written(), sort_keys=True) + "\n" for item in items)
        packed = gzip.compress(lines.encode(), mtime=0)
        body["binaryData"] = {ITEMS_KEY: b64encode(packed).decode()}
    name = content_name(owner, content.content_hash[:10])
    labels = evaluation_labels(owner, content.content_hash[:10])
    return owned_manifest(owner, kinds.CONFIG_MAP, name, body, labels=labels)


def read_content(config_map: Mapping[str, Any]) -> Content | None:
    """Read what `build_content` wrote; None: it is something else."""
    data = config_map.get("data") or {}
    try:
        spec = dict(json.loads(data[SUITE_KEY]))
        if spec.get("items") == {}:
            del spec["items"]
        return Content(
            suite=data[NAME_KEY],
            content_hash=data[HASH_KEY],
            spec=EvaluationSuiteSpec.model_validate(spec),
            has_items=ITEMS_KEY in (config_map.get("binaryData") or {}),
            task_files=tuple(
                sorted(key.removeprefix(TASK_PREFIX) for key in data if key.startswith(TASK_PREFIX))
            ),
        )
    except (KeyError, TypeError, ValueError):
        return None


def read_items(config_map: Mapping[str, Any]) -> tuple[Item, ...] | None:
    """The items that a content keeps, in the order in which they are asked; None: it has none.

    Raises:
        ValueError: They cannot be read, since somebody edited it.
    """
    packed = (config_map.get("binaryData") or {}).get(ITEMS_KEY)
    if packed is None:
        return None
    try:
        lines = gzip.decompress(b64decode(packed, validate=True)).splitlines()
        return tuple(map(Item.model_validate_json, lines))
    except (OSError, EOFError, zlib.error, ValueError):
        name = config_map["metadata"]["name"]
        raise ValueError(f"the items in ConfigMap {name} cannot be read") from None


def build_results(
    owner: Owner,
    revision: str,
    content: str,
    results: Mapping[int, Mapping[str, Any]],
    request: str = "",
) -> dict[str, Any]:
    """The ConfigMap that keeps what a content came to on a revision.

    Args:
        owner: The LLMDeployment.
        revision: Its hash.
        content: First 10 digits of the content's hash.
        results: By part, what is kept of it, as JSON has it.
        request: Key of the request by which a person asked for it; empty: a gate or a schedule did.
    """
    data = {str(part): json.dumps(kept, sort_keys=True) for part, kept in sorted(results.items())}
    labels = evaluation_labels(owner, content, revision, request=request)
    name = results_name(owner, revision, content, request)
    return owned_manifest(owner, kinds.CONFIG_MAP, name, {"data": data}, labels=labels)


def build_content_policy(owner: Owner, content: Content) -> dict[str, Any]:
    """The NetworkPolicy of the pods that ask a content: nobody connects to them.

    They may connect to the model servers of this LLMDeployment, and to nothing else, unless the
    suite itself names another place (a judge, an embedder, items behind a URI) or brings an image.
    """
    short = content.content_hash[:10]
    servers = {"podSelector": {"matchLabels": server_selector(owner.name)}}
    egress: list[dict[str, Any]] = [
        {"ports": [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")]},
        {
            "to": [servers],
            "ports": [{"protocol": "TCP", "port": conventions.MODEL_SERVER_PORT_NAME}],
        },
    ]
    body = {
        "spec": {
            "podSelector": {"matchLabels": _selector(owner, short)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [{}] if _reaches_out(content.spec) else egress,
        }
    }
    labels = evaluation_labels(owner, short)
    name = content_name(owner, short)
    return owned_manifest(owner, kinds.NETWORK_POLICY, name, body, labels=labels)


def _selector(owner: Owner, content: str) -> dict[str, str]:
    return {
        conventions.LABEL_LLMDEPLOYMENT: owner.name,
        conventions.LABEL_COMPONENT: conventions.COMPONENT_EVALUATION,
        conventions.LABEL_CONTENT: content,
    }


def _reaches_out(spec: EvaluationSuiteSpec) -> bool:
    """True when a run must reach more than the model servers."""
    from_uri = spec.items is not None and spec.items.uri is not None
    helped = spec.judge is not None or spec.embedder is not None
    return from_uri or helped or spec.runner.type is RunnerType.CUSTOM
