"""The items of an evaluation: what the model is asked, and what its answer must be.

An item is right when every check of it passes; a check is right when any of its texts fits. All
text that a model sees or is compared with is kept as it was written: no trimming, no templates.
"""

from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.schema import ApiModel, DecimalPercent, FreeObject, cel, crd

TEXT_MAX_CHARACTERS: Final = 262_144
"""Of a prompt or a message: about 64,000 tokens of English. The item as a whole has a limit in
bytes, `api.suite_items.ITEM_MAX_BYTES`."""
INLINE_MAX_ITEMS: Final = 1000
"""Items inside of the object: its size, and the cost of its CEL rules, have bounds."""
CHECKS_MAX: Final = 8
OPTIONS_MAX: Final = 26
"""Options are lettered A to Z."""

ItemText = Annotated[
    str,
    StringConstraints(max_length=TEXT_MAX_CHARACTERS),
    Field(json_schema_extra=crd(cure="shorten it, or split it into several items", unquoted=True)),
]
"""What the model reads. May be empty: a model must cope with that too."""

ExpectedText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096),
    Field(json_schema_extra=crd(unquoted=True)),
]
"""What an answer is compared with."""

ItemId = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=63),
    Field(
        json_schema_extra=crd(
            expects="a name of letters, digits and any of '-', '.', '_' between them"
        )
    ),
]


class Role(StrEnum):
    """Who speaks in a conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(ApiModel):
    """One turn of a conversation."""

    role: Role
    """Who speaks: system, user or assistant."""
    content: ItemText
    """What is said."""


class CheckType(StrEnum):
    """How an answer is judged."""

    CONTAINS = "Contains"
    REGEX = "Regex"
    EXACT = "Exact"
    JSON_SCHEMA = "JsonSchema"
    MULTIPLE_CHOICE = "MultipleChoice"
    SIMILARITY = "Similarity"
    MODEL_GRADED = "ModelGraded"


TEXT_CHECKS: Final = (CheckType.CONTAINS, CheckType.EXACT, CheckType.SIMILARITY)
"""Checks that compare with `texts`."""
CASE_CHECKS: Final = (CheckType.CONTAINS, CheckType.EXACT)
"""Checks that know `ignoreCase`."""

TEXTS_MESSAGE: Final = "texts are needed for types Contains, Exact and Similarity, and only there"
PATTERN_MESSAGE: Final = "pattern is needed for type Regex, and only there"
JSON_SCHEMA_MESSAGE: Final = "jsonSchema is needed for type JsonSchema, and only there"
OPTIONS_MESSAGE: Final = (
    "options and answer are needed for type MultipleChoice, and only there: the answer is the"
    " letter of an option"
)
SIMILARITY_MESSAGE: Final = "minSimilarityPercent is needed for type Similarity, and only there"
CRITERION_MESSAGE: Final = "criterion is needed for type ModelGraded, and only there"
CASE_MESSAGE: Final = (
    "ignoreCase is for types Contains and Exact: a pattern that ignores case starts with (?i)"
)


FIELDS_OF_TYPES: Final = (
    ("texts", TEXT_CHECKS, TEXTS_MESSAGE),
    ("pattern", (CheckType.REGEX,), PATTERN_MESSAGE),
    ("jsonSchema", (CheckType.JSON_SCHEMA,), JSON_SCHEMA_MESSAGE),
    ("options", (CheckType.MULTIPLE_CHOICE,), OPTIONS_MESSAGE),
    ("answer", (CheckType.MULTIPLE_CHOICE,), OPTIONS_MESSAGE),
    ("minSimilarityPercent", (CheckType.SIMILARITY,), SIMILARITY_MESSAGE),
    ("criterion", (CheckType.MODEL_GRADED,), CRITERION_MESSAGE),
)
"""Fields that are there for some types of check, and for no other, with what to say otherwise."""


def _is_one_of(types: tuple[CheckType, ...]) -> str:
    return f"self.type in {[kind.value for kind in types]}"


class Check(ApiModel):
    """What an answer must be, or with `negate` must not be."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                *(
                    cel(f"has(self.{field}) == ({_is_one_of(types)})", message)
                    for field, types, message in FIELDS_OF_TYPES
                ),
                cel(
                    f"!has(self.ignoreCase) || !self.ignoreCase || {_is_one_of(CASE_CHECKS)}",
                    CASE_MESSAGE,
                ),
            ]
        )
    )

    type: CheckType
    """`Contains`: a text stands somewhere in the answer. `Regex`: the pattern is found in it.
    `Exact`: the answer, without white space around it, is a text. `JsonSchema`: it is JSON, alone
    or in a code fence, that the schema allows. `MultipleChoice`: the first letter that stands alone
    is the right one. `Similarity`: the cosine of its embedding with that of a text is high enough.
    `ModelGraded`: the judge finds that it meets the criterion."""
    negate: bool = False
    """True: the answer must not be so. An answer that is empty never passes a negated check: a
    model that says nothing has not resisted anything."""
    texts: (
        Annotated[
            tuple[ExpectedText, ...],
            Field(min_length=1, max_length=64, json_schema_extra=crd(list_type="atomic")),
        ]
        | None
    ) = None
    """Any one of them is enough; for several that must all be there, write several checks."""
    ignore_case: bool = False
    """True: letters are compared without case."""
    pattern: ExpectedText | None = None
    """Regular expression in the syntax of Python's `re`, at most 4096 characters; `(?i)` in front
    ignores case, `(?s)` lets a dot match line breaks. It is searched for with a time limit, and one
    that takes longer gives no verdict."""
    json_schema: FreeObject | None = None
    """JSON Schema, draft 2020-12 unless `$schema` says otherwise; references stay inside of it."""
    options: (
        Annotated[
            tuple[ExpectedText, ...],
            Field(min_length=2, max_length=OPTIONS_MAX, json_schema_extra=crd(list_type="atomic")),
        ]
        | None
    ) = None
    """Shown after the prompt, one a line, with the letters A, B, C and so on."""
    answer: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[A-Z]$", max_length=1),
            Field(json_schema_extra=crd(expects="the letter of the right option, A to Z")),
        ]
        | None
    ) = None
    """Letter of the right option."""
    min_similarity_percent: DecimalPercent | None = None
    """Least cosine times 100 that passes."""
    criterion: ExpectedText | None = None
    """What the judge is asked about the answer, as a statement that is true of a good one."""


class Item(ApiModel):
    """One question of a suite. It has one prompt, or messages that end with the user's."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[cel("has(self.prompt) != has(self.messages)", "give either prompt or messages")],
            unquoted=True,
        )
    )

    id: ItemId
    """Tells the items of a suite apart, in results too: no private text belongs into it."""
    prompt: ItemText | None = None
    """What the user says, in a conversation of one turn."""
    messages: (
        Annotated[
            tuple[Message, ...],
            Field(min_length=1, max_length=64, json_schema_extra=crd(list_type="atomic")),
        ]
        | None
    ) = None
    """A conversation so far, with a system prompt if there is one; the model answers its end."""
    checks: Annotated[
        tuple[Check, ...],
        Field(min_length=1, max_length=CHECKS_MAX, json_schema_extra=crd(list_type="atomic")),
    ]
    """What the answer must be: all of them must pass."""

    def written(self) -> dict[str, Any]:
        """What was written, in camelCase and without defaults: the same however it was spelled."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
