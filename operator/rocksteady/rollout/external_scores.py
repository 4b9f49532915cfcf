"""Scores that another system writes to Prometheus: which queries to ask, and what they give."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rocksteady.analysis.external_score import ScoreFound
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.queries.custom import Variables, render
from rocksteady.queries.signals import RevisionTarget


@dataclass(frozen=True)
class ScoreQuery:
    """The queries about one score of one revision.

    Attributes:
        name: Of the score.
        revision: Hash of the revision.
        promql: For the score, for when it was found, and, where that is known, for its standard
            error.
    """

    name: str
    revision: str
    promql: tuple[str, ...]


def score_queries(attempt: LLMRollout, namespace: str) -> Iterator[ScoreQuery]:
    """The queries of all scores that an attempt waits for, about canary and stable.

    Raises:
        TemplateError: A template has a placeholder that is not known.
    """
    spec = attempt.spec
    for test in spec.evaluations:
        if test.external is None:
            continue
        score = test.external
        templates = (score.query, score.completed_query, score.standard_error_query)
        for revision in (spec.canary.hash, spec.stable.hash):
            target = RevisionTarget(namespace, spec.deployment, revision)
            variables = Variables(target, spec.stable.hash, 0)
            asked = tuple(render(one, variables) for one in templates if one is not None)
            yield ScoreQuery(score.name, revision, asked)


def score_of(values: Sequence[float | None]) -> ScoreFound | None:
    """A score from what its queries gave, in percent and seconds; None: one gave nothing."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return None
    error = numbers[2] / 100 if len(numbers) > 2 else None
    return ScoreFound(numbers[0] / 100, error, numbers[1])
