"""Base of the API models: how a field is spelled, frozen, and marked for the CRD.

The models are read in two ways. From the API server, unknown fields are ignored, so that an older
operator can read objects written for a newer one. In `lint`, they are errors (`api.reading`).
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel


class ApiModel(BaseModel):
    """A part of the API: frozen, camelCase outside and snake_case inside."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


def cel(rule: str, message: str) -> dict[str, str]:
    """A CEL rule for the CRD: what must hold, and what a user reads when it does not."""
    return {"rule": rule, "message": message}


def crd(**keys: Any) -> dict[str, Any]:
    """Extra keys of a structural schema, given as `json_schema_extra`.

    Args:
        keys: `rules` (list of `cel`), `preserve_unknown` (bool), `list_type` (atomic, set, map) and
            `list_map_keys`; `rocksteady.api.crd` turns them into the `x-kubernetes-*` keys.
            `stored_defaults=False` on a model: its defaults, and those of all below it, may change
            with a release, so the API server does not write them into objects. `expects` (str) says
            in words what a pattern asks for; `rocksteady.api.messages` uses it.
            `unquoted=True`: no message repeats the value. `cure` (str) says what to do when there
            is too much; it ends the message.
    """
    return {f"x-crd-{key}": value for key, value in keys.items()}


DecimalPercent = Annotated[
    str,
    StringConstraints(pattern=r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$", max_length=8),
    Field(json_schema_extra=crd(expects='a percentage from 0 to 100 as a string, such as "99.5"')),
]
"""A percentage from 0 to 100 as a decimal string, since the API has no floats."""

DecimalPoints = Annotated[
    str,
    StringConstraints(pattern=r"^(100(\.0{1,4})?|[0-9]{1,2}(\.[0-9]{1,4})?)$", max_length=8),
    Field(
        json_schema_extra=crd(expects='percentage points from 0 to 100 as a string, such as "2"')
    ),
]
"""A difference of two percentages, 0 or more, as a decimal string."""

DecimalString = Annotated[
    str,
    StringConstraints(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$", max_length=26),
    Field(json_schema_extra=crd(expects='a decimal number as a string, such as "0.05"')),
]
"""Any decimal number as a string, since the API has no floats."""

DnsLabel = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=63),
    Field(
        json_schema_extra=crd(
            expects="a name of lower case letters, digits and '-' that starts with a letter"
        )
    ),
]
"""A name that may become part of a host name or a metric label."""

FreeObject = Annotated[dict[str, Any], Field(json_schema_extra=crd(preserve_unknown=True))]
"""A part of another API (a pod template, an env entry), checked by the API server when applied."""
