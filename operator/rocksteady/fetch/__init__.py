"""Bring a model's files, or a file of items, into a volume: what fetching init containers run.

`python -m rocksteady.fetch URI DESTINATION` leaves the folder DESTINATION complete or not there at
all; run again, it goes on where it stopped; many pods may run it on one volume. It ends with 0, or
with 1 and one plain sentence on standard error and in the container's termination message. It
prints no secret.

With `--items-max-bytes N` the URI names one file of items of an evaluation, of at most N bytes; of
Hugging Face it is a file of a data set.
"""


class FetchError(Exception):
    """The files could not be fetched; the message is one sentence with the cause and the cure."""


def check_size(where: str, size: int | None, max_bytes: int) -> None:
    """Refuse a file of items that is too large, before or while it comes.

    Args:
        where: The file, as the message names it.
        size: Bytes that it has, or that came already; None: nobody knows yet.
        max_bytes: Most that it may have.

    Raises:
        FetchError: It is larger.
    """
    if size is not None and size > max_bytes:
        raise FetchError(
            f"{where} has {size} bytes or more, at most {max_bytes} are fetched for items: split it"
            " into several suites"
        )
