"""Have an image at hand: reuse it when nothing changed, else build it."""

import time
from pathlib import Path

import click

from hack.images.builders import builder
from hack.images.cache import (
    exclusive,
    images_directory,
    keep_newest,
    scratch_directory,
    written_whole,
)
from hack.images.errors import ImageError
from hack.images.recipes import Recipe, recipe, reference

# The one before may be being imported right now by another process.
_KEPT_ARCHIVES = 2


def ensure(name: str, *, binary: Path | None = None) -> Path:
    """Return an up-to-date archive of an image, built when one of its inputs has changed.

    Safe to call from several processes at once; an archive appears whole or not at all.

    Args:
        name: One of `hack.images.NAMES`.
        binary: For one of `PROGRAM_NAMES`: the static program to put in; None takes
            the one that the local cluster has built.

    Returns:
        A docker-archive tar, for `ctr images import` or `docker load`. Its file name changes
        with its content's inputs, so the same path means the same image.

    Raises:
        ImageError: A part or program is missing, or the build failed.
    """
    made_from = recipe(name, binary)
    try:
        version = made_from.fingerprint()
    except FileNotFoundError as missing:
        raise ImageError(f"image {name}: its input {missing} is missing") from missing
    archive = images_directory() / f"{name}-{version}.tar"
    if not archive.exists():
        with exclusive(f"image {name}"):
            if not archive.exists():
                _build(name, made_from, archive)
    return archive


def _build(name: str, made_from: Recipe, archive: Path) -> None:
    started = time.monotonic()
    click.echo(f"image {name}: building", err=True)
    chosen = builder()
    with scratch_directory() as workspace:
        chosen.build(made_from.compose(chosen, workspace))
    with written_whole(archive) as partial:
        chosen.save(reference(name), partial)
    keep_newest(f"{name}-*.tar", _KEPT_ARCHIVES)
    click.echo(f"image {name}: built in {time.monotonic() - started:.0f} s", err=True)
