"""SGLang: safetensors models from a folder or from Hugging Face, LoRA adapters, several GPUs.

`/health` answers 503 while the server starts and while it drains, and otherwise runs a one-token
generation, for which the server itself allows 20 s: a shorter probe kills a loaded server. It
drains by itself on SIGTERM, until the pod's grace period ends. Metrics are off unless asked for.
Clients ask for an adapter as `<model>:<adapter>`, so a colon in the model's own name misleads it.

Source: sgl-project/sglang:docs/advanced_features/server_arguments.md,
sgl-project/sglang:python/sglang/srt/entrypoints/http_server.py (health),
sgl-project/sglang:python/sglang/srt/managers/tokenizer_manager.py (sigterm_watchdog),
sgl-project/sglang:python/sglang/srt/entrypoints/openai/serving_base.py (`model:adapter`).
"""

import re
from typing import Final

from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.engines.base import (
    EngineDefinition,
    Flag,
    Launch,
    Loads,
    NameRule,
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
)

PORT: Final = 30000
HEALTH_TIMEOUT_SECONDS: Final = 30
"""Longer than the 20 s (SGLANG_HEALTH_CHECK_TIMEOUT) after which the server itself says 503."""


def serve(launch: Launch) -> Server:
    """How `sglang.launch_server` starts."""
    health = http_get("/health")
    return Server(
        command=("python3", "-m", "sglang.launch_server"),
        args=command_line(_flags(launch), launch.engine.args),
        port=PORT,
        probes=Probes(
            startup=startup_probe(
                health,
                launch.engine.startup_timeout_seconds,
                timeout_seconds=HEALTH_TIMEOUT_SECONDS,
            ),
            readiness=readiness_probe(health, timeout_seconds=HEALTH_TIMEOUT_SECONDS),
            liveness=liveness_probe(health, timeout_seconds=HEALTH_TIMEOUT_SECONDS),
        ),
        env={**hugging_face_env(launch), **compiler_cache_env()},
        drains_itself=True,
    )


def _flags(launch: Launch) -> list[Flag]:
    """Flags that all versions know."""
    flags = [
        flag("--model-path", launch.model, aliases=("--model",)),
        flag("--served-model-name", launch.served_name),
        flag("--host", "0.0.0.0"),  # noqa: S104 - a pod is reached by its address
        flag("--port", PORT),
        flag("--enable-metrics"),
    ]
    if launch.model_revision:
        flags.append(flag("--revision", launch.model_revision))
    if launch.gpu_count > 1:
        aliases = ("--tensor-parallel-size", "--tp")
        flags.append(flag("--tp-size", launch.gpu_count, aliases=aliases))
    if launch.chat_template_path:
        flags.append(flag("--chat-template", launch.chat_template_path))
    if launch.adapters:
        adapters = [f"{adapter.name}={adapter.path}" for adapter in launch.adapters]
        flags.append(flag("--lora-paths", *adapters))
    return flags


ENGINE: Final = EngineDefinition(
    type=EngineType.SGLANG,
    serve=serve,
    loads=Loads.FOLDER_OR_FILE,
    fetched_schemes=frozenset({"hf"}),
    caches=True,
    shared_memory=True,
    names=NameRule(
        re.compile(r"[^:]+"),
        "reads what follows ':' as the name of a LoRA adapter: choose a name without it",
    ),
    reserved_flags=frozenset({"--port", "--served-model-name", "--model-path", "--model"}),
)
