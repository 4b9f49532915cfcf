import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rocksteady.fetch import __main__

URI = "s3://models/smollm2"


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


class TestMain:
    @pytest.fixture
    def termination_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        log = tmp_path / "termination-log"
        log.touch()
        monkeypatch.setattr(__main__, "TERMINATION_LOG", log)
        monkeypatch.setattr(signal, "signal", lambda *_: None)
        return log

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(__main__.main, list(arguments))
        return result.exit_code, result.output

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            pytest.param("ftp://host/file", "has no known scheme", id="an unknown scheme"),
            pytest.param("pvc://claim/m", "pvc:// is mounted, not fetched", id="a mounted scheme"),
            pytest.param("hf://name", "must read hf://organisation/name", id="a part is missing"),
        ],
    )
    def test_main__ends_with_one_sentence_where_the_operator_finds_it(
        self, termination_log: Path, tmp_path: Path, uri: str, said: str
    ) -> None:
        code, output = self.run(uri, str(tmp_path / "key"))

        assert code == 1
        assert said in termination_log.read_text(encoding="utf-8")
        assert said in output

    def test_main__hides_secrets_of_an_error_that_nobody_foresaw(
        self, termination_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def source(*_: Any) -> None:
            raise ValueError("key planted-secret was odd")

        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
        monkeypatch.setitem(__main__.SOURCES, "s3", source)

        code, output = self.run(URI, str(tmp_path / "key"))

        sentence = termination_log.read_text(encoding="utf-8")
        assert (code, sentence) == (1, "unexpected ValueError: key *** was odd")
        assert "planted-secret" not in output

    def test_main__ends_with_success_and_the_files(
        self, termination_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def source(_: Any, folder: Path) -> None:
            (folder / "model.gguf").write_bytes(b"abc")

        monkeypatch.setitem(__main__.SOURCES, "s3", source)

        code, output = self.run(URI, str(tmp_path / "key"))

        assert code == 0
        assert "complete" in output
        assert visible(tmp_path / "key") == ["model.gguf"]
        assert termination_log.read_text(encoding="utf-8") == ""

    def test_main__hands_the_limit_of_a_file_of_items_on(
        self, termination_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def source(_: Any, folder: Path, max_bytes: int) -> None:
            (folder / "items.jsonl").write_text(str(max_bytes), encoding="utf-8")

        monkeypatch.setitem(__main__.ITEM_SOURCES, "s3", source)

        code, _ = self.run("--items-max-bytes", "7", f"{URI}/items.jsonl", str(tmp_path / "key"))

        assert code == 0
        assert (tmp_path / "key" / "items.jsonl").read_text(encoding="utf-8") == "7"
        assert termination_log.read_text(encoding="utf-8") == ""

    def test_sources__of_items_are_those_of_models(self) -> None:
        assert __main__.ITEM_SOURCES.keys() == __main__.SOURCES.keys()
