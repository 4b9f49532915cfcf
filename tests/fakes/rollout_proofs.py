"""What must hold of the records of rollouts, given what really happened: see `Proofs`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rocksteady.analysis.verdict import HOLD_EVIDENCE, Verdict
from rocksteady.api.reading import read_rollout
from rocksteady.api.v1alpha1.llmrollout import DECISIONS_MAX, Decision, LLMRollout, Outcome, Phase
from rocksteady.api.v1alpha1.policy import OnDeadline
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from rocksteady.rollout.machine import CONDEMNING, PROBE_SECONDS
from rocksteady.rollout.moves import ACTION_OF_OUTCOME, Action
from rocksteady.rollout.reading import Trip
from rocksteady.rollout.records import broken_link
from rocksteady.rollout.requests import Verb, asked
from tests.builders import NAME, NOW
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.nodes import Nodes
from tests.fakes.traffic import Traffic

RESTARTS: Final = frozenset({Action.SUSPEND, Action.TAKE_AWAY, Action.PROBE})
"""Decisions after which nothing that was proven before counts for a promotion."""
NOTICED_AFTER: Final = timedelta(seconds=30)
"""Longer than it takes until a pass does without what was read before: a tick and a scrape."""
ASKED: Final = frozenset({"PromoteRequested", "AbortRequested"})
"""Reasons of decisions that a person asked for."""
FAILING: Final = {"CrashLooping": "CrashLoopBackOff", "OutOfMemory": "OOMKilled"}
"""What the kubelet must have said for a trouble of the canary's pods."""


@dataclass
class Truth:
    """What really happened, by image where it concerns a revision.

    Attributes:
        erring: Images that ever answered with errors.
        slow: Images whose servers were ever slow.
        failing: Images with what their pods ever failed for.
        asked: What people ever asked for.
        images: Image by hash of the revision.
        now: When a pass last began.
        away_since: When one first found Prometheus away; None: it answers.
    """

    erring: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    failing: set[tuple[str, str]] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    images: dict[str, str] = field(default_factory=dict)
    now: datetime = NOW
    away_since: datetime | None = None

    def learn(self, cluster: FakeCluster, traffic: Traffic, nodes: Nodes, now: datetime) -> None:
        """What is so now."""
        self.now = now
        self.away_since = (self.away_since or now) if traffic.away else None
        self.erring.update(image for image, percent in traffic.error_percent.items() if percent)
        self.slow.update(traffic.token_times.slow)
        self.failing.update(nodes.broken_images.items())
        for name, found in cluster.of_kind(kinds.DEPLOYMENT).items():
            image = found["spec"]["template"]["spec"]["containers"][0]["image"]
            self.images[name.removeprefix(f"{NAME}-")] = image

    def copied(self) -> "Truth":
        """The same, apart from it."""
        return Truth(
            set(self.erring),
            set(self.slow),
            set(self.failing),
            set(self.asked),
            dict(self.images),
            self.now,
            self.away_since,
        )


class Proofs:
    """Checks that each decision had its reason, is kept as it was made, and was made once.

    Args:
        cluster: Where the records are.
    """

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster
        self.truth = Truth()
        self.wanted = 0
        self._finished: dict[str, LLMRollout] = {}
        self._read: dict[str, tuple[str, LLMRollout]] = {}
        self._handled: dict[str, str] = {}
        self._passes: list[datetime] = []
        self._trip: Trip | None = None
        self._before: dict[str, LLMRollout] = {}

    def remember(self, other: "Proofs") -> None:
        """What another saw of the same world."""
        self._finished, self._handled = dict(other._finished), dict(other._handled)
        self.truth, self.wanted = other.truth.copied(), other.wanted

    def attempts(self) -> dict[str, LLMRollout]:
        """LLMRollouts by name."""
        found: dict[str, LLMRollout] = {}
        for name, manifest in self.cluster.of_kind(kinds.LLM_ROLLOUT).items():
            version = manifest["metadata"]["resourceVersion"]
            known = self._read.get(name)
            if known is None or known[0] != version:
                attempt = read_rollout(copy(manifest))
                assert attempt is not None, f"{name} cannot be read"
                assert broken_link(attempt.status.decisions) is None, f"{name}: broken chain"
                known = self._read[name] = version, attempt
            found[name] = known[1]
        return found

    # --- around every pass

    def before_pass(self, manifest: Manifest, trip: Trip | None) -> None:
        """What a pass finds."""
        annotations = manifest["metadata"].get("annotations", {})
        self.truth.asked.update(text for verb in Verb if (text := asked(annotations, verb)))
        self._trip, self._before = trip, self.attempts()

    def after_pass(self) -> None:
        """What a pass of which nothing was lost leaves behind."""
        self.after_write()
        self._check_trip()
        self._check_blind()

    def _check_trip(self) -> None:
        """The fast lane's word counts at once, and nobody else takes requests away for a while."""
        for name, attempt in self.attempts().items():
            before = self._before.get(name)
            if before is None or before.status.phase is Phase.FINISHED:
                continue
            if _is_fresh(self._trip, before):
                assert not attempt.status.weight_percent, f"{name} fails all and gets requests"
                continue
            known = len(before.status.decisions)
            made = [one.action for one in attempt.status.decisions[known:]]
            assert Action.TAKE_AWAY not in made, f"{name}: nothing tripped"

    def _check_blind(self) -> None:
        """Nobody is left with a canary that was not seen for longer than the limit."""
        self._passes = [*self._passes, self.truth.now] if self.truth.away_since else []
        for name, attempt in self.attempts().items():
            tests, status = attempt.spec.tests, attempt.status
            if tests is None or status.weight_percent == 0 or status.phase is Phase.FINISHED:
                continue
            stable = self.cluster.of_kind(kinds.DEPLOYMENT).get(
                f"{NAME}-{attempt.spec.stable.hash}"
            )
            if not (stable or {}).get("status", {}).get("readyReplicas"):
                continue
            moved = max(one.time for one in status.decisions if one.action != Action.HOLD)
            since = max(self.truth.away_since or self.truth.now, moved) + NOTICED_AFTER
            noticed = next((at for at in self._passes if at >= since), self.truth.now)
            limit = timedelta(seconds=tests.blind_limit_seconds) + NOTICED_AFTER
            assert self.truth.now - noticed <= limit, f"{name} has requests, unseen since {noticed}"

    # --- after every write

    def after_write(self) -> None:
        """What must hold of every record at any time."""
        attempts = self.attempts()
        unfinished = [n for n, one in attempts.items() if one.status.phase is not Phase.FINISHED]
        assert len(unfinished) <= 1, f"more than one attempt is open: {unfinished}"
        for name, attempt in attempts.items():
            before = self._finished.get(_uid(self.cluster, name))
            if before is attempt:
                continue
            self._check_kept(name, attempt, before)
            self._check_requests(name, attempt)
            _check_probes(name, attempt.status.decisions)
            if attempt.status.phase is Phase.FINISHED:
                self._check_end(name, attempt)
                self._finished[_uid(self.cluster, name)] = attempt

    @staticmethod
    def _check_kept(name: str, attempt: LLMRollout, before: LLMRollout | None) -> None:
        plain = {"released_by": ""}
        if before is not None:
            assert before.status.model_copy(update=plain) == attempt.status.model_copy(
                update=plain
            ), f"{name} had ended and was changed"

    def _check_requests(self, name: str, attempt: LLMRollout) -> None:
        """What people ask for is done by one attempt, once; nothing else is done in their name."""
        status = attempt.status
        acted = [one for one in status.decisions if one.reason in ASKED]
        handled = status.handled_requests
        assert len(set(handled)) == len(handled) == len(acted), f"{name}: {handled}"
        assert set(handled) <= self.truth.asked, f"{name}: nobody asked for {handled}"
        for text in handled:
            uid = _uid(self.cluster, name)
            assert self._handled.setdefault(text, uid) == uid, f"{text} was done before {name}"

    def forget_record(self, name: str) -> None:
        """Somebody deletes a record: what it says of requests may be gone with it."""
        uid = _uid(self.cluster, name)
        self._handled = {text: by for text, by in self._handled.items() if by != uid}

    def begin_anew(self) -> None:
        """The LLMDeployment is gone, and what people asked for with it."""
        self._handled.clear()
        self.truth.asked.clear()

    def _check_end(self, name: str, attempt: LLMRollout) -> None:
        status, ends = attempt.status, set(ACTION_OF_OUTCOME.values())
        ended = [one.action for one in status.decisions if one.action in ends]
        assert len(ended) == 1, f"{name} ended {len(ended)} times: {ended}"
        assert status.outcome is not None
        assert status.decisions[-1].action == ended[0], f"{name}: decided after its end"
        assert ended[0] == ACTION_OF_OUTCOME[status.outcome]
        if status.outcome is Outcome.PROMOTED:
            self._check_promotion(name, attempt)
        if status.outcome is Outcome.ROLLED_BACK:
            self._check_rollback(name, attempt)
        if status.outcome is Outcome.ABORTED:
            assert status.outcome_reason == "AbortRequested", name

    def _check_promotion(self, name: str, attempt: LLMRollout) -> None:
        """A canary that nobody promoted by hand passed every signal in every step."""
        decisions = _since_the_last_start(attempt)
        tests = attempt.spec.tests
        for one in decisions:
            if tests is not None and one.reason in {"StepPassed", "StepsPassed"}:
                assert len(one.signals) == len(tests.signals), f"{name}: not all were judged"
                assert {signal.verdict for signal in one.signals} == {"Passed"}, f"{name}: {one}"
        reasons = {one.reason for one in decisions}
        assert reasons & {"StepsPassed", "PromoteRequested"}, f"{name} was promoted without steps"
        if "PromoteRequested" in reasons:
            return
        failed = [one for one in decisions[-1].signals if one.verdict == Verdict.FAILED]
        assert not failed, f"{name} was promoted with harm: {failed}"
        verdicts = [one.verdict for one in attempt.status.evaluations]
        assert len(verdicts) == len(attempt.spec.evaluations), f"{name}: {verdicts}"
        assert set(verdicts) <= {Verdict.PASSED}, f"{name} was promoted with {verdicts}"
        for signal in decisions[-1].signals:
            assert signal.signal != "availability" or float(signal.evidence) < HOLD_EVIDENCE, name

    def _check_rollback(self, name: str, attempt: LLMRollout) -> None:
        """Harm was proven and was so, or pods failed, or the policy allows no more time."""
        status, reason = attempt.status, attempt.status.outcome_reason
        image = self.truth.images.get(attempt.spec.canary.hash, "")
        if reason in CONDEMNING:
            assert (image, FAILING[reason]) in self.truth.failing, f"{name}: {image} is well"
        elif reason in {"EvaluationFailed", "SafetyFailed"}:
            verdicts = [one.verdict for one in status.evaluations]
            assert Verdict.FAILED in verdicts, f"{name}: {verdicts}"
        elif reason == "ProgressDeadlineExceeded":
            assert attempt.spec.policy.on_deadline is OnDeadline.ROLLBACK, name
        else:
            harmed = [
                one
                for one in status.decisions[-1].signals
                if one.verdict == Verdict.FAILED and float(one.strongest) >= float(one.threshold)
            ]
            assert harmed, f"{name} was rolled back for {reason} without proof"
            worst = max(harmed, key=lambda one: float(one.strongest)).signal
            assert reason.lower() == f"{worst}Harmed".lower(), name
            guilty = self.truth.erring if worst == "availability" else self.truth.slow
            assert image in guilty, f"{name}: {image} never did what it was rolled back for"


def _is_fresh(trip: Trip | None, attempt: LLMRollout) -> bool:
    """True when a trip is about this attempt's canary, and about its present step."""
    status = attempt.status
    return (
        trip is not None
        and status.step_since is not None
        and status.weight_percent > 0
        and trip.revision == attempt.spec.canary.hash
        and trip.at > status.step_since
    )


def _since_the_last_start(attempt: LLMRollout) -> list[Decision]:
    """Decisions since the canary last began with nothing."""
    decisions = attempt.status.decisions
    assert len(decisions) < DECISIONS_MAX, "a story of a test is shorter"
    last = max((i for i, one in enumerate(decisions) if one.action in RESTARTS), default=-1)
    return list(decisions[last + 1 :])


def _check_probes(name: str, decisions: tuple[Decision, ...]) -> None:
    """What the fast lane took away stays away for its time, whatever else happens."""
    taken: Decision | None = None
    for one in decisions:
        if one.action == Action.TAKE_AWAY:
            taken = one
        elif taken is not None and one.weight_percent > 0 and one.action != Action.PROMOTE:
            away = one.time - taken.time
            assert away >= timedelta(seconds=PROBE_SECONDS), f"{name}: back after {away}"
            taken = None


def _uid(cluster: FakeCluster, name: str) -> str:
    return str(cluster.of_kind(kinds.LLM_ROLLOUT)[name]["metadata"]["uid"])
