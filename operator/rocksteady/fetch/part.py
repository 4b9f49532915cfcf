"""A file that is on its way: where to go on after an interruption, and when it is whole."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from rocksteady.fetch import FetchError


class Part:
    """The part of a file that is here already, and the version of the file that it belongs to.

    A part whose version is not known to be the same as the server's is fetched anew.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self._part = target.with_name(f".{target.name}.part")
        self._version = target.with_name(f".{target.name}.version")

    @property
    def version(self) -> str | None:
        """What the server calls the version of the part (its ETag); None: there is no part."""
        return self._version.read_text(encoding="utf-8") if self._version.exists() else None

    @property
    def size(self) -> int:
        """Bytes that are here and need not be fetched again; 0 when their version is unknown."""
        return self._part.stat().st_size if self.version and self._part.exists() else 0

    def begin(self, version: str | None) -> None:
        """Forget what is here and start with the given version; None: it cannot be resumed."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._part.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)
        if version:
            self._version.write_text(version, encoding="utf-8")

    def append(self, chunks: Iterable[bytes]) -> None:
        """Add what arrives."""
        with self._part.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)

    def finish(self, size: int | None) -> None:
        """Give the file its name.

        Args:
            size: Bytes that the server promised; None: it did not say.

        Raises:
            ConnectionError: Fewer bytes came; what is here stays for the next attempt.
        """
        self._part.touch()
        here = self._part.stat().st_size
        if size is not None and here < size:
            raise ConnectionError(f"the connection ended after {here} of {size} bytes")
        self._part.rename(self.target)
        self._version.unlink(missing_ok=True)


def check_digest(path: Path, digest: str) -> None:
    """Compare a file with the sha256 that the URI names.

    Args:
        path: The whole file.
        digest: `sha256=` and 64 hex digits.

    Raises:
        FetchError: It is another file; it is removed, so that the next attempt starts anew.
    """
    wanted = digest[len("sha256=") :]
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        path.unlink()
        raise FetchError(
            f"{path.name} has sha256 {found}, but the URI says {wanted}: the file at its source has"
            " changed, or the URI is wrong"
        )
