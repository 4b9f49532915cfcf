"""What becomes of the attempts of one LLMDeployment: go on, begin one, or refuse to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rocksteady.analysis.verdict import SignalJudgement
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import (
    Cause,
    EvaluationTest,
    LLMRollout,
    LLMRolloutSpec,
    LLMRolloutStatus,
    Outcome,
    Phase,
    RevisionReference,
)
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.api.v1alpha1.status import RefusedRevision
from rocksteady.rollout.countable import countable, since_of
from rocksteady.rollout.evaluated import Evaluated, Scores
from rocksteady.rollout.evaluating import evaluate
from rocksteady.rollout.evaluation_by_hand import by_hand
from rocksteady.rollout.evaluation_plan import (
    due_again,
    obstacle_of,
    open_stages,
    records_in_bake,
    records_of,
    retry_seconds,
    runs_for,
    wanted_contents,
    without_content,
)
from rocksteady.rollout.evaluation_runs import Run
from rocksteady.rollout.evaluation_times import is_loaded, with_load
from rocksteady.rollout.facts import Facts
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.judging import (
    judge_reading,
    requests_of_step,
    split_trouble,
    stable_burning,
    unmeasured,
)
from rocksteady.rollout.ledger import (
    forgiven_by,
    lifted,
    refusal,
)
from rocksteady.rollout.machine import UNMEASURED_RULES, advance
from rocksteady.rollout.moves import UNREADABLE, Action, Move, whole
from rocksteady.rollout.observation import Observation, RevisionRecord
from rocksteady.rollout.policy import policy_of
from rocksteady.rollout.reading import Reading, Trip
from rocksteady.rollout.records import recorded
from rocksteady.rollout.requests import read_requests
from rocksteady.rollout.standing import (
    begins_attempt,
    handled_requests,
    has_gateway,
    ledger_of,
    replicas_wanted,
    settled_stable,
    too_few,
)
from rocksteady.rollout.suites import freeze_tests, scheduled_tests

_STAYS_CLOSED: Final = Finding(
    UNREADABLE, "No revision can be made of the spec as it is; what had no requests gets none."
)
SUSPENSIONS_MAX: Final = 2
"""After so many times a canary that nobody can see gets no requests any more."""


@dataclass(frozen=True)
class Course:
    """What becomes of the attempts.

    Attributes:
        name: Of the LLMRollout that is open, begins, or ends now; None: there is none.
        attempt: Its content from now on.
        begins: True when it is to be created.
        move: What it does; None: there is none.
        judgements: What its signals say.
        lifts: The request that lifts the refusal of a failed attempt, by its name.
        surplus: Finished attempts beyond those that are kept.
        refused: Revisions that are not tried.
        refusal: Why the revision of the spec is not tried; None: nothing is against it.
        handled: Requests of people that were acted on.
        attempts: How many attempts there ever were.
        evaluated: What its evaluations say, or those of the first revision.
        runs: Runs of suites that there should be.
        contents: First 10 digits of the contents of suites that are to be kept.
        due_seconds: When a scheduled evaluation is due; None: none is.
        closed: Why the first revision serves nobody, since an evaluation has not passed; None:
            nothing is against it.
    """

    name: str | None = None
    attempt: LLMRollout | None = None
    begins: bool = False
    move: Move | None = None
    judgements: tuple[SignalJudgement, ...] = ()
    lifts: Mapping[str, str] = field(default_factory=dict)
    surplus: tuple[str, ...] = ()
    refused: tuple[RefusedRevision, ...] = ()
    refusal: Finding | None = None
    handled: tuple[str, ...] = ()
    attempts: int = 0
    evaluated: tuple[Evaluated, ...] = ()
    runs: tuple[Run, ...] = ()
    contents: frozenset[str] = frozenset()
    due_seconds: float | None = None
    closed: Finding | None = None

    @property
    def is_open(self) -> bool:
        """True while the attempt goes on."""
        return self.attempt is not None and self.attempt.status.phase is not Phase.FINISHED

    @property
    def promoted(self) -> str | None:
        """Hash of the revision that takes over now; None: none does."""
        ended = self.attempt is not None and self.attempt.status.outcome is Outcome.PROMOTED
        return self.attempt.spec.canary.hash if self.attempt is not None and ended else None


def takes_away(seen: Observation) -> bool:
    """True when the fast lane's word takes the canary's requests away now."""
    attempt = ledger_of(seen).attempt
    return (
        attempt is not None
        and attempt.status.weight_percent > 0
        and _fresh_trip(seen, attempt) is not None
    )


def plot(seen: Observation) -> Course:
    """What becomes of the attempts, given what was seen, and which runs a person asks for."""
    course, asked = _plotted(seen), by_hand(seen)
    runs = tuple(dict.fromkeys((*course.runs, *asked.runs)))
    return replace(
        course,
        attempt=None if course.attempt is None else _loaded(seen, course, course.attempt, runs),
        runs=runs,
        contents=course.contents | asked.contents,
        handled=tuple(sorted({*course.handled, *filter(None, [asked.handled])})),
    )


def _loaded(
    seen: Observation, course: Course, attempt: LLMRollout, runs: tuple[Run, ...]
) -> LLMRollout:
    """The attempt, with the times in which suites are asked while the canary has requests."""
    spec, status = attempt.spec, attempt.status
    loaded = is_loaded(spec, status, course.evaluated, runs)
    return attempt.model_copy(update={"status": with_load(status, seen.now, loaded=loaded)})


def _plotted(seen: Observation) -> Course:
    ledger = ledger_of(seen)
    requests, _ = read_requests(seen.annotations, handled_requests(seen))
    lifts = lifted(seen.attempts, seen.target, requests)
    forgiven = forgiven_by(ledger.refused, seen.attempts, requests)
    base = Course(
        contents=wanted_contents(_newest_tests(seen), seen),
        lifts=lifts,
        surplus=ledger.surplus,
        refused=tuple(entry for entry in ledger.refused.values() if entry.hash not in forgiven),
        handled=tuple(sorted({*handled_requests(seen), *lifts.values(), *forgiven.values()})),
        attempts=ledger.count,
    )
    if ledger.attempt is not None and ledger.open is not None:
        return _go_on(seen, base, ledger.open, ledger.attempt)
    if begins_attempt(seen):
        return _begin(seen, base)
    if settled_stable(seen) is None and seen.target is not None and seen.deployment is not None:
        return _first(seen, base, seen.deployment.spec, seen.target)
    if settled_stable(seen) is None and seen.target is None and seen.front_closed:
        return replace(base, closed=_STAYS_CLOSED)
    blocked = None if seen.target is None else refusal(ledger, seen.target)
    base = _scheduled(seen, base)
    return replace(base, refusal=None if settled_stable(seen) == seen.target else blocked)


def _newest_tests(seen: Observation) -> tuple[EvaluationTest, ...]:
    """What the evaluations of the newest attempt judged by."""
    newest = max(seen.attempts.values(), key=lambda one: one.spec.attempt, default=None)
    return newest.spec.evaluations if newest else ()


def ends_unmeasured(seen: Observation) -> bool:
    """True when the open attempt ends for a reason that needs no signal, which are slow to read."""
    attempt = ledger_of(seen).attempt
    if attempt is None:
        return False
    facts = _facts(seen, attempt, Reading(), ())
    return any(rule(attempt, facts) is not None for rule in UNMEASURED_RULES)


def _go_on(seen: Observation, base: Course, name: str, attempt: LLMRollout) -> Course:
    if attempt.status.started_at is None:
        return _started(seen, base, name, attempt.spec)
    reading = seen.reading or Reading()
    spec = attempt.spec
    scores = Scores(reading.scores, seen.now.timestamp()) if seen.reading else None
    since = since_of(attempt, seen.attempts.values())
    seen = replace(seen, runs=countable(seen.runs, spec.evaluations, since))
    found = evaluate(spec.evaluations, spec.canary.hash, spec.stable.hash, seen.runs, scores)
    evaluated = without_content(found, seen)
    pods = {revision: workload.ready for revision, workload in seen.workloads.items()}
    judgements = judge_reading(attempt, reading, pods)
    facts = _facts(seen, attempt, reading, judgements)
    move = advance(attempt, replace(facts, evaluations=evaluated))
    ticks = reading.ticks if attempt.status.first_tick_at else {}
    status = recorded(move, seen.now, judgements, ticks)
    if attempt.status.phase is Phase.BAKING:
        records = records_in_bake(attempt.status.evaluations, evaluated)
    else:
        records = records_of(evaluated)
    status = status.model_copy(update={"evaluations": records})
    handled = {*base.handled, *status.handled_requests}
    return replace(
        base,
        name=name,
        attempt=attempt.model_copy(update={"status": status}),
        move=move,
        judgements=judgements,
        handled=tuple(sorted(handled)),
        evaluated=evaluated,
        runs=runs_for(evaluated, open_stages(spec, status), seen),
        contents=wanted_contents(spec.evaluations, seen),
    )


def _first(seen: Observation, base: Course, spec: LLMDeploymentSpec, target: str) -> Course:
    """The first revision has nothing to be compared with: floors and safety are what it must meet.

    Nothing is lost by keeping requests from it, for nothing else serves.
    """
    tests = freeze_tests(spec, seen.suites)
    if isinstance(tests, Finding):
        return replace(base, closed=tests)
    seen = replace(seen, runs=countable(seen.runs, tests))
    evaluated = without_content(evaluate(tests, target, None, seen.runs), seen)
    return replace(
        base,
        evaluated=evaluated,
        runs=runs_for(evaluated, EvaluationStage, seen),
        contents=wanted_contents(tests, seen),
        closed=obstacle_of(evaluated, EvaluationStage),
    )


def _scheduled(seen: Observation, base: Course) -> Course:
    """What the revision that serves is asked again and again."""
    stable = settled_stable(seen)
    if seen.deployment is None or stable is None:
        return base
    tests = scheduled_tests(seen.deployment.spec, seen.suites)
    judged_by = [test for test, _ in tests]
    seen = replace(seen, runs=countable(seen.runs, judged_by))
    evaluated = evaluate(judged_by, stable, None, seen.runs)
    first = runs_for(evaluated, EvaluationStage, seen)
    again, due_seconds = due_again(tests, stable, seen)
    runs = tuple(dict.fromkeys((*first, *again)))
    waits = [one for one in (due_seconds, retry_seconds(evaluated, seen)) if one is not None]
    return replace(base, evaluated=evaluated, runs=runs, due_seconds=min(waits, default=None))


def _begin(seen: Observation, base: Course) -> Course:
    """Begin an attempt, unless something is against it that a person must see to."""
    start, deployment = seen.start, seen.deployment
    stable, target = settled_stable(seen), seen.target
    few = too_few(seen)
    if few is not None:
        return replace(base, refusal=few)
    if start is None or deployment is None or stable is None or target is None:
        return base
    evaluations = freeze_tests(deployment.spec, seen.suites)
    if isinstance(evaluations, Finding):
        return replace(base, refusal=evaluations)
    policy = policy_of(deployment.spec)
    against = start.unmeasurable or start.unread
    if against is not None:
        return replace(base, refusal=against)
    number = base.attempts + 1
    lifted_by = _lifted_by(seen, target)
    spec = LLMRolloutSpec(
        deployment=seen.name,
        attempt=number,
        cause=Cause.HUMAN if lifted_by else Cause.SPEC_CHANGE,
        stable=_reference(seen, stable),
        canary=_reference(seen, target),
        policy=policy,
        tests=start.tests,
        evaluations=evaluations,
        requested_by=lifted_by,
    )
    contents = wanted_contents(evaluations, seen)
    begun = replace(base, begins=True, attempts=number, contents=contents)
    return _started(seen, begun, f"{seen.name}-{number}", spec)


def _started(seen: Observation, base: Course, name: str, spec: LLMRolloutSpec) -> Course:
    """The first decision of an attempt, also when whoever created it did not come to write it."""
    since = whole(seen.now)
    status = LLMRolloutStatus(started_at=since, progress_since=since)
    message = f"{spec.canary.label} is tried against {spec.stable.label}, which serves meanwhile."
    move = Move(status, Action.START, "AttemptBegun", message)
    attempt = LLMRollout(spec=spec, status=recorded(move, seen.now, (), {}))
    return replace(base, name=name, attempt=attempt, move=move)


def _facts(
    seen: Observation,
    attempt: LLMRollout,
    reading: Reading,
    judgements: tuple[SignalJudgement, ...],
) -> Facts:
    requests, paused = read_requests(seen.annotations, handled_requests(seen))
    spec = attempt.spec
    others = set(seen.workloads) - {spec.stable.hash, spec.canary.hash}
    # Without a gateway the Service would send requests to whatever else still runs.
    gateway = has_gateway(seen, attempt)
    mixed = bool(others) and not gateway
    counted = requests_of_step(attempt, reading)
    return Facts(
        now=seen.now,
        target=seen.target,
        replicas=replicas_wanted(seen),
        gateway=gateway,
        canary=seen.workloads.get(spec.canary.hash),
        stable=seen.workloads.get(spec.stable.hash),
        addresses=0 if mixed else seen.addresses.get(spec.canary.hash, 0),
        requests=requests,
        paused=paused,
        measured=spec.tests is not None and bool(spec.tests.signals),
        blind=why_blind(attempt, reading, judgements),
        invalid=reading.invalid or (split_trouble(attempt, reading) if seen.has_gateway else None),
        judgements=judgements,
        gates=reading.gates,
        stable_burning=stable_burning(attempt, reading),
        step_requests=None if counted is None else counted.canary_total,
        trip=_fresh_trip(seen, attempt),
    )


def why_blind(
    attempt: LLMRollout, reading: Reading, judgements: tuple[SignalJudgement, ...]
) -> Finding | None:
    """Why the signals cannot be read; None: they can.

    That a canary without requests is not counted is no reason, at first: it would never get any
    again.
    """
    if attempt.spec.tests is None:
        return None
    suspended = [one for one in attempt.status.decisions if one.action == Action.SUSPEND.value]
    tried_enough = len(suspended) >= SUSPENSIONS_MAX
    has_requests = attempt.status.weight_percent > 0
    silent = unmeasured(judgements) if has_requests or tried_enough else None
    return reading.blind or silent


def _fresh_trip(seen: Observation, attempt: LLMRollout) -> Trip | None:
    """The fast lane's word, unless it is about another canary or from before the present step."""
    trip, since = seen.trip, attempt.status.step_since
    about = trip is not None and trip.revision == attempt.spec.canary.hash
    return trip if trip is not None and about and since is not None and trip.at > since else None


def _lifted_by(seen: Observation, target: str) -> str:
    """The newest request by which this revision may be tried again; empty: it was never refused."""
    ordered = sorted(seen.attempts.values(), key=lambda attempt: attempt.spec.attempt)
    for attempt in reversed(ordered):
        if attempt.spec.canary.hash == target:
            return attempt.status.released_by
    return ""


def _reference(seen: Observation, revision: str) -> RevisionReference:
    number = max((record.number for record in seen.revisions.values()), default=0) + 1
    record = seen.revisions.get(revision, RevisionRecord(revision, number))
    return RevisionReference(hash=revision, number=record.number)
