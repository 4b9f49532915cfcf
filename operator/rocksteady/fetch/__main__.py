"""`python -m rocksteady.fetch URI DESTINATION`."""

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
from rocksteady.fetch.hugging_face import fetch_hugging_face
from rocksteady.fetch.object_store import fetch_bucket
from rocksteady.fetch.progress import progress_of, redact, say
from rocksteady.fetch.web import fetch_web

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What a container writes here, the kubelet puts into its status."""

SOURCES: Final[Mapping[str, Callable[[ModelUri, Path], None]]] = {
    "hf": fetch_hugging_face,
    "s3": fetch_bucket,
    "gs": fetch_bucket,
    "https": fetch_web,
}


def fetch(text: str, destination: Path) -> None:
    """Fetch what a URI names into a folder.

    Raises:
        FetchError: With one sentence for the user.
    """
    try:
        uri = parse_model_uri(text)
    except ModelUriError as error:
        raise FetchError(f"the URI {error}") from error
    source = SOURCES.get(uri.scheme)
    if source is None:
        raise FetchError(
            f"{uri.scheme}:// is mounted, not fetched: use one of {', '.join(SOURCES)}"
        )

    def download(folder: Path) -> None:
        with progress_of(folder):
            source(uri, folder)

    say(f"fetching {text} into {destination}")
    fill(destination, text, download, say)
    say(f"complete: {destination}")


@click.command()
@click.argument("uri")
@click.argument("destination", type=click.Path(path_type=Path))
def main(uri: str, destination: Path) -> None:
    """Bring the model files that URI names into the folder DESTINATION."""
    # Process 1 of a container gets no signal that it does not handle; without this, a pod that is
    # deleted while it fetches would wait for its whole grace period.
    signal.signal(signal.SIGTERM, _stop)
    try:
        fetch(uri, destination)
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
