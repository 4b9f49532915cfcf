from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field

from hack.gen_api_reference import REFERENCE_FILE, render_reference
from hack.gen_crds import FOLDERS, render_crds
from rocksteady.api.crd import (
    EXPECTS,
    accept_emptied,
    build_crd,
    build_rollout_crd,
    build_suite_crd,
    evaluationsuite_schema,
    llmdeployment_schema,
    structural_schema,
)
from rocksteady.api.v1alpha1.schema import ApiModel, FreeObject, cel, crd

Schema = dict[str, Any]


class Colour(StrEnum):
    """What it looks like."""

    RED = "Red"
    BLUE = "Blue"


class Part(ApiModel):
    """A part."""

    size: int = 3


class Tuned(ApiModel):
    """Something whose defaults may change."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    size: int = 3
    """How large."""


class Sample(ApiModel):
    """One field for each thing that must be turned."""

    model_config = ConfigDict(json_schema_extra=crd(rules=[cel("self.a == self.b", "same")]))

    plain_text: str
    """A text
    over two lines."""
    optional: Annotated[int, Field(ge=1)] | None = None
    constant: Literal["v1"]
    colour: Colour = Colour.RED
    positive: Annotated[int, Field(gt=0, lt=9)]
    amount: Annotated[str, Field(pattern="^[0-9]+$", max_length=5)] | Annotated[int, Field(ge=0)]
    free: FreeObject = {}
    part: Part = Part()
    parts: Annotated[
        tuple[Part, ...], Field(max_length=2, json_schema_extra=crd(list_type="atomic"))
    ] = ()
    named: Annotated[
        tuple[Part, ...],
        Field(json_schema_extra=crd(list_type="map", list_map_keys=["size"])),
    ] = ()
    texts: Annotated[dict[str, str], Field(max_length=4)] = {}
    tuned: Tuned = Tuned()


CONVERTED = structural_schema(Sample.model_json_schema(by_alias=True))


@pytest.mark.parametrize(
    ("field", "schema"),
    [
        pytest.param(
            "plainText",
            {"type": "string", "description": "A text over two lines."},
            id="a docstring is one line without title",
        ),
        pytest.param("optional", {"type": "integer", "minimum": 1}, id="X or null is optional X"),
        pytest.param("constant", {"type": "string", "enum": ["v1"]}, id="const is an enum of one"),
        pytest.param(
            "colour",
            {
                "type": "string",
                "enum": ["Red", "Blue"],
                "default": "Red",
                "description": "What it looks like.",
            },
            id="an enum is put in place of its reference",
        ),
        pytest.param(
            "positive",
            {
                "type": "integer",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 9,
                "exclusiveMaximum": True,
            },
            id="an exclusive bound is a flag beside the bound",
        ),
        pytest.param(
            "amount",
            {
                "x-kubernetes-int-or-string": True,
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "pattern": "^[0-9]+$",
                "maxLength": 5,
                "minimum": 0,
            },
            id="integer or string is the union that Kubernetes knows",
        ),
        pytest.param(
            "free",
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            id="a part of another API is kept as it is",
        ),
        pytest.param(
            "part",
            {
                "type": "object",
                "description": "A part.",
                "properties": {"size": {"type": "integer", "default": 3}},
            },
            id="an object has no default of its own, its fields have",
        ),
        pytest.param(
            "parts",
            {
                "type": "array",
                "maxItems": 2,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "description": "A part.",
                    "properties": {"size": {"type": "integer", "description": "Default: 3."}},
                },
            },
            id="a default inside of a list is told and not stored",
        ),
        pytest.param(
            "texts",
            {
                "type": "object",
                "maxProperties": 4,
                "additionalProperties": {"type": "string"},
            },
            id="a map has bounds and a schema for its values",
        ),
        pytest.param(
            "tuned",
            {
                "type": "object",
                "description": "Something whose defaults may change.",
                "properties": {
                    "size": {"type": "integer", "description": "How large. Default: 3."}
                },
            },
            id="a default that may change is told and not stored",
        ),
    ],
)
def test_structural_schema__turns_a_field(field: str, schema: Schema) -> None:
    assert CONVERTED["properties"][field] == schema


def test_structural_schema__keeps_what_is_said_of_the_whole() -> None:
    whole = {key: value for key, value in CONVERTED.items() if key != "properties"}

    assert whole == {
        "type": "object",
        "description": "One field for each thing that must be turned.",
        "required": ["plainText", "constant", "positive", "amount"],
        "x-kubernetes-validations": [{"rule": "self.a == self.b", "message": "same"}],
    }
    assert CONVERTED["properties"]["named"]["x-kubernetes-list-map-keys"] == ["size"]
    assert CONVERTED["properties"]["named"]["x-kubernetes-list-type"] == "map"


def test_accept_emptied__lets_optional_objects_without_required_fields_be_null() -> None:
    empty = {"type": "object", "properties": {"size": {"type": "integer"}}}
    strict = {**empty, "required": ["size"]}
    schema: Schema = {
        "type": "object",
        "required": ["needed"],
        "properties": {
            "optional": empty,
            "needed": empty,
            "strict": strict,
            "outer": {"type": "object", "properties": {"inner": empty}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"part": empty}}},
        },
    }

    fields = accept_emptied(schema)["properties"]

    nullable = {**empty, "nullable": True}
    assert fields["optional"] == nullable
    assert fields["needed"] == empty
    assert fields["strict"] == strict
    assert fields["outer"] == {
        "type": "object",
        "nullable": True,
        "properties": {"inner": nullable},
    }
    assert fields["list"]["items"]["properties"]["part"] == nullable
    assert "nullable" not in schema["properties"]["optional"]


class Union(ApiModel):
    """What no structural schema can say."""

    either: Part | Tuned


class Anything(ApiModel):
    """What has no type."""

    value: Any


@pytest.mark.parametrize(
    ("model", "message"),
    [
        pytest.param(Union, "no union of", id="a union of objects"),
        pytest.param(Anything, "needs a type", id="a field of any type"),
    ],
)
def test_structural_schema__refuses_what_kubernetes_would(
    model: type[ApiModel], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        structural_schema(model.model_json_schema(by_alias=True))


def _levels(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from _levels(field, f"{path}.{name}")
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from _levels(schema[key], path + mark)


LEVELS = dict(_levels(build_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
ROLLOUT = dict(_levels(build_rollout_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
SUITE = dict(_levels(build_suite_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
WRITTEN = [pytest.param(LEVELS, id="LLMDeployment"), pytest.param(SUITE, id="EvaluationSuite")]
BY_PEOPLE = pytest.mark.parametrize("levels", WRITTEN)
EACH = pytest.mark.parametrize("levels", [*WRITTEN, pytest.param(ROLLOUT, id="LLMRollout")])


@EACH
def test_build_crd__is_free_of_what_a_structural_schema_has_not(levels: dict[str, Schema]) -> None:
    foreign = {"$ref", "$defs", "title", "const", "discriminator", "oneOf", EXPECTS}

    for path, schema in levels.items():
        assert not foreign & schema.keys(), path
        assert not any(key.startswith("x-crd") for key in schema), path
        assert not {"properties", "additionalProperties"} <= schema.keys(), path


@BY_PEOPLE
def test_build_crd__bounds_every_field_of_the_spec(levels: dict[str, Schema]) -> None:
    bounds = {"maximum", "maxLength", "maxItems", "maxProperties", "enum", "properties"}
    unbounded = [
        path
        for path, schema in levels.items()
        if path.startswith(".spec")
        and schema.get("type") != "boolean"
        and not bounds & schema.keys()
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ]

    assert unbounded == []


@EACH
def test_build_crd__describes_every_field(levels: dict[str, Schema]) -> None:
    bare = [
        path
        for path, schema in levels.items()
        if path.startswith((".spec", ".status"))
        and not path.endswith(("[]", "{}"))
        and not schema.get("description")
    ]

    assert bare == []


@EACH
def test_build_crd__says_how_each_list_merges(levels: dict[str, Schema]) -> None:
    lists = {path: schema for path, schema in levels.items() if schema.get("type") == "array"}

    assert lists
    assert [path for path, schema in lists.items() if "x-kubernetes-list-type" not in schema] == []


def test_build_crd__stores_only_defaults_that_never_change() -> None:
    defaults = {path: schema["default"] for path, schema in LEVELS.items() if "default" in schema}

    assert defaults == {
        ".spec.engine.startupTimeoutSeconds": 1800,
        ".spec.engine.drainTimeoutSeconds": 60,
        ".spec.routing.gateway.timeouts.request": "0s",
    }


def test_build_suite_crd__stores_only_defaults_that_are_part_of_the_content() -> None:
    defaults = {path: schema["default"] for path, schema in SUITE.items() if "default" in schema}

    assert defaults == {
        ".spec.kind": "Quality",
        ".spec.runner.lmEval.api": "ChatCompletions",
        ".spec.sampling.temperature": "0",
        ".spec.sampling.topP": "1",
        ".spec.sampling.maxTokens": 512,
        ".spec.sampling.seed": 1234,
        ".spec.sampling.samplesPerItem": 1,
        ".spec.reveal": False,
    }


@pytest.mark.parametrize("schema", [llmdeployment_schema, evaluationsuite_schema])
def test_schemas__say_in_words_what_each_pattern_asks_for(schema: Callable[[], Schema]) -> None:
    patterns = {path: field for path, field in _levels(schema()) if "pattern" in field}
    wordless = [path for path, field in patterns.items() if EXPECTS not in field]

    # Nobody writes a status by hand.
    assert [path for path in wordless if path.startswith(".spec")] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        *(
            pytest.param(folder / name, text, id=f"{folder.parent.name}/{folder.name}/{name}")
            for folder in FOLDERS
            for name, text in render_crds().items()
        ),
        pytest.param(REFERENCE_FILE, render_reference(), id="the reference page"),
    ],
)
def test_generated_file__is_what_the_models_say(file: Path, text: str) -> None:
    assert file.read_text(encoding="utf-8") == text
