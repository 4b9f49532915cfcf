"""Rocksteady: a Kubernetes operator for shipping language models."""

from importlib.metadata import version

__version__ = version("rocksteady")
