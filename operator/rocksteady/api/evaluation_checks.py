"""What must hold for the evaluations of an LLMDeployment."""

import re
from collections.abc import Iterator
from typing import Final

from rocksteady.api.fields import FieldError, quote
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.policy import (
    EVALUATION_MESSAGE,
    Evaluation,
    EvaluationStage,
    ExternalScore,
)

_PLACEHOLDER: Final = re.compile(r"{{\s*(.*?)\s*}}")
_KNOWN: Final = ("namespace", "deployment", "revision")


def check_evaluations(spec: LLMDeploymentSpec) -> Iterator[FieldError]:
    """Each evaluation has one subject, once for each stage; a scheduled one says how often."""
    seen: set[tuple[str, str, EvaluationStage]] = set()
    for index, evaluation in enumerate(spec.evaluations):
        path = f"spec.evaluations[{index}]"
        yield from _check_evaluation(evaluation, path)
        subject = (evaluation.suite or "", _external_name(evaluation), evaluation.stage)
        if subject in seen:
            name = evaluation.suite or _external_name(evaluation)
            yield FieldError(
                path, f"{quote(name)} is given already for stage {evaluation.stage}: keep one"
            )
        seen.add(subject)


def _external_name(evaluation: Evaluation) -> str:
    return evaluation.external.name if evaluation.external is not None else ""


def _check_evaluation(evaluation: Evaluation, path: str) -> Iterator[FieldError]:
    scheduled = evaluation.stage is EvaluationStage.SCHEDULED
    if scheduled != (evaluation.interval_seconds is not None):
        yield FieldError(path, "intervalSeconds is needed for stage Scheduled and only there")
    if (evaluation.suite is None) == (evaluation.external is None):
        yield FieldError(path, EVALUATION_MESSAGE)
    if evaluation.external is not None:
        yield from _check_external(evaluation.external, f"{path}.external")


def _check_external(score: ExternalScore, path: str) -> Iterator[FieldError]:
    """Every query is about one revision, and asks for nothing that nobody can fill in."""
    queries = {
        "query": score.query,
        "completedQuery": score.completed_query,
        "standardErrorQuery": score.standard_error_query,
    }
    for field, query in queries.items():
        if query is None:
            continue
        names = _PLACEHOLDER.findall(query)
        unknown = [name for name in names if name not in _KNOWN]
        if unknown:
            yield FieldError(
                f"{path}.{field}",
                f"{{{{{unknown[0]}}}}} cannot be filled in: known here are {', '.join(_KNOWN)}",
            )
        elif "revision" not in names:
            yield FieldError(
                f"{path}.{field}",
                "must say {{revision}}: without it the canary and stable have the same score",
            )
