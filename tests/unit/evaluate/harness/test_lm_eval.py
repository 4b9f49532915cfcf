import json
import shutil
from pathlib import Path

import pytest

from rocksteady.analysis.item_results import ItemResult
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.harness import lm_eval
from rocksteady.evaluate.harness.start import read_start
from tests.unit.evaluate.harness import starts

OUTPUT = starts.RECORDED / "lm_eval"
SAMPLES = "samples_capitals_2026-11-25T10-51-40.280127.jsonl"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """What was recorded, to be changed."""
    return Path(shutil.copytree(OUTPUT, tmp_path / "output"))


def change(output: Path, rows: list[dict[str, object]]) -> None:
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    (output / "org__m-1" / SAMPLES).write_text(text, encoding="utf-8")


def rows(output: Path) -> list[dict[str, object]]:
    return [row for _, row in lm_eval.samples(output)]


def test_read__says_of_each_document_whether_it_was_right(tmp_path: Path) -> None:
    judged = lm_eval.read(starts.lm_eval(tmp_path), starts.folders(OUTPUT))

    assert judged.runner == "lm-eval 0.4.13"
    assert [item.task for item in judged.items] == ["capitals"] * 3
    results = [item.result for item in judged.items]
    assert results == [ItemResult.CORRECT, ItemResult.CORRECT, ItemResult.WRONG]
    assert len({item.identity for item in judged.items}) == 3
    assert {item.output_tokens for item in judged.items} == {None}


def test_read__an_item_without_the_metric_is_unanswered_and_does_not_vanish(
    tmp_path: Path, output: Path
) -> None:
    changed = rows(output)
    del changed[0]["exact_match"]
    change(output, changed)

    judged = lm_eval.read(starts.lm_eval(tmp_path), starts.folders(output))

    assert judged.items[0].result is ItemResult.UNANSWERED
    assert len(judged.items) == 3


@pytest.mark.parametrize(
    ("metric", "first"),
    [
        pytest.param("exact_match", ItemResult.CORRECT, id="the task's first, when none is named"),
        pytest.param("exact_match@other", ItemResult.WRONG, id="the one that is named"),
    ],
)
def test_read__takes_one_filter(
    tmp_path: Path, output: Path, metric: str, first: ItemResult
) -> None:
    others = [row | {"filter": "other", "exact_match": 0.0} for row in rows(output)]
    change(output, rows(output) + others)

    judged = lm_eval.read(starts.lm_eval(tmp_path, metric=metric), starts.folders(output))

    assert len(judged.items) == 3
    assert judged.items[0].result is first


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        pytest.param("acc", "has no metric acc: it has exact_match", id="an unknown metric"),
        pytest.param("exact_match@x", "has no filter x: it has none", id="an unknown filter"),
    ],
)
def test_read__says_what_there_is(tmp_path: Path, metric: str, said: str) -> None:
    start = starts.lm_eval(tmp_path, metric=metric)

    with pytest.raises(EvaluationError, match=said):
        lm_eval.read(start, starts.folders(OUTPUT))


def test_read__samples_that_were_not_written_are_an_error(tmp_path: Path, output: Path) -> None:
    change(output, rows(output)[:2])

    with pytest.raises(EvaluationError, match="wrote 2 samples of task capitals, and ran 3"):
        lm_eval.read(starts.lm_eval(tmp_path), starts.folders(output))


def test_read__no_results_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="wrote no results"):
        lm_eval.read(starts.lm_eval(tmp_path), starts.folders(tmp_path))


@pytest.mark.parametrize(
    ("api", "model", "url", "template"),
    [
        pytest.param("Completions", "local-completions", "completions", False, id="completions"),
        pytest.param(
            "ChatCompletions", "local-chat-completions", "chat/completions", True, id="chat"
        ),
    ],
)
def test_configuration__of_each_endpoint(
    tmp_path: Path, api: str, model: str, url: str, *, template: bool
) -> None:
    start = starts.lm_eval(tmp_path, api=api, fewShot=2, maxItemsPerTask=50)

    made = lm_eval.configuration(start, starts.folders(tmp_path), remote_tokenizer=False)

    assert made["model"] == model
    assert made["model_args"]["base_url"] == f"http://127.0.0.1:8000/v1/{url}"
    assert made["model_args"]["max_retries"] == 3
    assert made["apply_chat_template"] is template
    assert (made["num_fewshot"], made["limit"]) == (2, 50)
    assert made["gen_kwargs"]["temperature"] == 0.0


def test_check__refuses_several_samples_of_an_item(tmp_path: Path) -> None:
    runner = {"type": "LMEval", "lmEval": starts.LM_EVAL}
    spec = {"runner": runner, "sampling": {"samplesPerItem": 3}}
    start = read_start(starts.environment(tmp_path, spec))

    with pytest.raises(EvaluationError, match="samplesPerItem must be 1"):
        lm_eval.check(start)
