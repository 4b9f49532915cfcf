"""What is mounted below a directory, which has to go before the directory can."""

import subprocess
from collections.abc import Iterable
from pathlib import Path


def mounts_below(mountinfo: str, roots: Iterable[Path]) -> list[str]:
    """Return the mounts at or below some directories, in the order to unmount them.

    Args:
        mountinfo: Content of /proc/self/mountinfo (proc(5)).
        roots: The directories.
    """
    prefixes = [str(root) for root in roots]
    points = [_unescaped(line.split()[4]) for line in mountinfo.splitlines()]
    ours = [
        point
        for point in points
        if any(point == prefix or point.startswith(prefix + "/") for prefix in prefixes)
    ]
    return ours[::-1]


def _unescaped(text: str) -> str:
    """Undo the octal escapes that mountinfo has for white space and backslash."""
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text


def unmount_below(root: Path) -> None:
    """Unmount what a killed program left mounted at or below a directory."""
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    for point in mounts_below(mountinfo, [root.resolve()]):
        # Lazily: a process that is still inside must not keep the directory from being removed.
        subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
