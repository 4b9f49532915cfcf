import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from rocksteady.analysis.item_results import ItemResult
from rocksteady.evaluate import EvaluationError, UnavailableError
from rocksteady.evaluate.harness import inspect_ai
from rocksteady.evaluate.harness.items import Judged, run_result
from tests.unit.evaluate.harness import starts

LOGS = starts.RECORDED / "inspect"
CORRECT, WRONG, UNANSWERED = ItemResult.CORRECT, ItemResult.WRONG, ItemResult.UNANSWERED


def results(judged: Judged) -> dict[str, ItemResult]:
    return {item.identity: item.result for item in judged.items}


def recorded(name: str) -> tuple[str, dict[str, Any]]:
    (file,) = (LOGS / name).glob("*.json")
    return file.name, json.loads(file.read_text(encoding="utf-8"))


def written(folder: Path, log: dict[str, Any]) -> Path:
    output = folder / "output"
    output.mkdir()
    (output / "log.json").write_text(json.dumps(log), encoding="utf-8")
    return output


def test_read__says_of_each_sample_whether_it_was_right(tmp_path: Path) -> None:
    judged = inspect_ai.read(starts.inspect(tmp_path), starts.folders(LOGS / "answered"))

    assert judged.runner == "inspect_ai 0.3.285"
    assert results(judged) == {"france": CORRECT, "italy": CORRECT, "japan": WRONG}
    assert [item.output_tokens for item in judged.items] == [2.0] * 3
    assert all(item.seconds and 0 < item.seconds < 60 for item in judged.items)


def test_read__a_sample_that_failed_is_unanswered_and_counts(tmp_path: Path) -> None:
    judged = inspect_ai.read(starts.inspect(tmp_path), starts.folders(LOGS / "server_errors"))

    assert results(judged) == {"france": CORRECT, "italy": UNANSWERED, "japan": WRONG}
    assert run_result(judged).output_tokens.count == 2


def test_read__a_sample_that_the_log_lacks_is_unanswered_and_counts(tmp_path: Path) -> None:
    _, log = recorded("answered")
    log["samples"].pop()
    output = written(tmp_path, log)

    judged = inspect_ai.read(starts.inspect(tmp_path), starts.folders(output))

    assert results(judged) == {"france": CORRECT, "italy": CORRECT, "japan": UNANSWERED}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        pytest.param("P", WRONG, id="partly right is wrong"),
        pytest.param("N", WRONG, id="an answer without an answer is wrong"),
        pytest.param("yes", CORRECT, id="a word"),
        pytest.param(0.7, CORRECT, id="a number"),
        pytest.param("whatever", UNANSWERED, id="an unknown word is no verdict"),
        pytest.param([1, 2], UNANSWERED, id="a list is no verdict"),
    ],
)
def test_read__values_of_scorers(tmp_path: Path, value: object, result: ItemResult) -> None:
    _, log = recorded("answered")
    log["samples"][0]["scores"]["includes"]["value"] = value
    output = written(tmp_path, log)

    judged = inspect_ai.read(starts.inspect(tmp_path), starts.folders(output))

    assert results(judged)["france"] is result


def test_read__one_wrong_answer_of_two_fails_an_item_of_a_safety_suite(tmp_path: Path) -> None:
    _, log = recorded("server_errors")
    log["samples"][0]["scores"]["includes"]["value"] = "I"
    output = written(tmp_path, log)

    judged = inspect_ai.read(starts.inspect(tmp_path, {"kind": "Safety"}), starts.folders(output))

    assert results(judged)["france"] is WRONG


def test_read__the_digest_is_that_of_every_run_and_changes_with_a_question(tmp_path: Path) -> None:
    start = starts.inspect(tmp_path)
    _, log = recorded("answered")
    log["samples"][0]["input"] = "What is the capital of Gaul?"
    output = written(tmp_path, log)

    digests = [
        run_result(inspect_ai.read(start, starts.folders(folder))).items_digest
        for folder in (LOGS / "answered", LOGS / "server_errors", output)
    ]

    assert digests[0] == digests[1] != digests[2]


def test_read__nothing_answered_is_worth_another_try_and_quotes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="the server did not answer") as raised:
        inspect_ai.read(starts.inspect(tmp_path), starts.folders(LOGS / "no_server"))

    assert "capital" not in str(raised.value)


def test_read__says_which_scorers_there_are(tmp_path: Path) -> None:
    start = starts.inspect(tmp_path, scorer="match")

    with pytest.raises(EvaluationError, match="has no scorer match: it has includes"):
        inspect_ai.read(start, starts.folders(LOGS / "answered"))


@pytest.mark.parametrize("status", ["error", "cancelled", "started"])
def test_read__a_task_that_did_not_end_is_an_error(tmp_path: Path, status: str) -> None:
    _, log = recorded("answered")
    output = written(tmp_path, log | {"status": status})

    with pytest.raises(EvaluationError, match=f"task facts ended with status {status}"):
        inspect_ai.read(starts.inspect(tmp_path), starts.folders(output))


def test_read__no_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="wrote no log"):
        inspect_ai.read(starts.inspect(tmp_path), starts.folders(tmp_path / "none"))


def test_prepare__asks_as_the_suite_says(tmp_path: Path) -> None:
    suite = {"sampling": {"samplesPerItem": 3, "maxTokens": 9}, "limits": {"retries": 1}}
    folders = starts.folders(tmp_path)
    folders.tasks.mkdir()
    (folders.tasks / "facts.py").touch()

    start = starts.inspect(tmp_path, suite, maxItemsPerTask=5)
    command = inspect_ai.prepare(start, folders, tmp_path)
    said = dict(itertools.pairwise(command))

    assert command[:3] == ["inspect", "eval", "facts.py"]
    assert said["--model"] == "openai-api/served/org/m-1"
    assert (said["--epochs"], said["--max-tokens"], said["--limit"]) == ("3", "9", "5")
    assert said["--timeout"] == "240"
    assert inspect_ai.environment(start)["SERVED_BASE_URL"] == "http://127.0.0.1:8000/v1"


def test_prepare__names_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"names facts\.py, which is not in taskFiles"):
        inspect_ai.prepare(starts.inspect(tmp_path), starts.folders(tmp_path), tmp_path)


def test_artifacts__hold_samples_without_events() -> None:
    kept = list(inspect_ai.artifacts(LOGS / "answered"))

    assert [(row["task"], row["id"]) for row in kept] == [
        ("facts", "france"),
        ("facts", "italy"),
        ("facts", "japan"),
    ]
    assert not [row for row in kept if "events" in row]
