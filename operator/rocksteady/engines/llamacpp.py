"""llama.cpp's server: one GGUF file, on CPU or GPU.

`/health` answers 503 while the model loads and 200 after. Metrics are off unless asked for, and
`/slots`, which shows the prompts of other users, is on unless refused. SIGTERM ends running
requests, so the pod waits out the drain before it.

Source: ggml-org/llama.cpp:tools/server/README.md, ggml-org/llama.cpp:.devops/cpu.Dockerfile.
"""

from typing import Final

from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.engines.base import (
    EngineDefinition,
    Launch,
    Loads,
    Probes,
    Server,
    command_line,
    flag,
    http_get,
    liveness_probe,
    readiness_probe,
    startup_probe,
)

PORT: Final = 8080
ALL_LAYERS: Final = 999
"""More layers than any model has: everything goes to the GPU."""


def serve(launch: Launch) -> Server:
    """How llama-server starts; the image's entrypoint is the server itself."""
    flags = [
        flag("--model", launch.model, aliases=("-m",)),
        flag("--alias", launch.served_name, aliases=("-a",)),
        flag("--host", "0.0.0.0"),  # noqa: S104 - a pod is reached by its address
        flag("--port", PORT),
        flag("--metrics"),
        flag("--no-slots", aliases=("--slots",)),
    ]
    if launch.on_gpu:
        flags.append(flag("--n-gpu-layers", ALL_LAYERS, aliases=("-ngl", "--gpu-layers")))
    if launch.chat_template_path:
        flags += [
            flag("--jinja"),
            flag("--chat-template-file", launch.chat_template_path, aliases=("--chat-template",)),
        ]
    return Server(
        args=command_line(flags, launch.engine.args),
        port=PORT,
        probes=Probes(
            startup=startup_probe(
                http_get("/health"), launch.engine.startup_timeout_seconds, period_seconds=2
            ),
            readiness=readiness_probe(http_get("/health")),
            liveness=liveness_probe(http_get("/health")),
        ),
    )


ENGINE: Final = EngineDefinition(
    type=EngineType.LLAMACPP,
    serve=serve,
    loads=Loads.FILE,
    reserved_flags=frozenset({"--port", "--alias", "-a"}),
)
