"""The metrics that the operator gives of itself."""

import json
import logging
from dataclasses import replace

import pytest
import structlog
from prometheus_client import CollectorRegistry

from rocksteady.adapters.evaluation_telemetry import VERDICTS
from rocksteady.adapters.telemetry import Telemetry, configure_logging
from rocksteady.ports import Key
from rocksteady.rollout.evaluation_scores import EvaluationScore
from rocksteady.rollout.reading import Trip
from tests.builders import NOW

CHAT, TALK = Key("demo", "chat"), Key("demo", "talk")


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry(CollectorRegistry())


def value(telemetry: Telemetry, metric: str, /, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(metric, labels)


def condition(telemetry: Telemetry, key: Key, type_: str, status: str) -> float | None:
    labels = {"namespace": key.namespace, "name": key.name, "type": type_, "status": status}
    return value(telemetry, "rocksteady_condition", **labels)


def series(telemetry: Telemetry, name: str) -> int:
    """How many series a metric has."""
    return sum(
        sample.name == name for metric in telemetry.registry.collect() for sample in metric.samples
    )


def test_conditions__are_one_series_for_each_type(telemetry: Telemetry) -> None:
    telemetry.conditions(CHAT, {"Ready": "False", "Stalled": "False"})
    telemetry.conditions(CHAT, {"Ready": "True", "Stalled": "False"})
    assert condition(telemetry, CHAT, "Ready", "True") == 1
    assert condition(telemetry, CHAT, "Ready", "False") is None
    assert condition(telemetry, CHAT, "Stalled", "False") == 1
    assert series(telemetry, "rocksteady_condition") == 2


def test_forgotten__takes_the_series_of_one_object_away(telemetry: Telemetry) -> None:
    telemetry.conditions(CHAT, {"Ready": "True"})
    telemetry.conditions(TALK, {"Ready": "True"})
    telemetry.forgotten(CHAT)
    assert condition(telemetry, CHAT, "Ready", "True") is None
    assert condition(telemetry, TALK, "Ready", "True") == 1


def test_forgotten__of_what_was_never_reported_is_nothing(telemetry: Telemetry) -> None:
    telemetry.forgotten(CHAT)
    telemetry.conditions(CHAT, {"Ready": "True"})
    telemetry.forgotten(CHAT)
    telemetry.forgotten(CHAT)
    assert series(telemetry, "rocksteady_condition") == 0


def test_queue__is_counted(telemetry: Telemetry) -> None:
    telemetry.added(1)
    telemetry.added(2)
    telemetry.taken(1, 0.3)
    telemetry.retried()
    assert value(telemetry, "rocksteady_workqueue_adds_total") == 2
    assert value(telemetry, "rocksteady_workqueue_depth") == 1
    assert value(telemetry, "rocksteady_workqueue_retries_total") == 1
    assert value(telemetry, "rocksteady_workqueue_wait_seconds_sum") == 0.3
    assert value(telemetry, "rocksteady_workqueue_wait_seconds_bucket", le="0.5") == 1
    assert value(telemetry, "rocksteady_workqueue_wait_seconds_bucket", le="0.25") == 0


def test_fast_lane__is_counted(telemetry: Telemetry) -> None:
    telemetry.rollouts.polled("read")
    telemetry.rollouts.polled("read")
    telemetry.rollouts.polled("failed")
    telemetry.rollouts.unread(CHAT, "10.0.0.1 refuses")
    telemetry.rollouts.tripped(CHAT, Trip(NOW, "0123456789", "all bad"))
    assert value(telemetry, "rocksteady_fast_lane_polls_total", result="read") == 2
    assert value(telemetry, "rocksteady_fast_lane_polls_total", result="failed") == 1
    assert value(telemetry, "rocksteady_fast_lane_trips_total") == 1


def test_passes_writes_and_requests__are_counted(telemetry: Telemetry) -> None:
    telemetry.reconciled("success", 0.02)
    telemetry.reconciled("error", 0)
    telemetry.applied("Deployment", "apply")
    telemetry.request("PATCH", "deployments", 200)
    telemetry.request("PATCH", "deployments", 0)
    assert value(telemetry, "rocksteady_reconcile_total", result="success") == 1
    assert value(telemetry, "rocksteady_reconcile_total", result="error") == 1
    assert value(telemetry, "rocksteady_writes_total", kind="Deployment", verb="apply") == 1
    for code in ("200", "0"):
        labels = {"verb": "PATCH", "resource": "deployments", "code": code}
        assert value(telemetry, "rocksteady_api_requests_total", **labels) == 1


SCORE = EvaluationScore(
    revision="bbbbbbbbbb",
    baseline="aaaaaaaaaa",
    suite="golden",
    verdict="Passed",
    score=0.9,
    standard_error=0.03,
    answered=100,
    unanswered=2,
    difference=-0.01,
    lower=-0.019,
    upper=0.02,
    completed_at=NOW,
)


def evaluation(telemetry: Telemetry, metric: str, **labels: str) -> float | None:
    of = {"namespace": "demo", "deployment": "chat", "revision": "bbbbbbbbbb", "suite": "golden"}
    return value(telemetry, f"rocksteady_eval_{metric}", **of, **labels)


def evaluation_series(telemetry: Telemetry) -> int:
    return sum(
        sample.name.startswith("rocksteady_eval_")
        for metric in telemetry.registry.collect()
        for sample in metric.samples
    )


def test_evaluations__are_shown_with_what_a_gate_can_be_computed_from(telemetry: Telemetry) -> None:
    telemetry.evaluated(CHAT, [SCORE])
    alone = ("score", "stderr", "samples", "errors", "completed_timestamp_seconds")
    found = [evaluation(telemetry, metric) for metric in alone]
    assert found == [0.9, 0.03, 100, 2, NOW.timestamp()]
    compared = [
        evaluation(telemetry, metric, baseline_revision="aaaaaaaaaa")
        for metric in ("diff", "diff_lower", "diff_upper")
    ]
    assert compared == [-0.01, -0.019, 0.02]


def test_evaluations__have_one_verdict_of_all_that_there_are(telemetry: Telemetry) -> None:
    telemetry.evaluated(CHAT, [replace(SCORE, verdict="Running", score=None)])
    states = {verdict: evaluation(telemetry, "verdict", verdict=verdict) for verdict in VERDICTS}
    holds = {"Passed": 0, "Failed": 0, "Inconclusive": 0, "Error": 0, "Running": 1}
    assert states == holds
    assert evaluation(telemetry, "score") is None


def test_evaluations__of_another_attempt_take_the_place_of_those_before(
    telemetry: Telemetry,
) -> None:
    telemetry.evaluated(TALK, [SCORE])
    telemetry.evaluated(CHAT, [SCORE])
    telemetry.evaluated(CHAT, [replace(SCORE, revision="cccccccccc", difference=None)])
    assert evaluation(telemetry, "score") is None
    telemetry.evaluated(CHAT, [])
    assert evaluation_series(telemetry) == 8 + len(VERDICTS), "those of the other deployment stay"


def test_evaluations__go_with_their_deployment(telemetry: Telemetry) -> None:
    telemetry.evaluated(CHAT, [SCORE])
    telemetry.forgotten(CHAT)
    assert evaluation_series(telemetry) == 0


def test_leader_and_watches__are_shown(telemetry: Telemetry) -> None:
    telemetry.leads(leads=True)
    telemetry.watch_connected("pods", 1700000000.5)
    assert value(telemetry, "rocksteady_leader") == 1
    name = "rocksteady_watch_last_connect_timestamp_seconds"
    assert value(telemetry, name, resource="pods") == 1700000000.5
    telemetry.leads(leads=False)
    assert value(telemetry, "rocksteady_leader") == 0


def test_configure_logging__writes_json_lines_of_ours_and_of_libraries(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure_logging("INFO")
        structlog.get_logger("rocksteady").info("reconciled", name="chat")
        logging.getLogger("kopf").warning("watching %s", "pods")
        logging.getLogger("kopf.objects").info("handler succeeded")
    finally:
        root.handlers, root.level = handlers, level
        structlog.reset_defaults()
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["name"], ours["level"]) == ("reconciled", "chat", "info")
    assert (theirs["event"], theirs["logger"]) == ("watching pods", "kopf")
    assert theirs["timestamp"].endswith("Z")
