"""Compute what the evaluations of an attempt said again, from the results that it recorded. Pure.

Unlike decisions, these records are in no chain of hashes: what was recorded must follow from the
results of the items, and a rollback for an evaluation must tell what follows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rocksteady.analysis.evaluation_rules import EvaluationRules
from rocksteady.analysis.item_results import ItemResult, pack, unpack
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.run_result import RunOutcome, RunResult
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, EvaluationTest, LLMRollout
from rocksteady.rollout.evaluating import evaluate_one, rules_of
from rocksteady.rollout.evaluation_moves import QUALITY_FAILED, SAFETY_FAILED
from rocksteady.rollout.evaluation_plan import records_of
from rocksteady.rollout.evaluation_runs import Run, RunSeen, part_of

_GROWN: Final = "; but "
"""Before what answers take too much of, which comes of sums that are not recorded."""


@dataclass(frozen=True)
class ReplayedEvaluation:
    """One evaluation, computed again.

    Attributes:
        record: As it was recorded.
        compared: True when it was computed again.
        differences: What is not equal, a sentence each without a full stop; empty: all is.
        obstacle: Why some or all of it could not be computed again; empty: all could.
    """

    record: EvaluationRecord
    compared: bool = False
    differences: tuple[str, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True)
class EvaluationsReplay:
    """All evaluations of an attempt, computed again.

    Attributes:
        evaluations: Each of them, in the order of the record.
        untold: What condemned the canary by its decision and does not follow from the results, a
            sentence without a full stop; empty: it follows, or no evaluation condemned it.
    """

    evaluations: tuple[ReplayedEvaluation, ...] = ()
    untold: str = ""

    @property
    def differs(self) -> bool:
        """True when something is not equal."""
        return bool(self.untold) or any(one.differences for one in self.evaluations)

    @property
    def compared(self) -> int:
        """How many were computed again."""
        return sum(one.compared for one in self.evaluations)


_JudgedBy = tuple[EvaluationTest, EvaluationRules]


def replay_evaluations(attempt: LLMRollout) -> EvaluationsReplay:
    """Compute every evaluation of an attempt again."""
    tests = attempt.spec.evaluations
    judged_by = {
        (test.suite, test.stage): (test, rules)
        for test, rules in zip(tests, rules_of(tests), strict=True)
    }
    found = [
        _replayed(attempt, record, judged_by.get((record.suite, record.stage)))
        for record in attempt.status.evaluations
    ]
    computed = [again for _, again in found if again is not None]
    return EvaluationsReplay(tuple(one for one, _ in found), _untold(attempt, computed))


def _replayed(
    attempt: LLMRollout, record: EvaluationRecord, judged_by: _JudgedBy | None
) -> tuple[ReplayedEvaluation, EvaluationRecord | None]:
    """How an evaluation compares, and its record as it was computed; None: it was not."""
    if judged_by is None:
        said = f"{record.suite} is none of the suites that the attempt froze"
        return ReplayedEvaluation(record, differences=(said,)), None
    if not record.canary:
        return _without_results(record), None
    test, rules = judged_by
    spec = attempt.spec
    stable = spec.stable.hash if record.stable else None
    try:
        runs = _runs(attempt, test, record)
    except ValueError as error:
        said = f"the results of {record.suite} cannot be read: {error}"
        return ReplayedEvaluation(record, differences=(said,)), None
    [again] = records_of([evaluate_one(test, spec.canary.hash, stable, runs, rules)])
    again, obstacle = _held_for_length(record, again)
    differences = tuple(_differences(record, again))
    return ReplayedEvaluation(
        record, compared=True, differences=differences, obstacle=obstacle
    ), again


def _held_for_length(
    record: EvaluationRecord, again: EvaluationRecord
) -> tuple[EvaluationRecord, str]:
    """What passed by its results, as it is recorded when its answers took too much.

    Returns:
        What was computed, and what of the record is believed; empty: nothing is.
    """
    grown = record.message.startswith(f"{again.message}{_GROWN}")
    if again.verdict != Verdict.PASSED or not grown:
        return again, ""
    update = {"verdict": Verdict.INCONCLUSIVE.value, "message": record.message}
    return again.model_copy(update=update), "what the answers took is not recorded"


def _without_results(record: EvaluationRecord) -> ReplayedEvaluation:
    """Without results nothing can have been decided."""
    if record.verdict in {Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE}:
        said = f"{record.suite} is recorded as {record.verdict}, and no results of it are"
        return ReplayedEvaluation(record, differences=(said,))
    return ReplayedEvaluation(record, obstacle=f"{record.suite} has no results")


def _runs(
    attempt: LLMRollout, test: EvaluationTest, record: EvaluationRecord
) -> dict[Run, RunSeen]:
    """The runs that these results came from, one for each look.

    Raises:
        ValueError: The results cannot be read.
    """
    spec = attempt.spec
    packed = {spec.canary.hash: record.canary, spec.stable.hash: record.stable}
    found: dict[Run, RunSeen] = {}
    for revision, text in packed.items():
        results = unpack(text) if text else ()
        for number in range(1, max(1, len(test.looks)) + 1):
            part = part_of(test.looks, number)
            end = None if part.items is None else part.first_item + part.items
            asked = results[part.first_item : end]
            if asked:
                run = Run(revision, test.content, number)
                found[run] = _run(asked, part.first_item, record)
    return found


def _run(asked: tuple[ItemResult, ...], first_item: int, record: EvaluationRecord) -> RunSeen:
    told = RunResult(outcome=RunOutcome.COMPLETED, first_item=first_item, results=pack(asked))
    return RunSeen(told, record.completed_at)


def _differences(record: EvaluationRecord, again: EvaluationRecord) -> Iterator[str]:
    recorded, computed = (one.model_dump(mode="json", by_alias=True) for one in (record, again))
    for name, value in recorded.items():
        if value != computed[name]:
            yield f"{record.suite}: {name} is recorded as {value}, computed as {computed[name]}"


def _untold(attempt: LLMRollout, computed: Sequence[EvaluationRecord]) -> str:
    """See `EvaluationsReplay`; decisions are in the chain of hashes, these records are not."""
    status = attempt.status
    if status.outcome_reason not in {QUALITY_FAILED, SAFETY_FAILED}:
        return ""
    told = status.decisions[-1].message if status.decisions else ""
    failed = [one.message for one in computed if one.verdict == Verdict.FAILED]
    if any(message in told for message in failed):
        return ""
    return "the rollback tells of an evaluation that does not follow from the recorded results"
