from pathlib import Path

import pytest

from rocksteady.fetch import FetchError
from rocksteady.fetch.part import Part, check_digest

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


class TestPart:
    def test_part__goes_on_only_with_the_same_version(self, tmp_path: Path) -> None:
        part = Part(tmp_path / "model")
        part.begin("v1")
        part.append([b"ab"])

        again = Part(tmp_path / "model")
        assert (again.version, again.size) == ("v1", 2)
        again.append([b"c"])
        again.finish(3)

        assert (tmp_path / "model").read_bytes() == b"abc"
        assert [path.name for path in tmp_path.iterdir()] == ["model"]

    def test_part__of_unknown_version_counts_for_nothing(self, tmp_path: Path) -> None:
        part = Part(tmp_path / "model")
        part.begin(None)
        part.append([b"ab"])

        assert part.size == 0

    def test_part__is_not_finished_before_all_bytes_came(self, tmp_path: Path) -> None:
        part = Part(tmp_path / "model")
        part.begin("v1")
        part.append([b"ab"])

        with pytest.raises(ConnectionError, match="2 of 3 bytes"):
            part.finish(3)
        assert part.size == 2
        assert not (tmp_path / "model").exists()

    def test_part__of_an_empty_file(self, tmp_path: Path) -> None:
        part = Part(tmp_path / "model")
        part.begin("v1")
        part.append([])
        part.finish(0)

        assert (tmp_path / "model").read_bytes() == b""

    def test_check_digest__accepts_the_pinned_bytes(self, tmp_path: Path) -> None:
        file = tmp_path / "model"
        file.write_bytes(b"abc")

        check_digest(file, f"sha256={SHA256_OF_ABC}")

        assert file.exists()

    def test_check_digest__removes_other_bytes_and_names_both_digests(self, tmp_path: Path) -> None:
        file = tmp_path / "model"
        file.write_bytes(b"abc")

        with pytest.raises(FetchError, match=f"{SHA256_OF_ABC}.*{'0' * 64}"):
            check_digest(file, f"sha256={'0' * 64}")
        assert not file.exists()
