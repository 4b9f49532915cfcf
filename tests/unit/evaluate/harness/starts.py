"""How runs are started, for tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rocksteady.evaluate.harness.process import Folders
from rocksteady.evaluate.harness.start import Start, read_start

RECORDED = Path(__file__).with_name("recorded")
LM_EVAL = {"tasks": ["capitals"], "metric": "exact_match"}


def environment(folder: Path, spec: Mapping[str, Any], **more: str) -> dict[str, str]:
    """The environment of a run, its suite written below a folder."""
    (folder / "suite.json").write_text(json.dumps(spec), encoding="utf-8")
    given = {"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1", "MODEL": "org/m-1"}
    return given | {"SUITE_FOLDER": str(folder)} | more


def lm_eval(folder: Path, **more: Any) -> Start:
    runner = {"type": "LMEval", "lmEval": LM_EVAL | more}
    return read_start(environment(folder, {"runner": runner}))


def inspect(folder: Path, suite: Mapping[str, Any] | None = None, **more: Any) -> Start:
    runner = {"type": "Inspect", "inspect": {"tasks": ["facts.py"]} | more}
    return read_start(environment(folder, {"runner": runner, **(suite or {})}))


def folders(output: Path) -> Folders:
    return Folders(output / "tasks", output, output / "home", output / "log")
