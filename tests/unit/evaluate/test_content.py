"""A run refuses a content that somebody edited since it was frozen."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rocksteady.api.suite_content import content_hash
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.assignment import read_assignment
from rocksteady.evaluate.harness.start import read_start
from tests.fakes.evaluated_story import suite_of
from tests.unit.evaluate.harness import starts

MEANT = suite_of(3)
LM_EVAL = {"runner": {"type": "LMEval", "lmEval": starts.LM_EVAL}}


def mounted(
    folder: Path, spec: Mapping[str, Any] | None = None, answer: str = "1"
) -> dict[str, str]:
    """A content as it is mounted, its first item's answer being this."""
    assert MEANT.items is not None
    lines = [item.written() for item in MEANT.items]
    place = next(index for index, line in enumerate(lines) if line["id"] == "q0")
    lines[place]["checks"][0]["texts"] = [answer]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "items.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    more = {"SUITE": "golden", "CONTENT_HASH": MEANT.content_hash}
    return starts.environment(folder, spec or {"items": {}, "marginPoints": "10"}, **more)


def test_content__that_is_meant_is_asked(tmp_path: Path) -> None:
    assignment = read_assignment(mounted(tmp_path))

    assert assignment.digest == MEANT.items_digest


def test_content__whose_limits_are_others_by_now_is_asked(tmp_path: Path) -> None:
    spec = {"items": {}, "limits": {"concurrency": 1}}

    assert read_assignment(mounted(tmp_path, spec)).digest == MEANT.items_digest


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        pytest.param(None, "a", id="an answer that more pass"),
        pytest.param({"items": {}, "sampling": {"temperature": "1.5"}}, "1", id="other sampling"),
        pytest.param({"items": {}, "kind": "Safety"}, "1", id="another kind"),
    ],
)
def test_content__that_somebody_edited_is_refused(
    tmp_path: Path, spec: Mapping[str, Any] | None, answer: str
) -> None:
    with pytest.raises(EvaluationError, match="Somebody edited the ConfigMap"):
        read_assignment(mounted(tmp_path, spec, answer))


@pytest.mark.parametrize("edited", [False, True])
def test_content__of_a_harness_is_its_task_files(tmp_path: Path, *, edited: bool) -> None:
    tasks = tmp_path / "tasks"
    (tasks / "..data").mkdir(parents=True)
    (tasks / "capitals.yaml").write_text("task: other\n" if edited else "task: capitals\n")
    environment = starts.environment(tmp_path, LM_EVAL, TASK_FILES=str(tasks))
    spec = read_start(environment).suite
    environment["CONTENT_HASH"] = content_hash(spec, None, {"capitals.yaml": "task: capitals\n"})

    if edited:
        with pytest.raises(EvaluationError, match="not the one that was meant"):
            read_start(environment)
    else:
        assert read_start(environment).suite == spec
