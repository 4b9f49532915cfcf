"""Suites run by lm-evaluation-harness and by inspect_ai gate the real model.

Needs their image, which takes minutes to build; a part of `make test-extended`.
"""

import re
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import (
    LocalCluster,
    ask_local_cluster,
    build_image,
    engine,
    small_model,
    wait_finished,
    wait_ready,
)
from tests.kubectl import Manifest

pytestmark = [pytest.mark.extended, pytest.mark.timeout(1800)]

EXAMPLES = Path(__file__).parents[2] / "examples" / "suites"
QUICK = {"steps": [{"weightPercent": 50}], "minStepSeconds": 10, "keepStableSeconds": 5}
GARBLED = ("--override-kv", "llama.attention.layer_norm_rms_epsilon=float:10")
"""A wrong constant, as of a conversion that went wrong: up, fast, and babbling."""


@pytest.fixture(scope="module", autouse=True)
def harness(cluster: LocalCluster) -> None:  # noqa: ARG001 - it is up
    """The image of both harnesses, on the cluster's node."""
    ask_local_cluster("load", build_image("rocksteady-evaluation"))


def example(namespace: str, suite: str) -> list[Manifest]:
    text = (EXAMPLES / f"{suite}.yaml").read_text(encoding="utf-8")
    found: list[Manifest] = list(yaml.safe_load_all(text))
    for one in found:
        one["metadata"]["namespace"] = namespace
    return found


def model(namespace: str, suite: str, build: str, *args: str) -> Manifest:
    args = (*engine()["args"], *args)
    return small_model(
        namespace,
        suite,
        engine=engine(args=list(args), env=[{"name": "BUILD", "value": build}]),
        rollout=QUICK,
        evaluations=[{"suite": suite, "stage": "BeforeTraffic"}],
    )


@pytest.mark.parametrize("suite", ["lm-eval", "inspect"])
def test_evaluations__by_another_harness_pass_what_is_as_good_and_stop_what_is_worse(
    cluster: LocalCluster, namespace: str, suite: str
) -> None:
    # Given a first revision that serves
    cluster.kubectl.apply(*example(namespace, suite))
    cluster.kubectl.apply(model(namespace, suite, "1"))
    wait_ready(cluster, namespace, suite, 600)

    # When it is changed without any consequence, then it passes
    cluster.kubectl.apply(model(namespace, suite, "2"))
    first = wait_finished(cluster, namespace, f"{suite}-1", 600)["status"]
    assert first["outcome"] == "Promoted"
    assert [one["verdict"] for one in first["evaluations"]] == ["Passed"]

    # And when it is made to babble, then it never gets a request
    cluster.kubectl.apply(model(namespace, suite, "3", *GARBLED))
    second = wait_finished(cluster, namespace, f"{suite}-2", 600)["status"]
    assert (second["outcome"], second["outcomeReason"]) == ("RolledBack", "EvaluationFailed")
    assert {one["weightPercent"] for one in second["decisions"]} == {0}
    said = second["decisions"][-1]["message"]
    assert re.search(rf"{suite}: \d+/20 .* correct against \d+/20 .* on stable", said), said
