"""Any other server that speaks the OpenAI API: the user says its command, port and probe.

What is to be served comes as environment variables, which Kubernetes also expands in arguments:
`$(ROCKSTEADY_MODEL_PATH)`, `$(ROCKSTEADY_MODEL_NAME)`, `$(ROCKSTEADY_PORT)` and, when the spec has
them, `$(ROCKSTEADY_CHAT_TEMPLATE_PATH)`. Nothing is known about its image, so its root file system
stays writable and its HOME as it is; nothing is known about its end, so the pod waits out the
drain before SIGTERM.
"""

from typing import Final

from rocksteady.api.v1alpha1.serving import Engine, EngineType
from rocksteady.engines.base import (
    EngineDefinition,
    Launch,
    Loads,
    Probes,
    Server,
    http_get,
    liveness_probe,
    readiness_probe,
    startup_probe,
    tcp_connect,
)

DEFAULT_PORT: Final = 8000
"""Never used with a spec that the API server accepted: it asks for `engine.port`."""


def serve(launch: Launch) -> Server:
    """How the user's server starts."""
    port = launch.engine.port or DEFAULT_PORT
    env = {
        "ROCKSTEADY_MODEL_NAME": launch.served_name,
        "ROCKSTEADY_MODEL_PATH": launch.model,
        "ROCKSTEADY_PORT": str(port),
    }
    if launch.chat_template_path:
        env["ROCKSTEADY_CHAT_TEMPLATE_PATH"] = launch.chat_template_path
    return Server(
        command=launch.engine.command,
        args=launch.engine.args,
        port=port,
        probes=_probes(launch.engine),
        env=env,
    )


def _probes(engine: Engine) -> Probes:
    """The user's path where one is given; liveness only asks whether the port is open."""
    serving = http_get(engine.readiness_path) if engine.readiness_path else tcp_connect()
    return Probes(
        startup=startup_probe(serving, engine.startup_timeout_seconds),
        readiness=readiness_probe(serving),
        liveness=liveness_probe(tcp_connect()),
    )


ENGINE: Final = EngineDefinition(
    type=EngineType.CUSTOM,
    serve=serve,
    loads=Loads.ANYTHING,
    shared_memory=True,
    read_only_root=False,
)
