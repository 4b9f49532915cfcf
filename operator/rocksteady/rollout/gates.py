"""Gates of the user's own: which queries to ask, and what their values say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.policy import GateAction
from rocksteady.queries.custom import Variables, judge, render
from rocksteady.queries.signals import RevisionTarget
from rocksteady.rollout.reading import Gate

WINDOW_SECONDS_MIN: Final = 60
"""What `{{window}}` is at least; four scrapes where those take longer, as rates need."""


@dataclass(frozen=True)
class GateQuery:
    """One query to ask at the ends of the last ticks.

    Attributes:
        gate: Name of the gate.
        of_stable: True when it asks about stable.
        promql: The query.
        samples: At how many ticks.
    """

    gate: str
    of_stable: bool
    promql: str
    samples: int


def gate_queries(
    attempt: LLMRollout, namespace: str, scrape_interval_seconds: float
) -> tuple[GateQuery, ...]:
    """The queries of all gates; with a tolerance, also about stable.

    Raises:
        TemplateError: A template has a placeholder that is not known.
    """
    spec = attempt.spec
    window = max(WINDOW_SECONDS_MIN, round(4 * scrape_interval_seconds))
    target = RevisionTarget(namespace, spec.deployment, spec.canary.hash)
    canary = Variables(target, spec.stable.hash, window)
    queries: list[GateQuery] = []
    for gate in spec.policy.metrics:
        sides = [(False, canary)]
        if gate.tolerance_percent is not None:
            sides.append((True, canary.of_stable()))
        queries += (
            GateQuery(gate.name, of_stable, render(gate.query, variables), gate.min_samples)
            for of_stable, variables in sides
        )
    return tuple(queries)


def judge_gates(
    attempt: LLMRollout,
    values: Mapping[GateQuery, Sequence[float | None]],
    failed: Mapping[str, str],
) -> tuple[Gate, ...]:
    """What each gate says.

    Args:
        attempt: With its gates.
        values: Of each query, oldest first; None: it gave none.
        failed: By gate, why its query could not be answered; such a gate holds, and condemns
            nobody.
    """
    by_gate = {(query.gate, query.of_stable): found for query, found in values.items()}
    judged = []
    for gate in attempt.spec.policy.metrics:
        condemns = gate.action is GateAction.ROLLBACK
        if gate.name in failed:
            said = f"rollout.metrics, gate {gate.name}: {failed[gate.name]}".rstrip(".")
            judged.append(Gate(gate.name, Verdict.ERROR, condemns, said))
            continue
        stable = by_gate.get((gate.name, True), ())
        result = judge(gate, by_gate.get((gate.name, False), ()), stable)
        message = result.message.rstrip(".")
        judged.append(Gate(gate.name, Verdict(result.verdict), condemns, message))
    return tuple(judged)
