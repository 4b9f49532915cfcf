from pathlib import Path
from typing import Any

import httpx2
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from rocksteady.api.model_uri import parse_model_uri
from rocksteady.fetch import FetchError, hugging_face


def _answer(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://hub.example/"))


def _without_connection() -> LocalEntryNotFoundError:
    return LocalEntryNotFoundError("an error of many lines")


def _after_a_refusal() -> LocalEntryNotFoundError:
    error = LocalEntryNotFoundError("an error of many lines")
    error.__cause__ = HfHubHTTPError("teapot", response=_answer(418))
    return error


class TestHuggingFace:
    @pytest.mark.parametrize(
        ("error", "token", "said"),
        [
            pytest.param(
                GatedRepoError("x", response=_answer(403)),
                None,
                "hf://org/name is gated: accept its terms",
                id="gated",
            ),
            pytest.param(
                RepositoryNotFoundError("x", response=_answer(401)),
                None,
                "does not exist, or it is private",
                id="not there, or private, without a token",
            ),
            pytest.param(
                RepositoryNotFoundError("x", response=_answer(404)),
                "hf_planted",
                "does not exist, or its HF_TOKEN may not read it",
                id="not there, or not for this token",
            ),
            pytest.param(
                RevisionNotFoundError("x", response=_answer(404)),
                None,
                "has no revision 'v9': check the URI",
                id="no such revision",
            ),
            pytest.param(
                _without_connection(), None, "cannot be reached: the pods need DNS", id="no network"
            ),
            pytest.param(_after_a_refusal(), None, "answers 418", id="an answer of another kind"),
            pytest.param(
                httpx2.ConnectError("no route"), None, "cannot be read from", id="no connection"
            ),
        ],
    )
    def test_fetch_hugging_face__says_what_to_do(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        token: str | None,
        said: str,
    ) -> None:
        def fails(*_: Any, **__: Any) -> None:
            raise error

        monkeypatch.setattr(hugging_face, "snapshot_download", fails)
        monkeypatch.setenv("HF_TOKEN", token or "")

        with pytest.raises(FetchError, match=said):
            hugging_face.fetch_hugging_face(parse_model_uri("hf://org/name@v9"), tmp_path)
