"""`python -m rocksteady.fetch [--items-max-bytes N] URI DESTINATION`."""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Final

import click

from rocksteady.api.model_uri import ModelUri, ModelUriError, parse_model_uri
from rocksteady.fetch import FetchError
from rocksteady.fetch.destination import fill
from rocksteady.fetch.hugging_face import fetch_hugging_face, fetch_hugging_face_items
from rocksteady.fetch.object_store import fetch_bucket, fetch_bucket_items
from rocksteady.fetch.progress import progress_of, redact, say
from rocksteady.fetch.web import fetch_web, fetch_web_items

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What a container writes here, the kubelet puts into its status."""

SOURCES: Final[Mapping[str, Callable[[ModelUri, Path], None]]] = {
    "hf": fetch_hugging_face,
    "s3": fetch_bucket,
    "gs": fetch_bucket,
    "https": fetch_web,
}
ITEM_SOURCES: Final[Mapping[str, Callable[[ModelUri, Path, int], None]]] = {
    "hf": fetch_hugging_face_items,
    "s3": fetch_bucket_items,
    "gs": fetch_bucket_items,
    "https": fetch_web_items,
}
"""The same for one file of items, of at most so many bytes."""


def fetch(text: str, destination: Path, items_max_bytes: int | None = None) -> None:
    """Fetch what a URI names into a folder.

    Args:
        text: The URI.
        destination: The folder.
        items_max_bytes: It names one file of items, with at most so many bytes; None: a model.

    Raises:
        FetchError: With one sentence for the user.
    """
    try:
        uri = parse_model_uri(text)
    except ModelUriError as error:
        raise FetchError(f"the URI {error}") from error
    if uri.scheme not in SOURCES:
        raise FetchError(
            f"{uri.scheme}:// is mounted, not fetched: use one of {', '.join(SOURCES)}"
        )

    def download(folder: Path) -> None:
        with progress_of(folder):
            if items_max_bytes is None:
                SOURCES[uri.scheme](uri, folder)
            else:
                ITEM_SOURCES[uri.scheme](uri, folder, items_max_bytes)

    say(f"fetching {text} into {destination}")
    fill(destination, text, download, say)
    say(f"complete: {destination}")


@click.command()
@click.argument("uri")
@click.argument("destination", type=click.Path(path_type=Path))
@click.option(
    "--items-max-bytes",
    type=click.IntRange(min=1),
    help="URI names one file of items of an evaluation, with at most so many bytes.",
)
def main(uri: str, destination: Path, items_max_bytes: int | None) -> None:
    """Bring the model files that URI names into the folder DESTINATION."""
    # Process 1 of a container gets no signal that it does not handle; without this, a pod that is
    # deleted while it fetches would wait for its whole grace period.
    signal.signal(signal.SIGTERM, _stop)
    try:
        fetch(uri, destination, items_max_bytes)
    except FetchError as error:
        _give_up(str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the user reads one line, no secret
        _give_up(f"unexpected {type(error).__name__}: {error}")


def _stop(number: int, _: FrameType | None) -> None:
    os._exit(128 + number)


def _give_up(problem: str) -> None:
    """End with 1 and one sentence, where the operator finds it."""
    sentence = redact(problem, os.environ)
    click.echo(sentence, err=True)
    if TERMINATION_LOG.exists():
        TERMINATION_LOG.write_text(sentence, encoding="utf-8")
    sys.exit(1)


if __name__ == "__main__":
    main()
