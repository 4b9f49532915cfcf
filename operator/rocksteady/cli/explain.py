"""`rocksteady explain`: every decision of an attempt in sentences, with its numbers."""

import textwrap
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import click

from rocksteady.analysis.power import power_statement
from rocksteady.api.v1alpha1.llmrollout import (
    Decision,
    LLMRollout,
    Outcome,
    RolloutPolicy,
    RolloutTests,
    SignalRecord,
    SignalTest,
)
from rocksteady.api.v1alpha1.policy import Approval
from rocksteady.cli.explain_evaluations import evaluation_records, evaluation_tests
from rocksteady.cli.screen import console, output_option, print_data
from rocksteady.cli.session import Session, Target, cluster_options, run, world
from rocksteady.cli.subject import attempt_of, read_subject
from rocksteady.cli.wording import duration, moment_of
from rocksteady.rollout.judging import AVAILABILITY
from rocksteady.rollout.moves import seconds_between
from rocksteady.rollout.records import broken_link


@click.command()
@click.argument("name")
@click.option("--attempt", "number", type=click.IntRange(1), help="Default: the newest.")
@output_option
@cluster_options
def explain(name: str, number: int | None, output: str | None, target: Target) -> None:
    """Tell every decision of an attempt of NAME, by what it was judged, and what a pass is worth.

    Exits with 1 when the chain of hashes is broken: then the record was changed afterwards.
    """
    key, attempt = run(target, partial(_read, name=name, number=number))
    broken = broken_link(attempt.status.decisions)
    if output is not None:
        said = attempt.model_dump(mode="json", by_alias=True, exclude_none=True)
        print_data({"name": key, "brokenAt": broken, **said}, output)
    else:
        width = console().width
        for line in told(key, attempt, world().clock.now()):
            click.echo(_wrapped(line, width))
    if broken is not None:
        raise click.exceptions.Exit(1)


async def _read(session: Session, name: str, number: int | None) -> tuple[str, LLMRollout]:
    return attempt_of(await read_subject(session, name), number)


def told(key: str, attempt: LLMRollout, now: datetime) -> Iterator[str]:
    """The attempt, line by line; what belongs to a line above is indented."""
    spec = attempt.spec
    yield f"{key}: attempt {spec.attempt} of {spec.deployment}, {_ended(attempt, now)}"
    asked = f", asked for by {spec.requested_by}" if spec.requested_by else ""
    yield f"  from {spec.stable.label} to {spec.canary.label}; cause: {spec.cause.value}{asked}"
    yield ""
    yield "Policy"
    yield from _policy(spec.policy)
    yield ""
    yield "Judged by"
    yield from _tests(spec.tests)
    yield from evaluation_tests(spec.evaluations)
    yield ""
    yield "Decisions (UTC)"
    for decision in attempt.status.decisions:
        yield from _decision(decision, now)
    yield ""
    yield from evaluation_records(attempt.status.evaluations, now)
    yield from _worth(attempt)
    yield _chain(attempt)


def _ended(attempt: LLMRollout, now: datetime) -> str:
    status = attempt.status
    took = duration(seconds_between(status.started_at, status.finished_at or now))
    if status.outcome is None:
        return f"{status.phase.value} for {took}"
    refused = "; its revision is quarantined" if status.quarantined else ""
    lifted = f", released by {status.released_by}" if status.released_by else ""
    return f"{status.outcome.value} ({status.outcome_reason}) after {took}{refused}{lifted}"


def _policy(policy: RolloutPolicy) -> Iterator[str]:
    steps = ", ".join(f"{step} %" for step in policy.steps)
    yield (
        f"  steps {steps}, each for {duration(policy.min_step_seconds)} and"
        f" {policy.min_step_requests} canary requests at least"
    )
    if policy.keep_stable_seconds:
        held = f", {policy.holdback_percent} % held back" if policy.holdback_percent else ""
        yield f"  then a bake of {duration(policy.keep_stable_seconds)}{held}"
    approval = policy.approval is Approval.BEFORE_PROMOTION
    yield (
        f"  capacity {policy.capacity.value}, {policy.min_canary_replicas} canary pods at least,"
        f" {'a person approves' if approval else 'no approval'}"
    )
    yield (
        f"  without progress for {duration(policy.progress_deadline_seconds)}:"
        f" {policy.on_deadline.value}"
    )
    for gate in policy.metrics:
        yield f"  gate {gate.name} ({gate.action.value}): {gate.query}"


def _tests(tests: RolloutTests | None) -> Iterator[str]:
    if tests is None:
        yield "  readiness and time alone: no SLO, or no metrics source"
        return
    yield (
        f"  counts of {tests.source} in ticks of {tests.tick_seconds} s; a harmless canary is"
        f" rolled back with probability {tests.alpha} at most"
    )
    for test in tests.signals:
        yield f"  {test.signal}: {_objective(test)}, counted by {test.profile}"


def _objective(test: SignalTest) -> str:
    if not test.boundaries:
        return f"{test.objective_percent} % good, design effect {test.design_effect}"
    seconds = ", ".join(
        f"{one.le_seconds} s (ratio {one.rho0}, design effect {one.design_effect})"
        for one in test.boundaries
    )
    return (
        f"{test.objective_percent} % within {test.threshold_milliseconds} ms, compared at {seconds}"
    )


def _decision(decision: Decision, now: datetime) -> Iterator[str]:
    when = moment_of(decision.time, now)
    by = "" if decision.actor == "operator" else f" by {decision.actor}"
    yield (
        f"  {decision.sequence}. {when}  {decision.action} ({decision.reason}){by},"
        f" canary at {decision.weight_percent} %"
    )
    yield f"     {decision.message}"
    for record in decision.signals:
        if record.message not in decision.message:
            yield f"     {record.verdict}: {record.message}."


def _worth(attempt: LLMRollout) -> Iterator[str]:
    """What was passed, and what it would have caught; nothing of what did not pass."""
    records, outcome = _last_records(attempt), attempt.status.outcome
    if not records or outcome not in {None, Outcome.PROMOTED}:
        return
    yield "What the pass is worth" if outcome else "What would have been caught so far"
    tests = attempt.spec.tests.signals if attempt.spec.tests else ()
    effects = {test.signal: float(test.design_effect) for test in tests}
    watched = seconds_between(
        attempt.status.first_tick_at,
        attempt.status.finished_at or attempt.status.decisions[-1].time,
    )
    for record in records:
        if record.signal != AVAILABILITY:
            continue
        baseline = record.stable_bad / record.stable_total if record.stable_total else 0.0
        statement = power_statement(
            record.canary_total,
            baseline_ratio=baseline,
            design_effect=effects.get(record.signal, 1.0),
            watched_seconds=watched,
        )
        yield f"  {record.signal}: {statement}"
    for record in records:
        if record.signal != AVAILABILITY:
            yield f"  {record.signal}: {record.canary_total} canary requests were compared"
    yield ""


def _last_records(attempt: LLMRollout) -> tuple[SignalRecord, ...]:
    judged = [one.signals for one in attempt.status.decisions if one.signals]
    return judged[-1] if judged else ()


def _chain(attempt: LLMRollout) -> str:
    made = attempt.status.decisions
    broken = broken_link(made)
    if broken is not None:
        return (
            f"The chain of hashes is BROKEN at decision {broken}: it is not what the operator"
            " recorded."
        )
    dropped = made[-1].sequence - len(made) if made else 0
    gap = f"; {dropped} more were dropped for want of room" if dropped else ""
    return f"The chain of hashes over {len(made)} decisions is whole{gap}."


def _wrapped(line: str, width: int) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    if len(line) <= width:
        return line
    hanging = indent if indent.startswith("     ") else f"{indent}  "
    return textwrap.fill(line, width, subsequent_indent=hanging, break_on_hyphens=False)
