"""Which runs of suites there should be now, and what is kept of an attempt's evaluations."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from rocksteady.analysis.item_results import pack
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import (
    EvaluationRecord,
    EvaluationTest,
    LLMRolloutSpec,
    LLMRolloutStatus,
    Phase,
)
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.rollout.evaluated import Asked, Evaluated
from rocksteady.rollout.evaluation_by_hand import open_request
from rocksteady.rollout.evaluation_runs import Run, RunSeen
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.moves import EVALUATING
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.suites import Suite

RUNNING = "Running"
"""Stands in a record for a verdict that is not there yet."""
_MESSAGE_MAX_LENGTH = 1024


def open_stages(spec: LLMRolloutSpec, status: LLMRolloutStatus) -> frozenset[EvaluationStage]:
    """The stages whose evaluations are asked now."""
    if status.phase is Phase.STARTING:
        return frozenset({EvaluationStage.BEFORE_TRAFFIC})
    if status.phase is Phase.STEPPING and status.step >= len(spec.policy.steps):
        return frozenset({EvaluationStage.BEFORE_TRAFFIC, EvaluationStage.BEFORE_PROMOTION})
    return frozenset()


def runs_for(
    evaluated: Iterable[Evaluated], stages: Iterable[EvaluationStage], seen: Observation
) -> tuple[Run, ...]:
    """The runs that there should be now.

    A revision is asked once requests can reach it; what has begun goes on, also when they cannot
    for a while, as when the run itself loads its only replica. A run that must be asked again is
    left out for a pass once it may be, so that its Job goes and another can come.
    """
    open_now = frozenset(stages)
    needs = (run for one in evaluated if one.test.stage in open_now for run in one.needs)
    return tuple(run for run in dict.fromkeys(needs) if _may_run(run, seen))


def _may_run(run: Run, seen: Observation) -> bool:
    known = seen.runs.get(run, RunSeen())
    due = known.is_due_again(seen.now)
    if known.newest.has_job:
        return not due
    return _is_reached(run, seen) and (known.result is None or due)


def _may_run_anew(run: Run, known: RunSeen, seen: Observation) -> bool:
    """The same of a run whose result is good, and too old."""
    if known.again is not None:
        return _may_run(run, seen)
    return not known.has_job and _is_reached(run, seen)


def _is_reached(run: Run, seen: Observation) -> bool:
    return seen.addresses.get(run.revision, 0) > 0


def due_again(
    tests: Iterable[tuple[EvaluationTest, int]], revision: str, seen: Observation
) -> tuple[tuple[Run, ...], float | None]:
    """Runs of scheduled evaluations whose results are too old, and when the next will be.

    Args:
        tests: With their intervals in seconds.
        revision: Hash of the revision that serves.
        seen: What was seen.

    Returns:
        Runs that there should be now, and in how many seconds another is due, one that failed
        too; None: none is.
    """
    runs: list[Run] = []
    waits: list[float] = []
    for test, interval_seconds in tests:
        for run, known in seen.runs.items():
            if (run.revision, run.content, run.request) != (revision, test.content, ""):
                continue
            if known.newest.failures is not None and known.due_at is not None:
                waits.append(max(0.0, (known.due_at - seen.now).total_seconds()))
            if known.ended_at is None or known.result is None:
                continue
            left_seconds = interval_seconds - (seen.now - known.ended_at).total_seconds()
            if left_seconds <= 0:
                runs.append(run)
            else:
                waits.append(left_seconds)
    wanted = tuple(run for run in dict.fromkeys(runs) if _may_run_anew(run, seen.runs[run], seen))
    return wanted, min(waits, default=None)


def retry_seconds(evaluated: Iterable[Evaluated], seen: Observation) -> float | None:
    """In how many seconds the first run that came to nothing is tried again; None: there is none.

    From 0.
    """
    needed = {run for one in evaluated for run in one.needs}
    due = (seen.runs[run].due_at for run in needed if run in seen.runs)
    waits = [max(0.0, (at - seen.now).total_seconds()) for at in due if at is not None]
    return min(waits, default=None)


def obstacle_of(
    evaluated: Iterable[Evaluated], stages: Iterable[EvaluationStage]
) -> Finding | None:
    """The first evaluation of these stages that has not passed; None: all have.

    The reason is `EVALUATING` while there is no verdict yet.
    """
    waited_for = frozenset(stages)
    for one in evaluated:
        if one.test.stage not in waited_for or one.verdict is Verdict.PASSED:
            continue
        if one.verdict is None:
            return Finding(EVALUATING, f"{one.message}.")
        reason = one.trouble.reason if one.trouble else f"Evaluation{one.verdict}"
        return Finding(reason, f"{one.message}.")
    return None


def without_content(evaluated: Sequence[Evaluated], seen: Observation) -> tuple[Evaluated, ...]:
    """The same; what is to be asked, and of which nothing is kept any more, cannot be."""
    return tuple(_checked(one, seen) for one in evaluated)


def _checked(one: Evaluated, seen: Observation) -> Evaluated:
    suite = seen.suites.get(one.test.suite)
    of_now = isinstance(suite, Suite) and suite.content_hash == one.test.content_hash
    if not one.needs or one.test.content in seen.contents or of_now:
        return one
    lost = Finding(
        "SuiteContentLost",
        "what the suite was when the attempt began is kept no more, and the suite is another by"
        " now. Begin anew with kubectl rocksteady abort and retry",
    )
    message = f"{one.test.suite}: {lost.message}"
    return Evaluated(one.test, Verdict.ERROR, message, trouble=lost)


def records_of(evaluated: Sequence[Evaluated]) -> tuple[EvaluationRecord, ...]:
    """What is kept of evaluations, with all that their verdicts are computed from."""
    return tuple(map(_record, evaluated))


def records_in_bake(
    before: Sequence[EvaluationRecord], evaluated: Sequence[Evaluated]
) -> tuple[EvaluationRecord, ...]:
    """The same in the bake, where nothing is asked any more: a pass outlives its results.

    Args:
        before: What was kept until now.
        evaluated: What evaluations say now.
    """
    records = records_of(evaluated)
    if len(before) != len(records):
        return records
    return tuple(
        was if was.verdict == Verdict.PASSED and now.verdict in {RUNNING, Verdict.ERROR} else now
        for was, now in zip(before, records, strict=True)
    )


def _record(one: Evaluated) -> EvaluationRecord:
    judged, compared = one.score or one.judgement, one.stable is not None or one.score is not None
    counts = one.canary.counts
    share = counts.correct / counts.answered if counts.answered else None
    times = (one.canary.completed_at, one.stable.completed_at if one.stable else None)
    return EvaluationRecord(
        suite=one.test.suite,
        stage=one.test.stage,
        verdict=one.verdict.value if one.verdict else RUNNING,
        message=one.message[:_MESSAGE_MAX_LENGTH],
        items=len(one.canary.results),
        score_percent=_points(share),
        difference_points=_points(_difference(one)),
        at_least_points=_points(judged.lower) if judged and compared else None,
        at_most_points=_points(judged.upper) if judged and compared else None,
        completed_at=max(filter(None, times), default=None),
        canary=_packed(one.canary),
        stable=_packed(one.stable) if one.stable else "",
    )


def _difference(one: Evaluated) -> float | None:
    """The canary's score less stable's; None: they are not compared."""
    if one.score is not None:
        return one.score.difference
    return one.judgement.measured if one.judgement and one.stable is not None else None


def _packed(asked: Asked) -> str:
    return pack(asked.results) if asked.results else ""


def _points(share: float | None) -> str | None:
    """A share or a difference in percentage points, to a ten-thousandth of one."""
    if share is None:
        return None
    rounded = Decimal(repr(round(100 * share, 4))).normalize()
    return f"{rounded:f}"


def needs_suites(seen: Observation) -> bool:
    """True when suites must be read.

    Nothing is frozen of them; or what is was lost; or a run that came to nothing is about to be
    tried again, for somebody may have given it more time or memory; or a person asks for a run.
    """
    if open_request(seen) is not None:
        return True
    newest = (known.newest for run, known in seen.runs.items() if not run.request)
    if any(known.failures and known.is_due_again(seen.now) for known in newest):
        return True
    attempts = [one for one in seen.attempts.values() if one.status.phase is not Phase.FINISHED]
    if not attempts:
        return True
    return any(
        test.content and test.content not in seen.contents
        for one in attempts
        for test in one.spec.evaluations
    )


def wanted_contents(tests: Iterable[EvaluationTest], seen: Observation) -> frozenset[str]:
    """First digits of the contents that are kept: those of tests, and of the spec's suites.

    Of a suite that is gone or cannot be read, what there is stays: it may be there again soon.
    """
    suites = seen.suites
    of_now = {suite.content for suite in suites.values() if isinstance(suite, Suite)}
    away = {short for short, name in seen.contents.items() if isinstance(suites.get(name), Finding)}
    return frozenset({*(test.content for test in tests if test.content), *of_now, *away})
