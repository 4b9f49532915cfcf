"""Bring a model's files into a volume: what the fetching init container of a model pod runs.

`python -m rocksteady.fetch URI DESTINATION` leaves the folder DESTINATION complete or not there at
all; run again, it goes on where it stopped; many pods may run it on one volume. It ends with 0, or
with 1 and one plain sentence on standard error and in the container's termination message. It
prints no secret.
"""


class FetchError(Exception):
    """The files could not be fetched; the message is one sentence with the cause and the cure."""
