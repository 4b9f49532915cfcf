import errno
import fcntl
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rocksteady.fetch import FetchError, destination
from rocksteady.fetch.destination import fill, is_complete

URI = "s3://models/smollm2"


def writing(files: dict[str, bytes]) -> Callable[[Path], None]:
    def download(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).write_bytes(content)

    return download


def never(_: Path) -> None:
    raise AssertionError("nothing should be fetched")


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


class TestFill:
    def test_fill__leaves_a_complete_folder_that_others_may_read(self, tmp_path: Path) -> None:
        target = tmp_path / "models" / "key"

        fill(target, URI, writing({"model.gguf": b"abc"}), print)

        assert visible(target) == ["model.gguf"]
        assert is_complete(target, URI)
        assert (target / "model.gguf").stat().st_mode & 0o444 == 0o444
        assert visible(tmp_path / "models") == ["key"]

    def test_fill__fetches_nothing_that_is_there_already(self, tmp_path: Path) -> None:
        target = tmp_path / "key"
        fill(target, URI, writing({"a": b"1"}), print)

        fill(target, URI, never, print)

        assert (target / "a").read_bytes() == b"1"

    @pytest.mark.parametrize(
        "marker",
        [
            pytest.param(None, id="without a marker"),
            pytest.param("", id="with an empty marker"),
            pytest.param("[]", id="with a marker of another kind"),
            pytest.param('{"uri": "s3://models/other"}', id="of another URI"),
        ],
    )
    def test_fill__replaces_a_folder(self, tmp_path: Path, marker: str | None) -> None:
        target = tmp_path / "key"
        target.mkdir()
        (target / "old").write_bytes(b"old")
        if marker is not None:
            (target / destination.MARKER).write_text(marker, encoding="utf-8")

        fill(target, URI, writing({"new": b"new"}), print)

        assert visible(target) == ["new"]

    def test_fill__shows_nothing_of_a_fetch_that_failed_and_goes_on_with_it(
        self, tmp_path: Path
    ) -> None:
        target = tmp_path / "key"

        def breaks(folder: Path) -> None:
            (folder / "first").write_bytes(b"1")
            raise FetchError("broken")

        def goes_on(folder: Path) -> None:
            assert visible(folder) == ["first"]
            (folder / "second").write_bytes(b"2")

        with pytest.raises(FetchError, match="broken"):
            fill(target, URI, breaks, print)
        assert not target.exists()
        fill(target, URI, goes_on, print)

        assert visible(target) == ["first", "second"]

    def test_fill__drops_what_dead_pods_left(self, tmp_path: Path) -> None:
        target = tmp_path / "key"
        left = tmp_path / ".partial-key-a-pod-that-died"
        left.mkdir()
        (left / "half").write_bytes(b"1")

        fill(target, URI, writing({"a": b"1"}), print)

        assert not left.exists()

    def test_fill__lets_one_of_many_fetch_while_the_others_wait(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(destination, "LOCK_POLL_SECONDS", 0.01)
        target, fetched, said = tmp_path / "key", [], []
        waiting = threading.Event()

        def download(folder: Path) -> None:
            assert waiting.wait(5)
            fetched.append(folder)
            (folder / "a").write_bytes(b"1")

        def report(line: str) -> None:
            said.append(line)
            if "waiting" in line:
                waiting.set()

        pods = [
            threading.Thread(target=fill, args=(target, URI, download, report)) for _ in range(4)
        ]
        for pod in pods:
            pod.start()
        for pod in pods:
            pod.join(10)

        assert len(fetched) == 1
        without = {"another pod has fetched it meanwhile", "already there, nothing to fetch"}
        assert sum(line in without for line in said) == 3
        assert is_complete(target, URI)

    def test_fill__without_locks_keeps_what_the_faster_pod_fetched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def no_locks(*_: Any) -> None:
            raise OSError(errno.ENOLCK, "no locks here")

        monkeypatch.setattr(fcntl, "flock", no_locks)
        target = tmp_path / "key"

        def slower(folder: Path) -> None:
            (folder / "a").write_bytes(b"slow")
            monkeypatch.setattr(socket, "gethostname", lambda: "faster-pod")
            monkeypatch.setattr(destination, "_remove_abandoned", lambda *_: None)
            fill(target, URI, writing({"a": b"fast"}), print)

        fill(target, URI, slower, print)

        assert (target / "a").read_bytes() == b"fast"
        assert [path.name for path in tmp_path.glob(".partial-*")] == []

    @pytest.mark.parametrize(
        ("number", "said"),
        [
            pytest.param(errno.ENOSPC, "is full: give spec.model.cache a larger claim", id="full"),
            pytest.param(errno.EACCES, "cannot be written by user", id="not writable"),
            pytest.param(errno.EIO, "fetching into .* failed: Input/output error", id="broken"),
        ],
    )
    def test_fill__says_what_is_wrong_with_the_volume(
        self, tmp_path: Path, number: int, said: str
    ) -> None:
        def download(_: Path) -> None:
            raise OSError(number, os.strerror(number))

        with pytest.raises(FetchError, match=said):
            fill(tmp_path / "key", URI, download, print)
