"""When a program is compiled, and when the one in the cache will do."""

from pathlib import Path

import pytest

from hack.local_cluster import go_build
from hack.local_cluster.go_build import binary_path, ensure_binary, is_built, stamp_path
from hack.local_cluster.tools import ETCD, Tool, kubernetes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with etcd's go.mod and go.sum."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(go_build, "_FOLDERS", tmp_path / "go")
    directory = tmp_path / "go" / "etcd"
    directory.mkdir(parents=True)
    (directory / "go.mod").write_text("require a v1\n")
    (directory / "go.sum").write_text("a v1 h1:x\n")
    return directory


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled, in order."""
    programs: list[str] = []

    def build(_tool: Tool, program: str, target: Path, *_rest: object) -> None:
        programs.append(program)
        _put(target)

    monkeypatch.setattr(go_build, "_build", build)
    monkeypatch.setattr(go_build, "require_go", lambda: None)
    return programs


def _put(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text("program")
    program.chmod(0o755)


@pytest.mark.usefixtures("folder")
def test_ensure_binary__compiles_once_while_nothing_changes(built: list[str]) -> None:
    assert not is_built(ETCD, "etcd")
    assert ensure_binary(ETCD, "etcd") == ensure_binary(ETCD, "etcd")
    assert built == ["etcd"]


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_ensure_binary__compiles_again_when_a_module_changes(
    name: str, folder: Path, built: list[str]
) -> None:
    stamp = stamp_path(ensure_binary(ETCD, "etcd"))
    before = stamp.read_text()
    (folder / name).write_text("a v2\n")
    assert not is_built(ETCD, "etcd")
    ensure_binary(ETCD, "etcd")
    assert built == ["etcd", "etcd"]
    assert stamp.read_text() != before


def test_ensure_binary__takes_a_program_from_before_there_were_stamps(
    folder: Path, built: list[str]
) -> None:
    _put(binary_path(ETCD, "etcd"))
    ensure_binary(ETCD, "etcd")
    assert built == []
    (folder / "go.mod").write_text("require a v2\n")
    ensure_binary(ETCD, "etcd")
    assert built == ["etcd"]


@pytest.mark.usefixtures("folder")
def test_ensure_binary__of_another_kubernetes_version_needs_no_go_mod_of_ours(
    built: list[str],
) -> None:
    ensure_binary(kubernetes("1.32.13"), "kube-apiserver")
    assert built == ["kube-apiserver"]
