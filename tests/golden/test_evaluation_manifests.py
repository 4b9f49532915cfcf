"""What there is in the cluster of an evaluation, as it is on file in `evaluations/`.

`ROCKSTEADY_UPDATE_GOLDEN=1 pytest tests/golden` writes what is rendered; review the difference as a
change of behaviour.
"""

import gzip
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rocksteady.api.suite_content import content_hash, in_order
from rocksteady.api.suite_validation import validate_suite
from rocksteady.ports import Manifest
from rocksteady.resources.evaluation import (
    Content,
    build_content,
    build_content_policy,
    build_results,
    read_content,
)
from rocksteady.resources.evaluation_job import Images, Question, build_job
from rocksteady.resources.owned import Owner
from rocksteady.rollout.suites import Suite
from tests.builders import NAME, NAMESPACE, UID, A
from tests.fakes.evaluations import suite

ROOT = Path(__file__).parent / "evaluations"
UPDATE = os.environ.get("ROCKSTEADY_UPDATE_GOLDEN") == "1"
OWNER = Owner(NAMESPACE, NAME, UID)
IMAGES = Images("example/rocksteady:0.1.0", "example/evaluation:0.1.0")
KEY = {"name": "evaluation-judge", "key": "token"}
CASES: dict[str, dict[str, Any]] = {
    "builtin": {},
    "judged": {
        "judge": {
            "baseUrl": "http://judge.evals:8000/v1",
            "model": "judge",
            "apiKeySecretRef": KEY,
        },
        "artifacts": {"claimName": "evaluation-answers"},
        "limits": {"resources": {"limits": {"memory": "1Gi"}}, "deadlineSeconds": 600},
    },
    "lm-eval": {
        "items": None,
        "runner": {
            "type": "LMEval",
            "lmEval": {"tasks": ["words"], "metric": "exact_match", "taskFiles": "tasks"},
        },
    },
    "items-fetched": {
        "items": {
            "uri": "hf://org/questions/suites/golden.jsonl@7e27bd9",
            "credentialsSecretRef": {"name": "evaluation-hub"},
        },
    },
    "items-anonymised": {
        "items": {
            "uri": "s3://questions/golden.json",
            "credentialsSecretRef": {"name": "evaluation-bucket"},
            "anonymise": True,
        },
    },
    "items-of-a-claim": {
        "items": {"uri": "pvc://evaluation-questions/suites/golden.jsonl", "anonymise": True},
    },
    "items-for-an-own-runner": {
        "items": {"uri": f"oci://example/questions@sha256:{'a' * 64}"},
        "runner": {"type": "Custom", "image": "example/runner:1"},
    },
    "custom": {
        "runner": {
            "type": "Custom",
            "image": "example/runner:1",
            "command": ["ask"],
            "args": ["--all"],
            "env": [{"name": "DEPTH", "value": "2"}],
        },
    },
}


def rendered(case: str) -> list[Manifest]:
    changes = CASES[case]
    manifest = suite(2)
    written = {**manifest["spec"], **changes}
    manifest["spec"] = {key: part for key, part in written.items() if part is not None}
    validation = validate_suite(manifest, strict=True)
    assert validation.suite is not None, validation.errors
    spec = validation.suite.spec
    items = None if validation.items is None else in_order(validation.items)
    files = {"words.yaml": "task: words\n"} if spec.runner.lm_eval else {}
    content = Content(
        "golden", content_hash(spec, items, files), spec, items is not None, tuple(files)
    )
    kept = build_content(OWNER, content, items, files)
    found = read_content(kept)
    assert found is not None
    assert found.content_hash == content.content_hash
    assert content_hash(found.spec, items, files) == content.content_hash, "as a runner reads it"
    asked = Suite(
        "golden", content.content_hash, spec, None if items is None else tuple(items), files
    )
    count = None if items is None else len(items)
    question = Question(A, "smollm2", 1, 0, count, asked.content_hash, asked.items_digest)
    return [
        kept,
        build_content_policy(OWNER, found),
        build_job(OWNER, found, question, IMAGES),
        build_results(OWNER, A, content.content_hash[:10], {1: {"endedAt": "then", "result": {}}}),
    ]


def readable(manifest: Manifest) -> Manifest:
    """The same with what is packed as text: how it is packed differs with the library, and the mark
    that says what was applied with it.
    """
    packed = manifest.get("binaryData", {})
    if not packed:
        return manifest
    texts = {key: gzip.decompress(b64decode(value)).decode() for key, value in packed.items()}
    metadata = {**manifest["metadata"], "annotations": {}}
    return {**manifest, "metadata": metadata, "binaryData": texts}


@pytest.mark.parametrize("case", CASES)
def test_evaluation__makes_what_is_on_file(case: str) -> None:
    text = yaml.safe_dump_all(map(readable, rendered(case)), sort_keys=True, width=96)
    expected = ROOT / f"{case}.yaml"
    if UPDATE:
        expected.write_text(text, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("version", ["1.32", "1.34", "1.37"])
@pytest.mark.parametrize("case", CASES)
def test_evaluation__makes_what_the_kubernetes_schemas_allow(case: str, version: str) -> None:
    for manifest in rendered(case):
        kubernetes_validate.validate(manifest, version, strict=True)


def _of_job(case: str) -> dict[str, Any]:
    job = next(one for one in rendered(case) if one["kind"] == "Job")
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def _mounted(container: dict[str, Any]) -> set[str]:
    return {mount["name"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("case", ["items-anonymised", "items-of-a-claim"])
def test_items__as_they_were_are_in_no_volume_that_the_runner_mounts(case: str) -> None:
    pod = _of_job(case)
    [runner] = pod["containers"]
    before = {name for one in pod["initContainers"] for name in _mounted(one)}

    assert _mounted(runner) & before == {"items"}
    anonymiser = pod["initContainers"][-1]
    writes = [one for one in anonymiser["volumeMounts"] if not one.get("readOnly")]
    assert {one["name"] for one in writes} == {"items", "items-scratch"}


@pytest.mark.parametrize("case", ["items-fetched", "items-anonymised"])
def test_credentials__of_items_are_seen_by_what_fetches_them_alone(case: str) -> None:
    pod = _of_job(case)
    containers: list[dict[str, Any]] = pod["initContainers"] + pod["containers"]
    fetcher, *others = containers

    assert "envFrom" in fetcher
    assert not any("envFrom" in one for one in others)
