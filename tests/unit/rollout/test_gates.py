import pytest

from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.policy import GateAction, MetricGate
from rocksteady.rollout.gates import gate_queries, judge_gates
from rocksteady.rollout.machine import advance
from rocksteady.rollout.reading import Gate
from tests.builders import NAMESPACE, A, B
from tests.unit.rollout.attempts import facts, stepping

QUEUE = MetricGate(
    name="queue",
    query='waiting{pod=~"{{deployment}}-{{revision}}-.*"}[{{window}}]',
    max_value="5",
    action=GateAction.ROLLBACK,
)
BESIDE_STABLE = MetricGate(name="cost", query="cost_{{revision}}", tolerance_percent="10")


def test_gate_queries__ask_about_the_canary_and_with_a_tolerance_about_stable_too() -> None:
    attempt = stepping(metrics=(QUEUE, BESIDE_STABLE))

    asked = gate_queries(attempt, NAMESPACE, 5)

    assert [(one.gate, one.of_stable, one.promql) for one in asked] == [
        ("queue", False, f'waiting{{pod=~"chat-{B}-.*"}}[60s]'),
        ("cost", False, f"cost_{B}"),
        ("cost", True, f"cost_{A}"),
    ]


def test_gate_queries__look_back_over_four_scrapes_at_least() -> None:
    (asked,) = gate_queries(stepping(metrics=(QUEUE,)), NAMESPACE, 30)

    assert asked.promql.endswith("[120s]")


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        pytest.param(4.0, Verdict.PASSED, id="within its bound"),
        pytest.param(6.0, Verdict.FAILED, id="above it"),
        pytest.param(None, Verdict.INCONCLUSIVE, id="without a value"),
    ],
)
def test_judge_gates__says_what_the_last_value_says(value: float | None, verdict: Verdict) -> None:
    attempt = stepping(metrics=(QUEUE,))
    (asked,) = gate_queries(attempt, NAMESPACE, 5)

    (gate,) = judge_gates(attempt, {asked: (value,)}, {})

    assert (gate.name, gate.verdict, gate.condemns) == ("queue", verdict, True)


def test_judge_gates__of_a_query_that_fails_is_an_error_of_that_gate_alone() -> None:
    attempt = stepping(metrics=(QUEUE, BESIDE_STABLE))
    values = {
        asked: (1.0,) for asked in gate_queries(attempt, NAMESPACE, 5) if asked.gate == "cost"
    }

    gates = judge_gates(attempt, values, {"queue": "The query gives 3 series."})

    assert gates[0] == Gate(
        "queue",
        Verdict.ERROR,
        condemns=True,
        message="rollout.metrics, gate queue: The query gives 3 series",
    )
    assert gates[1].verdict is Verdict.PASSED


def test_gate__that_may_roll_back_condemns_no_canary_that_has_no_requests() -> None:
    failed = Gate("queue", Verdict.FAILED, condemns=True, message="queue: 0 is less than 1")
    suspended = stepping(metrics=(QUEUE,))
    status = suspended.status.model_copy(update={"weight_percent": 0})

    move = advance(suspended.model_copy(update={"status": status}), facts(gates=(failed,)))

    assert move.status.outcome is None
    assert advance(suspended, facts(gates=(failed,))).reason == "MetricGateFailed"
