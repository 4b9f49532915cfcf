"""What `eval run` asks for, what it refuses, and what it shows at the end."""

import json
from typing import Any

import pytest

from rocksteady import errors
from rocksteady.api.run_result import RunResult
from rocksteady.cli import evaluation
from rocksteady.ports import Manifest
from rocksteady.reconcile.evaluations import kept_by_hand
from rocksteady.resources import kinds
from rocksteady.resources.evaluation import Content, build_content, build_results
from rocksteady.resources.owned import Owner
from rocksteady.rollout.evaluation_runs import RunSeen
from rocksteady.rollout.finding import Finding
from rocksteady.rollout.requests import Verb, read_request
from tests.builders import NAME, NAMESPACE, NOW, UID, A, B, C, llm_deployment
from tests.fakes.evaluated_story import suite_of
from tests.fakes.evaluations import GOLDEN, suite, told
from tests.fakes.persons_world import PersonsWorld
from tests.fakes.recording import FakeClock

ANNOTATION = "rocksteady.dev/evaluate"


def revision(hash_: str, number: int, ready: int = 2) -> dict[str, Any]:
    return {"hash": hash_, "number": number, "replicas": 2, "readyReplicas": ready}


def world(
    *others: Manifest, annotations: dict[str, str] | None = None, **status: Any
) -> PersonsWorld:
    """A deployment with stable A and canary B, and the suite."""
    deployment = llm_deployment()
    deployment["metadata"] |= {"uid": UID, "annotations": annotations or {}}
    revisions = {"stable": revision(A, 1), "canary": revision(B, 2)}
    deployment["status"] = {"revisions": revisions, **status}
    return PersonsWorld([deployment, suite(6), *others], FakeClock(NOW))


def ran(of: PersonsWorld, *arguments: str, name: str = GOLDEN) -> Any:
    return of.run("eval", "run", name, "--deployment", NAME, *arguments)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        pytest.param([], f"{A}/{GOLDEN}", id="stable by default"),
        pytest.param(["--revision", B], f"{B}/{GOLDEN}", id="the canary by its hash"),
        pytest.param(["--revision", "r2"], f"{B}/{GOLDEN}", id="the canary by its number"),
        pytest.param(["--token", "7"], f"{A}/{GOLDEN}@7", id="a token of one's own"),
    ],
)
def test_run__asks_in_the_name_of_the_person(arguments: list[str], value: str) -> None:
    of = world()

    result = ran(of, *arguments)

    assert result.exit_code == 0, result.output
    assert f"a run of {GOLDEN} on r" in result.output
    [(name, asked)] = of.cluster.asked
    assert name == NAME
    assert asked == {ANNOTATION: value, "rocksteady.dev/requested-by": "ada@example.org"}


def test_run__that_was_made_before_is_a_new_request() -> None:
    of = world(handledRequests=[f"evaluate={A}/{GOLDEN}"])

    ran(of)

    assert of.cluster.asked[0][1][ANNOTATION] == f"{A}/{GOLDEN}@2"


def test_run__that_stands_already_is_not_asked_again() -> None:
    of = world(annotations={ANNOTATION: f"{A}/{GOLDEN}@9"})

    result = ran(of)

    assert (result.exit_code, of.cluster.asked) == (0, [])
    assert "is asked for already" in result.output


def invalid() -> Manifest:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": "SuiteInvalid",
        "message": "spec.items: give items.",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return suite(6, "broken") | {"status": {"conditions": [ready]}}


@pytest.mark.parametrize(
    ("of", "arguments", "name", "said"),
    [
        pytest.param(world(), [], "nothing", "there is no evaluationsuite nothing", id="no suite"),
        pytest.param(world(invalid()), [], "broken", "cannot be run: spec.items: give items.",
                     id="a suite that is invalid"),
        pytest.param(world(), ["--revision", C], GOLDEN,
                     f"{C} is not served, so nobody can ask it: choose one that serves: r1 ({A})",
                     id="a revision that is not served"),
        pytest.param(world(revisions={"stable": revision(A, 1, 0)}), [], GOLDEN,
                     "no pod of stable is ready", id="no ready pod"),
        pytest.param(world(revisions={}), [], GOLDEN, "no revision is stable yet", id="no stable"),
        pytest.param(world(annotations={ANNOTATION: f"{B}/other"}), [], GOLDEN,
                     f"kubectl annotate llmdeployment {NAME} -n {NAMESPACE} {ANNOTATION}-",
                     id="another run goes on"),
        pytest.param(world(handledRequests=[f"evaluate={A}/{GOLDEN}@7"]), ["--token", "7"], GOLDEN,
                     "give another --token", id="a token that was used"),
    ],
)  # fmt: skip
def test_run__that_cannot_be_names_the_cure(
    of: PersonsWorld, arguments: list[str], name: str, said: str
) -> None:
    result = ran(of, *arguments, name=name)

    assert (result.exit_code, of.cluster.asked) == (1, [])
    assert said in result.output


def test_run__by_somebody_who_may_not_names_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    of = world()

    async def refused(*_: object) -> Manifest:
        raise errors.Forbidden("llmdeployments is forbidden", 403)

    monkeypatch.setattr(of.cluster, "annotate", refused)

    result = ran(of)

    assert result.exit_code == 1
    assert "rocksteady-deployer and rocksteady-approver" in result.output


# --- the end


def ended(seen: RunSeen) -> PersonsWorld:
    """A request that has been acted on, with what is kept of it."""
    value = f"{A}/{GOLDEN}"
    request = read_request({ANNOTATION: value}, Verb.EVALUATE)
    assert request is not None
    asked, owner = suite_of(6), Owner(NAMESPACE, NAME, UID)
    kept = kept_by_hand(seen)
    assert kept is not None
    content = Content(asked.name, asked.content_hash, asked.spec, has_items=True, task_files=())
    results = build_results(owner, A, asked.content, {1: kept}, request.key)
    of = world(build_content(owner, content, asked.items, {}), results)

    async def acted_on(*_: object) -> Manifest:
        deployment = of.cluster.of_kind(kinds.LLM_DEPLOYMENT)[NAME]
        deployment["metadata"]["annotations"] = {ANNOTATION: value}
        deployment["status"]["handledRequests"] = [request.text]
        return deployment

    of.cluster.annotate = acted_on  # type: ignore[assignment,method-assign]
    return of


def result_of(letters: str) -> RunResult:
    return told(letters)


def test_run__with_wait_shows_the_result_beside_no_other() -> None:
    of = ended(RunSeen(result_of("111100"), NOW))

    result = ran(of, "--wait")

    assert result.exit_code == 0, result.output
    line = result.output.splitlines()[-1].split()
    assert (line[0], line[-1]) == (GOLDEN, "hand")
    assert "66.67" in line


def test_run__with_wait_tells_programs() -> None:
    of = ended(RunSeen(result_of("111100"), NOW))

    [found] = json.loads(ran(of, "--wait", "-o", "json").output)

    assert (found["correct"], found["wrong"], found["byHand"]) == (4, 2, True)


def test_run__with_wait_that_failed_says_why_and_ends_with_1() -> None:
    of = ended(RunSeen(None, NOW, Finding("RunTooSlow", "the run did not end in its time.")))

    result = ran(of, "--wait")

    assert result.exit_code == 1
    assert "nothing can be said of golden: the run did not end in its time" in result.output


def test_run__with_wait_looks_until_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    of = ended(RunSeen(result_of("111100"), NOW))
    acted_on, naps = of.cluster.annotate, []

    async def not_yet(*arguments: Any) -> Manifest:
        deployment = await acted_on(*arguments)
        deployment["status"]["handledRequests"] = []
        return deployment

    def nap(seconds: float) -> None:
        naps.append(seconds)
        deployment = of.cluster.of_kind(kinds.LLM_DEPLOYMENT)[NAME]
        deployment["status"]["handledRequests"] = [f"evaluate={A}/{GOLDEN}"]

    of.cluster.annotate = not_yet  # type: ignore[assignment,method-assign]
    monkeypatch.setattr(evaluation, "sleep", nap)

    result = ran(of, "--wait")

    assert (result.exit_code, naps) == (0, [evaluation.WAIT_SECONDS])


def test_run__with_wait_that_another_replaced_says_so() -> None:
    of = ended(RunSeen(result_of("111100"), NOW))
    acted_on = of.cluster.annotate

    async def replaced(*arguments: Any) -> Manifest:
        deployment = await acted_on(*arguments)
        deployment["metadata"]["annotations"] = {ANNOTATION: f"{B}/other"}
        return deployment

    of.cluster.annotate = replaced  # type: ignore[assignment,method-assign]

    result = ran(of, "--wait")

    assert result.exit_code == 1
    assert "was given up" in result.output


def test_diff__takes_nothing_that_was_asked_by_hand() -> None:
    of = ended(RunSeen(result_of("111100"), NOW))

    result = of.run("eval", "diff", NAME, GOLDEN, "--from", A, "--to", B)

    assert result.exit_code == 1
    assert f"no results of suite {GOLDEN}" in result.output
