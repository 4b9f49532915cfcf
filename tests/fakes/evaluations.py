"""Rollouts whose revisions are asked suites: Jobs that run, and what their pods tell."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rocksteady import conventions
from rocksteady.api.run_result import Amounts, RunOutcome, RunResult, write_result
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import NAME, NAMESPACE
from tests.fakes.cluster import FakeCluster, copy
from tests.fakes.rollouts import RolloutSimulation
from tests.fakes.stories import GATEWAY
from tests.fakes.traffic import Traffic

GOLDEN = "golden"
"""Name of the suite that specs in these tests name."""


@dataclass(frozen=True)
class Pod:
    """How the pod of a run stands.

    Attributes:
        phase: Of the pod; empty: it is gone.
        state: Of the runner's container.
        condition: What the Job's controller says of the Job, without a time; None: it goes on.
    """

    phase: str
    state: Manifest
    condition: Manifest | None


Answer = Callable[[str, int, int], RunResult | Manifest | Pod]
"""What a run tells, or the status of its failed Job, or how its pod stands, given the image of the
revision that is asked, the first item and how many."""


@dataclass(frozen=True)
class Heard:
    """What a run told.

    Attributes:
        revision: Hash of the revision that was asked.
        suite: Name of the suite.
        first: First item, from 0.
        count: How many items were asked.
        results: A letter for each; empty: it told nothing of the model.
    """

    revision: str
    suite: str
    first: int
    count: int
    results: str


def suite(items: int = 40, name: str = GOLDEN, **spec: Any) -> Manifest:
    """An EvaluationSuite of so many questions."""
    inline = [
        {
            "id": f"q{number}",
            "prompt": f"What is {number} + 1?",
            "checks": [{"type": "Contains", "texts": [str(number + 1)]}],
        }
        for number in range(items)
    ]
    return {
        "apiVersion": conventions.API_VERSION,
        "kind": conventions.SUITE_KIND,
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-of-{name}"},
        "spec": {"items": {"inline": inline}, "marginPoints": "10", **spec},
    }


def told(results: str, first: int = 0, tokens: float = 10.0, seconds: float = 1.0) -> RunResult:
    """A result, with a letter for each item: 1 correct, 0 wrong, - unanswered."""
    count = len(results)
    return RunResult(
        outcome=RunOutcome.COMPLETED,
        first_item=first,
        results=results,
        output_tokens=Amounts(
            count=count, sum=count * tokens, sum_of_squares=count * tokens * tokens
        ),
        seconds=Amounts(count=count, sum=count * seconds, sum_of_squares=count * seconds * seconds),
    )


def scores(**wrong: int) -> Answer:
    """Every item of a run correct, but for the first few.

    Args:
        wrong: How many of each run are wrong, by the tag of the revision's image.
    """

    def answer(image: str, first: int, count: int) -> RunResult:
        bad = min(count, wrong.get(image.rpartition(":")[2], 0))
        return told("0" * bad + "1" * (count - bad), first)

    return answer


def ended(message: str = "", reason: str = "Completed", exit_code: int = 0) -> Pod:
    """The runner ended, with this termination message and this reason of the kubelet."""
    terminated = {"exitCode": exit_code, "message": message, "reason": reason}
    if exit_code == 0:
        return Pod("Succeeded", {"terminated": terminated}, {"type": "Complete"})
    condition = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "see the pod"}
    return Pod("Failed", {"terminated": terminated}, condition)


def waits(reason: str = "ImagePullBackOff") -> Pod:
    """The pod does not start, and the Job goes on."""
    return Pod("Pending", {"waiting": {"reason": reason, "message": "as the test says"}}, None)


def lost() -> Pod:
    """The run was completed, and its pod was deleted before anybody read what it told."""
    return Pod("", {}, {"type": "Complete"})


def failed(reason: str = "BackoffLimitExceeded", message: str = "") -> Manifest:
    """A Job that failed."""
    return {"reason": reason, "message": message}


class EvaluatedSimulation(RolloutSimulation):
    """See the module.

    Attributes:
        answer: What runs tell.
        asked: Every run that was started, as `image first+count`, in order.
        heard: What the runs told, in order.
        stuck: True while the Jobs do not get on.
    """

    def __init__(
        self, answer: Answer, cluster: FakeCluster | None = None, traffic: Traffic | None = None
    ) -> None:
        super().__init__(cluster, traffic)
        self.answer = answer
        self.asked: list[str] = []
        self.heard: list[Heard] = []
        self.stuck = False
        if cluster is None:
            self.cluster.put(copy(GATEWAY))

    def cloned(self) -> "EvaluatedSimulation":
        clone = super().cloned()
        assert isinstance(clone, EvaluatedSimulation)
        clone.asked, clone.heard = list(self.asked), list(self.heard)
        clone.stuck = self.stuck
        return clone

    def _beginning(self, cluster: FakeCluster) -> "EvaluatedSimulation":
        return EvaluatedSimulation(self.answer, cluster, self.traffic.cloned(cluster))

    async def pass_on(self, seconds_at_most: float = 5.0) -> None:
        await super().pass_on(seconds_at_most)
        self.work()

    def work(self) -> None:
        """Jobs that are new get a pod that runs to its end."""
        for job in list(self.cluster.of_kind(kinds.JOB).values()):
            if "status" not in job and not self.stuck:
                self._end(job)

    def work_once(self) -> None:
        """The same, also while they do not get on."""
        stuck, self.stuck = self.stuck, False
        self.work()
        self.stuck = stuck

    def jobs(self) -> list[str]:
        """Names of the Jobs that are there."""
        return sorted(self.cluster.of_kind(kinds.JOB))

    def kept_results(self) -> list[str]:
        """Names of the ConfigMaps with results."""
        return sorted(name for name in self.cluster.of_kind(kinds.CONFIG_MAP) if "-eval-" in name)

    def _end(self, job: Manifest) -> None:
        revision = job["metadata"]["labels"][conventions.LABEL_REVISION]
        env = {
            one["name"]: one.get("value")
            for one in job["spec"]["template"]["spec"]["containers"][0]["env"]
        }
        first, count = int(env["FIRST_ITEM"]), int(env.get("LIMIT") or 0)
        image = self.image_of(f"{NAME}-{revision}")
        self.asked.append(f"{image} {first}+{count}")
        answer = self.answer(image, first, count)
        results = answer.results if isinstance(answer, RunResult) else ""
        self.heard.append(Heard(revision, str(env["SUITE"]), first, count, results))
        pod = _standing(answer)
        if pod.phase:
            self.cluster.put(_pod(job, pod))
        name = job["metadata"]["name"]
        self.cluster.edit(
            kinds.JOB, NAMESPACE, name, lambda found: found.update(status=self._status(pod))
        )

    def _status(self, pod: Pod) -> Manifest:
        if pod.condition is None:
            return {"active": 1}
        at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"conditions": [{"status": "True", "lastTransitionTime": at, **pod.condition}]}


def _standing(answer: RunResult | Manifest | Pod) -> Pod:
    if isinstance(answer, Pod):
        return answer
    if isinstance(answer, RunResult):
        return ended(write_result(answer))
    return Pod("", {}, {"type": "Failed", **answer})


def _pod(job: Manifest, pod: Pod) -> Manifest:
    metadata = job["metadata"]
    container = {"name": conventions.RUNNER_CONTAINER, "state": pod.state}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{metadata['name']}-x",
            "namespace": NAMESPACE,
            "labels": job["spec"]["template"]["metadata"]["labels"],
            "ownerReferences": [
                {
                    "kind": "Job",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": job["spec"]["template"]["spec"],
        "status": {"phase": pod.phase, "containerStatuses": [container]},
    }
