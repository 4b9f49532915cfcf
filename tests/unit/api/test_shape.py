from typing import Any, Final

import pytest

from rocksteady.api.fields import format_path, quote
from rocksteady.api.shape import find_unknown_fields, without_nulls

SCHEMA: Final[dict[str, Any]] = {
    "properties": {
        "name": {"type": "string"},
        "engine": {"properties": {"imageName": {"type": "string"}, "args": {"items": {}}}},
        "parts": {"items": {"properties": {"size": {"type": "integer"}}}},
        "limits": {"additionalProperties": {"type": "string"}},
        "free": {"x-kubernetes-preserve-unknown-fields": True},
    }
}


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        pytest.param({"nmae": 1}, "nmae", "did you mean name?", id="letters swapped"),
        pytest.param({"NAME": 1}, "NAME", "did you mean name?", id="the wrong case"),
        pytest.param(
            {"engine": {"image_name": 1}},
            "engine.image_name",
            "did you mean imageName?",
            id="snake case",
        ),
        pytest.param(
            {"imageName": 1}, "imageName", "it belongs to engine.imageName", id="one level too high"
        ),
        pytest.param(
            {"engine": {"name": 1}}, "engine.name", "it belongs to name", id="one level too low"
        ),
        pytest.param(
            {"parts": [{}, {"zzz": 1}]}, "parts[1].zzz", "known here are size", id="in a list"
        ),
    ],
)
def test_find_unknown_fields__says_what_was_meant(value: Any, path: str, message: str) -> None:
    (error,) = find_unknown_fields(value, SCHEMA)

    assert error.path == path
    assert error.message == f"unknown field: {message}"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"free": {"anything": {"goes": 1}}}, id="a part of another API"),
        pytest.param({"limits": {"nvidia.com/gpu": "1"}}, id="keys of a map"),
        pytest.param({"engine": "text where fields belong"}, id="a wrong type, told elsewhere"),
        pytest.param(None, id="nothing at all"),
    ],
)
def test_find_unknown_fields__is_silent_on(value: Any) -> None:
    assert list(find_unknown_fields(value, SCHEMA)) == []


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        pytest.param({"name": None}, {}, id="a field"),
        pytest.param({"parts": [{"size": None}]}, {"parts": [{}]}, id="a field of a list item"),
        pytest.param({"limits": {"cpu": None}}, {"limits": {}}, id="a map value"),
        pytest.param({"engine": {"args": [None]}}, {"engine": {"args": [None]}}, id="not an item"),
        pytest.param({"free": {"a": None}}, {"free": {"a": None}}, id="not in another API"),
    ],
)
def test_without_nulls__drops(value: Any, cleaned: Any) -> None:
    assert without_nulls(value, SCHEMA) == cleaned


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param(("spec", "engine", "env", 0, "value"), "spec.engine.env[0].value", id="items"),
        pytest.param(("limits", "nvidia.com/gpu"), "limits[nvidia.com/gpu]", id="keys with dots"),
        pytest.param((), "", id="the root"),
    ],
)
def test_format_path__writes(path: tuple[str | int, ...], text: str) -> None:
    assert format_path(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "null", id="nothing"),
        pytest.param(False, "false", id="a boolean as in YAML"),
        pytest.param("x" * 100, "'" + "x" * 76 + "...", id="a long text is cut"),
    ],
)
def test_quote__writes(value: Any, text: str) -> None:
    assert quote(value) == text
