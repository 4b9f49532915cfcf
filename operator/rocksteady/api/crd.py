"""The CustomResourceDefinitions, made of the pydantic models.

Pure. `hack/gen_crds.py` writes what this returns to `crds/`. A structural schema is a subset of
JSON Schema: no references, no unions except integer-or-string, a type at every level.

Source: the rules are those of https://kubernetes.io/docs/tasks/extend-kubernetes/
custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from rocksteady import conventions
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuite
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.llmrollout import LLMRollout
from rocksteady.api.v1alpha1.schema import ApiModel

Schema = dict[str, Any]

EXPECTS: Final = "x-crd-expects"
"""Key of a schema that says in words what its pattern asks for; not part of the CRD."""
UNQUOTED: Final = "x-crd-unquoted"
"""Key of a schema whose value may be secret, so that no message repeats it; as above."""
CURE: Final = "x-crd-cure"
"""Key of a schema that says what to do when there is too much; as above."""

_OURS: Final = (EXPECTS, UNQUOTED, CURE)

_VALUE_KEYS: Final = (
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "multipleOf",
)
_MARKS: Final = {
    "x-crd-rules": "x-kubernetes-validations",
    "x-crd-preserve_unknown": "x-kubernetes-preserve-unknown-fields",
    "x-crd-list_type": "x-kubernetes-list-type",
    "x-crd-list_map_keys": "x-kubernetes-list-map-keys",
    **{key: key for key in _OURS},
}
_ENVELOPE: Final[Mapping[str, Schema]] = {
    "apiVersion": {
        "type": "string",
        "description": "Version of the schema of this object, rocksteady.dev/v1alpha1.",
    },
    "kind": {"type": "string", "description": "The REST resource that this object represents."},
    "metadata": {"type": "object"},
}


def build_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of LLMDeployment, ready to be written as YAML."""
    names = {
        "kind": conventions.KIND,
        "plural": conventions.PLURAL,
        "shortNames": [conventions.SHORT_NAME],
        "singular": conventions.SINGULAR,
    }
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    return _definition(
        names, llmdeployment_schema(), {"status": {}, "scale": scale}, _DEPLOYMENT_COLUMNS
    )


def build_rollout_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of LLMRollout, ready to be written as YAML."""
    names = {
        "kind": conventions.ROLLOUT_KIND,
        "plural": conventions.ROLLOUT_PLURAL,
        "shortNames": [conventions.ROLLOUT_SHORT_NAME],
        "singular": conventions.ROLLOUT_SINGULAR,
    }
    return _definition(names, llmrollout_schema(), {"status": {}}, _ROLLOUT_COLUMNS)


def build_suite_crd() -> dict[str, Any]:
    """The CustomResourceDefinition of EvaluationSuite, ready to be written as YAML."""
    names = {
        "kind": conventions.SUITE_KIND,
        "plural": conventions.SUITE_PLURAL,
        "shortNames": [conventions.SUITE_SHORT_NAME],
        "singular": conventions.SUITE_SINGULAR,
    }
    return _definition(names, evaluationsuite_schema(), {"status": {}}, _SUITE_COLUMNS)


def build_crds() -> dict[str, dict[str, Any]]:
    """Every CustomResourceDefinition by the plural of its kind."""
    crds = (build_crd(), build_rollout_crd(), build_suite_crd())
    return {crd["spec"]["names"]["plural"]: crd for crd in crds}


def _definition(
    names: Mapping[str, Any], schema: Schema, subresources: Schema, columns: Sequence[Schema]
) -> dict[str, Any]:
    version = {
        "name": conventions.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _without_ours(schema)},
        "subresources": subresources,
        "additionalPrinterColumns": list(columns),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names['plural']}.{conventions.GROUP}"},
        "spec": {
            "group": conventions.GROUP,
            # Not `all`: `kubectl delete all --all` must not take models out of production.
            "names": {
                "categories": ["rocksteady"],
                "listKind": f"{names['kind']}List",
                **names,
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


@cache
def llmdeployment_schema() -> Schema:
    """The structural schema of an LLMDeployment, with the keys that are no part of the CRD.

    One object for all callers, which must not change it.
    """
    return _object_schema(LLMDeployment)


@cache
def llmrollout_schema() -> Schema:
    """The structural schema of an LLMRollout; see `llmdeployment_schema`."""
    return _object_schema(LLMRollout)


@cache
def evaluationsuite_schema() -> Schema:
    """The structural schema of an EvaluationSuite; see `llmdeployment_schema`."""
    return _object_schema(EvaluationSuite)


def _object_schema(model: type[ApiModel]) -> Schema:
    schema = structural_schema(model.model_json_schema(by_alias=True))
    parts = {name: accept_emptied(part) for name, part in schema["properties"].items()}
    return {**schema, "properties": {**_ENVELOPE, **parts}}


def structural_schema(document: Mapping[str, Any]) -> Schema:
    """Turn a JSON Schema as pydantic writes it into a structural one.

    Args:
        document: JSON Schema of a model, with its `$defs` and our `x-crd-*` keys.

    Returns:
        A new schema. Scalar defaults are kept, except inside list items and where a model says
        `stored_defaults=False`: there they are told in the description.

    Raises:
        ValueError: The model has something that a structural schema cannot express.
    """
    return _convert(document, document.get("$defs", {}), stored=True)


def accept_emptied(schema: Schema) -> Schema:
    """Let every optional object that may be empty also be null.

    When a manager applies `resources: {}` where it had applied fields before, server-side apply
    merges that to null, which the API server then refuses unless it is nullable (seen with 1.32 to
    1.37). To whoever reads, null is the same as absent.

    Args:
        schema: Structural schema of an object; it is not changed.
    """
    fields = {
        name: accept_emptied(field)
        | ({"nullable": True} if _may_be_emptied(name, field, schema) else {})
        for name, field in schema.get("properties", {}).items()
    }
    below: Schema = {"properties": fields} if fields else {}
    if "items" in schema:
        below["items"] = accept_emptied(schema["items"])
    return {**schema, **below}


def _may_be_emptied(name: str, field: Schema, parent: Schema) -> bool:
    optional = name not in parent.get("required", ())
    may_be_empty = not {"required", "minProperties"} & field.keys()
    return optional and field.get("type") == "object" and may_be_empty


def _column(
    name: str, path: str, value_type: str = "string", description: str = ""
) -> dict[str, Any]:
    column = {"name": name, "type": value_type, "jsonPath": path}
    return {**column, "description": description} if description else column


_DEPLOYMENT_COLUMNS: Final = (
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    # Not "Replicas", which everywhere else are those that exist or are wanted.
    _column("Ready-Replicas", ".status.readyReplicas", "integer", "Model servers that are ready."),
    _column("Revision", ".status.revisions.stable.hash", "string", "Serves the users."),
    _column("Canary", ".status.revisions.canary.hash", "string", "Is to take over."),
    _column("Weight", ".status.revisions.canary.weightPercent", "integer", "The canary's."),
    _column("Engine", ".spec.engine.type"),
    _column("Model", ".spec.model.name"),
    _column("Age", ".metadata.creationTimestamp", "date"),
    {**_column("URI", ".spec.model.uri"), "priority": 1},
    {**_column("Message", '.status.conditions[?(@.type=="Ready")].message'), "priority": 1},
)
_ROLLOUT_COLUMNS: Final = (
    _column("Deployment", ".spec.deployment"),
    _column("From", ".spec.stable.hash"),
    _column("To", ".spec.canary.hash"),
    _column("Phase", ".status.phase"),
    _column("Weight", ".status.weightPercent", "integer", "The canary's."),
    _column("Outcome", ".status.outcome"),
    _column("Age", ".metadata.creationTimestamp", "date"),
    {**_column("Reason", ".status.outcomeReason"), "priority": 1},
)
_SUITE_COLUMNS: Final = (
    _column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
    _column("Kind", ".spec.kind"),
    _column("Runner", ".spec.runner.type", "string", "Absent: Builtin."),
    _column("Items", ".status.itemCount", "integer"),
    _column("Age", ".metadata.creationTimestamp", "date"),
    {**_column("Content", ".status.contentHash"), "priority": 1},
    {**_column("Message", '.status.conditions[?(@.type=="Ready")].message'), "priority": 1},
)


def _without_ours(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_ours(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without_ours(value) for key, value in schema.items() if key not in _OURS}


def _convert(node: Mapping[str, Any], definitions: Mapping[str, Any], *, stored: bool) -> Schema:
    """One level of the schema and all below it; `stored`: defaults may be written into objects."""
    node = _inline(node, definitions)
    stored = stored and node.get("x-crd-stored_defaults", True)
    schema = _described(node, stored=stored)
    schema |= {key: node[key] for key in _VALUE_KEYS if key in node}
    schema |= _exclusive_bounds(node)
    if "const" in node:
        schema["enum"] = [node["const"]]
    schema |= {ours: node[mark] for mark, ours in _MARKS.items() if mark in node}
    if "anyOf" in node:
        schema |= _int_or_string(node["anyOf"])
    schema |= _nested(node, definitions, stored=stored)
    if not {"type", "x-kubernetes-int-or-string"} & schema.keys():
        raise ValueError(f"a structural schema needs a type: {dict(node)}")
    return schema


def _inline(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a reference points to in its place, and `X or null` as X; siblings win."""
    siblings = dict(node)
    if "$ref" in siblings:
        target = definitions[siblings.pop("$ref").rpartition("/")[2]]
        return _inline({**target, **siblings}, definitions)
    alternatives = [option for option in siblings.get("anyOf", []) if option != {"type": "null"}]
    if len(alternatives) == 1:
        del siblings["anyOf"]
        return _inline({**alternatives[0], **siblings}, definitions)
    return siblings


def _described(node: Mapping[str, Any], *, stored: bool) -> Schema:
    """Description and default. Objects and lists are not defaulted: absent says the same."""
    text = " ".join(node.get("description", "").split())
    default = node.get("default")
    scalar = default is not None and not isinstance(default, dict | list) and default != ""
    if scalar and not stored:
        text = f"{text} Default: {default}.".strip()
    schema: Schema = {"description": text} if text else {}
    return {**schema, "default": default} if scalar and stored else schema


def _exclusive_bounds(node: Mapping[str, Any]) -> Schema:
    """JSON Schema has exclusive bounds as numbers, OpenAPI 3.0 as a flag beside the bound."""
    schema: Schema = {}
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if exclusive in node:
            schema |= {bound: node[exclusive], exclusive: True}
    return schema


def _int_or_string(alternatives: list[dict[str, Any]]) -> Schema:
    """The one union that a structural schema knows; the bounds of both sides hold for each."""
    by_type = {option.get("type"): option for option in alternatives}
    if by_type.keys() != {"integer", "string"}:
        raise ValueError(f"a structural schema has no union of {alternatives}")
    bounds = {key: value for option in alternatives for key, value in option.items()}
    return {
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "x-kubernetes-int-or-string": True,
        **{key: bounds[key] for key in (*_VALUE_KEYS[3:], *_OURS) if key in bounds},
    }


def _nested(node: Mapping[str, Any], definitions: Mapping[str, Any], *, stored: bool) -> Schema:
    """Fields, list items and map values."""
    schema: Schema = {}
    if "items" in node:
        schema["items"] = _convert(node["items"], definitions, stored=False)
    if "properties" in node:
        schema["properties"] = {
            name: _convert(field, definitions, stored=stored)
            for name, field in node["properties"].items()
        }
        schema |= {"required": node["required"]} if "required" in node else {}
    elif isinstance(node.get("additionalProperties"), Mapping):
        schema["additionalProperties"] = _convert(
            node["additionalProperties"], definitions, stored=False
        )
    return schema
