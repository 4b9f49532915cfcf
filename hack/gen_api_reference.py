# ruff: noqa: INP001 - a program, not a module of a package
"""Write `docs/reference/api.md` from the API models; with --check, say whether it is up to date.

Run from anywhere: `python hack/gen_api_reference.py [--check]`.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from rocksteady import conventions
from rocksteady.api.crd import EXPECTS, evaluationsuite_schema, llmdeployment_schema
from rocksteady.api.v1alpha1.evaluationsuite import EvaluationSuite
from rocksteady.api.v1alpha1.llmdeployment import LLMDeployment
from rocksteady.api.v1alpha1.schema import ApiModel

REPOSITORY = Path(__file__).resolve().parent.parent
REFERENCE_FILE = REPOSITORY / "docs" / "reference" / "api.md"
_RANGES = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
    ("minProperties", "maxProperties", " entries"),
)

_LEGEND = (
    "`[]` marks the entries of a list. A default in brackets is the operator's own: it is not"
    " written into the object, and may change with a release."
)

Schema = Mapping[str, Any]

_KINDS: tuple[tuple[str, type[ApiModel], Callable[[], Schema]], ...] = (
    (conventions.KIND, LLMDeployment, llmdeployment_schema),
    (conventions.SUITE_KIND, EvaluationSuite, evaluationsuite_schema),
)


def render_reference() -> str:
    """The reference page as Markdown, with every kind that people write."""
    lines = [
        "<!-- Made by hack/gen_api_reference.py from operator/rocksteady/api: change it there. -->",
        "",
        _LEGEND,
    ]
    for kind, model, schema in _KINDS:
        lines += ["", *_render_kind(kind, model, schema())]
    return "\n".join(lines) + "\n"


def _render_kind(kind: str, model: type[ApiModel], schema: Schema) -> list[str]:
    lines = [f"# {kind} (`{conventions.API_VERSION}`)", "", schema["description"]]
    for part in model.model_fields:
        lines += ["", f"## {part}", "", *_table(part, schema["properties"][part])]
    lines += ["", "## Rules across fields", ""]
    return lines + [f"- `{path or kind}`: {message}." for path, message in _rules(schema, "")]


def _table(name: str, schema: Schema) -> list[str]:
    head = ["| Field | Type | Default | Bounds | Description |", "|---|---|---|---|---|"]
    return head + [
        f"| `{path}`{' (required)' if required else ''} | {_type(field)} | {default} "
        f"| {_bounds(field)} | {text} |"
        for path, field, required in _fields(name, schema)
        for default, text in [_default(field)]
    ]


def _fields(path: str, schema: Schema) -> Iterator[tuple[str, Schema, bool]]:
    """Every field below a path, parents first, and whether it is required there."""
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}"
        yield below, field, name in schema.get("required", ())
        yield from _fields(below, field)
        if "items" in field:
            yield from _fields(f"{below}[]", field["items"])


def _type(schema: Schema) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map to {_type(schema['additionalProperties'])}"
    return str(schema.get("format", schema["type"]))


def _default(schema: Schema) -> tuple[str, str]:
    """The default, and the description without the sentence that tells one."""
    text = schema.get("description", "")
    if "default" in schema:
        return f"`{schema['default']}`", _cell(text)
    text, _, told = text.partition("Default: ")
    return (f"(`{told.rstrip('.')}`)" if told else ""), _cell(text)


def _bounds(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    inner = schema.get("items") or schema.get("additionalProperties") or schema
    said = [inner[EXPECTS]] if EXPECTS in inner else []
    said += [
        f"{_range(schema.get(low), schema.get(high))}{unit}"
        for low, high, unit in _RANGES
        if low in schema or high in schema
    ]
    return _cell("; ".join(said))


def _range(lowest: int | None, highest: int | None) -> str:
    if lowest is None:
        return f"up to {highest}"
    return f"{lowest} or more" if highest is None else f"{lowest} to {highest}"


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """Where each CEL rule stands, empty for the root, and its message."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield path, rule["message"]
    for name, field in schema.get("properties", {}).items():
        yield from _rules(field, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _rules(schema["items"], f"{path}[]")


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|")


@click.command()
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 when the page is not up to date."
)
def main(*, check: bool) -> None:
    """Write the page, or check it."""
    text = render_reference()
    if REFERENCE_FILE.exists() and REFERENCE_FILE.read_text(encoding="utf-8") == text:
        return
    if check:
        print(
            f"{REFERENCE_FILE.relative_to(REPOSITORY)} is not what the API models say:"
            " run make generate",
            file=sys.stderr,
        )
        sys.exit(1)
    REFERENCE_FILE.parent.mkdir(parents=True, exist_ok=True)
    REFERENCE_FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
