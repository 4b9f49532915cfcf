"""Text Generation Inference, kept for those who run it: safetensors models, several GPUs.

`/health` answers 503 until the model is loaded. The launcher drains on SIGTERM for 90 s, or for
what `--graceful-termination-timeout` says, which versions from 3.2.2 know. It reads its host name
from HOSTNAME, which in a pod is the pod's name, so the address is always given.

Its images keep the Python that they need under /root, so they run as root, without capabilities; a
namespace that enforces the `restricted` profile refuses them. It serves its model under any name.

Source: huggingface/text-generation-inference:launcher/src/main.rs (flags, drain),
huggingface/text-generation-inference:Dockerfile and
huggingface/text-generation-inference#3197 (root).
"""

from typing import Final

from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.engines.base import (
    CACHE_PATH,
    EngineDefinition,
    Flag,
    Launch,
    Loads,
    Probes,
    Server,
    command_line,
    compiler_cache_env,
    flag,
    http_get,
    hugging_face_env,
    liveness_probe,
    readiness_probe,
    startup_probe,
    version_at_least,
)

PORT: Final = 8080
"""Not the image's own 80, which asks for a privilege on some nodes."""
DRAIN_FLAG_SINCE: Final = "3.2.2"


def serve(launch: Launch) -> Server:
    """How the launcher starts; it is the image's entrypoint, which finds its Python first."""
    health = http_get("/health")
    return Server(
        args=command_line(_flags(launch), launch.engine.args),
        port=PORT,
        probes=Probes(
            startup=startup_probe(health, launch.engine.startup_timeout_seconds),
            readiness=readiness_probe(health),
            liveness=liveness_probe(health),
        ),
        env={
            **hugging_face_env(launch),
            **compiler_cache_env(),
            "HUGGINGFACE_HUB_CACHE": f"{CACHE_PATH}/huggingface/hub",
            "USAGE_STATS": "off",
        },
        drains_itself=True,
    )


def _flags(launch: Launch) -> list[Flag]:
    """Flags that all versions know, and the drain where it is known."""
    flags = [
        flag("--model-id", launch.model),
        flag("--hostname", "0.0.0.0"),  # noqa: S104 - a pod is reached by its address
        flag("--port", PORT, aliases=("-p",)),
        flag("--json-output"),
    ]
    if launch.model_revision:
        flags.append(flag("--revision", launch.model_revision))
    if launch.gpu_count > 1:
        flags.append(flag("--num-shard", launch.gpu_count))
    if version_at_least(launch.engine.version, DRAIN_FLAG_SINCE):
        drain = launch.engine.drain_timeout_seconds
        flags.append(flag("--graceful-termination-timeout", drain, aliases=("-g",)))
    return flags


ENGINE: Final = EngineDefinition(
    type=EngineType.TGI,
    serve=serve,
    loads=Loads.FOLDER,
    fetched_schemes=frozenset({"hf"}),
    caches=True,
    shared_memory=True,
    runs_as_root=True,
    reserved_flags=frozenset({"--port", "-p", "--hostname", "--model-id"}),
)
