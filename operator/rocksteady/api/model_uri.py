"""Where a model's files are: the parsed form of `model.uri`.

Pure. One parser for validation, for the engines' command lines and for the fetching init container.
No message repeats a URI: it may hold a password, and messages reach status, Events and logs.
"""

import re
from dataclasses import dataclass

from rocksteady.api.v1alpha1.serving import SCHEMES

GGUF = ".gguf"
"""Ending of a model in one file, as llama.cpp made the format."""

_FILE_ENDINGS = (GGUF, ".safetensors", ".bin")
_COMMIT = re.compile(r"^[0-9a-f]{7,40}$")
_AUTHORITY = re.compile(r"^[^/?#]*")
_BUCKET = re.compile(r"^[A-Za-z0-9][-._A-Za-z0-9]*$")
_HOST = re.compile(r"^([A-Za-z0-9][-.A-Za-z0-9]*|\[[0-9a-fA-F:.]+\])(:(?P<port>[0-9]+))?$")
_PORT_MAX = 65535
_OBJECT_NAME = re.compile(r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
_OCI_DIGEST = re.compile(r"^sha256:[0-9a-f]{64}$")
_WEB_DIGEST = re.compile(r"^sha256=[0-9a-f]{64}$")

SHARD = re.compile(r"^(?P<stem>.*)-(?P<index>\d{5})-of-(?P<count>\d{5})\.gguf$")
"""Path of one part of a split GGUF file.

Source: ggml-org/llama.cpp:src/llama.cpp (llama_split_path: `%s-%05d-of-%05d.gguf`).
"""


class ModelUriError(ValueError):
    """The URI cannot be read; the message says what is wrong and what would be right."""


@dataclass(frozen=True)
class ModelUri:
    """A model URI, taken apart.

    Attributes:
        scheme: One of `hf`, `s3`, `gs`, `oci`, `pvc`, `https`, `image`.
        location: What holds the files: `org/name` (hf), bucket (s3, gs), repository with its tag
            (oci), claim (pvc), host (https), empty (image).
        path: Path inside the location, without a leading slash, except for `image`, where it is
            absolute in the container. Empty: all of it.
        revision: Commit or branch (hf), `sha256:...` (oci), `sha256=...` (https); None when not
            given.
    """

    scheme: str
    location: str
    path: str
    revision: str | None

    @property
    def pinned(self) -> bool:
        """True when the same URI always means the same bytes."""
        if self.revision is None:
            return False
        return self.scheme != "hf" or _COMMIT.match(self.revision) is not None

    @property
    def file_name(self) -> str | None:
        """Name of the one file that the URI names; None when it names a folder of files.

        An https URI always names a file; what follows a `?` is not part of its name.
        """
        if self.scheme == "https":
            return self.path.partition("?")[0].rpartition("/")[2]
        last = self.path.rpartition("/")[2]
        return last if last.endswith(_FILE_ENDINGS) else None

    @property
    def is_split(self) -> bool:
        """True when the URI names one part of a split GGUF file, and so means all of them."""
        return SHARD.match(self.file_name or "") is not None

    @property
    def is_gguf(self) -> bool:
        """True when the URI names one GGUF file."""
        return (self.file_name or "").endswith(GGUF)


def parse_model_uri(text: str) -> ModelUri:
    """Take a model URI apart.

    >>> parse_model_uri("hf://org/name@7e27bd9").revision
    '7e27bd9'

    Raises:
        ModelUriError: The scheme is unknown or a part is missing.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in SCHEMES:
        known = ", ".join(f"{known}://" for known in SCHEMES)
        raise ModelUriError(f"has no known scheme: use one of {known}")
    if scheme in _WITH_AUTHORITY and "@" in _AUTHORITY.findall(rest)[0]:
        raise ModelUriError(
            "must not carry a user or password: put them into the Secret that"
            " model.credentialsSecretRef names"
        )
    if ".." in rest.split("/"):
        raise ModelUriError("must not climb out of its place with '..'")
    return _PARSERS[scheme](scheme, rest)


def try_model_uri(text: str) -> ModelUri | None:
    """The URI taken apart; None when it cannot be read, which is an error of its own field."""
    try:
        return parse_model_uri(text)
    except ModelUriError:
        return None


def _hugging_face(_: str, rest: str) -> ModelUri:
    """`org/name[/path][@revision]`."""
    repository, _, revision = rest.partition("@")
    parts = [part for part in repository.split("/") if part]
    if len(parts) < 2 or ("@" in rest and not revision):
        raise ModelUriError("must read hf://organisation/name[/file][@revision]")
    return ModelUri("hf", "/".join(parts[:2]), "/".join(parts[2:]), revision or None)


def _bucket(scheme: str, rest: str) -> ModelUri:
    """`bucket/prefix`."""
    bucket, _, path = rest.partition("/")
    if not _BUCKET.match(bucket):
        raise ModelUriError(f"must read {scheme}://bucket/prefix")
    return ModelUri(scheme, bucket, path.strip("/"), None)


def _artifact(_: str, rest: str) -> ModelUri:
    """`repository[:tag][@sha256:digest]`."""
    repository, at, digest = rest.partition("@")
    if not repository or (at and not _OCI_DIGEST.match(digest)):
        raise ModelUriError("must read oci://repository[:tag][@sha256:<64 hex digits>]")
    return ModelUri("oci", repository, "", digest or None)


def _claim(_: str, rest: str) -> ModelUri:
    """`claim[/path]`."""
    claim, _, path = rest.partition("/")
    if not _OBJECT_NAME.match(claim):
        raise ModelUriError("must read pvc://claim[/path], with the name of a claim")
    return ModelUri("pvc", claim, path.strip("/"), None)


def _web(_: str, rest: str) -> ModelUri:
    """`host/file[#sha256=digest]`."""
    address, sharp, digest = rest.partition("#")
    host, _, path = address.partition("/")
    file = path.partition("?")[0].rpartition("/")[2]
    known = _HOST.match(host)
    if known is None or not file or (sharp and not _WEB_DIGEST.match(digest)):
        raise ModelUriError("must read https://host/file[#sha256=<64 hex digits>]")
    if known["port"] and not 1 <= int(known["port"]) <= _PORT_MAX:
        raise ModelUriError(f"must not have a port beyond {_PORT_MAX}, nor port 0")
    if digest and SHARD.match(file):
        raise ModelUriError(
            "must not have a checksum, since it would cover one part of the split file only: leave"
            " it out, or name one file (llama-gguf-split --merge makes one) or hf://...@<commit>"
        )
    return ModelUri("https", host, path, digest or None)


def _baked_in(_: str, rest: str) -> ModelUri:
    """`/absolute/path`."""
    if not rest.startswith("/"):
        raise ModelUriError("must read image:///absolute/path/in/the/engine/image")
    return ModelUri("image", "", rest, None)


_WITH_AUTHORITY = frozenset({"https", "s3", "gs"})
"""Schemes of which other tools know a form with a user and a password."""

_PARSERS = {
    "hf": _hugging_face,
    "s3": _bucket,
    "gs": _bucket,
    "oci": _artifact,
    "pvc": _claim,
    "https": _web,
    "image": _baked_in,
}
