"""What a canary is to be judged by and cannot: it would be no gate at all."""

from collections.abc import Iterator, Sequence
from typing import Final

from rocksteady.api.checks import Check
from rocksteady.api.fields import FieldError
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.queries.custom import check_template
from rocksteady.queries.objectives import objectives_of
from rocksteady.queries.plan import GATEWAY_SIGNALS, NO_GATEWAY, plan_signals


def check_objectives_measured(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Each objective is counted by the engine, or by the gateway where the spec has one.

    Which gateway it is stands in the operator's configuration, so that any is taken for one that
    counts requests; the operator says with the first rollout when it does not.
    """
    by_gateway = GATEWAY_SIGNALS if spec.routing.gateway is not None else frozenset()
    asked = [one for one in objectives_of(spec) if one.signal not in by_gateway]
    _, unmeasurable = plan_signals(asked, spec.engine.type, NO_GATEWAY)
    for one in unmeasurable:
        yield FieldError(f"spec.slos.{one.signal}", one.message)


def check_gate_queries(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """The queries of own gates have only placeholders that are filled in."""
    for index, gate in enumerate(spec.rollout.metrics if spec.rollout else ()):
        problem = check_template(gate)
        if problem is not None:
            yield FieldError(f"spec.rollout.metrics[{index}].query", problem)


SLO_CHECKS: Final[Sequence[Check]] = (check_objectives_measured, check_gate_queries)
"""All checks of what a canary is judged by."""
