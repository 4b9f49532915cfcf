import shutil
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from rocksteady.api.model_uri import parse_model_uri
from rocksteady.fetch import FetchError, object_store
from rocksteady.fetch.object_store import copy, copy_items
from rocksteady.fetch.part import Part


class TestBucket:
    @pytest.fixture
    def store(self) -> MemoryStore:
        store = MemoryStore()
        for key, content in {
            "smollm2/config.json": b"{}",
            "smollm2/weights/a.safetensors": b"abc",
            "smollm2-other/config.json": b"not this one",
            "gguf/m-00001-of-00002.gguf": b"1",
            "gguf/m-00002-of-00002.gguf": b"22",
            "gguf/other.gguf": b"not this one",
        }.items():
            store.put(key, content)
        return store

    @pytest.mark.parametrize(
        ("uri", "expected"),
        [
            pytest.param(
                "s3://models/smollm2",
                {"config.json": b"{}", "weights/a.safetensors": b"abc"},
                id="a folder, and no other that begins alike",
            ),
            pytest.param(
                "gs://models/gguf/other.gguf", {"other.gguf": b"not this one"}, id="a file"
            ),
            pytest.param(
                "s3://models/gguf/m-00001-of-00002.gguf",
                {"m-00001-of-00002.gguf": b"1", "m-00002-of-00002.gguf": b"22"},
                id="a split file with all its parts",
            ),
        ],
    )
    def test_copy__brings_what_the_uri_names(
        self, store: MemoryStore, tmp_path: Path, uri: str, expected: dict[str, bytes]
    ) -> None:
        copy(store, parse_model_uri(uri), tmp_path)

        found = {
            path.relative_to(tmp_path).as_posix(): path.read_bytes()
            for path in tmp_path.rglob("*")
            if path.is_file()
        }
        assert found == expected

    def test_copy__keeps_files_that_are_there_and_goes_on_with_a_part(
        self, store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config.json").write_bytes(b"{}")
        key = "smollm2/weights/a.safetensors"
        part = Part(tmp_path / "weights" / "a.safetensors")
        part.begin(store.head(key)["e_tag"])
        part.append([b"a"])
        asked: list[tuple[str, Any]] = []

        get = obstore.get

        def spied(store: MemoryStore, path: str, *, options: Any) -> Any:
            asked.append((path, options))
            return get(store, path, options=options)

        monkeypatch.setattr(obstore, "get", spied)
        copy(store, parse_model_uri("s3://models/smollm2"), tmp_path)

        assert asked == [(key, {"range": {"offset": 1}})]
        assert (tmp_path / "weights" / "a.safetensors").read_bytes() == b"abc"

    def test_copy__drops_a_part_of_another_version(
        self, store: MemoryStore, tmp_path: Path
    ) -> None:
        part = Part(tmp_path / "weights" / "a.safetensors")
        part.begin("another version")
        part.append([b"zz"])

        copy(store, parse_model_uri("s3://models/smollm2"), tmp_path)

        assert (tmp_path / "weights" / "a.safetensors").read_bytes() == b"abc"

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            pytest.param(
                "s3://models/none", "s3://models/none holds no files: check bucket", id="a folder"
            ),
            pytest.param(
                "gs://models/none.gguf", "gs://models/none.gguf does not exist", id="a file"
            ),
            pytest.param(
                "s3://models/gguf/m-00001-of-00003.gguf",
                "m-00001-of-00003.gguf does not exist",
                id="a split file of another number of parts",
            ),
        ],
    )
    def test_copy__says_that_nothing_is_there(
        self, store: MemoryStore, tmp_path: Path, uri: str, said: str
    ) -> None:
        with pytest.raises(FetchError, match=said):
            copy(store, parse_model_uri(uri), tmp_path)

    def test_copy__says_before_it_starts_that_the_volume_is_too_small(
        self, store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = type("Usage", (), {"free": 1})
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)

        with pytest.raises(FetchError, match="5 B are still to come, but the volume has 1 B free"):
            copy(store, parse_model_uri("s3://models/smollm2"), tmp_path)

    def test_copy_items__brings_one_file_whatever_its_ending(
        self, store: MemoryStore, tmp_path: Path
    ) -> None:
        store.put("suites/golden.jsonl", b"{}")
        store.put("suites/golden.jsonl/other", b"not this one")

        copy_items(store, parse_model_uri("s3://evals/suites/golden.jsonl"), tmp_path, 2)

        assert [path.name for path in tmp_path.iterdir()] == ["golden.jsonl"]
        assert (tmp_path / "golden.jsonl").read_bytes() == b"{}"

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            pytest.param(
                "s3://evals/smollm2/config.json",
                "has 2 bytes or more, at most 1 are fetched for items: split it",
                id="it is too large",
            ),
            pytest.param("gs://evals/none.jsonl", "none.jsonl does not exist", id="it is missing"),
        ],
    )
    def test_copy_items__brings_nothing_that_it_should_not(
        self, store: MemoryStore, tmp_path: Path, uri: str, said: str
    ) -> None:
        with pytest.raises(FetchError, match=said):
            copy_items(store, parse_model_uri(uri), tmp_path, 1)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "signed"),
    [
        pytest.param({}, False, id="no identity: anonymous"),
        pytest.param({"AWS_REGION": "eu-west-1"}, False, id="a region is no identity"),
        pytest.param(
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, True, id="a key: signed"
        ),
    ],
)
def test_open_store__signs_when_it_has_an_identity(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, signed: bool
) -> None:
    for name in object_store._IDENTITY_VARIABLES["s3"]:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    store = object_store.open_store(parse_model_uri("s3://models/m"))

    assert store.config.get("skip_signature", False) is not signed
