"""Rollouts whose revisions are asked suites: Jobs that run, and what their pods tell."""

from collections.abc import Callable
from typing import Any

from rocksteady import conventions
from rocksteady.api.run_result import Amounts, RunOutcome, RunResult, write_result
from rocksteady.ports import Manifest
from rocksteady.resources import kinds
from tests.builders import NAME, NAMESPACE
from tests.fakes.cluster import copy
from tests.fakes.rollouts import RolloutSimulation
from tests.fakes.stories import GATEWAY

GOLDEN = "golden"
"""Name of the suite that specs in these tests name."""

Answer = Callable[[str, int, int], RunResult | Manifest]
"""What a run tells, or the status of its failed Job, given the image of the revision that is asked,
the first item and how many."""


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


def failed(reason: str = "BackoffLimitExceeded", message: str = "") -> Manifest:
    """A Job that failed."""
    return {"reason": reason, "message": message}


class EvaluatedSimulation(RolloutSimulation):
    """See the module.

    Attributes:
        answer: What runs tell.
        asked: Every run that was started, as `image first+count`, in order.
        stuck: True while the Jobs do not get on.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[str] = []
        self.stuck = False
        self.cluster.put(copy(GATEWAY))

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
        at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if isinstance(answer, RunResult):
            self.cluster.put(_pod(job, {"exitCode": 0, "message": write_result(answer)}))
            condition = {"type": "Complete", "status": "True", "lastTransitionTime": at}
        else:
            condition = {"type": "Failed", "status": "True", "lastTransitionTime": at, **answer}
        name = job["metadata"]["name"]
        self.cluster.edit(
            kinds.JOB, NAMESPACE, name, lambda found: found.update(status=_status(condition))
        )


def _status(condition: Manifest) -> Manifest:
    return {"conditions": [condition]}


def _pod(job: Manifest, terminated: Manifest) -> Manifest:
    metadata = job["metadata"]
    container = {"name": conventions.RUNNER_CONTAINER, "state": {"terminated": terminated}}
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
        "status": {"phase": "Succeeded", "containerStatuses": [container]},
    }
