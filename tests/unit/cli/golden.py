"""Text that commands print, against files in the tree."""

import os
from pathlib import Path

_EXPECTED = Path(__file__).parent / "expected"


def matches(name: str, text: str) -> None:
    """Compare with `expected/<name>.txt`; with ROCKSTEADY_UPDATE_GOLDEN=1 write it instead.

    Spaces at the ends of lines are left out: they fill up cells and nobody sees them.
    """
    found = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    path = _EXPECTED / f"{name}.txt"
    if os.environ.get("ROCKSTEADY_UPDATE_GOLDEN") == "1":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")
