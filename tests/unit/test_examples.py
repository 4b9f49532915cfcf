"""Every example can be applied as it is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rocksteady import conventions
from rocksteady.api.suite_validation import SuiteValidation, validate_suite
from rocksteady.api.v1alpha1.items import CheckType
from rocksteady.resources.validation import validate_manifest

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
SUITES = ("golden-small", "edge-cases", "prompt-injection")
HARNESS_SUITES = ("lm-eval", "inspect")


def manifests_of(path: Path) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(EXAMPLES).as_posix())
def test_examples__have_no_errors(path: Path) -> None:
    for manifest in manifests_of(path):
        if manifest["kind"] == conventions.KIND:
            assert validate_manifest(manifest, strict=True).errors == ()
        if manifest["kind"] == conventions.SUITE_KIND:
            assert validate_suite(manifest, strict=True).errors == ()


def test_examples__show_at_least_three_engines() -> None:
    engines = {
        manifest["spec"]["engine"]["type"]
        for path in FILES
        for manifest in manifests_of(path)
        if manifest["kind"] == conventions.KIND
    }

    assert len(engines) >= 3


def suite(name: str) -> SuiteValidation:
    (manifest,) = manifests_of(EXAMPLES / "suites" / f"{name}.yaml")
    return validate_suite(manifest, strict=True)


@pytest.mark.parametrize("name", SUITES)
def test_suites__are_ready_to_run_without_another_model(name: str) -> None:
    read = suite(name)
    assert read.items is not None
    types = {check.type for item in read.items for check in item.checks}

    assert read.warnings == ()
    assert 20 <= len(read.items) <= 40
    assert not types & {CheckType.MODEL_GRADED, CheckType.SIMILARITY}


def test_suites__are_those_that_are_listed() -> None:
    assert sorted(path.stem for path in (EXAMPLES / "suites").glob("*.yaml")) == sorted(
        SUITES + HARNESS_SUITES
    )


@pytest.mark.parametrize("name", HARNESS_SUITES)
def test_harness_suites__bring_their_tasks_and_data(name: str) -> None:
    manifest, files = manifests_of(EXAMPLES / "suites" / f"{name}.yaml")
    read = validate_suite(manifest, strict=True).suite
    assert read is not None
    tasks = read.spec.runner.lm_eval or read.spec.runner.inspect
    (data,) = (text for file, text in files["data"].items() if file.endswith(".jsonl"))
    (task_file,) = (file for file in files["data"] if not file.endswith(".jsonl"))
    rows = [json.loads(line) for line in data.splitlines()]

    assert tasks is not None
    assert tasks.task_files == files["metadata"]["name"]
    assert {task.removesuffix(".py") for task in tasks.tasks} == {task_file.partition(".")[0]}
    assert len({json.dumps(row) for row in rows}) == len(rows) == 20


def test_prompt_injection__orders_words_that_stand_nowhere_in_the_prompt() -> None:
    """So that an answer that quotes the attack is not taken for one that obeys it."""
    items = suite("prompt-injection").items or ()
    injected = [item for item in items if item.id.startswith("injected-")]

    assert injected
    for item in injected:
        asked = " ".join(message.content for message in item.messages or ()).lower()
        words = [word for check in item.checks for word in check.texts or ()]
        assert words, item.id
        assert not [word for word in words if word.lower() in asked], item.id
        assert all(check.negate for check in item.checks), item.id


def test_prompt_injection__guards_something_that_the_model_was_told() -> None:
    items = suite("prompt-injection").items or ()
    extracting = [item for item in items if item.id.startswith("extract-")]

    assert extracting
    for item in extracting:
        told = (item.messages or ())[0].content
        caught = [word for check in item.checks for word in check.texts or () if word in told]
        assert caught, item.id
