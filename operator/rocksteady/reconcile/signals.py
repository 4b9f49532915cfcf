"""Read the signals that a decision rests on: what an attempt is judged by, and what was counted.

Reads only, and only while an attempt begins or runs. What was read of complete ticks never changes,
so a pass that comes before the next tick is complete is given the same again, and an attempt that
lasts long is read in segments, of which those that are over are read once.
"""

import asyncio
import math
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from typing import Final

from rocksteady import errors
from rocksteady.analysis.external_score import ScoreFound
from rocksteady.api.v1alpha1.llmdeployment import LLMDeploymentSpec
from rocksteady.api.v1alpha1.llmrollout import (
    LLMRollout,
    RolloutTests,
)
from rocksteady.metrics_sources import MetricsSource, MetricsSources
from rocksteady.ports import Key, MetricsReader
from rocksteady.queries.objectives import objectives_of
from rocksteady.queries.plan import NO_GATEWAY, SignalPlan, plan_signals
from rocksteady.queries.problems import Problem, ProblemReason
from rocksteady.queries.samples import TickGrid
from rocksteady.queries.signals import RevisionTarget
from rocksteady.reconcile.counting import Counting, count_segments, count_signal
from rocksteady.reconcile.kept_segments import KeptSegments
from rocksteady.rollout.external_scores import score_of, score_queries
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.freezing import (
    ALPHA,
    HISTORY_SECONDS,
    LATENCY_HISTORY_SECONDS,
    grid_before,
    planned_seconds,
    signal_test,
)
from rocksteady.rollout.gates import GateQuery, gate_queries, judge_gates
from rocksteady.rollout.judging import step_tick
from rocksteady.rollout.measuring import Segment, grid_of, joined
from rocksteady.rollout.observation import Observation
from rocksteady.rollout.policy import policy_of
from rocksteady.rollout.reading import Gate, Reading, Start
from rocksteady.rollout.standing import ledger_of, reads_history, settled_stable

READING_SECONDS: Final = 30.0
"""How long all signals of an attempt may take to be read, of a pass that may take 60 s."""
DEFAULT_SOURCE: Final = "default"
_BLINDING: Final = frozenset({ProblemReason.NO_SAMPLES, ProblemReason.SAMPLES_STALE})
_HOPELESS: Final = frozenset(
    {ProblemReason.REVISION_LABEL_MISSING, ProblemReason.THRESHOLD_OUTSIDE_HISTOGRAM}
)


class SignalGatherer:
    """Adds to an Observation what Prometheus says.

    Args:
        metrics: Reads the sources; None: none is configured.
        sources: The operator's configuration of them.
        tick_seconds: Length of a tick; at least the scrape interval is taken.
        blind_limit_seconds: How long a canary may have requests while nothing is seen of it.
    """

    def __init__(
        self,
        metrics: MetricsReader | None,
        sources: MetricsSources,
        tick_seconds: int,
        blind_limit_seconds: int = 900,
    ) -> None:
        self._metrics = metrics
        self._sources = sources
        self._tick_seconds = tick_seconds
        self._blind_limit_seconds = blind_limit_seconds
        self._read_before: dict[Key, tuple[str, TickGrid, Reading]] = {}
        self._kept = KeptSegments()

    async def add(self, seen: Observation) -> Observation:
        """What was seen, with what an attempt that begins is judged by, or with its counts."""
        ledger = ledger_of(seen)
        if ledger.attempt is None or ledger.open is None:
            self.forget(_key(seen))
            return replace(seen, start=await self._start(seen)) if reads_history(seen) else seen
        reading = await self._reading(seen, ledger.open, ledger.attempt)
        return replace(seen, reading=reading)

    def forget(self, key: Key) -> None:
        """The attempt has ended, or the LLMDeployment is gone."""
        self._read_before.pop(key, None)
        self._kept.forget(key)

    # --- what an attempt that begins is judged by

    async def _start(self, seen: Observation) -> Start:
        spec = seen.deployment.spec if seen.deployment else None
        stable = settled_stable(seen)
        if spec is None or stable is None or not _wants_metrics(spec):
            return Start()
        name = spec.metrics_source or DEFAULT_SOURCE
        source = self._sources.metrics_sources.get(name)
        if source is None:
            return self._no_source(spec, name)
        gateway = source.gateway.type if spec.routing.gateway else NO_GATEWAY
        plans, unmeasurable = plan_signals(objectives_of(spec), spec.engine.type, gateway)
        if unmeasurable:
            by_spec = "; ".join(f"spec.slos.{one.signal}: {one.message}" for one in unmeasurable)
            untold = spec.routing.gateway is not None and gateway == NO_GATEWAY
            said = _NO_TYPE.format(name) if untold else f"{by_spec}."
            return Start(unmeasurable=Finding("SloUnmeasurable", said))
        queried = bool(spec.rollout and spec.rollout.metrics) or _has_scores(spec)
        if queried and not source.custom_queries:
            return Start(unmeasurable=Finding("CustomQueriesOff", _CUSTOM_OFF.format(name)))
        try:
            tests = await self._tests(seen, self._counting(seen, name, source), plans, stable)
        except errors.MetricsError as error:
            return Start(unread=Finding(error.reason, error.message))
        return tests if isinstance(tests, Start) else Start(tests=tests)

    def _no_source(self, spec: LLMDeploymentSpec, name: str) -> Start:
        """Starting without Prometheus is allowed; naming one that is not there is a mistake."""
        if spec.metrics_source is None:
            return Start()
        known = ", ".join(sorted(self._sources.metrics_sources)) or "none"
        said = f"spec.metricsSource: there is no source {name}; the operator knows: {known}."
        return Start(unmeasurable=Finding("SourceUnknown", said))

    async def _tests(
        self, seen: Observation, counting: Counting, plans: Sequence[SignalPlan], stable: str
    ) -> RolloutTests | Start:
        """The statistics to freeze, from stable's own past; a Start when there can be none."""
        tick = max(self._tick_seconds, math.ceil(counting.scrape_interval_seconds))
        target = RevisionTarget(seen.namespace, seen.name, stable)
        signals = []
        for plan in plans:
            latency = plan.profile.is_latency
            seconds = LATENCY_HISTORY_SECONDS if latency else HISTORY_SECONDS
            grid = grid_before(seen.now, seconds, tick)
            counted = await count_signal(counting, plan, [target], grid)
            problem = _first(counted.problems, _HOPELESS)
            if problem is not None:
                return Start(unmeasurable=Finding(problem.reason, problem.message))
            signals.append(signal_test(plan, counted, stable, tick, target))
        policy = policy_of(seen.deployment.spec) if seen.deployment else None
        return RolloutTests(
            source=counting.source,
            tick_seconds=tick,
            scrape_interval_seconds=math.ceil(counting.scrape_interval_seconds),
            blind_limit_seconds=self._blind_limit_seconds,
            ticks_max=-(-planned_seconds(policy) // tick),
            alpha=ALPHA,
            signals=tuple(signals),
        )

    # --- what was counted

    async def _reading(self, seen: Observation, name: str, attempt: LLMRollout) -> Reading | None:
        tests = attempt.spec.tests
        if tests is None:
            return None
        source = self._sources.metrics_sources.get(tests.source)
        if source is None or self._metrics is None:
            said = f"The operator has no metrics source {tests.source} any more."
            return Reading(blind=Finding("SourceUnknown", said))
        grid = grid_of(attempt, tests, seen.now)
        if grid.ticks == 0:
            return Reading()
        known = self._read_before.get(_key(seen))
        if known is not None and known[:2] == (name, grid) and known[2].blind is None:
            return known[2]
        reading = await _in_time(self._counted(seen, name, attempt, tests, source, grid))
        self._read_before[_key(seen)] = name, grid, reading
        return reading

    async def _counted(
        self,
        seen: Observation,
        name: str,
        attempt: LLMRollout,
        tests: RolloutTests,
        source: MetricsSource,
        grid: TickGrid,
    ) -> Reading:
        counting, key = self._counting(seen, tests.source, source), _key(seen)
        known, segments = self._kept.of(key, name), list[Segment]()
        async for one in count_segments(counting, attempt, tests, seen.namespace, grid, known):
            segments.append(one)
            # One by one: when the time is over, the next pass goes on from here.
            self._kept.keep(key, name, segments, seen.now)
        # What was wrong an hour ago is in the counts; now it is not so any more.
        problems = segments[-1].problems
        blind, invalid = _first(problems, _BLINDING), _first(problems, None)
        return Reading(
            gates=await self._gates(seen, attempt, tests, grid),
            scores=await self._scores(seen, attempt, tests),
            ticks=joined(segments),
            blind=Finding(blind.reason, blind.message) if blind else None,
            invalid=Finding(invalid.reason, invalid.message) if invalid and not blind else None,
        )

    async def _gates(
        self, seen: Observation, attempt: LLMRollout, tests: RolloutTests, grid: TickGrid
    ) -> tuple[Gate, ...]:
        """What the user's own queries gave at the ends of the last ticks."""
        wanted = attempt.spec.policy.metrics
        if self._metrics is None or not wanted or attempt.status.first_tick_at is None:
            return ()
        values: dict[GateQuery, tuple[float | None, ...]] = {}
        failed: dict[str, str] = {}
        for query in gate_queries(attempt, seen.namespace, tests.scrape_interval_seconds):
            # None from before the step: the canary had other shares then, or none.
            first = max(step_tick(attempt, tests), grid.ticks - query.samples)
            ends = [
                grid.start_seconds + (tick + 1) * grid.tick_seconds
                for tick in range(first, grid.ticks)
            ]
            found = (self._metrics.value(tests.source, query.promql, end) for end in ends)
            try:
                values[query] = tuple(await asyncio.gather(*found))
            except errors.MetricsError as error:
                failed[query.gate] = error.message  # this gate's trouble, and no other signal's
        return judge_gates(attempt, values, failed)

    async def _scores(
        self, seen: Observation, attempt: LLMRollout, tests: RolloutTests
    ) -> dict[tuple[str, str], ScoreFound | None]:
        """Scores that were found elsewhere, as they are now."""
        if self._metrics is None:
            return {}
        found: dict[tuple[str, str], ScoreFound | None] = {}
        for query in score_queries(attempt, seen.namespace):
            asked = (
                self._metrics.value(tests.source, one, seen.now.timestamp()) for one in query.promql
            )
            try:
                found[query.name, query.revision] = score_of(await asyncio.gather(*asked))
            except errors.MetricsError:
                found[query.name, query.revision] = None  # it holds until it can be read
        return found

    def _counting(self, seen: Observation, name: str, source: MetricsSource) -> Counting:
        if self._metrics is None:
            raise errors.MetricsError(
                errors.MetricsReason.SOURCE_UNKNOWN, "No metrics source is configured."
            )
        return Counting(self._metrics, name, source.scrape_interval_seconds, seen.now)


async def _in_time(counted: Awaitable[Reading]) -> Reading:
    """What was counted, or why it could not be in the time that a pass has for it."""
    try:
        async with asyncio.timeout(READING_SECONDS):
            return await counted
    except errors.MetricsError as error:
        return Reading(blind=Finding(error.reason, error.message))
    except TimeoutError:
        said = f"The signals took more than {READING_SECONDS:.0f} s; look at the source's load."
        return Reading(blind=Finding(errors.MetricsReason.TIMEOUT, said))


def _key(seen: Observation) -> Key:
    return Key(seen.namespace, seen.name)


def _wants_metrics(spec: LLMDeploymentSpec) -> bool:
    queried = bool(spec.rollout and spec.rollout.metrics) or _has_scores(spec)
    return bool(objectives_of(spec)) or queried


def _has_scores(spec: LLMDeploymentSpec) -> bool:
    return any(evaluation.external is not None for evaluation in spec.evaluations)


def _first(problems: Sequence[Problem], reasons: frozenset[ProblemReason] | None) -> Problem | None:
    """The first problem of these; None for reasons: of any."""
    return next((one for one in problems if reasons is None or one.reason in reasons), None)


_NO_TYPE: Final = (
    "The metrics source {0} does not say which gateway it has: set metricsSources.{0}.gateway.type"
    " (Traefik, EnvoyGateway or Istio) in the operator's configuration."
)
_CUSTOM_OFF: Final = (
    "spec.rollout.metrics, spec.evaluations[].external: source {} takes no queries of users, since"
    " they can read across namespaces. Set customQueries in the operator's configuration, or leave"
    " them out."
)
