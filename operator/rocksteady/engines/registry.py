"""Which engine definition belongs to which engine type. Exhaustive: there is no default engine."""

from collections.abc import Mapping
from typing import Final

from rocksteady.api.v1alpha1.serving import EngineType
from rocksteady.engines import custom, llamacpp, ollama, sglang, tgi, vllm
from rocksteady.engines.base import EngineDefinition

ENGINES: Final[Mapping[EngineType, EngineDefinition]] = {
    definition.type: definition
    for definition in (
        vllm.ENGINE,
        sglang.ENGINE,
        tgi.ENGINE,
        llamacpp.ENGINE,
        ollama.ENGINE,
        custom.ENGINE,
    )
}
"""One definition per member of `EngineType`; a test keeps it so."""
