"""The policy that an attempt freezes."""

from typing import Any

import pytest

from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment, LLMDeploymentSpec
from rocksteady.rollout.policy import is_judged, policy_of
from tests.builders import llm_deployment, spec, with_gateway


def read(**fields: Any) -> LLMDeploymentSpec:
    return LLMDeployment.model_validate(llm_deployment(spec(**fields))).spec


GATEWAY = {"routing": with_gateway("inference")}


@pytest.mark.parametrize(
    ("fields", "judged"),
    [
        pytest.param({}, False, id="nothing to judge by"),
        pytest.param({"slos": {}}, True, id="slos"),
        pytest.param({"rollout": {}}, True, id="rollout"),
    ],
)
def test_judged(fields: dict[str, Any], *, judged: bool) -> None:
    assert is_judged(read(**fields)) is judged


def test_policy__fills_in_what_the_spec_leaves_open() -> None:
    found = policy_of(read(rollout={}, **GATEWAY))
    assert found.steps == (5, 10, 25, 50)
    assert (found.min_canary_replicas, found.holdback_percent) == (2, 5)
    assert (found.min_step_seconds, found.progress_deadline_seconds) == (300, 7200)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([20, 60], (20, 60), id="as written"),
        pytest.param([20, 100], (20,), id="all comes by the bake"),
        pytest.param([100], (50,), id="never without a step before"),
    ],
)
def test_policy__steps(steps: list[int], expected: tuple[int, ...]) -> None:
    written = [{"weightPercent": weight} for weight in steps]
    assert policy_of(read(rollout={"steps": written}, **GATEWAY)).steps == expected


def test_policy__without_a_gateway_needs_one_pod_and_holds_nothing_back() -> None:
    found = policy_of(read(rollout={"minCanaryReplicas": 3}))
    assert (found.min_canary_replicas, found.holdback_percent) == (1, 0)


def test_policy__resource_aware_needs_one_pod() -> None:
    found = policy_of(read(rollout={"capacity": "ResourceAware"}, **GATEWAY))
    assert (found.min_canary_replicas, found.holdback_percent) == (1, 5)
