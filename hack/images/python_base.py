"""The Python base image of a machine that can pull none: Debian's own Python by debootstrap.

With a Docker daemon the Dockerfiles' own default base is pulled, and this is not used.
"""

from pathlib import Path

import click

from hack.images.builders import Build, Builder
from hack.images.cache import fingerprint, images_directory, written_whole
from hack.images.programs import require, require_root, run

SUITE = "bookworm"
PYTHON_VERSION = "3.11"  # of that suite
GLIBC_MINOR_VERSION = 36  # of that suite: which manylinux wheels fit
# libgomp1: numeric wheels that are built with OpenMP expect it of the system.
_PACKAGES = ("python3", "python3-venv", "ca-certificates", "libgomp1")
# Of no use in an image; licence texts (usr/share/doc) stay.
_LEFT_OUT = (
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
    "./usr/share/info/*",
    "./usr/share/locale/*",
    "./usr/share/man/*",
)
_DOCKERFILE = 'FROM scratch\nADD rootfs.tar /\nENV LANG=C.UTF-8\nCMD ["python3"]\n'


def _version() -> str:
    return fingerprint((), (SUITE, *_PACKAGES, *_LEFT_OUT, _DOCKERFILE))


def python_base_reference() -> str:
    """Return the base image's name; it changes with what is in it."""
    return f"localhost/rocksteady/python-base:{SUITE}-{_version()}"


def ensure_python_base(builder: Builder) -> str:
    """Have the base image in the builder's store.

    Returns:
        The reference for a Dockerfile's FROM.

    Raises:
        ImageError: debootstrap is missing or failed.
    """
    reference = python_base_reference()
    if builder.has(reference):
        return reference
    context = images_directory() / f"python-base-{SUITE}-{_version()}"
    if not context.exists():
        with written_whole(context) as partial:
            _bootstrap(partial)
    builder.build(Build(reference, context / "Dockerfile", context))
    return reference


def _bootstrap(context: Path) -> None:
    require_root("debootstrap")
    require("debootstrap")
    click.echo(f"python base: debootstrap of Debian {SUITE}, about a minute", err=True)
    rootfs = context / "rootfs"
    context.mkdir()
    packages = ",".join(_PACKAGES)
    run(["debootstrap", "--variant=minbase", f"--include={packages}", SUITE, rootfs])
    left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    run(["tar", "--create", "--file", context / "rootfs.tar", *left_out, "-C", rootfs, "."])
    run(["rm", "-rf", "--one-file-system", rootfs])
    (context / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
