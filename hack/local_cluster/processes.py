"""Starting processes that outlive us, and stopping exactly those again."""

import hashlib
import json
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import write_whole

# Set in the environment of everything that is started, so that a process whose record was
# never written (killed in between) is found again.
MARKER = "ROCKSTEADY_LOCAL_CLUSTER"
_PROC = Path("/proc")
_KEPT_LOG_BYTES = 20_000_000


@dataclass(frozen=True)
class ProcessRecord:
    """What tells a process from another that got its number later.

    Attributes:
        name: Of the component.
        pid: Process id.
        start_ticks: When it started, in clock ticks since boot (field 22 of /proc/<pid>/stat).
        boot_id: Which boot of the machine that counts from.
        fingerprint: Of command line and configuration; another one asks for a restart.
    """

    name: str
    pid: int
    start_ticks: int
    boot_id: str
    fingerprint: str


def boot_id() -> str:
    """Return what the kernel calls this boot of the machine."""
    return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def parse_stat(text: str) -> tuple[str, int, int]:
    """Read /proc/<pid>/stat.

    Args:
        text: Its one line. The name in brackets may itself hold spaces and brackets.

    Returns:
        State letter, parent's process id, start in clock ticks since boot (proc(5)).
    """
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[1]), int(fields[19])


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when it does not run."""
    try:
        state, _parent, ticks = parse_stat((_PROC / str(pid) / "stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else ticks


def started_seconds(record: ProcessRecord) -> float:
    """Return when a process started, in seconds since the epoch."""
    lines = (_PROC / "stat").read_text(encoding="ascii").splitlines()
    boot_seconds = next(int(line.split()[1]) for line in lines if line.startswith("btime "))
    return boot_seconds + record.start_ticks / os.sysconf("SC_CLK_TCK")


def children() -> dict[int, list[int]]:
    """Return the process tree: parent's id to its children's."""
    tree: dict[int, list[int]] = {}
    for pid in _all_pids():
        try:
            text = (_PROC / str(pid) / "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        tree.setdefault(parse_stat(text)[1], []).append(pid)
    return tree


def descendants(roots: Sequence[int], tree: Mapping[int, Sequence[int]]) -> list[int]:
    """Return all processes below some, parents before their children."""
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        below = list(tree.get(waiting.pop(0), ()))
        found += below
        waiting += below
    return found


def fingerprint(command: Sequence[str], files: Sequence[Path]) -> str:
    """Return what changes when a process must be restarted to follow its configuration."""
    digest = hashlib.sha256("\0".join(command).encode())
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Processes:
    """The processes of one cluster directory.

    Args:
        records: Where their records are kept.
        logs: Where their output goes, as <name>.log.
        marker: Value of the marker in their environment.
        die_with_parent: Whether the kernel ends them when the process that started them ends,
            as a test run wants it and a cluster does not.
    """

    def __init__(
        self, records: Path, logs: Path, marker: str, *, die_with_parent: bool = False
    ) -> None:
        self._records = records
        self._logs = logs
        self._marker = marker
        self._die_with_parent = die_with_parent

    def record(self, name: str) -> ProcessRecord | None:
        """Return the record of a process that runs; None when it does not."""
        try:
            record = ProcessRecord(**json.loads(self._record_file(name).read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None
        same = record.boot_id == boot_id() and start_ticks(record.pid) == record.start_ticks
        return record if same else None

    def names(self) -> list[str]:
        """Return the names that have a record, running or not."""
        return sorted(path.stem for path in self._records.glob("*.json"))

    def ensure(self, name: str, command: Sequence[str], files: Sequence[Path] = ()) -> bool:
        """Have a process run with this command and these configuration files.

        Args:
            name: Of the component.
            command: Program and arguments.
            files: What it reads once at its start.

        Returns:
            Whether it had to be started, or restarted because command or files changed.
        """
        wanted = fingerprint(command, files)
        running = self.record(name)
        if running and running.fingerprint == wanted:
            return False
        if running:
            self.stop(name)
        self._start(name, command, wanted)
        return True

    def _start(self, name: str, command: Sequence[str], wanted: str) -> None:
        log = self._logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > _KEPT_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        prefix = ["setpriv", "--pdeathsig", "KILL"] if self._die_with_parent else []
        pid = _spawn([*prefix, *command], {**os.environ, MARKER: self._marker}, log)
        ticks = start_ticks(pid)
        if ticks is None:
            raise ClusterError(f"{name} ended at once; {self.log_tail(name)}")
        record = ProcessRecord(name, pid, ticks, boot_id(), wanted)
        write_whole(self._record_file(name), json.dumps(asdict(record)))

    def stop(self, name: str, grace_seconds: float = 5) -> bool:
        """Stop a process if it is still the one that was started.

        Args:
            name: Of the component.
            grace_seconds: How long it may take to end by itself before it is killed.

        Returns:
            Whether it ran.
        """
        record = self.record(name)
        if record:
            terminate({record.pid: record.start_ticks}, grace_seconds)
            _reap(record.pid)
        self._record_file(name).unlink(missing_ok=True)
        return record is not None

    def unrecorded(self) -> dict[int, int]:
        """Return processes that carry our marker: process id to start in clock ticks."""
        wanted = f"{MARKER}={self._marker}".encode()
        found: dict[int, int] = {}
        for pid in _all_pids():
            try:
                environment = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            ticks = start_ticks(pid)
            if wanted in environment and ticks is not None and pid != os.getpid():
                found[pid] = ticks
        return found

    def log_tail(self, name: str, lines: int = 12) -> str:
        """Return where the log of a process is, and its last lines."""
        log = self._logs / f"{name}.log"
        try:
            text = log.read_text(errors="replace")
        except FileNotFoundError:
            return f"there is no log {log}"
        return "\n".join([f"last lines of {log}:", *text.splitlines()[-lines:]])

    def _record_file(self, name: str) -> Path:
        return self._records / f"{name}.json"


def _spawn(command: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
    """Start a process in a session of its own, so that a closed terminal does not end it."""
    appended = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    try:
        return os.posix_spawnp(
            command[0],
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), appended, 0o644),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, lent) for lent in _lent_descriptors()),
            ],
            setsid=True,
        )
    except FileNotFoundError as missing:
        raise ClusterError(f"{command[0]} is missing: install it and try again") from missing


def _lent_descriptors() -> list[int]:
    """Return what whoever called us left open for us, such as the lock of a make target.

    A process that outlives us would hold it for ever.
    """
    found: list[int] = []
    for entry in sorted(os.listdir(_PROC / "self" / "fd"), key=int):  # noqa: PTH208 - not paths
        # The descriptor of the listing itself is gone by now.
        with suppress(OSError):
            if int(entry) > 2 and os.get_inheritable(int(entry)):
                found.append(int(entry))
    return found


def _reap(pid: int) -> None:
    """Take the exit status of an ended process, if it was our own child."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def terminate(processes: Mapping[int, int], grace_seconds: float) -> None:
    """End processes: first asked, then killed.

    A process id that has passed on to another process meanwhile is left alone: the kernel
    handle is taken first, then the start time compared.

    Args:
        processes: Process id to start in clock ticks.
        grace_seconds: How long they may take, together, before they are killed.
    """
    handles: list[int] = []
    try:
        for pid, ticks in processes.items():
            handle = _open_handle(pid, ticks)
            if handle is not None:
                handles.append(handle)
        _signal_all(handles, signal.SIGTERM)
        left = _wait_for_end(handles, grace_seconds)
        _signal_all(left, signal.SIGKILL)
        _wait_for_end(left, 10)
    finally:
        for handle in handles:
            os.close(handle)


def _open_handle(pid: int, ticks: int) -> int | None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if start_ticks(pid) != ticks:
        os.close(handle)
        return None
    return handle


def _signal_all(handles: Sequence[int], number: signal.Signals) -> None:
    for handle in handles:
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            continue


def _wait_for_end(handles: Sequence[int], seconds: float) -> list[int]:
    """Return those that still run when the time is up."""
    left = list(handles)
    deadline = time.monotonic() + seconds
    while left and (remaining := deadline - time.monotonic()) > 0:
        # A pidfd is readable once its process has ended.
        ended, _, _ = select.select(left, [], [], remaining)
        left = [handle for handle in left if handle not in ended]
    return left


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
