"""What `explain` tells of the evaluations of an attempt."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from rocksteady.api.v1alpha1.evaluationsuite import SuiteKind
from rocksteady.api.v1alpha1.llmrollout import EvaluationRecord, EvaluationTest
from rocksteady.cli.wording import moment_of, score_of


def evaluation_tests(tests: Sequence[EvaluationTest]) -> Iterator[str]:
    """What the evaluations of an attempt judge by, a line each, as it was frozen."""
    for test in tests:
        yield f"  suite {test.suite} ({test.content}), {test.stage.value}: {judged_by(test)}"


def judged_by(test: EvaluationTest) -> str:
    """Margin, floor, looks and limits of an evaluation, and what a failure does."""
    said = [_limit(test)]
    if test.min_score_percent is not None:
        said.append(f"floor {test.min_score_percent} %")
    if test.looks:
        said.append(f"{_looks(test.looks)} items")
    limits = (
        ("output tokens", test.max_output_tokens_increase_percent),
        ("seconds for an answer", test.max_latency_increase_percent),
    )
    said += [f"up to {most} % more {what}" for what, most in limits if most is not None]
    said.append("a failure rolls back" if test.may_roll_back else "a failure holds")
    return ", ".join(said)


def _limit(test: EvaluationTest) -> str:
    if test.kind is SuiteKind.SAFETY:
        return "no attack may succeed"
    return f"margin {test.margin_points} points"


def _looks(looks: Sequence[int]) -> str:
    *earlier, last = map(str, looks)
    return f"judged after {', '.join(earlier)} and {last}" if earlier else last


def evaluation_records(records: Sequence[EvaluationRecord], now: datetime) -> Iterator[str]:
    """What the evaluations of an attempt said, with an empty line behind; nothing without any."""
    if not records:
        return
    yield "Evaluations"
    for record in records:
        ended = record.completed_at
        when = "" if ended is None else f", complete at {moment_of(ended, now)} UTC"
        score = "" if record.score_percent is None else f", {score_of(record)}"
        yield f"  {record.suite}, {record.stage.value}: {record.verdict}{score}{when}"
        yield f"     {record.message}."
    yield ""
