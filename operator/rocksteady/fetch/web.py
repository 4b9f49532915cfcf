"""Fetch one file from a web server, resumably."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from ssl import SSLError
from typing import Final

from rocksteady.api.model_uri import ModelUri
from rocksteady.fetch import FetchError, check_size
from rocksteady.fetch.attempts import persist
from rocksteady.fetch.part import Part, check_digest
from rocksteady.fetch.shards import with_shards

AUTHORIZATION_VARIABLE: Final = "HTTPS_AUTHORIZATION"
"""Value of the Authorization header, for example `Bearer ...`, from the credentials Secret."""
SILENCE_SECONDS: Final = 60
"""A connection on which nothing comes for so long is broken."""

_BROKEN_CONNECTION: Final = (ConnectionError, TimeoutError, HTTPException, SSLError)
_CHUNK_BYTES: Final = 1024 * 1024
_RETRIED_STATUS: Final = {408, 429, 500, 502, 503, 504}


class _BusyServerError(ConnectionError):
    """The server asks to come back later."""


def fetch_web(uri: ModelUri, folder: Path) -> None:
    """Bring the file of an https URI into the folder, under the last part of its path.

    Raises:
        FetchError: The server refuses it, cannot be reached, or the file is not the pinned one.
    """
    path, _, query = uri.path.partition("?")
    for part in with_shards(path):
        url = f"https://{uri.location}/{part}" + (f"?{query}" if query else "")
        target = folder / part.rsplit("/", 1)[-1]
        download(url, target)
        if uri.revision:  # then there is this one part only
            check_digest(target, uri.revision)


def fetch_web_items(uri: ModelUri, folder: Path, max_bytes: int) -> None:
    """Bring the file of items of an https URI into the folder, under the last part of its path.

    Raises:
        FetchError: As `fetch_web`, or it has more than `max_bytes`.
    """
    target = folder / (uri.file_name or "")
    download(f"https://{uri.location}/{uri.path}", target, max_bytes)
    if uri.revision:
        check_digest(target, uri.revision)


def download(url: str, target: Path, max_bytes: int | None = None) -> None:
    """Bring one file; a file that is there already is kept.

    Args:
        url: Of the file.
        target: Where it is put.
        max_bytes: Most that it may have; None: any size.

    Raises:
        FetchError: As `fetch_web`, or it is larger.
    """
    if target.exists():
        return
    part = Part(target)
    try:
        persist(lambda: _attempt(url, part, max_bytes), _BROKEN_CONNECTION)
    except urllib.error.HTTPError as error:
        raise FetchError(_refusal(url, error.code)) from error
    except urllib.error.URLError as error:
        raise FetchError(f"{url} cannot be reached: {error.reason}") from error
    except _BROKEN_CONNECTION as error:
        raise FetchError(f"{url} kept breaking off: {error}") from error


def _attempt(url: str, part: Part, max_bytes: int | None) -> None:
    """Fetch what is still missing."""
    request = urllib.request.Request(url)  # noqa: S310 - the URI's parser lets https through only
    authorization = os.environ.get(AUTHORIZATION_VARIABLE)
    if authorization:  # not sent on to where the server redirects
        request.add_unredirected_header("Authorization", authorization)
    offset, version = part.size, part.version
    if offset and version:
        request.add_header("Range", f"bytes={offset}-")
        request.add_header("If-Range", version)
    with _open(request) as response:
        if url.startswith("https:") and not response.url.startswith("https:"):
            raise FetchError(f"{url} redirects to an address without encryption: {response.url}")
        if response.status != 206:  # not the rest of what is here, but all of it
            part.begin(_strong(response.headers.get("ETag")))
            offset = 0
        length = response.headers.get("Content-Length")
        size = offset + int(length) if length else None
        chunks = _chunks(response)
        if max_bytes is not None:
            check_size(url, size, max_bytes)
            chunks = _bounded(chunks, url, offset, max_bytes)
        part.append(chunks)
        part.finish(size)


def _open(request: urllib.request.Request) -> HTTPResponse:
    """Open the connection, telling a busy server from one that refuses."""
    try:
        response: HTTPResponse = urllib.request.urlopen(  # noqa: S310 - as above
            request, timeout=SILENCE_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code in _RETRIED_STATUS:
            raise _BusyServerError(f"HTTP status {error.code}") from error
        raise
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionError | TimeoutError):
            raise error.reason from error
        raise
    return response


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    while chunk := response.read(_CHUNK_BYTES):
        yield chunk


def _bounded(chunks: Iterator[bytes], url: str, size: int, max_bytes: int) -> Iterator[bytes]:
    """The same, until it is more than was promised: some servers promise nothing."""
    for chunk in chunks:
        size += len(chunk)
        check_size(url, size, max_bytes)
        yield chunk


def _strong(etag: str | None) -> str | None:
    """The ETag, unless it is weak and so promises no identical bytes (RFC 9110, 13.1.5)."""
    return None if etag is None or etag.startswith("W/") else etag


def _refusal(url: str, status: int) -> str:
    """What the status means for who reads it."""
    if status in {401, 403}:
        return (
            f"{url} answers {status}: give credentialsSecretRef a key {AUTHORIZATION_VARIABLE} with"
            " the value of the Authorization header"
        )
    return f"{url} answers {status}: check the URI"
