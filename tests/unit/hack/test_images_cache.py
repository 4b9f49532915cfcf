"""What decides whether an image is built again, and what a killed build may leave behind."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.images import cache
from hack.images.cache import (
    exclusive,
    fingerprint,
    images_directory,
    keep_newest,
    scratch_directory,
    written_whole,
)

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _tree(parent: Path) -> Path:
    root = parent / "source"
    (root / "inner").mkdir(parents=True)
    (root / "a.py").write_text("a = 1\n")
    (root / "inner" / "b.py").write_text("b = 2\n")
    return root


def _edit(root: Path) -> None:
    (root / "inner" / "b.py").write_text("b = 3\n")


def _rename(root: Path) -> None:
    (root / "a.py").rename(root / "c.py")


def _add(root: Path) -> None:
    (root / "d.py").write_text("")


def _remove(root: Path) -> None:
    (root / "a.py").unlink()


def _swap(root: Path) -> None:
    first, second = (root / "a.py").read_text(), (root / "inner" / "b.py").read_text()
    (root / "a.py").write_text(second)
    (root / "inner" / "b.py").write_text(first)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_edit, id="a file below is edited"),
        pytest.param(_rename, id="a file is renamed"),
        pytest.param(_add, id="an empty file is added"),
        pytest.param(_remove, id="a file is removed"),
        pytest.param(_swap, id="two files change places"),
    ],
)
def test_fingerprint__differs_when_inputs_differ(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    root = _tree(tmp_path)
    before = fingerprint([root])
    change(root)
    assert fingerprint([root]) != before


def test_fingerprint__is_the_same_in_another_checkout(tmp_path: Path) -> None:
    assert fingerprint([_tree(tmp_path / "one")]) == fingerprint([_tree(tmp_path / "two")])


def test_fingerprint__does_not_see_times_and_byte_code(tmp_path: Path) -> None:
    root = _tree(tmp_path)
    before = fingerprint([root])
    os.utime(root / "a.py", (1, 1))
    (root / "__pycache__").mkdir()
    (root / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"\0")
    assert fingerprint([root]) == before


def test_fingerprint__tells_texts_apart_by_where_they_end() -> None:
    assert fingerprint((), ["ab", "c"]) != fingerprint((), ["a", "bc"])


def test_fingerprint__missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        fingerprint([tmp_path / "absent"])


def test_written_whole__nothing_appears_when_the_block_fails(tmp_path: Path) -> None:
    target = tmp_path / "image.tar"

    def fail() -> None:
        with written_whole(target) as partial:
            partial.write_text("half")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_written_whole__what_a_killed_build_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / ".wheels.partial").mkdir()
    (tmp_path / ".wheels.partial" / "half.whl").write_text("half")
    with written_whole(tmp_path / "wheels") as partial:
        partial.mkdir()
        (partial / "whole.whl").write_text("whole")
    assert [path.name for path in (tmp_path / "wheels").iterdir()] == ["whole.whl"]


def test_scratch_directory__is_empty_after_a_killed_build_and_gone_at_the_end() -> None:
    left_behind = images_directory() / ".work"
    left_behind.mkdir()
    (left_behind / "old").write_text("")
    with scratch_directory() as directory:
        assert list(directory.iterdir()) == []
    assert not directory.exists()


def test_keep_newest__removes_the_oldest_and_leaves_other_names(cache_home: Path) -> None:
    directory = images_directory()
    for age, name in enumerate(["pause-3.tar", "pause-2.tar", "pause-1.tar", "coredns-0.tar"]):
        (directory / name).write_text("")
        os.utime(directory / name, (1000 - age, 1000 - age))
    keep_newest("pause-*.tar", 2)
    assert sorted(path.name for path in directory.iterdir()) == [
        "coredns-0.tar",
        "pause-2.tar",
        "pause-3.tar",
    ]
    assert directory == cache_home / "rocksteady" / "images"


def test_exclusive__can_be_taken_again_after_a_failure() -> None:
    def fail() -> None:
        with exclusive("image pause"):
            raise RuntimeError("compiler")

    with pytest.raises(RuntimeError, match="compiler"):
        fail()
    with exclusive("image pause"):
        pass


_BUILD = """
import sys
from hack.images.cache import exclusive
from hack.images.programs import run
with exclusive("image pause"):
    run(["sh", "-c", "touch $0; sleep 1", sys.argv[1]])
"""


def test_exclusive__lasts_as_long_as_the_program_of_a_build_that_was_killed(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with subprocess.Popen([sys.executable, "-c", _BUILD, str(started)]) as builder:
        while not started.exists():
            time.sleep(0.01)
        builder.kill()
    with (images_directory() / ".lock").open("a") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_written_whole__unmounts_what_a_killed_build_left_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmounted: list[Path] = []
    monkeypatch.setattr(cache, "unmount_below", unmounted.append)
    left_behind = tmp_path / ".base.partial"
    (left_behind / "rootfs" / "proc").mkdir(parents=True)
    with written_whole(tmp_path / "base") as partial:
        partial.mkdir()
    assert unmounted == [left_behind]
