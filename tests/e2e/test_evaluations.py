"""Suites that gate a real model: what is fast, up and wrong gets no request."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import LocalCluster, engine, small_model, wait_finished, wait_ready
from tests.kubectl import Manifest, condition

pytestmark = pytest.mark.timeout(900)

EXAMPLES = Path(__file__).parents[2] / "examples" / "suites"
CANARY = "planted-4f1c9e"
"""Stands in a prompt and in its check, and must stand nowhere else."""
SYSTEM = "rocksteady-system"
QUICK = {"steps": [{"weightPercent": 50}], "minStepSeconds": 10, "keepStableSeconds": 5}
DEAF = "{{ 'Say only: I am sorry, I cannot help with that.' }}"
"""A chat template that leaves out what the user said."""


def golden(namespace: str) -> Manifest:
    """The small golden suite, with one item more that holds a planted string."""
    [suite] = yaml.safe_load_all((EXAMPLES / "golden-small.yaml").read_text(encoding="utf-8"))
    suite["metadata"]["namespace"] = namespace
    planted = {
        "id": "planted",
        "prompt": f"Repeat this word: {CANARY}",
        "checks": [{"type": "Contains", "texts": [CANARY]}],
    }
    suite["spec"]["items"]["inline"].append(planted)
    return dict(suite)


def chat(namespace: str, env: str = "1", **model: Any) -> Manifest:
    served = {"name": "smollm2", "uri": "image:///models/model.gguf", **model}
    return small_model(
        namespace,
        model=served,
        engine=engine(env=[{"name": "BUILD", "value": env}]),
        rollout=QUICK,
        evaluations=[{"suite": "golden-small", "stage": "BeforeTraffic"}],
    )


@pytest.fixture(scope="module")
def evaluated(cluster: LocalCluster, namespace: str) -> Manifest:
    """A first revision that was asked the suite and serves."""
    cluster.kubectl.apply(golden(namespace))
    cluster.kubectl.apply(chat(namespace))
    return wait_ready(cluster, namespace, "chat", 400)


def test_evaluations__a_suite_is_told_by_its_status(
    cluster: LocalCluster,
    namespace: str,
    evaluated: Manifest,  # noqa: ARG001 - it serves
) -> None:
    suite = cluster.kubectl.get("evalsuite", "golden-small", namespace)
    assert condition(suite, "Ready")["status"] == "True"
    assert suite["status"]["itemCount"] == 25
    assert len(suite["status"]["contentHash"]) == 64


def test_evaluations__a_first_revision_is_asked_before_it_serves(evaluated: Manifest) -> None:
    passed = condition(evaluated, "EvaluationsPassed")
    assert condition(evaluated, "Ready")["reason"] == "Serving"
    assert passed["status"] != "False"


def test_evaluations__a_harmless_change_passes_and_a_worse_one_gets_no_request(
    cluster: LocalCluster,
    namespace: str,
    evaluated: Manifest,  # noqa: ARG001 - it serves
) -> None:
    # Given a model that serves, when it is changed without any consequence
    cluster.kubectl.apply(chat(namespace, "2"))

    # Then it passes
    first = wait_finished(cluster, namespace, "chat-1", 400)
    assert first["status"]["outcome"] == "Promoted"
    [record] = first["status"]["evaluations"]
    assert record["verdict"] == "Passed"

    # And when it hears its users no more
    template = {"name": "deaf", "key": "chat.jinja"}
    cluster.kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "deaf", "namespace": namespace},
            "data": {"chat.jinja": DEAF},
        }
    )
    cluster.kubectl.apply(chat(namespace, "3", chatTemplate=template))

    # Then it never gets a request, and the sentence says why, in numbers
    second = wait_finished(cluster, namespace, "chat-2", 400)
    status = second["status"]
    assert (status["outcome"], status["outcomeReason"]) == ("RolledBack", "EvaluationFailed")
    assert "firstTickAt" not in status
    assert {one["weightPercent"] for one in status["decisions"]} == {0}
    said = status["decisions"][-1]["message"]
    assert re.search(r"golden-small: \d+/25 .* correct against \d+/25 .* on stable", said), said

    # And what was planted in a prompt is nowhere but where the suite itself is kept
    assert planted_in(cluster, namespace) == []


def planted_in(cluster: LocalCluster, namespace: str) -> list[str]:
    """Where the planted string stands, but for the suite."""
    kinds = "llmdep,llmro,events,pods,jobs,configmaps,controllerrevisions"
    found = cluster.kubectl.items(kinds, namespace)
    said = {f"{one['kind']} {one['metadata']['name']}": str(one) for one in found}
    for pod in cluster.kubectl.items("pods", namespace):
        name, labels = pod["metadata"]["name"], pod["metadata"]["labels"]
        if labels.get("app.kubernetes.io/component") == "evaluation":
            said[f"log of {name}"] = cluster.kubectl.run("logs", name, "-n", namespace)
    for pod in cluster.kubectl.items("pods", SYSTEM, "app.kubernetes.io/name=rocksteady"):
        name = pod["metadata"]["name"]
        path = f"/api/v1/namespaces/{SYSTEM}/pods/{name}:8081/proxy/metrics"
        said[f"log of {name}"] = cluster.kubectl.run("logs", name, "-n", SYSTEM, "--tail=-1")
        said[f"metrics of {name}"] = cluster.kubectl.run("get", "--raw", path)
    told = "".join(text for name, text in said.items() if name.startswith("metrics"))
    assert "rocksteady_eval_score" in told, "the metrics of suites were not looked at"
    assert any(text for name, text in said.items() if name.startswith("log of rocksteady"))
    return [name for name, text in said.items() if CANARY in text]
