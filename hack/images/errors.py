"""The one error of this package."""


class ImageError(Exception):
    """An image cannot be built; the message names what is missing and the cure."""
