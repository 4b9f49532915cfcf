"""vLLM: safetensors models from a folder or from Hugging Face, LoRA adapters, several GPUs.

The server opens its port only after the engine has loaded the model, so a failing startup probe
means "still loading". SIGTERM cuts running requests, unless `--shutdown-timeout` is given, which
versions from 0.18 know. An unknown flag ends the process, so flags follow the declared version.

Images before 0.8.2 cannot run without root; later ones can, with HOME and USER set. Versions before
0.10.1 log each prompt unless told not to; later ones only when told to, and those from 0.12 no
longer know the flag that turns it off.

Source: vllm-project/vllm:vllm/entrypoints/openai/cli_args.py (flags), vllm-project/vllm#36666
(--shutdown-timeout), vllm-project/vllm:docs/design/arch_overview.md (`vllm serve`),
vllm-project/vllm:docs/usage/usage_stats.md, vllm-project/vllm#40275 (running without root),
vllm-project/vllm#21739 (request logs), vllm-project/vllm#29402 (their old flag removed).
"""

from typing import Final

from rocksteady.api.v1alpha1.serving import Engine, EngineType
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
    flag_names,
    http_get,
    hugging_face_env,
    liveness_probe,
    readiness_probe,
    startup_probe,
    version_at_least,
)

PORT: Final = 8000
API_KEY_VARIABLE: Final = "VLLM_API_KEY"
GRACEFUL_SHUTDOWN_SINCE: Final = "0.18"
QUIET_ENDPOINTS_SINCE: Final = "0.16"
QUIET_REQUESTS_SINCE: Final = "0.10.1"


def serve(launch: Launch) -> Server:
    """How `vllm serve` starts."""
    drains = version_at_least(launch.engine.version, GRACEFUL_SHUTDOWN_SINCE)
    return Server(
        command=("vllm", "serve", launch.model),
        args=command_line(_flags(launch), launch.engine.args),
        port=PORT,
        probes=_probes(launch.engine),
        env={
            **hugging_face_env(launch),
            **compiler_cache_env(),
            "VLLM_CACHE_ROOT": f"{CACHE_PATH}/vllm",
            "VLLM_NO_USAGE_STATS": "1",
        },
        drains_itself=drains,
    )


def _flags(launch: Launch) -> list[Flag]:
    """The flags of every version, then those of the declared one."""
    flags = [
        flag("--served-model-name", launch.served_name),
        flag("--host", "0.0.0.0"),  # noqa: S104 - a pod is reached by its address
        flag("--port", PORT),
    ]
    if launch.model_revision:
        flags.append(flag("--revision", launch.model_revision))
    if launch.gpu_count > 1:
        flags.append(flag("--tensor-parallel-size", launch.gpu_count, aliases=("-tp",)))
    if launch.chat_template_path:
        flags.append(flag("--chat-template", launch.chat_template_path))
    if launch.adapters:
        modules = [f"{adapter.name}={adapter.path}" for adapter in launch.adapters]
        flags += [
            flag("--enable-lora"),
            # One batch may then mix all of them; with the default of 1 they take turns.
            flag("--max-loras", len(modules)),
            flag("--lora-modules", *modules),
        ]
    return flags + _versioned_flags(launch.engine)


def _versioned_flags(engine: Engine) -> list[Flag]:
    """Flags that only the declared version is known to have."""
    flags = []
    if engine.version and not version_at_least(engine.version, QUIET_REQUESTS_SINCE):
        flags.append(flag("--disable-log-requests"))
    if version_at_least(engine.version, QUIET_ENDPOINTS_SINCE):
        flags.append(flag("--disable-access-log-for-endpoints", "/health,/metrics,/v1/models"))
    if version_at_least(engine.version, GRACEFUL_SHUTDOWN_SINCE):
        flags.append(flag("--shutdown-timeout", engine.drain_timeout_seconds))
    return flags


def _probes(engine: Engine) -> Probes:
    """`/v1/models` answers only when the model is served; `/health` when the engine lives.

    With an API key the former answers 401 to a probe, so the latter has to do.
    """
    keyed = "--api-key" in flag_names(engine.args) or any(
        entry.get("name") == API_KEY_VARIABLE for entry in engine.env
    )
    serving = http_get("/health" if keyed else "/v1/models")
    return Probes(
        startup=startup_probe(serving, engine.startup_timeout_seconds),
        readiness=readiness_probe(serving),
        liveness=liveness_probe(http_get("/health")),
    )


ENGINE: Final = EngineDefinition(
    type=EngineType.VLLM,
    serve=serve,
    loads=Loads.FOLDER_OR_FILE,
    fetched_schemes=frozenset({"hf"}),
    caches=True,
    shared_memory=True,
    reserved_flags=frozenset({"--port", "--uds", "--served-model-name", "--model", "--root-path"}),
    env_of_probes=frozenset({API_KEY_VARIABLE}),
)
