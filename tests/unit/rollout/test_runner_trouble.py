"""What is said of a run whose items could not be brought."""

from typing import Any

import pytest

from rocksteady.rollout.runner_trouble import read_run

FAILED = {
    "status": {
        "conditions": [
            {
                "type": "Failed",
                "status": "True",
                "reason": "PodFailurePolicy",
                "message": "Container anonymise-items for pod x failed with exit code 3",
                "lastTransitionTime": "2026-11-25T12:00:00Z",
            }
        ]
    }
}


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x"}, "status": {"phase": "Failed", **status}}


def prepared(name: str, **state: Any) -> dict[str, Any]:
    return pod(initContainerStatuses=[{"name": name, "image": "example/a:1", "state": state}])


@pytest.mark.parametrize(
    ("seen", "reason", "said"),
    [
        pytest.param(
            prepared("fetch-items", terminated={"exitCode": 1, "message": "it is not there"}),
            "RunFailed",
            "it is not there.",
            id="the file cannot be fetched",
        ),
        pytest.param(
            prepared("anonymise-items", terminated={"exitCode": 3, "message": "line 3: no."}),
            "RunFailed",
            "line 3: no.",
            id="the file is wrong",
        ),
        pytest.param(
            prepared("anonymise-items", terminated={"exitCode": 137, "reason": "OOMKilled"}),
            "RunnerOutOfMemory",
            "the anonymiser used more memory than it may. Split the file of items into several"
            " suites.",
            id="the anonymiser runs out of memory",
        ),
        pytest.param(
            prepared("fetch-items", terminated={"exitCode": 137}),
            "RunFailed",
            "what fetches the items ended with exit code 137. See its log in the pod.",
            id="it says nothing",
        ),
        pytest.param(
            pod(reason="Evicted", message='Usage of EmptyDir volume "items" exceeds the limit.'),
            "RunFailed",
            'the node ended the run: Usage of EmptyDir volume "items" exceeds the limit.',
            id="the node ends it",
        ),
        pytest.param(
            prepared("injected", terminated={"exitCode": 1, "message": "not ours"}),
            "RunFailed",
            "the run failed: Container anonymise-items for pod x failed with exit code 3. See the"
            " log of its pod.",
            id="a container of somebody else",
        ),
    ],
)
def test_run_that_failed__says_what_of_it_did(seen: dict[str, Any], reason: str, said: str) -> None:
    trouble = read_run(FAILED, [seen]).trouble

    assert trouble is not None
    assert (trouble.reason, trouble.message) == (reason, said)


@pytest.mark.parametrize(
    ("waiting", "reason", "said"),
    [
        pytest.param(
            {"reason": "ImagePullBackOff"},
            "RunnerImagePullFailed",
            "image example/a:1 of the anonymiser cannot be pulled (ImagePullBackOff). Check"
            " fetchImage and harnessImage of the operator.",
            id="its image is missing",
        ),
        pytest.param(
            {"reason": "CreateContainerConfigError", "message": 'secret "evaluation-a" not found'},
            "RunnerCannotStart",
            'the anonymiser cannot start: secret "evaluation-a" not found. Check items of the'
            " suite, and the Secrets that they name.",
            id="its Secret is missing",
        ),
    ],
)
def test_run_that_waits__says_for_what(waiting: dict[str, Any], reason: str, said: str) -> None:
    trouble = read_run({}, [prepared("anonymise-items", waiting=waiting)]).trouble

    assert trouble is not None
    assert (trouble.reason, trouble.message) == (reason, said)


def test_run_that_is_prepared__has_no_trouble() -> None:
    done = prepared("fetch-items", terminated={"exitCode": 0})

    assert read_run({}, [done]).trouble is None
