"""The suites that an LLMDeployment names, as they are now, and what is frozen of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rocksteady.analysis.looks import evenly
from rocksteady.api.suite_content import items_digest, may_roll_back
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec, SuiteKind
from rocksteady.api.v1alpha1.items import Item
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import EvaluationTest
from rocksteady.api.v1alpha1.policy import (
    Evaluation,
    EvaluationStage,
    ExternalScore,
    GateAction,
)
from rocksteady.api.v1alpha1.runner import RunnerType
from rocksteady.rollout.finding import Finding

LOOK_ITEMS_LEAST: Final = 300
"""From so many items on a suite is judged three times, else once: a look costs power, and a pod's
start is worth a hundred short answers."""
LOOKS: Final = 3
DEFAULT_MARGIN_POINTS: Final = "2"


@dataclass(frozen=True)
class Suite:
    """A suite that can be run.

    Attributes:
        name: Of the EvaluationSuite.
        content_hash: See `api.suite_content`.
        spec: As it was written.
        items: In the order in which they are asked; None: only a run can read them.
        task_files: Texts by name, of the runner's own tasks; empty: there are none.
    """

    name: str
    content_hash: str
    spec: EvaluationSuiteSpec
    items: tuple[Item, ...] | None
    task_files: Mapping[str, str]

    @property
    def content(self) -> str:
        """The content as labels and names have it: the first 10 digits of its hash."""
        return self.content_hash[:10]

    @property
    def items_digest(self) -> str | None:
        """What a run must say that it read; None: it may count them otherwise, or knows others."""
        counts_as_we_do = self.spec.runner.type is RunnerType.BUILTIN
        return items_digest(self.items) if self.items is not None and counts_as_we_do else None


SuiteSeen = Suite | Finding
"""A suite, or why it cannot be run."""


def named_suites(spec: LLMDeploymentSpec) -> tuple[str, ...]:
    """Names of all suites of a spec, each once, in their order."""
    named = (evaluation.suite for evaluation in spec.evaluations)
    return tuple(dict.fromkeys(name for name in named if name is not None))


def freeze_tests(
    spec: LLMDeploymentSpec, suites: Mapping[str, SuiteSeen]
) -> tuple[EvaluationTest, ...] | Finding:
    """What the evaluations of an attempt judge by, or why one of them could not.

    Args:
        spec: Of the LLMDeployment.
        suites: By name; every one that the spec names.
    """
    return _frozen(gating(spec), suites)


def scheduled_tests(
    spec: LLMDeploymentSpec, suites: Mapping[str, SuiteSeen]
) -> tuple[tuple[EvaluationTest, int], ...]:
    """What is asked of the revision that serves, each with its interval in seconds.

    A suite that cannot be run is left out: its own status says why.
    """
    found = []
    for evaluation in spec.evaluations:
        suite = suites.get(evaluation.suite or "")
        if evaluation.interval_seconds is not None and isinstance(suite, Suite):
            found.append((freeze_test(evaluation, suite), evaluation.interval_seconds))
    return tuple(found)


def _frozen(
    evaluations: Iterable[Evaluation], suites: Mapping[str, SuiteSeen]
) -> tuple[EvaluationTest, ...] | Finding:
    tests = []
    for evaluation in evaluations:
        if evaluation.external is not None:
            tests.append(_score_test(evaluation, evaluation.external))
            continue
        suite = suites[evaluation.suite or ""]
        if isinstance(suite, Finding):
            return suite
        tests.append(freeze_test(evaluation, suite))
    return tuple(tests)


def gating(spec: LLMDeploymentSpec) -> Iterator[Evaluation]:
    """What an attempt waits for."""
    return (
        evaluation
        for evaluation in spec.evaluations
        if evaluation.stage is not EvaluationStage.SCHEDULED
    )


def freeze_test(evaluation: Evaluation, suite: Suite) -> EvaluationTest:
    """What one evaluation of a suite judges by."""
    of = suite.spec
    safe = of.kind is SuiteKind.SAFETY
    margin = evaluation.margin_points or of.margin_points or DEFAULT_MARGIN_POINTS
    condemns = evaluation.action is GateAction.ROLLBACK and may_roll_back(of, suite.items)
    return EvaluationTest(
        suite=suite.name,
        stage=evaluation.stage,
        content_hash=suite.content_hash,
        items_digest=suite.items_digest,
        kind=of.kind,
        looks=looks_of(suite),
        margin_points=margin,
        min_score_percent=None if safe else evaluation.min_score_percent or of.min_score_percent,
        may_roll_back=condemns,
        max_output_tokens_increase_percent=of.max_output_tokens_increase_percent,
        max_latency_increase_percent=of.max_latency_increase_percent,
    )


def _score_test(evaluation: Evaluation, score: ExternalScore) -> EvaluationTest:
    known = score.standard_error_query is not None
    return EvaluationTest(
        suite=score.name,
        stage=evaluation.stage,
        external=score,
        margin_points=evaluation.margin_points or DEFAULT_MARGIN_POINTS,
        min_score_percent=evaluation.min_score_percent,
        may_roll_back=known and evaluation.action is GateAction.ROLLBACK,
    )


def looks_of(suite: Suite) -> tuple[int, ...]:
    """After how many items a suite is judged; empty: once, after all that the runner has.

    Of a Safety suite every attack is tried.
    """
    if suite.items is None:
        return ()
    count = len(suite.items)
    many = count >= LOOK_ITEMS_LEAST and suite.spec.kind is SuiteKind.QUALITY
    return evenly(count, LOOKS if many else 1).items
