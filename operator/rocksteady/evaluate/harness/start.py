"""How a run is started: the environment of its container."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuiteSpec
from rocksteady.evaluate import EvaluationError
from rocksteady.evaluate.content import check_content

SUITE_FOLDER: Final = "/suite"


@dataclass(frozen=True)
class Start:
    """What a run is told.

    Attributes:
        base_url: Of the server, with the version: `http://host/v1`.
        model: What is asked for there.
        api_key: None: the server wants none.
        suite: What is asked, and how.
        seed: Of every request.
        deadline_seconds: Longest time for the whole run.
        task_files: Folder with the suite's tasks; None: it uses those that come with the harness.
        artifacts_file: Where samples are kept; None: nowhere.
    """

    base_url: str
    model: str
    api_key: str | None
    suite: EvaluationSuiteSpec
    seed: int
    deadline_seconds: float
    task_files: Path | None
    artifacts_file: Path | None


def read_start(environment: Mapping[str, str]) -> Start:
    """Read the environment.

    Raises:
        EvaluationError: A variable is missing or cannot be read; with nothing of its value.
    """
    suite = _suite(Path(environment.get("SUITE_FOLDER", SUITE_FOLDER)) / "suite.json")
    if _number(environment, "FIRST_ITEM", 0) != 0:
        raise EvaluationError(
            "a harness is asked for all items at once: FIRST_ITEM must be 0, because which items"
            " a task has is known only after it ran"
        )
    task_files = _folder(environment, "TASK_FILES")
    check_content(environment, suite, None, task_files)
    return Start(
        base_url=_text(environment, "OPENAI_BASE_URL").rstrip("/"),
        model=_text(environment, "MODEL"),
        api_key=environment.get("OPENAI_API_KEY") or None,
        suite=suite,
        seed=int(_number(environment, "SEED", suite.sampling.seed)),
        deadline_seconds=_number(environment, "DEADLINE_SECONDS", suite.limits.deadline_seconds),
        task_files=task_files,
        artifacts_file=_path(environment, "ARTIFACTS_FILE"),
    )


def _suite(file: Path) -> EvaluationSuiteSpec:
    try:
        return EvaluationSuiteSpec.model_validate_json(file.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, found["loc"]))
        raise EvaluationError(f"{file} is no suite: {where or 'it'}: {found['type']}") from None


def _text(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise EvaluationError(f"the environment variable {name} is missing")
    return environment[name]


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise EvaluationError(f"the environment variable {name} is no number") from None


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    folder = _path(environment, name)
    if folder is not None and not folder.is_dir():
        raise EvaluationError(f"{folder}, the folder of the suite's taskFiles, is not there")
    return folder
