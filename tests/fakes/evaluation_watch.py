"""What must hold of evaluations at all times, given what runs told: see `EvaluationWatch`."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

from rocksteady import conventions
from rocksteady.analysis.verdict import Verdict
from rocksteady.api.v1alpha1.llmrollout import LLMRollout, Outcome
from rocksteady.api.v1alpha1.policy import EvaluationStage
from rocksteady.ports import Manifest
from rocksteady.reconcile.reconciler import Outcome as PassOutcome
from rocksteady.resources import kinds
from rocksteady.rollout.evaluation_runs import RETRY_SECONDS
from tests.builders import KEY, NAME, NAMESPACE
from tests.fakes.evaluations import EvaluatedSimulation

SECRET: Final = "xyzzy"
"""Stands in every prompt, and in garbage that runs tell: nothing that people see may have it."""
FEW_WRONG: Final = 1
"""Of a run; with more, a run of no suite in these orders passes against a stable that errs not."""
MANY_WRONG: Final = 3
"""Of a run; with fewer, none fails a Quality suite."""
ASKED_ANEW_MAX: Final = 2
"""How often the same may be asked for no reason that the watch knows."""


class EvaluationWatch:
    """Checks what evaluations may and may not do, at every write and after every pass.

    Args:
        simulation: What is watched.
        suites: Names of all suites that specs name.
        gates: Those of them that may only hold.

    Attributes:
        disturbances: What has happened that may cost a run: somebody deleted something, or the
            operator was killed.
    """

    def __init__(
        self, simulation: EvaluatedSimulation, suites: tuple[str, ...], gates: frozenset[str]
    ) -> None:
        self.simulation = simulation
        self.suites, self.gates = suites, gates
        self.disturbances = 0
        self._began = simulation.clock.now()
        self._made: Counter[str] = Counter()
        self._live: set[str] = set()
        self._kept: dict[str, Manifest] = {}
        self._opened: set[str] = set()
        self._said = 0
        self._checked: dict[str, LLMRollout] = {}
        self._before = simulation.cluster.on_write
        simulation.cluster.on_write = self.after_write
        self.remember()

    def begin_anew(self) -> None:
        """The LLMDeployment is gone, and all that it owned."""
        self.simulation.heard.clear()
        self._opened.clear()
        self.disturbances += 1
        self.remember()

    def remember(self) -> None:
        """What is there, after others than the operator have changed it."""
        self._live = set(self.simulation.jobs())
        self._kept = dict(self._results())

    # --- after every write of the operator

    def after_write(self) -> None:
        self._before()
        write = self.simulation.cluster.writes[-1]
        check = _CHECKS.get(write.kind)
        if check is not None:
            check(self)

    def check_jobs(self) -> None:
        """Few at once, and the same not again and again."""
        jobs = self.simulation.cluster.of_kind(kinds.JOB)
        assert len(jobs) <= 2 * len(self.suites), f"{len(jobs)} Jobs at once"
        self._made.update(set(jobs) - self._live)
        self._live = set(jobs)
        seconds = (self.simulation.clock.now() - self._began).total_seconds()
        excused = self.disturbances + len(self.simulation.attempts) + seconds // RETRY_SECONDS
        for name, times in self._made.items():
            assert times <= 1 + ASKED_ANEW_MAX + excused, f"Job {name} was made {times} times"
        for job in jobs.values():
            _check_owned(job)
            assert SECRET not in json.dumps(job), job["metadata"]["name"]

    def check_config_maps(self) -> None:
        """All owned; and what was kept stays while its suite is only away."""
        results = dict(self._results())
        for found in self._evaluation_maps():
            _check_owned(found)
            assert SECRET not in json.dumps(found), found["metadata"]["name"]
        lost = {name: was for name, was in self._kept.items() if name not in results}
        self._kept = results
        for name, was in lost.items():
            assert not self._is_evidence(was), f"{name} was kept, and its suite is only away"

    def check_route(self) -> None:
        """No request before the evaluations that come before traffic."""
        route = self.simulation.cluster.of_kind(kinds.HTTP_ROUTE).get(NAME)
        for backend in route["spec"]["rules"][0]["backendRefs"] if route else ():
            if backend["weight"] > 0:
                self._check_given(backend["name"].removeprefix(f"{NAME}-"))

    def check_service(self) -> None:
        """The same, of the Service that users talk to."""
        front = self.simulation.front
        if front is not None and f"{NAME}-{front}" in self.simulation.cluster.of_kind(
            kinds.DEPLOYMENT
        ):
            self._check_given(front)

    def check_records(self) -> None:
        """What ended, ended for what runs told."""
        for name, attempt in self.simulation.attempts.items():
            if self._checked.get(name) is attempt:
                continue
            self._checked[name] = attempt
            assert SECRET not in attempt.status.model_dump_json(), name
            if attempt.status.outcome is Outcome.ROLLED_BACK:
                self._check_rollback(name, attempt)
            if attempt.status.outcome is Outcome.PROMOTED and not _was_asked_for(attempt):
                for test in attempt.spec.evaluations:
                    self._check_passed(attempt.spec.canary.hash, test.suite)

    def _check_rollback(self, name: str, attempt: LLMRollout) -> None:
        """Only what failed, and may do more than hold, rolls back."""
        if attempt.status.outcome_reason not in {"EvaluationFailed", "SafetyFailed"}:
            return
        of, canary = attempt.status.evaluations, attempt.spec.canary.hash
        failed = {one.suite for one in of if one.verdict == Verdict.FAILED} - self.gates
        assert failed, f"{name} was rolled back for what may only hold: {of}"
        told = [one for one in self.simulation.heard if one.revision == canary]
        least = 1 if attempt.status.outcome_reason == "SafetyFailed" else MANY_WRONG
        assert any(one.suite in failed and one.results.count("0") >= least for one in told), (
            f"{name}: no run of {failed} told that {canary} is worse: {told}"
        )

    def _check_given(self, revision: str) -> None:
        """A revision has requests: it may."""
        if revision in self._opened:
            return
        attempts = list(self.simulation.attempts.values())
        mine = [one for one in attempts if one.spec.canary.hash == revision]
        if mine:
            self._check_canary(mine[-1])
        elif not attempts and self.simulation.stable is None and self._target_is(revision):
            self._check_first(revision)
        self._opened.add(revision)

    def _check_canary(self, attempt: LLMRollout) -> None:
        if _was_asked_for(attempt) or not self._stable_answers(attempt):
            return
        for test in attempt.spec.evaluations:
            if test.stage is EvaluationStage.BEFORE_TRAFFIC:
                self._check_passed(attempt.spec.canary.hash, test.suite)

    def _check_first(self, revision: str) -> None:
        """What serves first has met the floors of all suites that gate."""
        named = self.simulation.manifest["spec"].get("evaluations", ())
        for one in named:
            if one["stage"] != "Scheduled":
                self._check_passed(revision, one["suite"])

    def _check_passed(self, revision: str, suite: str) -> None:
        told = [one for one in self.simulation.heard if one.revision == revision]
        good = [
            one
            for one in told
            if one.suite == suite and one.results and one.results.count("0") <= FEW_WRONG
        ]
        assert good, f"{revision} goes on without a pass of {suite}: {told}"

    def _target_is(self, revision: str) -> bool:
        """False for a revision of an earlier spec, whose suites are not known here."""
        canary = self.simulation.status.get("revisions", {}).get("canary", {})
        return bool(canary.get("hash") == revision)

    def _stable_answers(self, attempt: LLMRollout) -> bool:
        """Nobody is kept from a canary that alone can answer."""
        name = f"{NAME}-{attempt.spec.stable.hash}"
        found = self.simulation.cluster.of_kind(kinds.ENDPOINT_SLICE).get(name, {})
        return bool(found.get("endpoints"))

    # --- after every pass

    def after_pass(self, outcome: PassOutcome) -> None:
        """What it leaves behind, and whether anybody looks again."""
        self.remember()
        simulation = self.simulation
        assert SECRET not in json.dumps(simulation.status)
        assert SECRET not in str(simulation.observer.scores.get(KEY))
        said = simulation.recorder.announcements
        assert not any(SECRET in one.message for one in said[self._said :])
        self._said = len(said)
        if any(map(_has_failed, simulation.cluster.of_kind(kinds.JOB).values())):
            seconds = outcome.requeue_after_seconds
            assert seconds is not None, "a run failed, and nobody looks again"
            assert seconds <= RETRY_SECONDS, f"a run failed, and nobody looks for {seconds} s"

    # --- reading

    def _evaluation_maps(self) -> Iterator[Manifest]:
        for found in self.simulation.cluster.of_kind(kinds.CONFIG_MAP).values():
            if conventions.LABEL_CONTENT in found["metadata"].get("labels", {}):
                yield found

    def _results(self) -> Iterator[tuple[str, Manifest]]:
        for found in self._evaluation_maps():
            if conventions.LABEL_REVISION in found["metadata"]["labels"]:
                yield found["metadata"]["name"], found

    def _is_evidence(self, results: Manifest) -> bool:
        """True for results of what serves, of a suite that the spec names and that is away."""
        labels = results["metadata"]["labels"]
        if labels[conventions.LABEL_REVISION] != self.simulation.stable:
            return False
        name = f"{NAME}-suite-{labels[conventions.LABEL_CONTENT]}"
        content = self.simulation.cluster.of_kind(kinds.CONFIG_MAP).get(name, {})
        suite = content.get("data", {}).get("suite")
        named = {one["suite"] for one in self.simulation.manifest["spec"].get("evaluations", ())}
        is_there = (
            kinds.EVALUATION_SUITE.kind,
            NAMESPACE,
            suite,
        ) in self.simulation.cluster.objects
        return suite in named and not is_there


_CHECKS: Final[dict[str, Callable[[EvaluationWatch], None]]] = {
    kinds.JOB.kind: EvaluationWatch.check_jobs,
    kinds.CONFIG_MAP.kind: EvaluationWatch.check_config_maps,
    kinds.HTTP_ROUTE.kind: EvaluationWatch.check_route,
    kinds.SERVICE.kind: EvaluationWatch.check_service,
    kinds.LLM_ROLLOUT.kind: EvaluationWatch.check_records,
}


def _check_owned(manifest: Manifest) -> None:
    [owner] = manifest["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == (conventions.KIND, NAME, True)


def _has_failed(job: Manifest) -> bool:
    conditions: list[Any] = job.get("status", {}).get("conditions", [])
    return any(one["type"] == "Failed" for one in conditions)


def _was_asked_for(attempt: LLMRollout) -> bool:
    """True when a person promoted it, who may pass over evaluations."""
    return any(one.reason == "PromoteRequested" for one in attempt.status.decisions)
