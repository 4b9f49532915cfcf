"""Processes are told apart by when they started, not by their number alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hack.local_cluster.errors import ClusterError
from hack.local_cluster.processes import (
    Processes,
    descendants,
    fingerprint,
    parse_stat,
    start_ticks,
    terminate,
)

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Ignores SIGTERM, and says so when it is ready to.
_STUBBORN = [
    sys.executable,
    "-c",
    (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(60)"
    ),
]


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(
        tmp_path / "records", tmp_path / "logs", marker=str(tmp_path), die_with_parent=True
    )


def _wait_for_log(path: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "7 (kubelet) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 4711 0 0",
            ("S", 1, 4711),
            id="a plain name",
        ),
        pytest.param(
            "7 (a) b (c) Z 12 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 9 0 99 0 0",
            ("Z", 12, 99),
            id="a name with spaces and brackets",
        ),
    ],
)
def test_parse_stat__finds_the_fields_behind_the_name(
    text: str, expected: tuple[str, int, int]
) -> None:
    assert parse_stat(text) == expected


def test_descendants__come_after_their_parents_and_leave_strangers_out() -> None:
    tree = {1: [2, 9], 2: [3, 4], 4: [5], 9: [10]}
    assert descendants([2], tree) == [3, 4, 5]


def test_start_ticks__of_a_process_that_does_not_exist_is_none() -> None:
    assert start_ticks(2**22 + 1) is None


def test_ensure__starts_once_and_leaves_a_running_process_alone(processes: Processes) -> None:
    try:
        assert processes.ensure("sleeper", _SLEEP) is True
        first = processes.record("sleeper")
        assert processes.ensure("sleeper", _SLEEP) is False
        assert first is not None
        assert processes.record("sleeper") == first
    finally:
        processes.stop("sleeper")


def test_ensure__does_not_hand_on_what_a_make_target_holds_locked(
    processes: Processes, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)  # noqa: FBT003
        try:
            processes.ensure("sleeper", _SLEEP)
            record = processes.record("sleeper")
            assert record is not None
            held = Path(f"/proc/{record.pid}/fd").iterdir()
            assert tmp_path / "lock" not in [entry.readlink() for entry in held]
        finally:
            processes.stop("sleeper")


def test_ensure__restarts_when_a_configuration_file_changed(
    processes: Processes, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("a")
    try:
        processes.ensure("sleeper", _SLEEP, [config])
        first = processes.record("sleeper")
        config.write_text("b")
        assert processes.ensure("sleeper", _SLEEP, [config]) is True
        second = processes.record("sleeper")
        assert first is not None
        assert second is not None
        assert second.pid != first.pid
        assert start_ticks(first.pid) is None
    finally:
        processes.stop("sleeper")


def test_stop__ends_the_process_and_forgets_it(processes: Processes) -> None:
    processes.ensure("sleeper", _SLEEP)
    record = processes.record("sleeper")
    assert record is not None
    assert processes.stop("sleeper") is True
    assert start_ticks(record.pid) is None
    assert processes.names() == []
    assert processes.stop("sleeper") is False


def test_stop__kills_what_does_not_end_by_itself(processes: Processes, tmp_path: Path) -> None:
    processes.ensure("stubborn", _STUBBORN)
    _wait_for_log(tmp_path / "logs" / "stubborn.log", "ready")
    record = processes.record("stubborn")
    assert record is not None
    processes.stop("stubborn", grace_seconds=0.2)
    assert start_ticks(record.pid) is None


def test_record__of_a_number_that_passed_on_to_another_process_is_none(
    processes: Processes, tmp_path: Path
) -> None:
    processes.ensure("sleeper", _SLEEP)
    record = processes.record("sleeper")
    assert record is not None
    file = tmp_path / "records" / "sleeper.json"
    file.write_text(
        file.read_text().replace(str(record.start_ticks), str(record.start_ticks - 1), 1)
    )
    assert processes.record("sleeper") is None
    processes.stop("sleeper")
    assert start_ticks(record.pid) == record.start_ticks
    terminate({record.pid: record.start_ticks}, grace_seconds=5)


def test_record__of_an_earlier_boot_is_none(processes: Processes, tmp_path: Path) -> None:
    processes.ensure("sleeper", _SLEEP)
    record = processes.record("sleeper")
    assert record is not None
    file = tmp_path / "records" / "sleeper.json"
    file.write_text(file.read_text().replace(record.boot_id, "another-boot"))
    assert processes.record("sleeper") is None
    terminate({record.pid: record.start_ticks}, grace_seconds=5)


@pytest.mark.parametrize("content", ["", "{", "{}", "[]"])
def test_record__that_was_torn_by_a_crash_is_none(
    processes: Processes, tmp_path: Path, content: str
) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "torn.json").write_text(content)
    assert processes.record("torn") is None


def test_unrecorded__finds_what_was_started_but_never_written_down(
    processes: Processes, tmp_path: Path
) -> None:
    processes.ensure("sleeper", _SLEEP)
    record = processes.record("sleeper")
    assert record is not None
    (tmp_path / "records" / "sleeper.json").unlink()
    assert processes.unrecorded() == {record.pid: record.start_ticks}
    terminate(processes.unrecorded(), grace_seconds=5)
    os.waitpid(record.pid, 0)
    assert processes.unrecorded() == {}


def test_unrecorded__leaves_other_peoples_processes_out(
    processes: Processes, tmp_path: Path
) -> None:
    other = {**os.environ, "ROCKSTEADY_LOCAL_CLUSTER": f"{tmp_path}-other"}
    with subprocess.Popen(_SLEEP, env=other) as stranger:
        try:
            assert processes.unrecorded() == {}
        finally:
            stranger.kill()


def test_terminate__leaves_a_number_alone_whose_start_differs() -> None:
    with subprocess.Popen(_SLEEP) as stranger:
        try:
            ticks = start_ticks(stranger.pid)
            assert ticks is not None
            terminate({stranger.pid: ticks - 1}, grace_seconds=0.1)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_ensure__of_a_missing_program_names_it(processes: Processes, tmp_path: Path) -> None:
    unbound = Processes(tmp_path / "records", tmp_path / "logs", marker="m")
    with pytest.raises(ClusterError, match="no-such-program is missing"):
        unbound.ensure("x", ["no-such-program"])
    assert processes.names() == []


def test_log_tail__shows_the_last_lines_and_where_they_are(
    processes: Processes, tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "etcd.log").write_text("one\ntwo\nthree\n")
    assert processes.log_tail("etcd", lines=2).splitlines()[1:] == ["two", "three"]
    assert "there is no log" in processes.log_tail("kubelet")


def test_fingerprint__tells_arguments_apart_that_join_to_the_same_text() -> None:
    assert fingerprint(["a b"], []) != fingerprint(["a", "b"], [])
