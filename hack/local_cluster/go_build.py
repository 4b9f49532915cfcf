"""Compiling the cluster's programs from Go modules into the cache, each once."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from hack.images.cache import cache_root, fingerprint
from hack.local_cluster.commands import run
from hack.local_cluster.errors import ClusterError
from hack.local_cluster.files import locked, write_whole
from hack.local_cluster.paths import binaries_directory
from hack.local_cluster.progress import Progress
from hack.local_cluster.tools import (
    KUBERNETES_VERSION,
    Tool,
    kubernetes,
)

_FOLDERS = Path(__file__).resolve().parent / "go"
# Static programs, no toolchain fetched behind the user's back, no flags from the environment.
_ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
_STAGING = re.compile(r"^\s*(k8s\.io/[a-z0-9-]+) => \./staging", re.MULTILINE)


def binary_path(tool: Tool, program: str) -> Path:
    """Return where a built program is, or will be."""
    if program not in tool.packages:
        raise ClusterError(f"{tool.name} has no program {program!r}: {', '.join(tool.packages)}")
    return binaries_directory() / tool.name / tool.version / program


def stamp_path(program: Path) -> Path:
    """Return the file beside a built program that changes when what it is built from does."""
    return program.with_name(f".{program.name}.inputs")


def is_built(tool: Tool, program: str) -> bool:
    """Tell whether the cache has a program, built from the present go.mod, go.sum and flags.

    One without a stamp is from before there were stamps, and is taken to be right.
    """
    target = binary_path(tool, program)
    stamp = stamp_path(target)
    if not os.access(target, os.X_OK):
        return False
    return not stamp.exists() or stamp.read_text(encoding="utf-8") == _inputs(tool, program)


def _inputs(tool: Tool, program: str) -> str:
    folder = _FOLDERS / tool.name
    # Another Kubernetes version than our own has a go.mod that is made from the version.
    files = [folder / "go.mod", folder / "go.sum"] if _is_pinned(tool) else []
    return fingerprint(files, [tool.linker_flags, tool.packages[program]])


def _is_pinned(tool: Tool) -> bool:
    return tool.name != "kubernetes" or tool.version == KUBERNETES_VERSION


def ensure_binary(tool: Tool, program: str, progress: Progress | None = None) -> Path:
    """Return a program, compiled first when the cache does not have it as it should be.

    Several processes may ask at once: one compiles, the others wait. A killed build leaves
    nothing that could be taken for a program.

    Args:
        tool: The module.
        program: One of its programs.
        progress: Where to show what is going on; None makes a new one.

    Raises:
        ClusterError: Go is missing or the build failed.
    """
    target = binary_path(tool, program)
    if is_built(tool, program) and stamp_path(target).exists():
        return target
    progress = progress or Progress()
    lock = target.parent / ".lock"
    with locked(lock, lambda holder: progress.note(f"waiting for the build of process {holder}")):
        if not is_built(tool, program):
            require_go()
            with progress.step(f"building {program} {tool.version}"):
                _build(tool, program, target)
        # Last: a program that is newer than its stamp is built once more, never taken for right.
        write_whole(stamp_path(target), _inputs(tool, program))
    return target


def ensure_binaries(tool: Tool, progress: Progress | None = None) -> dict[str, Path]:
    """Return all programs of a tool by name; see `ensure_binary`."""
    return {name: ensure_binary(tool, name, progress) for name in tool.packages}


def require_go() -> None:
    """Refuse to go on without the Go toolchain.

    Raises:
        ClusterError: There is no `go` on PATH.
    """
    if shutil.which("go") is None:
        raise ClusterError(
            "go is missing, and the cluster's programs are compiled by it: "
            "install Go 1.26 or newer and have `go` on PATH"
        )


def module_directory(module: str, version: str) -> Path:
    """Return the sources of a Go module, downloaded when missing.

    Args:
        module: Its path, such as sigs.k8s.io/gateway-api.
        version: Without the leading v.
    """
    require_go()
    answer = run(
        ["go", "mod", "download", "-json", f"{module}@v{version}"], environment=_ENVIRONMENT
    )
    description: dict[str, Any] = json.loads(answer)
    return Path(description["Dir"])


def staging_modules(go_mod: str) -> list[str]:
    """Return the modules that Kubernetes' own go.mod takes from its staging folder.

    They are published on their own as v0.<minor>.<patch>; a module that requires Kubernetes
    must replace each, since `replace` lines count only in the main module.
    """
    return _STAGING.findall(go_mod)


def kubernetes_go_mod(version: str, staging: list[str]) -> str:
    """Return a go.mod from which the programs of a Kubernetes version can be built.

    It names no tools and comes without go.sum: some staging modules of old releases cannot be
    had, and only those are looked up that the program at hand imports.

    Args:
        version: Such as 1.37.2.
        staging: See `staging_modules`.
    """
    staged = "v0." + version.split(".", 1)[1]
    lines = ["module rocksteady.dev/hack/local-cluster/kubernetes", "", "go 1.24.0", ""]
    lines += [f"require k8s.io/kubernetes v{version}", "", "replace ("]
    lines += [f"\t{module} => {module} {staged}" for module in staging]
    return "\n".join([*lines, ")", ""])


def _build(tool: Tool, program: str, target: Path) -> None:
    partial = target.with_name(f".{program}.partial")
    partial.unlink(missing_ok=True)
    pinned = _is_pinned(tool)
    folder = _FOLDERS / tool.name if pinned else _kubernetes_folder(tool.version)
    run(
        [
            *("go", "build", "-C", folder, "-mod=readonly" if pinned else "-mod=mod"),
            *("-trimpath", "-buildvcs=false", "-ldflags", tool.linker_flags),
            *("-o", partial, tool.packages[program]),
        ],
        environment=_ENVIRONMENT,
    )
    partial.replace(target)


def _kubernetes_folder(version: str) -> Path:
    """Return a folder with a go.mod for another Kubernetes version than the cluster's own."""
    folder = cache_root() / "go" / f"kubernetes-{version}"
    if not (folder / "go.mod").exists():
        sources = module_directory("k8s.io/kubernetes", version)
        staging = staging_modules((sources / "go.mod").read_text(encoding="utf-8"))
        write_whole(folder / "go.mod", kubernetes_go_mod(version, staging))
    return folder


def kubernetes_programs(progress: Progress | None = None) -> dict[str, Path]:
    """Return the programs of the cluster's own Kubernetes version; see `ensure_binary`."""
    return ensure_binaries(kubernetes(), progress)
