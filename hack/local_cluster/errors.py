"""The one error of this package."""


class ClusterError(Exception):
    """The cluster cannot do what was asked; the message names what is in the way and the cure."""
