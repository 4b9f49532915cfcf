"""What makes a new revision and what does not."""

from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference
from rocksteady.rollout.revisions import (
    FrozenText,
    behaving_part,
    referenced_keys,
    revision_hash,
)
from tests.builders import spec, with_gateway

TEMPLATE = ConfigMapKeyReference(name="templates", key="chat.jinja")
PROMPT = ConfigMapKeyReference(name="prompts", key="system")


def read(content: dict[str, Any]) -> LLMDeploymentSpec:
    return LLMDeploymentSpec.model_validate(content)


def hashed(content: dict[str, Any], name: str = "chat") -> str:
    return revision_hash("demo", name, read(content))


def env(*entries: dict[str, Any]) -> dict[str, Any]:
    return spec(engine={"type": "llamacpp", "image": "llama:a", "env": list(entries)})


def from_config_map(name: str, key: str) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"configMapKeyRef": {"name": name, "key": key}}}


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(spec("llama:b"), id="another image"),
        pytest.param(spec(resources={"limits": {"cpu": "2"}}), id="other resources"),
        pytest.param(
            spec(model={"name": "smol", "uri": "image:///models/other.gguf"}), id="another model"
        ),
        pytest.param(env({"name": "THREADS", "value": "4"}), id="another environment variable"),
        pytest.param(
            spec(podTemplate={"spec": {"nodeSelector": {"gpu": "a100"}}}),
            id="another part of the pod template",
        ),
    ],
)
def test_revision_hash__changes_with_what_behaves(changed: dict[str, Any]) -> None:
    assert hashed(changed) != hashed(spec())


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(spec(replicas=5), id="more replicas"),
        pytest.param(spec(replicas=None), id="replicas left to the default"),
        pytest.param(spec(routing=with_gateway("inference")), id="a Gateway"),
        pytest.param(spec(rollout={"steps": [{"weightPercent": 5}]}), id="a rollout policy"),
        pytest.param(
            spec(engine={"type": "llamacpp", "image": "llama:a", "startupTimeoutSeconds": 1800}),
            id="a default that is written out",
        ),
        pytest.param(spec(laterField={"of": "a newer operator"}), id="a field nobody knows yet"),
    ],
)
def test_revision_hash__does_not_change_with_the_rest(changed: dict[str, Any]) -> None:
    assert hashed(changed) == hashed(spec())


def test_revision_hash__is_ten_hex_digits_that_never_change() -> None:
    # The hash is in labels and names of running clusters: a change of it restarts every model.
    assert hashed(spec()) == "aef79152cb"


def test_revision_hash__differs_between_objects_with_the_same_spec() -> None:
    assert hashed(spec(), "chat") != hashed(spec(), "talk")


def test_revision_hash__changes_with_the_content_of_a_config_map() -> None:
    content = read(spec())
    before = revision_hash("demo", "chat", content, (FrozenText(PROMPT, "Be kind."),))
    after = revision_hash("demo", "chat", content, (FrozenText(PROMPT, "Be brief."),))
    assert before != after


def test_behaving_part__leaves_out_defaults() -> None:
    assert behaving_part(read(spec())) == {
        "model": {"name": "smol", "uri": "image:///models/smol.gguf"},
        "engine": {"type": "llamacpp", "image": "llama:a"},
        "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}},
    }


@pytest.mark.parametrize(
    ("content", "keys"),
    [
        pytest.param(spec(), (), id="none"),
        pytest.param(
            env(from_config_map("prompts", "system")), (PROMPT,), id="an environment variable"
        ),
        pytest.param(
            env({"name": "X", "value": "1"}, {"name": "Y", "valueFrom": {"fieldRef": {}}}),
            (),
            id="environment variables from elsewhere",
        ),
        pytest.param(
            env(
                {
                    "name": "O",
                    "valueFrom": {
                        "configMapKeyRef": {"name": "prompts", "key": "system", "optional": True}
                    },
                }
            ),
            (),
            id="an optional key stays a reference",
        ),
        pytest.param(
            env({"name": "Y", "valueFrom": None}), (), id="an environment variable without a source"
        ),
        pytest.param(
            env(from_config_map("prompts", "system"), from_config_map("prompts", "system")),
            (PROMPT,),
            id="the same key twice counts once",
        ),
        pytest.param(
            {
                **env(from_config_map("prompts", "system")),
                "model": {
                    "name": "smol",
                    "uri": "image:///models/smol.gguf",
                    "chatTemplate": {"name": "templates", "key": "chat.jinja"},
                },
            },
            (TEMPLATE, PROMPT),
            id="the chat template comes first",
        ),
    ],
)
def test_referenced_keys__lists_what_a_revision_freezes(
    content: dict[str, Any], keys: tuple[ConfigMapKeyReference, ...]
) -> None:
    assert referenced_keys(read(content)) == keys
