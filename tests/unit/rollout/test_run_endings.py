"""How the Job of a run ended, or why it does not get on, as its pods tell."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rocksteady.api.run_result import RunOutcome, RunResult, write_result
from rocksteady.conventions import RUNNER_CONTAINER
from rocksteady.rollout.runner_trouble import read_run

AT = "2026-11-25T12:00:00Z"
RESULT = RunResult(outcome=RunOutcome.COMPLETED, results="101")
ERROR = RunResult(outcome=RunOutcome.ERROR, message="the key is wrong")


def job(type_: str = "", reason: str = "", message: str = "") -> dict[str, Any]:
    """A Job that has ended so; empty: it runs."""
    condition = {"type": type_, "status": "True", "lastTransitionTime": AT,
                 "reason": reason, "message": message}  # fmt: skip
    return {"status": {"conditions": [condition] if type_ else []}}


def pod(phase: str, made: int = 1, **state: Any) -> dict[str, Any]:
    """A pod whose runner is in a state, made in that minute."""
    container = {"name": RUNNER_CONTAINER, "image": "example/runner:1", "state": state}
    return {
        "metadata": {"name": f"x{made}", "creationTimestamp": f"2026-11-25T11:0{made}:00Z"},
        "status": {"phase": phase, "containerStatuses": [container]},
    }


def ended(code: int, message: str = "", made: int = 1, **more: Any) -> dict[str, Any]:
    terminated = {"exitCode": code, "message": message, **more}
    return pod("Failed" if code else "Succeeded", made, terminated=terminated)


def unschedulable() -> dict[str, Any]:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                 "message": "0/2 nodes are available: insufficient memory"}  # fmt: skip
    return {"metadata": {"name": "x"}, "status": {"phase": "Pending", "conditions": [condition]}}


EVICTED = {
    "metadata": {"name": "x", "creationTimestamp": "2026-11-25T11:01:00Z"},
    "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory"},
}
COMPLETE, BACKOFF = job("Complete"), job("Failed", "BackoffLimitExceeded", "has reached its limit")


@pytest.mark.parametrize(
    ("found", "pods", "reason", "said"),
    [
        pytest.param(COMPLETE, [], "ResultLost", "is gone, and its result with it",
                     id="its pod was deleted"),
        pytest.param(COMPLETE, [ended(1)], "ResultLost", "it is run again",
                     id="of its pods only one that failed is left"),
        pytest.param(COMPLETE, [ended(0)], "ResultUnreadable", "", id="it left no message"),
        pytest.param(COMPLETE, [ended(0, "PATIENT")], "ResultUnreadable", "",
                     id="it left something else"),
        pytest.param(COMPLETE, [ended(0, write_result(ERROR))], "RunFailed", "the key is wrong.",
                     id="it tells of an Error"),
        pytest.param(COMPLETE, [ended(0, write_result(RunResult(outcome=RunOutcome.ERROR)))],
                     "RunFailed", "the run told nothing.", id="it tells of an Error and no reason"),
        pytest.param(job("Failed", "DeadlineExceeded"), [ended(137)], "RunTooSlow",
                     "Raise limits.deadlineSeconds", id="its time was over"),
        pytest.param(BACKOFF, [ended(137, reason="OOMKilled")], "RunnerOutOfMemory",
                     "Raise limits.resources of the suite.", id="it ran out of memory"),
        pytest.param(BACKOFF, [ended(1, write_result(ERROR))], "RunFailed", "the key is wrong.",
                     id="it failed and says why"),
        pytest.param(BACKOFF, [ended(3, "PATIENT")], "RunFailed", "exit code 3 and no result",
                     id="it failed and says nothing"),
        pytest.param(BACKOFF, [ended(3, made=1), ended(4, made=2)], "RunFailed", "exit code 4",
                     id="the last of several tries tells"),
        pytest.param(BACKOFF, [], "RunFailed", "the run failed: has reached its limit. See the log",
                     id="it failed and no pod is left"),
    ],
)  # fmt: skip
def test_run_that_ended_without_a_result__says_why(
    found: dict[str, Any], pods: list[dict[str, Any]], reason: str, said: str
) -> None:
    seen = read_run(found, pods)

    assert seen.result is None
    assert seen.ended_at == datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert seen.trouble is not None
    assert seen.trouble.reason == reason
    assert said in seen.trouble.message
    assert "PATIENT" not in seen.trouble.message, "what a runner printed is not for a status"


def test_run_that_was_evicted__has_failed_and_names_no_model() -> None:
    trouble = read_run(BACKOFF, [EVICTED]).trouble

    assert trouble is not None
    assert trouble.reason == "RunFailed"


@pytest.mark.parametrize(
    ("pods", "reason", "said"),
    [
        pytest.param([unschedulable()], "RunnerUnschedulable", "no node can take the runner: 0/2",
                     id="no node has room"),
        *(
            pytest.param([pod("Pending", waiting={"reason": why})], "RunnerImagePullFailed",
                         f"image example/runner:1 of the runner cannot be pulled ({why}). Check",
                         id=f"its image is missing, {why}")
            for why in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
        ),
        pytest.param(
            [pod("Pending", waiting={"reason": "CreateContainerConfigError",
                                     "message": 'secret "evaluation-a" not found'})],
            "RunnerCannotStart", 'cannot start: secret "evaluation-a" not found. Check runner',
            id="its Secret is missing",
        ),
        pytest.param(
            [pod("Pending", 2, waiting={"reason": "ImagePullBackOff"}), ended(1, made=1)],
            "RunnerImagePullFailed", "", id="its second try cannot start",
        ),
    ],
)  # fmt: skip
def test_run_that_waits__says_for_what(pods: list[dict[str, Any]], reason: str, said: str) -> None:
    seen = read_run(job(), pods)

    assert (seen.result, seen.ended_at) == (None, None)
    assert seen.trouble is not None
    assert seen.trouble.reason == reason
    assert said in seen.trouble.message


@pytest.mark.parametrize(
    "pods",
    [
        pytest.param([], id="its pod is not made yet"),
        pytest.param([pod("Pending", waiting={"reason": "ContainerCreating"})], id="it begins"),
        pytest.param([pod("Running", running={})], id="it runs"),
        pytest.param([ended(1)], id="the next try is not made yet"),
    ],
)
def test_run_that_goes_on__has_no_trouble(pods: list[dict[str, Any]]) -> None:
    seen = read_run(job(), pods)

    assert (seen.result, seen.ended_at, seen.trouble) == (None, None, None)


def test_run_that_completed__tells_what_its_last_good_pod_left() -> None:
    seen = read_run(COMPLETE, [ended(1, made=2), ended(0, write_result(RESULT), made=1)])

    assert seen.result is not None
    assert seen.result.results == "101"
    assert seen.trouble is None
