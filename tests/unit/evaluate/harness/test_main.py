"""The whole program, with a harness in the place of the real one that writes what was recorded."""

import json
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rocksteady.analysis.item_results import ItemResult, unpack
from rocksteady.api.run_result import RunOutcome, RunResult, read_result
from rocksteady.evaluate.harness import __main__
from tests.unit.evaluate.harness import starts

RUNNERS = {
    "lm_eval": {"type": "LMEval", "lmEval": starts.LM_EVAL},
    "inspect": {"type": "Inspect", "inspect": {"tasks": ["facts.py"]}},
}
OUTPUTS = {"lm_eval": "lm_eval", "inspect": "inspect/answered"}
PLANTED = "the-planted-prompt"

Run = Callable[..., tuple[int, RunResult]]


@pytest.fixture
def termination_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(__main__, "TERMINATION_LOG", log)
    return log


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, termination_log: Path) -> Run:
    """Run a suite with a shell script as its harness; None: with none."""

    def run_suite(name: str, script: str | None, **more: str) -> tuple[int, RunResult]:
        programs = tmp_path / "programs"
        programs.mkdir()
        if script is not None:
            program = programs / name
            program.write_text(f"#!/bin/sh\necho {PLANTED}\n{script}\n", encoding="utf-8")
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path = f"{programs}:/usr/bin:/bin"
        monkeypatch.setenv("PATH", path)
        spec = {"runner": RUNNERS[name]}
        code = __main__.main(starts.environment(tmp_path, spec, PATH=path, **more))
        return code, read_result(termination_log.read_text(encoding="utf-8"))

    return run_suite


@pytest.fixture
def task_files(tmp_path: Path) -> Path:
    """A ConfigMap as the kubelet mounts it: links into a hidden folder."""
    folder = tmp_path / "mounted"
    (folder / "..2026").mkdir(parents=True)
    (folder / "..2026" / "facts.py").write_text("", encoding="utf-8")
    (folder / "..data").symlink_to("..2026")
    (folder / "facts.py").symlink_to("..data/facts.py")
    return folder


def copying(name: str) -> str:
    """A harness that copies what was recorded to where it was told to write."""
    recorded = starts.RECORDED / OUTPUTS[name]
    if name == "inspect":
        return f'while [ "$1" != --log-dir ]; do shift; done; cp -r {recorded}/. "$2"'
    return f"""cp -r {recorded}/. "$(sed 's/.*"output_path": "\\([^"]*\\)".*/\\1/' "$3")" """


@pytest.mark.parametrize("name", sorted(RUNNERS))
def test_main__leaves_the_result_where_the_kubelet_finds_it(
    run: Run, task_files: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    code, told = run(name, copying(name), TASK_FILES=str(task_files))

    assert (code, told.outcome, told.message) == (0, RunOutcome.COMPLETED, "")
    results = unpack(told.results)
    assert [results.count(one) for one in (ItemResult.CORRECT, ItemResult.WRONG)] == [2, 1]
    assert told.items_total == 3
    assert PLANTED not in "".join(capfd.readouterr())


def test_main__keeps_samples_and_what_was_printed_where_artifacts_are_wanted(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "artifacts.jsonl"

    run("lm_eval", copying("lm_eval"), ARTIFACTS_FILE=str(file))

    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["task"] for row in rows] == ["capitals"] * 3
    assert PLANTED in (tmp_path / "artifacts.jsonl.log").read_text(encoding="utf-8")


def test_main__a_result_is_worth_more_than_artifacts_that_cannot_be_written(
    run: Run, tmp_path: Path
) -> None:
    code, told = run(
        "lm_eval", copying("lm_eval"), ARTIFACTS_FILE=str(tmp_path / "nowhere" / "artifacts")
    )

    assert (code, told.outcome) == (0, RunOutcome.COMPLETED)


@pytest.mark.parametrize(
    ("script", "more", "code", "said"),
    [
        pytest.param(
            "echo 'openai.APIConnectionError: x'; exit 1",
            {},
            1,
            "the server did not answer",
            id="nobody answers",
        ),
        pytest.param("echo 'ValueError: x'; exit 1", {}, 0, "(ValueError)", id="a fault"),
        pytest.param("exit 0", {}, 0, "wrote no results", id="it does nothing"),
        pytest.param("exec sleep 60", {"DEADLINE_SECONDS": "0.2"}, 0, "deadline", id="too long"),
        pytest.param(None, {}, 0, "there is no program lm_eval", id="another image"),
        pytest.param("exit 0", {"FIRST_ITEM": "5"}, 0, "FIRST_ITEM must be 0", id="a part"),
        pytest.param("exit 0", {"MODEL": ""}, 0, "MODEL is missing", id="no model"),
        pytest.param("exit 0", {"SEED": "x"}, 0, "SEED is no number", id="no number"),
        pytest.param("exit 0", {"TASK_FILES": "/nowhere"}, 0, "is not there", id="no tasks"),
    ],
)
def test_main__an_error_says_why_and_whether_to_try_again(
    run: Run,
    capfd: pytest.CaptureFixture[str],
    script: str | None,
    more: dict[str, str],
    code: int,
    said: str,
) -> None:
    ended, told = run("lm_eval", script, **more)

    assert (ended, told.outcome, told.results) == (code, RunOutcome.ERROR, "")
    assert said in told.message
    assert PLANTED not in "".join(capfd.readouterr())


def test_main__outside_a_pod_makes_no_termination_message(
    tmp_path: Path, termination_log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    termination_log.unlink()

    code = __main__.main(starts.environment(tmp_path, {"runner": RUNNERS["inspect"]}, MODEL=""))

    assert (code, termination_log.exists()) == (0, False)
    assert "MODEL is missing" in read_result(capsys.readouterr().out).message


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        pytest.param('{"runner": {"type": "Custom", "image": "x"}}', "wants Custom", id="other"),
        pytest.param('{"runner": {"type": "Planted"}}', "is no suite: runner.type", id="unknown"),
        pytest.param(None, "cannot be read", id="missing"),
    ],
)
def test_main__a_suite_that_it_cannot_run(
    tmp_path: Path, termination_log: Path, suite: str | None, said: str
) -> None:
    environment = starts.environment(tmp_path, {})
    (tmp_path / "suite.json").unlink()
    if suite is not None:
        (tmp_path / "suite.json").write_text(suite, encoding="utf-8")

    code = __main__.main(environment)

    told = read_result(termination_log.read_text(encoding="utf-8"))
    assert (code, told.outcome) == (0, RunOutcome.ERROR)
    assert said in told.message


def test_main__stops_what_the_harness_left_running(run: Run, tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    run("lm_eval", f"sleep 60 & echo $! > {pid}; exit 1")

    while is_running(int(pid.read_text(encoding="utf-8"))):
        time.sleep(0.01)  # a killed process is gone soon, and not at once


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
