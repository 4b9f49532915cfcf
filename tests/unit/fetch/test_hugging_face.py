from pathlib import Path
from types import SimpleNamespace
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

    @pytest.mark.parametrize(
        ("size", "said"),
        [
            pytest.param(8, "", id="as large as it may be"),
            pytest.param(None, "", id="of unknown size"),
            pytest.param(9, "has 9 bytes or more, at most 8", id="too large"),
        ],
    )
    def test_fetch_hugging_face_items__brings_one_file_of_a_data_set(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, said: str
    ) -> None:
        asked: list[dict[str, Any]] = []

        def snapshot(repository: str, **more: Any) -> list[SimpleNamespace]:
            asked.append({"repository": repository, **more})
            if not more.get("dry_run"):
                (tmp_path / "suites").mkdir()
                (tmp_path / "suites" / "golden[1].jsonl").write_bytes(b"{}")
            return [SimpleNamespace(file_size=size)]

        monkeypatch.setattr(hugging_face, "snapshot_download", snapshot)
        uri = parse_model_uri(f"hf://org/questions/suites/golden[1].jsonl@{'a' * 40}")

        if said:
            with pytest.raises(FetchError, match=said):
                hugging_face.fetch_hugging_face_items(uri, tmp_path, 8)
            assert list(tmp_path.iterdir()) == []
            return
        hugging_face.fetch_hugging_face_items(uri, tmp_path, 8)

        assert [path.name for path in tmp_path.iterdir()] == ["golden[1].jsonl"]
        for one in asked:
            assert (one["repository"], one["repo_type"]) == ("org/questions", "dataset")
            assert (one["revision"], one["allow_patterns"]) == (
                "a" * 40,
                "suites/golden[[]1].jsonl",
            )
