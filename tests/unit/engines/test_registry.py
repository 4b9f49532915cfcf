from typing import Any

import pytest

from rocksteady.api.v1alpha1.serving import (
    ADAPTER_ENGINES,
    CHAT_TEMPLATE_ENGINES,
    SCHEMES,
    Engine,
    EngineType,
)
from rocksteady.engines.base import Launch, LoadedAdapter
from rocksteady.engines.registry import ENGINES


def test_engines__has_a_definition_for_every_engine_type_and_no_default() -> None:
    assert set(ENGINES) == set(EngineType)
    assert all(definition.type is kind for kind, definition in ENGINES.items())


def test_engines__fetch_known_schemes_only() -> None:
    for definition in ENGINES.values():
        assert definition.fetched_schemes <= set(SCHEMES)


def started(kind: EngineType, **fields: Any) -> str:
    """Everything that the engine is told when it starts."""
    engine = Engine(type=kind, image="image:1", port=8000)
    server = ENGINES[kind].serve(Launch(engine, "smollm2", "/mnt/models", **fields))
    return str((server.command, server.args, server.env))


@pytest.mark.parametrize("kind", EngineType)
def test_engines__that_serve_adapters_are_those_that_the_api_allows_adapters_for(
    kind: EngineType,
) -> None:
    told = started(kind, adapters=(LoadedAdapter("sql", "/mnt/adapters/sql"),))

    assert ("/mnt/adapters/sql" in told) is (kind in ADAPTER_ENGINES)


@pytest.mark.parametrize("kind", EngineType)
def test_engines__that_take_chat_templates_are_those_that_the_api_allows_them_for(
    kind: EngineType,
) -> None:
    told = started(kind, chat_template_path="/mnt/chat-template/chat.jinja")

    assert ("/mnt/chat-template/chat.jinja" in told) is (kind in CHAT_TEMPLATE_ENGINES)
