"""Fetch a repository, or a folder or file of one, from Hugging Face at a revision.

HF_TOKEN and HF_ENDPOINT (a mirror) come from the environment.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx2
from huggingface_hub import HfApi, constants, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import disable_progress_bars

from rocksteady.api.model_uri import ModelUri
from rocksteady.fetch import FetchError, check_size
from rocksteady.fetch.progress import say
from rocksteady.fetch.shards import with_shards

MODEL: Final = "model"
DATA_SET: Final = "dataset"

_ABBREVIATED_COMMIT: Final = re.compile(r"^[0-9a-f]{7,39}$")
_SECOND_COPY: Final = "original/*"
"""Where repositories of Llama models hold the same weights again, in the format of Meta's own code.

Source: vllm-project/vllm:vllm/config/load.py (its default of ignore_patterns).
"""


def fetch_hugging_face(uri: ModelUri, folder: Path) -> None:
    """Bring what an hf URI names into the folder.

    Raises:
        FetchError: Repository, revision or path does not exist, the token may not read it, or the
            hub cannot be reached.
    """
    with _telling(uri):
        snapshot_download(
            uri.location,
            revision=_revision(uri, MODEL),
            local_dir=folder,
            allow_patterns=_patterns(uri.path),
            ignore_patterns=None if uri.path else _SECOND_COPY,
        )
    _tidy(folder, uri)


def fetch_hugging_face_items(uri: ModelUri, folder: Path, max_bytes: int) -> None:
    """Bring the file of items that an hf URI names, one of a data set, into the folder.

    Raises:
        FetchError: As `fetch_hugging_face`, or it has more than `max_bytes`.
    """
    with _telling(uri):
        revision = _revision(uri, DATA_SET)
        for file in snapshot_download(
            uri.location,
            repo_type=DATA_SET,
            revision=revision,
            local_dir=folder,
            allow_patterns=_escape(uri.path),
            dry_run=True,
        ):
            check_size(f"hf://{uri.location}/{uri.path}", file.file_size, max_bytes)
        snapshot_download(
            uri.location,
            repo_type=DATA_SET,
            revision=revision,
            local_dir=folder,
            allow_patterns=_escape(uri.path),
        )
    _tidy(folder, uri)


@contextmanager
def _telling(uri: ModelUri) -> Iterator[None]:
    """Say what errors of the hub mean."""
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    where = f"hf://{uri.location}"
    try:
        yield
    except GatedRepoError as error:
        raise FetchError(
            f"{where} is gated: accept its terms on the hub, and put a token of that account into"
            " credentialsSecretRef under the key HF_TOKEN"
        ) from error
    except RevisionNotFoundError as error:
        raise FetchError(f"{where} has no revision {uri.revision!r}: check the URI") from error
    except EntryNotFoundError as error:
        raise FetchError(_unreachable_or_missing(uri, error)) from error
    except RepositoryNotFoundError as error:
        token = "its HF_TOKEN may not read it" if os.environ.get("HF_TOKEN") else "it is private"
        raise FetchError(
            f"{where} does not exist, or {token}: check the URI and the key HF_TOKEN of"
            " credentialsSecretRef"
        ) from error
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise FetchError(f"{where} cannot be read from {constants.ENDPOINT}: {error}") from error


def _unreachable_or_missing(uri: ModelUri, error: EntryNotFoundError) -> str:
    """The library says one thing for a missing file and for a hub that does not answer."""
    if isinstance(error, LocalEntryNotFoundError):
        if isinstance(error.__cause__, HfHubHTTPError):
            status = error.__cause__.response.status_code
            return f"hf://{uri.location} cannot be read: {constants.ENDPOINT} answers {status}"
        return (
            f"{constants.ENDPOINT} cannot be reached: the pods need DNS and port 443, or a mirror"
            " in HF_ENDPOINT of credentialsSecretRef"
        )
    return f"hf://{uri.location} has no {uri.path!r} at revision {uri.revision or 'main'}"


def _revision(uri: ModelUri, repo_type: str) -> str | None:
    """The revision, with an abbreviated commit made whole, since the hub serves whole ones only."""
    say(f"hf://{uri.location} at revision {uri.revision or 'main'}")
    if uri.revision is None or _ABBREVIATED_COMMIT.match(uri.revision) is None:
        return uri.revision
    known = HfApi().list_repo_commits(uri.location, repo_type=repo_type)
    commits = {commit.commit_id for commit in known}
    found = [commit for commit in commits if commit.startswith(uri.revision)]
    if len(found) > 1:
        raise FetchError(
            f"{uri.revision!r} begins several commits of hf://{uri.location}: write more"
        )
    return found[0] if found else uri.revision


def _patterns(path: str) -> list[str] | None:
    """Globs of the files that a path names: itself, its shards, all below it."""
    if not path:
        return None
    literal = [_escape(one) for one in with_shards(path)]
    return [*literal, f"{_escape(path)}/*"]


def _escape(path: str) -> str:
    """A path as a glob that matches it only."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _tidy(folder: Path, uri: ModelUri) -> None:
    """Leave the files that the path names at the top of the folder, and nothing else."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    if not uri.path:
        return
    named = [folder / one for one in with_shards(uri.path)]
    if named[0].is_dir():
        named = list(named[0].iterdir())
    if not all(path.exists() for path in named):
        raise FetchError(
            f"hf://{uri.location} has no {uri.path!r} at revision {uri.revision or 'main'}"
        )
    for path in named:
        path.rename(folder / path.name)
    if "/" in uri.path or named[0].parent != folder:
        shutil.rmtree(folder / uri.path.split("/", 1)[0], ignore_errors=True)
