"""What the scripts behind the make targets refuse, start and wait for; programs are stand-ins."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

_HACK = Path(__file__).resolve().parents[3] / "hack"
_RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >>"$RECORD"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose programs only write down how they were called."""
    root = tmp_path / "checkout"
    for folder in ("hack", ".venv/bin"):
        (root / folder).mkdir(parents=True)
    for script in _HACK.glob("*.sh"):
        shutil.copy(script, root / "hack")
    for program in ("hack/operator-up.sh", "hack/apt-install.sh", ".venv/bin/python"):
        _program(root / program, _RECORD)
    _program(
        root / ".venv/bin/pytest", f'{_RECORD}echo "asked for $ROCKSTEADY_TIERS" >>"$RECORD"\n'
    )
    return root


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _environment(checkout: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ROCKSTEADY_")}
    made = {"XDG_CACHE_HOME": str(checkout / "cache"), "RECORD": str(checkout / "record")}
    return {**kept, **made}


def _run(checkout: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "hack" / command[0], *command[1:]],
        check=False,
        capture_output=True,
        text=True,
        env={**_environment(checkout), **variables},
    )


def _calls(checkout: Path) -> list[str]:
    record = checkout / "record"
    return record.read_text().splitlines() if record.exists() else []


@pytest.mark.parametrize(
    ("tiers", "message"),
    [
        pytest.param(["unit", "clster"], "there is no tier 'clster'", id="one that is misspelt"),
        pytest.param([], "no tier was named", id="none at all"),
    ],
)
def test_test__refuses_tiers_before_it_starts_anything(
    tiers: list[str], message: str, checkout: Path
) -> None:
    done = _run(checkout, "test.sh", *tiers, "--", "-x")
    assert done.returncode == 2
    assert message in done.stderr
    assert "unit golden emulated apiserver cluster" in done.stderr
    assert _calls(checkout) == []


def test_test__runs_the_tiers_and_says_which_were_asked_for(checkout: Path) -> None:
    done = _run(checkout, "test.sh", "unit", "golden", "--", "-x", "-k", "a b")
    assert done.returncode == 0, done.stderr
    assert _calls(checkout) == [
        "pytest -m (unit or golden) and not extended -x -k a b",
        "asked for unit golden",
    ]


def test_test__compiles_what_api_server_tests_need_before_their_time_runs(checkout: Path) -> None:
    _run(checkout, "test.sh", "apiserver", ROCKSTEADY_KUBERNETES_VERSIONS="1.32.13,1.37.2")
    build = "python -m hack.local_cluster build"
    assert _calls(checkout)[:3] == [
        f"{build} etcd kubernetes/kube-apiserver kubernetes/kubectl",
        f"{build} --kubernetes-version 1.32.13 kubernetes/kube-apiserver",
        f"{build} --kubernetes-version 1.37.2 kubernetes/kube-apiserver",
    ]


def test_test__starts_cluster_and_operator_for_the_cluster_tier(checkout: Path) -> None:
    _run(checkout, "test.sh", "cluster", "--")
    assert _calls(checkout) == [
        "python -m hack.local_cluster up",
        "operator-up.sh ",
        "python -m hack.local_cluster build vegeta",
        "pytest -m (cluster) and not extended",
        "asked for cluster",
    ]


def test_test__of_the_cluster_waits_for_another_and_says_for_whom(checkout: Path) -> None:
    _program(checkout / ".venv/bin/pytest", f"{_RECORD}sleep 1\n")
    command = [str(checkout / "hack" / "test.sh"), "cluster"]
    with subprocess.Popen(command, env=_environment(checkout)) as first:
        while not any(call.startswith("pytest") for call in _calls(checkout)):
            time.sleep(0.01)
        second = _run(checkout, "test.sh", "cluster")
        assert first.poll() == 0
    assert f"waiting for process {first.pid} to end: it has the lock cluster-tests" in second.stderr


def _fail(checkout: Path, when: str) -> None:
    text = f'{_RECORD}case "$*" in {when}) exit 1 ;; *versions) echo 1.32.13 1.37.2 ;; esac\n'
    _program(checkout / ".venv/bin/python", text)


@pytest.mark.parametrize(
    "break_it",
    [
        pytest.param(lambda root: _fail(root, "*build*"), id="nothing compiles"),
        pytest.param(lambda root: _fail(root, "*envoy-gateway*"), id="no Envoy Gateway"),
        pytest.param(lambda root: _fail(root, "*faults*"), id="a fault that is not repaired"),
        pytest.param(
            lambda root: _program(root / ".venv/bin/pytest", f"{_RECORD}exit 1\n"),
            id="tests that fail",
        ),
    ],
)
def test_test_extended__goes_through_every_part_and_writes_the_document(
    break_it: Callable[[Path], None], checkout: Path
) -> None:
    _fail(checkout, "never")
    break_it(checkout)
    _run(checkout, "test-extended.sh")
    calls = "\n".join(_calls(checkout))
    assert calls.count("build etcd") == 2
    for part in ("up --with envoy-gateway", "hack.local_cluster.faults", "extended_results write"):
        assert part in calls


def test_test_extended__leaves_a_cluster_with_the_settings_of_before(checkout: Path) -> None:
    kept = checkout / "cache" / "rocksteady" / "cluster" / "cluster.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"gateway_port": 18080}')
    text = f'{_RECORD}case "$*" in *--purge) rm -r "$XDG_CACHE_HOME/rocksteady/cluster" ;; esac\n'
    _program(checkout / ".venv/bin/python", text)
    done = _run(checkout, "test-extended.sh")
    assert done.returncode == 0, done.stderr
    assert _calls(checkout)[-2:] == [
        "python -m hack.local_cluster down --purge",
        "python -m hack.local_cluster up",
    ]
    assert kept.read_text() == '{"gateway_port": 18080}'


def test_setup__makes_the_environment_once_when_two_ask_at_once(checkout: Path) -> None:
    for name in ("requirements-dev.lock", "pyproject.toml"):
        (checkout / name).write_text("")
    uv = '#!/bin/sh\necho "uv $1" >>"$RECORD"\nsleep 0.3\n'
    (checkout / "bin").mkdir()
    _program(checkout / "bin" / "uv", uv)
    environment = {
        **_environment(checkout),
        "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
    }
    command = [checkout / "hack" / "setup.sh"]
    started = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert _calls(checkout) == ["uv venv", "uv pip", "uv pip"]


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        pytest.param("never", ["install"], id="at once where the lists are good"),
        pytest.param("first", ["install", "update", "install"], id="after an update of old lists"),
    ],
)
def test_apt_install__installs(fails: str, expected: list[str], checkout: Path) -> None:
    shutil.copy(_HACK / "apt-install.sh", checkout / "hack")
    stand_ins = checkout / "bin"
    stand_ins.mkdir()
    _program(stand_ins / "id", "#!/bin/sh\necho 0\n")
    refusal = '[ "$(wc -l <"$RECORD")" != 1 ]\n' if fails == "first" else ""
    _program(stand_ins / "apt-get", f"{_RECORD}{refusal}")
    path = f"{stand_ins}:{os.environ['PATH']}"
    assert _run(checkout, "apt-install.sh", "openssl", "runc", PATH=path).returncode == 0
    options = "apt-get -q -y -o DPkg::Lock::Timeout=300"
    assert [call.removeprefix(options).split()[0] for call in _calls(checkout)] == expected
    assert _calls(checkout)[-1] == f"{options} install --no-install-recommends openssl runc"


def test_apt_install__another_user_than_root_is_told_what_is_missing(checkout: Path) -> None:
    shutil.copy(_HACK / "apt-install.sh", checkout / "hack")
    (checkout / "bin").mkdir()
    _program(checkout / "bin" / "id", "#!/bin/sh\necho 1000\n")
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    done = _run(checkout, "apt-install.sh", "openssl", PATH=path)
    assert done.returncode == 1
    assert "missing on this machine: openssl" in done.stderr
