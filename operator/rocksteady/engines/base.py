"""What every engine tells the pod builder: command line, probes, port, caches and how it drains.

An engine module turns a `Launch` (what is to be served) into a `Server` (how its container starts).
Called by `resources.pod_template`. Pure: no I/O, and an engine never knows about volumes.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from rocksteady.api.v1alpha1.serving import Engine, EngineType
from rocksteady.conventions import MODEL_SERVER_PORT_NAME

MODELS_PATH: Final = "/mnt/models"
"""Where a model that is not part of the engine's image is mounted, read-only."""
ADAPTERS_PATH: Final = "/mnt/adapters"
"""Folder of the LoRA adapters; each is mounted under its name."""
CACHE_PATH: Final = "/mnt/cache"
"""Where an engine keeps what it downloads and compiles."""
HOME_PATH: Final = "/home/model-server"
"""HOME of the engine: writable, since the image's own root file system is not."""
HUNG_GRACE_SECONDS: Final = 5
"""How long a server that fails its startup or liveness probe may take to end. It answers nobody, so
there is nothing to drain; without this the kubelet would first wait out the pod's whole drain. With
the wait before SIGTERM cut short, the kubelet adds 2 s between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class LoadedAdapter:
    """A LoRA adapter as the engine sees it: its name, and its folder."""

    name: str
    path: str


@dataclass(frozen=True)
class Launch:
    """What an engine is asked to serve.

    Attributes:
        engine: The user's `spec.engine`.
        served_name: What clients ask for in `model`.
        model: Path in the container; `org/name` when the engine fetches from Hugging Face itself.
        model_revision: Commit or branch, only when the engine fetches itself; None otherwise.
        fetches_model: True when the engine downloads the model itself.
        adapters: In the order of the spec; empty for engines that serve none.
        chat_template_path: File with the Jinja chat template; None: the model's own.
        gpu_count: GPUs over which the model can be spread.
        on_gpu: True when the pod asks for any part of a GPU, also one that is not counted, as a MIG
            slice or a shared one.
    """

    engine: Engine
    served_name: str
    model: str
    model_revision: str | None = None
    fetches_model: bool = False
    adapters: tuple[LoadedAdapter, ...] = ()
    chat_template_path: str | None = None
    gpu_count: int = 0
    on_gpu: bool = False


@dataclass(frozen=True)
class Probes:
    """The three probes of a server, as Kubernetes manifests."""

    startup: dict[str, Any]
    readiness: dict[str, Any]
    liveness: dict[str, Any]


@dataclass(frozen=True)
class Server:
    """How the container of a model server starts and stops.

    Attributes:
        args: Arguments, the user's last.
        port: Port that serves the OpenAI API and the metrics.
        probes: How Kubernetes sees that it loads, serves and lives.
        command: Entrypoint; None: the image's own.
        env: Environment variables that the engine needs.
        drains_itself: True when the server finishes running requests after SIGTERM; False: it cuts
            them, so the pod waits out the drain before SIGTERM.
    """

    args: tuple[str, ...]
    port: int
    probes: Probes
    command: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    drains_itself: bool = False


class Loads(Enum):
    """What an engine takes for a model; a folder has config.json, tokenizer and weights."""

    FOLDER = "a folder"
    FILE = "one GGUF file"
    FOLDER_OR_FILE = "a folder, or one GGUF file"
    ANYTHING = "what it is made for"


@dataclass(frozen=True)
class NameRule:
    """Names that an engine can serve under.

    Attributes:
        pattern: Matches all of such a name.
        problem: What the engine makes of any other, and the cure; goes on after its type.
    """

    pattern: re.Pattern[str]
    problem: str


@dataclass(frozen=True)
class EngineDefinition:
    """One engine: what it can do, and how it is started.

    Which engines serve adapters and take chat templates is part of the API (`ADAPTER_ENGINES`,
    `CHAT_TEMPLATE_ENGINES`), since the CRD's rules say it too.

    Attributes:
        type: The value of `spec.engine.type`.
        serve: Builds the container's start from what is to be served.
        loads: What it takes for a model.
        fetched_schemes: URI schemes that the engine downloads itself, at a pinned revision; all
            others are brought to it as files.
        caches: True when it keeps downloads or compiled code between starts.
        shared_memory: True when its worker processes talk through /dev/shm.
        read_only_root: True when it writes only to HOME, /tmp and its caches.
        runs_as_root: True when the engine's images cannot run as another user.
        names: What `model.name` must be like beyond the rules of the API; None: anything.
        reserved_flags: Flags that Rocksteady sets and that `engine.args` must leave alone, since
            probes, Services and clients rely on them.
        env_of_probes: Variables on which the probes depend, so that they must stand in
            `engine.env`, where they are seen, and not in the pod template.
    """

    type: EngineType
    serve: Callable[[Launch], Server]
    loads: Loads
    fetched_schemes: frozenset[str] = frozenset()
    caches: bool = False
    shared_memory: bool = False
    read_only_root: bool = True
    runs_as_root: bool = False
    names: NameRule | None = None
    reserved_flags: frozenset[str] = frozenset()
    env_of_probes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Flag:
    """A command-line flag that Rocksteady sets unless the user's arguments already do.

    Attributes:
        names: The spelling that is used, then its aliases.
        values: What follows it; empty for a switch.
    """

    names: tuple[str, ...]
    values: tuple[str, ...] = ()


def flag(name: str, *values: str | int, aliases: Sequence[str] = ()) -> Flag:
    """A flag with its values; `aliases` are other spellings that a user may give."""
    return Flag((name, *aliases), tuple(str(value) for value in values))


def flag_names(args: Iterable[str]) -> frozenset[str]:
    """The flags in a command line, without values, with `-` for `_` as the engines read them.

    >>> sorted(flag_names(["--max_model_len=4096", "-tp", "2"]))
    ['--max-model-len', '-tp']
    """
    return frozenset(arg.partition("=")[0].replace("_", "-") for arg in args if arg.startswith("-"))


def command_line(flags: Iterable[Flag], user_args: Sequence[str]) -> tuple[str, ...]:
    """Our flags in order, leaving out those the user gives, then the user's arguments."""
    given = flag_names(user_args)
    ours = (
        part for one in flags if given.isdisjoint(one.names) for part in (one.names[0], *one.values)
    )
    return (*ours, *user_args)


def version_at_least(declared: str | None, wanted: str) -> bool:
    """True when the declared engine version is `wanted` or newer; False when none is declared.

    A part that is not given counts as 0, so that `3.2` is older than `3.2.2`.

    >>> version_at_least("0.20", "0.18"), version_at_least("0.9.2", "0.18")
    (True, False)
    """
    return declared is not None and _numbers(declared) >= _numbers(wanted)


def _numbers(version: str) -> tuple[int, ...]:
    """Major, minor and patch."""
    parts = [int(part) for part in version.split(".")]
    return (*parts, 0, 0)[:3]


def http_get(path: str) -> dict[str, Any]:
    """Probe handler: GET `path` on the server's port."""
    return {"httpGet": {"path": path, "port": MODEL_SERVER_PORT_NAME}}


def tcp_connect() -> dict[str, Any]:
    """Probe handler: the server's port accepts connections."""
    return {"tcpSocket": {"port": MODEL_SERVER_PORT_NAME}}


def startup_probe(
    handler: dict[str, Any],
    budget_seconds: int,
    period_seconds: int = 5,
    timeout_seconds: int = 5,
) -> dict[str, Any]:
    """A probe that allows `budget_seconds` (rounded up to whole periods) for loading the model.

    That is so for attempts that fail within a period, as those at a server that refuses or says
    503 while it loads. One that gets no answer takes `timeout_seconds` and counts once all the
    same.

    Peers allow from 2.5 minutes, too short for a large model, to 3 hours; here the user says.
    """
    return {
        **handler,
        "periodSeconds": period_seconds,
        "timeoutSeconds": timeout_seconds,
        "failureThreshold": -(-budget_seconds // period_seconds),
        "terminationGracePeriodSeconds": HUNG_GRACE_SECONDS,
    }


def readiness_probe(handler: dict[str, Any], timeout_seconds: int = 5) -> dict[str, Any]:
    """Out of the Service after three failures: in 15 s, or three timeouts if those are longer."""
    return {
        **handler,
        "periodSeconds": 5,
        "timeoutSeconds": timeout_seconds,
        "failureThreshold": 3,
    }


def liveness_probe(handler: dict[str, Any], timeout_seconds: int = 10) -> dict[str, Any]:
    """Restarted after six failures: in two minutes, or six timeouts where those are longer.

    A loaded server is slow before it is dead, and a restart reloads the model, which takes
    minutes: liveness is far more patient than readiness.
    """
    return {
        **handler,
        "periodSeconds": 20,
        "timeoutSeconds": timeout_seconds,
        "failureThreshold": 6,
        "terminationGracePeriodSeconds": HUNG_GRACE_SECONDS,
    }


def compiler_cache_env() -> dict[str, str]:
    """Where PyTorch's and Triton's compilers keep what they built, so that a restart is quick.

    Their own default is a folder named after the user, in /tmp or HOME, which a new pod loses.

    Source: pytorch/pytorch:torch/_inductor/runtime/cache_dir_utils.py,
    triton-lang/triton:python/triton/knobs.py.
    """
    return {
        "TORCHINDUCTOR_CACHE_DIR": f"{CACHE_PATH}/torchinductor",
        "TRITON_CACHE_DIR": f"{CACHE_PATH}/triton",
    }


def hugging_face_env(launch: Launch) -> dict[str, str]:
    """Where Hugging Face libraries keep files; offline when the engine has nothing to fetch.

    Offline matters: the NetworkPolicy then denies egress, and a lookup would wait for its timeout.

    Source: huggingface/huggingface_hub:docs/source/en/package_reference/environment_variables.md.
    """
    env = {"HF_HOME": f"{CACHE_PATH}/huggingface", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if not launch.fetches_model:
        env["HF_HUB_OFFLINE"] = "1"
    return env
