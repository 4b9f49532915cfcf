"""Ollama: one GGUF file, served under the name that clients ask for.

Ollama serves from a store of its own, into which the startup probe brings the model: `ollama
create` copies the file (so the pod needs its size twice on disk), and a run with an empty prompt
loads it, so that a pod is ready only when it can answer. The store belongs to the pod, since one
that several pods share would be pruned by each as it starts.

SIGTERM cuts running requests, so the pod waits out the drain before it. Ollama has no metrics:
gates need those of a gateway. Its API lets every client pull and delete models; a network policy
without egress keeps the former from working.

Source: ollama/ollama:docs/modelfile.mdx, ollama/ollama:docs/faq.mdx (preload, keep alive),
ollama/ollama:envconfig/config.go (variables), ollama/ollama:server/routes.go (shutdown);
kubeai-project/kubeai:internal/modelcontroller/engine_ollama.go loads in the startup probe too.
"""

import re
from typing import Any, Final

from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.engines.base import (
    HOME_PATH,
    EngineDefinition,
    Launch,
    Loads,
    NameRule,
    Probes,
    Server,
    http_get,
    liveness_probe,
    readiness_probe,
    startup_probe,
)

PORT: Final = 11434

LOAD_SCRIPT: Final = """\
set -e
if ! ollama show "$ROCKSTEADY_MODEL_NAME" >/dev/null 2>&1; then
  printf 'FROM %s\\n' "$ROCKSTEADY_MODEL_PATH" > /tmp/Modelfile
  ollama create "$ROCKSTEADY_MODEL_NAME" -f /tmp/Modelfile
fi
ollama run "$ROCKSTEADY_MODEL_NAME" ""
"""
"""Name and path come as environment variables, so that no character of them is read as shell."""


def serve(launch: Launch) -> Server:
    """How `ollama serve` starts; the image's entrypoint is `ollama`."""
    env = {
        "OLLAMA_HOST": f"0.0.0.0:{PORT}",
        "OLLAMA_MODELS": f"{HOME_PATH}/models",
        "OLLAMA_KEEP_ALIVE": "-1",
        "OLLAMA_LOAD_TIMEOUT": f"{launch.engine.startup_timeout_seconds}s",
        "OLLAMA_NO_CLOUD": "1",
        "ROCKSTEADY_MODEL_NAME": launch.served_name,
        "ROCKSTEADY_MODEL_PATH": launch.model,
    }
    if launch.gpu_count > 1:
        env["OLLAMA_SCHED_SPREAD"] = "1"
    return Server(
        args=("serve", *launch.engine.args),
        port=PORT,
        probes=Probes(
            startup=_loading_probe(launch.engine.startup_timeout_seconds),
            readiness=readiness_probe(http_get("/")),
            liveness=liveness_probe(http_get("/")),
        ),
        env=env,
    )


def _loading_probe(budget_seconds: int) -> dict[str, Any]:
    """A startup probe that loads the model; one attempt may take the whole budget.

    Attempts that fail at once, as those before the server listens, are made again until the budget
    is spent. One that hangs takes all of it and is made again too, so that the budget is no bound
    for them: OLLAMA_LOAD_TIMEOUT ends a load that stands still.
    """
    handler = {"exec": {"command": ["/bin/sh", "-c", LOAD_SCRIPT]}}
    return startup_probe(handler, budget_seconds, timeout_seconds=budget_seconds)


_NAME: Final = re.compile(
    r"(([A-Za-z0-9_][\w.:-]*/)?[A-Za-z0-9_][\w-]*/)?[A-Za-z0-9_][\w.-]*(:[A-Za-z0-9_][\w.-]*)?"
)
"""`[[host/]namespace/]model[:tag]`.

Source: ollama/ollama:types/model/name.go (ParseNameBare, isValidPart).
"""


ENGINE: Final = EngineDefinition(
    type=EngineType.OLLAMA,
    serve=serve,
    loads=Loads.FILE,
    names=NameRule(_NAME, "takes names like model, model:tag or namespace/model:tag: choose one"),
)
