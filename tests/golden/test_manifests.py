"""Each folder `manifests/<engine>/<case>` holds an LLMDeployment and the pod template it becomes.

`ROCKSTEADY_UPDATE_GOLDEN=1 pytest tests/golden` writes what is rendered; review the difference as a
change of behaviour.
"""

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.resources.pod_template import RenderContext, build_pod_template
from rocksteady.resources.validation import validate_manifest

ROOT = Path(__file__).parent / "manifests"
CASES = sorted(path.parent for path in ROOT.glob("*/*/input.yaml"))
KUBERNETES_VERSIONS = ("1.32", "1.34", "1.37")
UPDATE = os.environ.get("ROCKSTEADY_UPDATE_GOLDEN") == "1"


def _name(case: Path) -> str:
    return case.relative_to(ROOT).as_posix()


def _spec(case: Path) -> LLMDeploymentSpec:
    manifest = yaml.safe_load((case / "input.yaml").read_text(encoding="utf-8"))
    return LLMDeploymentSpec.model_validate(manifest["spec"])


def _render(case: Path) -> dict[str, Any]:
    manifest = yaml.safe_load((case / "input.yaml").read_text(encoding="utf-8"))
    context = RenderContext(
        name=manifest["metadata"]["name"],
        revision="0a1b2c3d4e",
        fetch_image="registry.example/rocksteady:0.1.0",
    )
    return build_pod_template(_spec(case), context)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_build_pod_template__renders_what_is_on_file(case: Path) -> None:
    rendered = yaml.safe_dump(_render(case), sort_keys=True, width=96)
    expected = case / "expected.yaml"
    if UPDATE:
        expected.write_text(rendered, encoding="utf-8")
    assert expected.read_text(encoding="utf-8") == rendered


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("case", CASES, ids=_name)
def test_build_pod_template__fits_the_kubernetes_schema(case: Path, version: str) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}, "template": _render(case)},
    }

    kubernetes_validate.validate(deployment, version, strict=True)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_build_pod_template__renders_the_same_twice(case: Path) -> None:
    assert _render(case) == _render(case)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_validate_manifest__finds_no_error_in_the_golden_inputs(case: Path) -> None:
    manifest = yaml.safe_load((case / "input.yaml").read_text(encoding="utf-8"))

    assert validate_manifest(manifest, strict=True).errors == ()


def test_golden_cases__cover_every_engine_and_every_scheme() -> None:
    specs = [_spec(case) for case in CASES]

    assert {spec.engine.type for spec in specs} == set(EngineType)
    schemes = {spec.model.uri.partition("://")[0] for spec in specs}
    assert schemes == {"hf", "s3", "gs", "https", "oci", "pvc", "image"}
