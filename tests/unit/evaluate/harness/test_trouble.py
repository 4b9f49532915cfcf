import pytest

from rocksteady.evaluate import EvaluationError, UnavailableError
from rocksteady.evaluate.harness.trouble import why_ended
from tests.unit.evaluate.harness.starts import RECORDED


@pytest.mark.parametrize(
    ("log", "kind", "said"),
    [
        pytest.param("lm_eval_refused", EvaluationError, "with status 400", id="a refused request"),
        pytest.param(
            "lm_eval_server_error", UnavailableError, "with status 500", id="a failing server"
        ),
        pytest.param("lm_eval_no_server", UnavailableError, "ClientConnectorError", id="no server"),
        pytest.param(
            "lm_eval_no_task", EvaluationError, "lmEval.tasks names one", id="an unknown task"
        ),
        pytest.param("lm_eval_no_data", EvaluationError, "runs are offline", id="a data set"),
    ],
)
def test_why_ended__tells_what_another_try_may_cure(
    log: str, kind: type[EvaluationError], said: str
) -> None:
    text = (RECORDED / "logs" / f"{log}.txt").read_text(encoding="utf-8")

    why = why_ended("lm_eval ended with exit code 1", [text])

    assert type(why) is kind
    assert said in str(why)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        pytest.param(
            "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests",
            UnavailableError,
            "status 429",
            id="too many requests",
        ),
        pytest.param(
            "openai.APITimeoutError: planted", UnavailableError, "APITimeoutError", id="too late"
        ),
        pytest.param(
            'BadRequestError("planted")', EvaluationError, "BadRequestError", id="refused"
        ),
        pytest.param("KeyError: 'planted'", EvaluationError, "(KeyError)", id="a fault of its own"),
        pytest.param(
            "plantedError: x\nSecretPlantedError: x",
            EvaluationError,
            "(an error of its own)",
            id="a name that may come from a prompt",
        ),
        pytest.param("", EvaluationError, "(an error of its own)", id="nothing"),
    ],
)
def test_why_ended__quotes_no_text(text: str, kind: type[EvaluationError], said: str) -> None:
    why = why_ended("it ended", [text])

    assert type(why) is kind
    assert said in str(why)
    assert "planted" not in str(why).lower()
