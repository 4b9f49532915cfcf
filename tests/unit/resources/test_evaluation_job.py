"""The Job of a run: what its runner is told."""

from typing import Any

import pytest

from rocksteady.api.environment import RUNNER_VARIABLES
from rocksteady.api.suite_content import content_hash
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.resources.evaluation import Content
from rocksteady.resources.evaluation_job import Images, Question, build_job
from rocksteady.resources.owned import Owner
from tests.builders import NAME, NAMESPACE, UID, A

KEY = {"name": "evaluation-a", "key": "k"}
ENDPOINT = {"baseUrl": "http://judge/v1", "model": "judge", "apiKeySecretRef": KEY}
EVERYTHING = {
    "judge": ENDPOINT,
    "embedder": ENDPOINT,
    "artifacts": {"claimName": "evaluation-answers"},
}


def environment(env: list[dict[str, Any]], **spec: Any) -> list[dict[str, Any]]:
    """The variables of a runner whose suite gives these."""
    runner = {"type": "Custom", "image": "example/runner:1", "env": env}
    suite = EvaluationSuiteSpec.model_validate({"runner": runner, **spec})
    content = Content(
        "golden", content_hash(suite, None), suite, has_items=False, task_files=("a",)
    )
    question = Question(A, "chat", part=1, first_item=0, items=40, content_hash="f" * 64)
    job = build_job(Owner(NAMESPACE, NAME, UID), content, question, Images("example/a:1", ""))
    found: list[dict[str, Any]] = job["spec"]["template"]["spec"]["containers"][0]["env"]
    return found


@pytest.mark.parametrize("name", sorted({*RUNNER_VARIABLES, "HOME", "DEPTH"}))
def test_variable__is_given_once_whatever_the_suite_says(name: str) -> None:
    names = [one["name"] for one in environment([{"name": name, "value": "7"}], **EVERYTHING)]

    assert len(names) == len(set(names))


def test_variables_of_the_suite__are_added_and_replace_none_that_tell_what_to_ask() -> None:
    env = [{"name": name, "value": "7"} for name in ("HOME", "DEPTH", "MODEL", "LIMIT")]

    told = {one["name"]: one.get("value") for one in environment(env)}

    assert (told["HOME"], told["DEPTH"]) == ("7", "7")
    assert (told["MODEL"], told["LIMIT"]) == ("chat", "40")


def test_variables_of_the_operator__are_those_that_a_suite_may_not_give() -> None:
    names = {one["name"] for one in environment([], **EVERYTHING)}

    assert names - RUNNER_VARIABLES == {"HOME"}
