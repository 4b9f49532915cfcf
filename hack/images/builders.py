"""From Dockerfile to docker-archive: by the Docker daemon at hand, else by Buildah."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from hack.images.cache import cache_root, fingerprint
from hack.images.errors import ImageError
from hack.images.programs import require, require_root, run, succeeds

BUILDER_VARIABLE = "ROCKSTEADY_IMAGE_BUILDER"


@dataclass(frozen=True)
class Build:
    """One image build.

    Attributes:
        reference: Full name with tag, as the cluster's manifests have it.
        dockerfile: The file to follow.
        context: Directory that COPY reads from.
        arguments: Values of the Dockerfile's ARG lines.
        contexts: Directories that take the place of a stage of that name (BuildKit's
            "additional build contexts").
        slow_stages: Stages of the Dockerfile whose layers are worth keeping for the next build.
    """

    reference: str
    dockerfile: Path
    context: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Path] = field(default_factory=dict)
    slow_stages: tuple[str, ...] = ()


class Builder(Protocol):
    """What turns a `Build` into an archive."""

    name: str

    def has(self, reference: str) -> bool:
        """Tell whether an image of that name is in the builder's own store."""

    def build(self, build: Build) -> None:
        """Build into the builder's own store."""

    def save(self, reference: str, archive: Path) -> None:
        """Write an image of the store as a docker-archive tar."""


def _options(build: Build) -> list[str | Path]:
    options: list[str | Path] = ["--file", build.dockerfile]
    for name, value in build.arguments.items():
        options += ["--build-arg", f"{name}={value}"]
    for name, directory in build.contexts.items():
        options += ["--build-context", f"{name}={directory}"]
    return options


class Docker:
    """The Docker daemon with BuildKit (Docker 23 or later, for `RUN --mount`)."""

    name = "docker"

    def has(self, reference: str) -> bool:
        """Tell whether the daemon has an image of that name."""
        return succeeds(["docker", "image", "inspect", reference])

    def build(self, build: Build) -> None:
        """Build into the daemon's store."""
        run(
            [
                *("docker", "build", "--progress", "plain", "--tag", build.reference),
                *(*_options(build), build.context),
            ],
            environment={"DOCKER_BUILDKIT": "1"},
        )

    def save(self, reference: str, archive: Path) -> None:
        """Write the image with `docker save`."""
        run(["docker", "save", "--output", archive, reference])


class Buildah:
    """Buildah with a store of its own, so that nothing of the user's is touched."""

    name = "buildah"

    def _command(self, *words: str | Path) -> list[str | Path]:
        root = cache_root() / "images" / "storage"
        # What is mounted is recorded there; the record must not outlive a reboot.
        run_root = Path("/run/rocksteady") / f"buildah-{fingerprint((), [str(root)])}"
        return ["buildah", "--root", root, "--runroot", run_root, *words]

    def has(self, reference: str) -> bool:
        """Tell whether the store has an image of that name."""
        return succeeds(self._command("inspect", "--type", "image", reference))

    def build(self, build: Build) -> None:
        """Build into the store, reusing the layers whose instructions did not change."""
        # What a killed build left behind; whoever calls this holds the cache's lock.
        run(self._command("rm", "--all"))
        # chroot: an OCI runtime would need rights that a container of CI may not have.
        command = self._command(
            *("build", "--isolation", "chroot", "--layers", "--format", "docker"),
            *("--pull=never", *_options(build)),
        )
        ignore_file = build.dockerfile.with_name(f"{build.dockerfile.name}.dockerignore")
        if ignore_file.exists():
            # BuildKit finds this file by its name, Buildah has to be told.
            command += ["--ignorefile", ignore_file]
        image = build.reference.rpartition("/")[2].partition(":")[0]
        for stage in build.slow_stages:
            # A name keeps the stage's layers when `save` drops what nothing needs.
            kept = f"localhost/rocksteady/{image}-{stage}:cache"
            run([*command, "--target", stage, "--tag", kept, build.context])
        run([*command, "--tag", build.reference, build.context])

    def save(self, reference: str, archive: Path) -> None:
        """Write the image, then drop what no image of the store needs any more."""
        run(self._command("push", reference, f"docker-archive:{archive}:{reference}"))
        run(self._command("rmi", "--prune", "--force"))


@cache
def builder() -> Builder:
    """Choose the builder: Docker when its daemon answers, else Buildah as root.

    The environment variable ROCKSTEADY_IMAGE_BUILDER (docker or buildah) overrules.

    Raises:
        ImageError: Unknown choice, or neither is to be had.
    """
    choice = os.environ.get(BUILDER_VARIABLE, "")
    if choice not in {"", "docker", "buildah"}:
        raise ImageError(f"{BUILDER_VARIABLE}={choice}: must be docker or buildah")
    if choice != "buildah" and succeeds(["docker", "info"]):
        return Docker()
    if choice == "docker":
        raise ImageError(
            "the Docker daemon does not answer: start it, or unset " + BUILDER_VARIABLE
        )
    require_root("building images with Buildah")
    require("buildah")
    return Buildah()
