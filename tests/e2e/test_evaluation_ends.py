"""Ten identical canaries pass a suite of 1,550 items, and ten that are 5 points worse never do.

Engines that answer from a table. A part of `make test-extended`.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from tests.e2e.conftest import LocalCluster, wait_finished, wait_ready
from tests.e2e.lanes import simulated_model
from tests.kubectl import Manifest

pytestmark = [pytest.mark.extended, pytest.mark.timeout(2400)]

ITEMS: Final = 1550
"""So many that of 1,000 simulated canaries which are 5 points worse none passed.

Source: bench/evaluations_simulated.py."""
LANES: Final = [f"lane-{number}" for number in range(1, 6)]
"""Each has two canaries of either kind: after three that failed in a day it would be frozen."""
BASE_PERCENT: Final = 30
WORSE_PERCENT: Final = 35


def asked(namespace: str) -> list[Manifest]:
    """The suite, its items and the engine's table."""
    answers = {f"What is the word of day {day}?": f"word-{day}-end" for day in range(ITEMS)}
    lines = [
        {"id": f"day-{day}", "prompt": prompt, "checks": [{"type": "Contains", "texts": [answer]}]}
        for day, (prompt, answer) in enumerate(answers.items())
    ]
    items = "".join(f"{json.dumps(line)}\n" for line in lines)
    return [
        config_map(namespace, "table", {"answers.json": json.dumps(answers)}),
        config_map(namespace, "words", {"items.jsonl": items}),
        {
            "apiVersion": "rocksteady.dev/v1alpha1",
            "kind": "EvaluationSuite",
            "metadata": {"name": "words", "namespace": namespace},
            "spec": {
                "items": {"configMap": {"name": "words", "key": "items.jsonl"}},
                "sampling": {"maxTokens": 32},
                "limits": {"concurrency": 16},
            },
        },
    ]


def config_map(namespace: str, name: str, data: dict[str, str]) -> Manifest:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def model(namespace: str, name: str, build: int, wrong_percent: int) -> Manifest:
    """A model of which a share of the answers is wrong."""
    table = {"name": "table", "configMap": {"name": "table"}}
    server = {
        "name": "model-server",
        "volumeMounts": [{"name": "table", "mountPath": "/table", "readOnly": True}],
    }
    args = ["--answers", "/table/answers.json", "--wrong-percent", str(wrong_percent)]
    made: dict[str, Any] = simulated_model(
        namespace,
        name,
        rollout={
            "steps": [{"weightPercent": 50}],
            "minStepSeconds": 5,
            "keepStableSeconds": 5,
        },
        args=[*args, "--token-milliseconds", "0.01", "--first-token-milliseconds", "1"],
        replicas=1,
    )
    made["spec"]["engine"]["env"] = [{"name": "BUILD", "value": str(build)}]
    made["spec"]["podTemplate"] = {"spec": {"volumes": [table], "containers": [server]}}
    made["spec"]["evaluations"] = [{"suite": "words", "stage": "BeforeTraffic"}]
    return made


@pytest.fixture(scope="module")
def ends(cluster: LocalCluster, namespace: str) -> dict[str, list[Manifest]]:
    """Statuses of the attempts of each lane, in order: two identical, then two worse canaries."""
    cluster.kubectl.apply(*asked(namespace))

    def lane(name: str) -> list[Manifest]:
        cluster.kubectl.apply(model(namespace, name, 0, BASE_PERCENT))
        wait_ready(cluster, namespace, name, 600)
        statuses = []
        for attempt, wrong in enumerate((BASE_PERCENT,) * 2 + (WORSE_PERCENT,) * 2, 1):
            cluster.kubectl.apply(model(namespace, name, attempt, wrong))
            over = wait_finished(cluster, namespace, f"{name}-{attempt}", 600)
            statuses.append(over["status"])
        return statuses

    with ThreadPoolExecutor(len(LANES)) as lanes:
        return dict(zip(LANES, lanes.map(lane, LANES), strict=True))


@pytest.mark.parametrize("lane", LANES)
def test_suite__lets_an_identical_canary_pass(ends: dict[str, list[Manifest]], lane: str) -> None:
    for status in ends[lane][:2]:
        assert status["outcome"] == "Promoted", status["decisions"][-1]
        assert [one["verdict"] for one in status["evaluations"]] == ["Passed"]


@pytest.mark.parametrize("lane", LANES)
def test_suite__stops_a_canary_that_is_5_points_worse(
    ends: dict[str, list[Manifest]], lane: str
) -> None:
    for status in ends[lane][2:]:
        assert status["outcome"] == "RolledBack", status["decisions"][-1]
        assert status["outcomeReason"] == "EvaluationFailed"
        assert {one["weightPercent"] for one in status["decisions"]} == {0}
