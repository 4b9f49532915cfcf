"""What a suite may use of its namespace: only Secrets and claims that are named for evaluations.

Who writes a suite says which image runs and where it sends what it knows, so every Secret and claim
that a suite may name is as good as theirs. Their names are the consent of who made them: the owner
of a suite can neither make nor rename them (docs/adr/0008).
"""

from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.schema import ApiModel, cel, crd

PREFIX: Final = "evaluation-"
VALUE_MESSAGE: Final = "give either value or valueFrom"

EvaluationObjectName = Annotated[
    str,
    StringConstraints(pattern=rf"^{PREFIX}([-.a-z0-9]*[a-z0-9])$", max_length=253),
    Field(
        json_schema_extra=crd(
            expects=f"a name that starts with {PREFIX}, which says that suites may use it"
        )
    ),
]
"""Name of a Secret or a claim that suites may use."""


class EvaluationSecretReference(ApiModel):
    """A Secret in the suite's namespace. The operator never reads its content."""

    name: EvaluationObjectName
    """Name of the Secret."""


class SecretKeyReference(ApiModel):
    """One key of a Secret in the suite's namespace. The operator never reads its content."""

    name: EvaluationObjectName
    """Name of the Secret."""
    key: Annotated[
        str,
        StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253),
        Field(json_schema_extra=crd(expects="a key of letters, digits, '-', '_' and '.'")),
    ]
    """Key whose text is used."""


class VariableSource(ApiModel):
    """Where the value of a variable comes from."""

    secret_key_ref: SecretKeyReference
    """The key of a Secret."""


class Variable(ApiModel):
    """An environment variable. What is not secret stands here: it is part of the content."""

    model_config = ConfigDict(
        json_schema_extra=crd(rules=[cel("has(self.value) != has(self.valueFrom)", VALUE_MESSAGE)])
    )

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253),
        Field(json_schema_extra=crd(expects="a name of letters, digits, '_', '-' and '.'")),
    ]
    """Name of the variable."""
    value: (
        Annotated[
            str, StringConstraints(max_length=32_768), Field(json_schema_extra=crd(unquoted=True))
        ]
        | None
    ) = None
    """Its text, which is not secret."""
    value_from: VariableSource | None = None
    """For what is secret."""
