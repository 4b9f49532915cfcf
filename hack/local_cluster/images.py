"""Archives of the project's own images, for clusters to import."""

from pathlib import Path

from hack.images import ensure
from hack.images.errors import ImageError
from hack.local_cluster.addons import Addon
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.go_build import ensure_binary
from hack.local_cluster.progress import Progress


def ensure_archive(name: str, program: Path | None = None) -> Path:
    """Return the archive of an image, built when missing; see `hack.images.ensure`.

    Raises:
        ClusterError: It cannot be built.
    """
    try:
        return ensure(name, binary=program)
    except ImageError as error:
        raise ClusterError(str(error)) from error


def ensure_addon_archive(addon: Addon, progress: Progress | None = None) -> Path:
    """Return the archive of an add-on's image; its program is compiled when missing."""
    program = ensure_binary(addon.tool, addon.name, progress) if addon.tool else None
    return ensure_archive(addon.name, program)
