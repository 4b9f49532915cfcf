"""Fetch a folder or a file from a bucket (S3 and what speaks its protocol, Google Cloud Storage).

Credentials and endpoints come from the environment, in the names of the vendors' own tools
(AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_SERVICE_ACCOUNT_KEY, ...); without any, requests are
anonymous.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import obstore
from obstore.exceptions import (
    BaseError,
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import GCSStore, S3Store

from rocksteady.api.model_uri import ModelUri
from rocksteady.fetch import FetchError, check_size
from rocksteady.fetch.attempts import persist
from rocksteady.fetch.part import Part
from rocksteady.fetch.progress import readable, say
from rocksteady.fetch.shards import with_shards

if TYPE_CHECKING:
    from obstore import GetOptions

PARALLEL_FILES: Final = 4

_IDENTITY_VARIABLES: Final = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
}
"""Any of these means that requests are signed.

Source: apache/arrow-rs-object-store:src/aws/builder.rs and src/gcp/builder.rs (from_env).
"""


_KEY_VARIABLES: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_SERVICE_ACCOUNT_KEY",
}
_REFUSED: Final = re.compile(r"status: (401|403)\b|HTTP status client error \((401|403)\b")


@dataclass(frozen=True)
class RemoteFile:
    """A file in a bucket.

    Attributes:
        key: In the bucket.
        name: Path in the folder that is fetched, relative.
        size: Bytes.
        version: ETag; None when the store has none.
    """

    key: str
    name: str
    size: int
    version: str | None


def fetch_bucket(uri: ModelUri, folder: Path) -> None:
    """Bring what an s3 or gs URI names into the folder: the file, or all below the prefix.

    Raises:
        FetchError: Nothing is there, the store refuses it, or it does not fit on the volume.
    """
    with _telling(uri):
        copy(open_store(uri), uri, folder)


def fetch_bucket_items(uri: ModelUri, folder: Path, max_bytes: int) -> None:
    """Bring the file of items that an s3 or gs URI names into the folder.

    Raises:
        FetchError: As `fetch_bucket`, or it has more than `max_bytes`.
    """
    with _telling(uri):
        copy_items(open_store(uri), uri, folder, max_bytes)


@contextmanager
def _telling(uri: ModelUri) -> Iterator[None]:
    """Say what errors of the store mean."""
    where = f"{uri.scheme}://{uri.location}/{uri.path}"
    try:
        yield
    except BaseError as error:
        if _is_refusal(error):
            raise FetchError(
                f"{where} is refused: the Secret of credentialsSecretRef needs"
                f" {_KEY_VARIABLES[uri.scheme]} of an account that may read and list it"
            ) from error
        cause = str(error).partition("Debug source")[0].strip()
        raise FetchError(f"{where} cannot be read: {cause}") from error


def _is_refusal(error: BaseError) -> bool:
    """True when the store wants (other) credentials; for a listing, only the text says so."""
    return isinstance(error, PermissionDeniedError | UnauthenticatedError) or bool(
        _REFUSED.search(str(error))
    )


def open_store(uri: ModelUri) -> Any:
    """The bucket of a URI, with signed requests when the environment has an identity."""
    signed = any(os.environ.get(name) for name in _IDENTITY_VARIABLES[uri.scheme])
    kind = S3Store if uri.scheme == "s3" else GCSStore
    return kind(uri.location) if signed else kind(uri.location, skip_signature=True)


def copy(store: Any, uri: ModelUri, folder: Path) -> None:
    """Copy what the URI names from the store into the folder, keeping what is there already.

    Raises:
        FetchError: Nothing is there, or it does not fit on the volume.
    """
    files = list(_file(store, uri)) if uri.file_name else list(_below(store, uri.path))
    if not files:
        raise FetchError(
            f"{uri.scheme}://{uri.location}/{uri.path} holds no files: check bucket and prefix"
        )
    _bring(store, files, folder)


def copy_items(store: Any, uri: ModelUri, folder: Path, max_bytes: int) -> None:
    """Copy the one file that the URI names, whatever its ending.

    Raises:
        FetchError: It is not there, has more than `max_bytes`, or does not fit on the volume.
    """
    files = list(_file(store, uri))
    for file in files:
        check_size(f"{uri.scheme}://{uri.location}/{uri.path}", file.size, max_bytes)
    _bring(store, files, folder)


def _bring(store: Any, files: Sequence[RemoteFile], folder: Path) -> None:
    missing = [one for one in files if not _is_here(folder / one.name, one)]
    total = sum(one.size for one in missing)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise FetchError(
            f"{readable(total)} are still to come, but the volume has {readable(free)} free: give"
            " spec.model.cache a larger claim"
        )
    say(f"{len(missing)} of {len(files)} files to fetch, {readable(total)}")
    with ThreadPoolExecutor(PARALLEL_FILES) as pool:
        for _ in pool.map(lambda one: _fetch(store, one, folder), missing):
            pass


def _is_here(path: Path, remote: RemoteFile) -> bool:
    return path.exists() and path.stat().st_size == remote.size


def _file(store: Any, uri: ModelUri) -> Iterator[RemoteFile]:
    """The file, with the other shards when it is one of several."""
    for key in with_shards(uri.path):
        try:
            meta = obstore.head(store, key)
        except FileNotFoundError as error:
            raise FetchError(
                f"{uri.scheme}://{uri.location}/{key} does not exist: check bucket and path"
            ) from error
        yield RemoteFile(key, key.rsplit("/", 1)[-1], meta["size"], meta["e_tag"])


def _below(store: Any, prefix: str) -> Iterator[RemoteFile]:
    """All files below a prefix; markers of empty folders are left out."""
    for batch in obstore.list(store, prefix=prefix or None):
        for meta in batch:
            name = meta["path"][len(prefix) :].strip("/")
            if name and not meta["path"].endswith("/"):
                yield RemoteFile(meta["path"], name, meta["size"], meta["e_tag"])


def _fetch(store: Any, remote: RemoteFile, folder: Path) -> None:
    """Bring one file."""
    target = folder / remote.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise FetchError(f"{remote.key} would be written outside its folder: rename it")
    part = Part(target)
    persist(lambda: _attempt(store, remote, part), (ConnectionError, GenericError))


def _attempt(store: Any, remote: RemoteFile, part: Part) -> None:
    """Fetch what is still missing of a file."""
    if part.version != remote.version or part.size > remote.size:
        part.begin(remote.version)
    if part.size < remote.size:
        rest: GetOptions = {"range": {"offset": part.size}} if part.size else {}
        response = obstore.get(store, remote.key, options=rest)
        part.append(bytes(chunk) for chunk in response.stream())
    part.finish(remote.size)
