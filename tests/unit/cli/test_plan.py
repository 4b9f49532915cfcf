"""What `plan` forecasts from a manifest."""

import json
from typing import Any

import pytest
import yaml

from tests.cases.manifests import BASE, build
from tests.fakes.evaluations import suite
from tests.fakes.persons_world import PersonsWorld
from tests.unit.cli.golden import matches

SLOS = {
    "availability": {"objectivePercent": "99.5"},
    "timeToFirstToken": {"objectivePercent": "97", "thresholdMilliseconds": 750},
}
GATEWAY = {"gateway": {"parentRefs": [{"name": "inference"}]}}
JUDGED: dict[str, Any] = {
    "spec.replicas": 4,
    "spec.resources": {"limits": {"nvidia.com/gpu": 2, "cpu": "4"}},
    "spec.routing": GATEWAY,
    "spec.slos": SLOS,
}


def planned(changes: dict[str, Any], *arguments: str) -> str:
    world = PersonsWorld()
    result = world.run("plan", "-f", "-", *arguments, stdin=yaml.safe_dump(build(changes)))
    assert result.exit_code == 0, result.output
    assert world.targets == [], "no cluster is asked"
    return result.output


def test_plan__forecasts_steps_pods_and_detection() -> None:
    matches("plan", planned(JUDGED, "--requests-per-second", "50", "--gateway", "Traefik"))


def test_plan__steps_last_longer_when_requests_are_few() -> None:
    slos = {"requestLatency": {"objectivePercent": "97", "thresholdMilliseconds": 2000}}

    few = planned({**JUDGED, "spec.slos": slos}, "--requests-per-second", "2")

    assert "1.   5 % for 25m at least" in few
    assert "by gateway Traefik (assumed: say which with --gateway)" in few
    assert "depends on how stable's latencies scatter" in few


def test_plan__without_a_gateway_shares_come_in_whole_pods() -> None:
    text = planned({**JUDGED, "spec.routing": {}})

    assert "20 % for 5m at least, 4 + 1 pods (5 % wanted, in whole pods)" in text
    assert "availability: by engine vllm" in text
    assert "give --requests-per-second to have it forecast" in text


def test_plan__resource_aware_asks_for_no_spare() -> None:
    text = planned({**JUDGED, "spec.rollout": {"capacity": "ResourceAware"}})

    assert "4 wanted, 4 at most during the rollout" in text
    assert "nvidia.com/gpu: 2 a pod, 8 at most" in text


def test_plan__resource_aware_with_one_replica_would_not_begin() -> None:
    text = planned({**JUDGED, "spec.replicas": 1, "spec.rollout": {"capacity": "ResourceAware"}})

    assert "capacity ResourceAware needs 2 replicas: it would not begin" in text


def test_plan__names_what_the_gateway_does_not_measure() -> None:
    custom = {"type": "custom", "image": "me/server@sha256:" + "0" * 64, "port": 8000}
    slos = {"availability": {"objectivePercent": "99.5"}}

    text = planned(
        {"spec.engine": custom, "spec.routing": GATEWAY, "spec.slos": slos}, "--gateway", "None"
    )

    assert "availability: NOT MEASURED: the engine custom has no metrics that are known" in text


def test_plan__without_a_policy_there_is_nothing_to_judge_by() -> None:
    assert "takes over as soon as it is ready" in planned({})


def with_suites(*gates: dict[str, Any], suites: list[dict[str, Any]], **changes: Any) -> str:
    """The plan of a spec with these evaluations, from a file that has these manifests too."""
    evaluated = build({**JUDGED, "spec.evaluations": list(gates), **changes})
    stdin = yaml.safe_dump_all([*suites, evaluated])
    result = PersonsWorld().run("plan", "-f", "-", stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.output.partition("\nEvaluations\n")[2]


def test_plan__forecasts_what_suites_can_show_and_how_long_they_take() -> None:
    gates = [
        {"suite": "large", "stage": "BeforeTraffic"},
        {"suite": "attacks", "stage": "BeforePromotion"},
    ]
    attacks = suite(30, "attacks", kind="Safety", limits={"deadlineSeconds": 600})
    del attacks["spec"]["marginPoints"]

    matches(
        "plan-evaluations",
        with_suites(*gates, suites=[suite(900, "large", marginPoints="2"), attacks]),
    )


def test_plan__reads_items_from_a_config_map_of_the_file() -> None:
    items = [
        {"id": f"q{n}", "prompt": "Hi", "checks": [{"type": "Exact", "texts": ["Hi"]}]}
        for n in range(7)
    ]
    stored = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "questions"},
        "data": {"items.json": json.dumps(items)},
    }
    named = suite(1)
    named["spec"]["items"] = {"configMap": {"name": "questions", "key": "items.json"}}
    gate = {"suite": "golden", "stage": "BeforeTraffic"}

    assert "margin 10 points, 7 items" in with_suites(gate, suites=[named, stored])
    lost = with_suites(gate, suites=[named])
    assert "golden: NOT FORECAST: EvaluationSuite golden: ConfigMap questions has no key" in lost


def test_plan__does_not_forecast_what_it_does_not_know() -> None:
    harness = suite(
        1, "harness", runner={"type": "LMEval", "lmEval": {"tasks": ["arc"], "metric": "acc"}}
    )
    del harness["spec"]["items"]
    text = with_suites(
        {"suite": "missing", "stage": "BeforeTraffic"},
        {"suite": "harness", "stage": "BeforeTraffic"},
        {"suite": "nightly", "stage": "Scheduled", "intervalSeconds": 3600},
        suites=[harness],
        **{"spec.rollout": {"progressDeadlineSeconds": 900, "onDeadline": "Rollback"}},
    )

    assert "missing: NOT FORECAST: no EvaluationSuite missing in this file\n" in text
    assert "only the runner knows how many items there are" in text
    assert "nightly, Scheduled: is no part of a rollout\n" in text
    assert (
        "longer than progressDeadlineSeconds (15m), whose clock stands while a suite is asked\n"
        in text
    )


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        pytest.param("", "no LLMDeployment in -: nothing was planned", id="an empty file"),
        pytest.param("a: [", "-: line 1, column 5", id="broken YAML"),
        pytest.param(
            yaml.safe_dump({**BASE, "spec": {}}), "spec.model: is required", id="an invalid spec"
        ),
    ],
)
def test_plan__of_nothing_valid_fails(stdin: str, said: str) -> None:
    result = PersonsWorld().run("plan", "-f", "-", stdin=stdin)

    assert result.exit_code == 1
    assert said in result.output
