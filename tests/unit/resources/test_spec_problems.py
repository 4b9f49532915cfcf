from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.resources.spec_problems import find_spec_problems


def spec_of(
    kind: str,
    model: dict[str, Any] | None = None,
    engine: dict[str, Any] | None = None,
    **fields: Any,
) -> LLMDeploymentSpec:
    return LLMDeploymentSpec.model_validate(
        {
            "model": {"name": "smollm2", "uri": "image:///m.gguf", **(model or {})},
            "engine": {"type": kind, "image": "image:1", **(engine or {})},
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        pytest.param(
            spec_of("sglang", {"name": "smollm2:v1"}),
            "spec.model.name",
            "reads what follows ':' as the name of a LoRA adapter",
            id="a name that the engine takes apart",
        ),
        pytest.param(
            spec_of("llamacpp", {"uri": "hf://org/name"}),
            "spec.model.uri",
            "loads one GGUF file: name it, as in hf://org/name/",
            id="a repository for an engine that loads a file",
        ),
        pytest.param(
            spec_of("ollama", {"uri": "s3://bucket/model.safetensors"}),
            "spec.model.uri",
            "loads a .gguf file, but model.safetensors is none",
            id="weights of another format",
        ),
        pytest.param(
            spec_of("vllm", {"uri": "https://host.example/model.tar.gz"}),
            "spec.model.uri",
            "model.tar.gz is one file of another kind",
            id="an archive from the web",
        ),
        pytest.param(
            spec_of("vllm", {"uri": "hf://name-only"}),
            "spec.model.uri",
            "must read hf://organisation/name",
            id="a URI that cannot be read",
        ),
        pytest.param(
            spec_of(
                "vllm", {"uri": "s3://b/m", "adapters": [{"name": "a", "uri": "pvc://c/../x"}]}
            ),
            "spec.model.adapters[0].uri",
            "must not climb out",
            id="an adapter's URI that cannot be read",
        ),
        pytest.param(
            spec_of("vllm", {"adapters": [{"name": "a", "uri": "s3://b/adapter.safetensors"}]}),
            "spec.model.adapters[0].uri",
            "an adapter is a folder",
            id="an adapter that is a file",
        ),
        pytest.param(
            spec_of("vllm", {"adapters": [{"name": "smollm2", "uri": "s3://b/a"}]}),
            "spec.model.adapters[0].name",
            "is the name of the model itself",
            id="an adapter named like the model",
        ),
        pytest.param(
            spec_of("llamacpp", {"adapters": [{"name": "a", "uri": "s3://b/a"}]}),
            "spec.model.adapters",
            "these do: sglang, vllm",
            id="adapters for an engine without",
        ),
        pytest.param(
            spec_of("tgi", {"chatTemplate": {"name": "t", "key": "k"}}),
            "spec.model.chatTemplate",
            "takes no Jinja chat template",
            id="a chat template for an engine without",
        ),
        pytest.param(
            spec_of("vllm", engine={"args": ["--port=9"]}),
            "spec.engine.args",
            "--port is set by Rocksteady",
            id="a flag that probes rely on",
        ),
        pytest.param(
            spec_of("vllm", resources={"limits": {"nvidia.com/gpu": "500m"}}),
            "spec.resources.limits",
            "whole numbers",
            id="half a GPU",
        ),
        pytest.param(
            spec_of("vllm", engine={"env": [{"value": "x"}]}),
            "spec.engine.env[0]",
            "needs name",
            id="a variable without a name",
        ),
        pytest.param(
            spec_of("vllm", podTemplate={"spec": {"containers": {}}}),
            "spec.podTemplate.spec.containers",
            "has a list there",
            id="a podTemplate of the wrong shape",
        ),
        pytest.param(
            spec_of("vllm", podTemplate={"spec": {"containers": [{"name": "modelserver"}]}}),
            "spec.podTemplate.spec.containers",
            "the container of the engine is named 'model-server'",
            id="a mistyped container",
        ),
    ],
)
def test_find_spec_problems__names_field_and_cure(
    spec: LLMDeploymentSpec, field: str, said: str
) -> None:
    problems = find_spec_problems(spec)

    assert [problem.field for problem in problems if problem.fatal] == [field]
    assert said in problems[0].message


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param(
            spec_of("llamacpp", {"credentialsSecretRef": {"name": "s"}}),
            "spec.model.credentialsSecretRef",
            id="credentials that nothing uses",
        ),
        pytest.param(
            spec_of("llamacpp", {"cache": {"claimName": "c"}}),
            "spec.model.cache",
            id="a cache that nothing uses",
        ),
        pytest.param(
            spec_of(
                "llamacpp", podTemplate={"metadata": {"labels": {"rocksteady.dev/revision": "x"}}}
            ),
            "spec.podTemplate.metadata.labels[rocksteady.dev/revision]",
            id="a label that is not the user's to set",
        ),
    ],
)
def test_find_spec_problems__warns_of_what_has_no_effect(
    spec: LLMDeploymentSpec, field: str
) -> None:
    problems = find_spec_problems(spec)

    assert [(problem.field, problem.fatal) for problem in problems] == [(field, False)]


def test_find_spec_problems__reports_all_at_once() -> None:
    spec = spec_of(
        "tgi",
        {"uri": "hf://x", "chatTemplate": {"name": "t", "key": "k"}},
        {"args": ["--port", "1"]},
    )

    assert [problem.field for problem in find_spec_problems(spec)] == [
        "spec.model.uri",
        "spec.model.chatTemplate",
        "spec.engine.args",
    ]
