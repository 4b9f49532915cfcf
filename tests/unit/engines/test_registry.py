from rocksteady.api.v1alpha1.serving import SCHEMES, EngineType
from rocksteady.engines.registry import ENGINES


def test_engines__has_a_definition_for_every_engine_type_and_no_default() -> None:
    assert set(ENGINES) == set(EngineType)
    assert all(definition.type is kind for kind, definition in ENGINES.items())


def test_engines__fetch_known_schemes_only() -> None:
    for definition in ENGINES.values():
        assert definition.fetched_schemes <= set(SCHEMES)


def test_engines__that_serve_adapters_are_those_that_the_api_allows_adapters_for() -> None:
    able = {kind for kind, definition in ENGINES.items() if definition.serves_adapters}

    assert able == {EngineType.VLLM, EngineType.SGLANG}
