"""The EvaluationSuite: what a model must be able to say, owned by those who know the domain.

How its result becomes a gate, when it runs and how often is said by `spec.evaluations` of the
LLMDeployment; a suite itself knows no deployment.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.for_evaluations import PREFIX, EvaluationSecretReference
from rocksteady.api.v1alpha1.items import INLINE_MAX_ITEMS, Item
from rocksteady.api.v1alpha1.runner import (
    Artifacts,
    Limits,
    ModelEndpoint,
    Runner,
    RunnerType,
    Sampling,
)
from rocksteady.api.v1alpha1.schema import (
    ApiModel,
    DecimalPercent,
    DecimalPoints,
    cel,
    crd,
)
from rocksteady.api.v1alpha1.serving import ConfigMapKeyReference
from rocksteady.api.v1alpha1.status import Condition
from rocksteady.conventions import SUITE_NAME_MAX_LENGTH, SUITE_NAME_PATTERN

ITEM_SCHEMES: Final = ("hf", "s3", "gs", "oci", "pvc", "https")
"""Where items can come from: as a model, but from no image."""

BUILTIN_MESSAGE: Final = (
    "runner Builtin needs items: give items.inline, items.configMap or items.uri"
)
TASKS_MESSAGE: Final = (
    "runners LMEval and Inspect take their items from their tasks: leave out items"
)
SAFETY_MESSAGE: Final = (
    "a suite of kind Safety has no marginPoints and no minScorePercent: one item that fails is"
    " enough; leave them out, or make it kind Quality"
)
ONE_SOURCE_MESSAGE: Final = "give exactly one of inline, configMap and uri"
CREDENTIALS_MESSAGE: Final = "credentialsSecretRef is for uri only"
ANONYMISE_MESSAGE: Final = (
    "anonymise is for uri only: items in the object or in a ConfigMap are seen as they are by all"
    " who may read these; anonymise them before you write them there"
)
CLAIM_MESSAGE: Final = (
    f"the name of the claim must start with {PREFIX}, which says that suites may use it"
)

IncreasePercent = Annotated[int, Field(ge=0, le=1000)]
"""How much more than stable is allowed, in percent of stable."""


class SuiteKind(StrEnum):
    """What a failed item means."""

    QUALITY = "Quality"
    SAFETY = "Safety"


class ItemSource(ApiModel):
    """Where the items come from: one of `inline`, `configMap` and `uri`."""

    model_config = ConfigDict(
        json_schema_extra={
            # So that server-side apply never empties it to null, which no rule could read.
            "minProperties": 1,
            **crd(
                stored_defaults=False,
                unquoted=True,  # also where a question stands in the place of a name
                rules=[
                    cel(
                        "(has(self.inline) ? 1 : 0) + (has(self.configMap) ? 1 : 0)"
                        " + (has(self.uri) ? 1 : 0) == 1",
                        ONE_SOURCE_MESSAGE,
                    ),
                    cel("!has(self.credentialsSecretRef) || has(self.uri)", CREDENTIALS_MESSAGE),
                    cel(
                        "!has(self.anonymise) || !self.anonymise || has(self.uri)",
                        ANONYMISE_MESSAGE,
                    ),
                    cel(
                        f"!has(self.uri) || self.uri.split('://')[0] in {list(ITEM_SCHEMES)}",
                        "uri must start with one of "
                        + ", ".join(f"{scheme}://" for scheme in ITEM_SCHEMES),
                    ),
                    cel(
                        "!has(self.uri) || !self.uri.startsWith('pvc://')"
                        f" || self.uri.startsWith('pvc://{PREFIX}')",
                        CLAIM_MESSAGE,
                    ),
                ],
            ),
        }
    )

    inline: (
        Annotated[
            tuple[Item, ...],
            Field(
                min_length=1,
                max_length=INLINE_MAX_ITEMS,
                json_schema_extra=crd(
                    list_type="map",
                    list_map_keys=["id"],
                    cure="write up to 1000 here, and more into a file that configMap or uri names",
                ),
            ),
        ]
        | None
    ) = None
    """The items themselves, at most 900 KiB of them."""
    config_map: ConfigMapKeyReference | None = None
    """A file of items in a ConfigMap: `.jsonl`, one item a line, or `.json`, a list of items."""
    uri: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[a-z0-9]+://\S+$", min_length=6, max_length=1024),
            Field(
                json_schema_extra=crd(
                    expects="a URI that starts with one of "
                    + ", ".join(f"{name}://" for name in ITEM_SCHEMES),
                    unquoted=True,  # it may hold a password
                )
            ),
        ]
        | None
    ) = None
    """A file of items, spelled and pinned like `model.uri`; `hf://org/name/file.jsonl@commit` means
    a data set of the Hub, `pvc://evaluation-claim/file.jsonl` a file of a claim. An artifact
    (`oci://`) holds `items.jsonl`. At most 64 MiB. Each run reads it anew, and checks it."""
    credentials_secret_ref: EvaluationSecretReference | None = None
    """Secret whose keys become environment variables of what fetches `uri`; absent: anonymously."""
    anonymise: bool = False
    """True: the runner reads the items of `uri` as the anonymiser has written them, with
    placeholders for names of people, mail addresses, numbers of phones, cards and accounts (IBAN)
    and IP addresses in English text. It finds most and not all, so it is a second net for what was
    anonymised already. Part of the content."""


class EvaluationSuiteSpec(ApiModel):
    """The wanted evaluation."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    "has(self.items) || (has(self.runner) && self.runner.type != 'Builtin')",
                    BUILTIN_MESSAGE,
                ),
                cel(
                    "!has(self.items) || !has(self.runner)"
                    " || !(self.runner.type in ['LMEval', 'Inspect'])",
                    TASKS_MESSAGE,
                ),
                cel(
                    "self.kind != 'Safety'"
                    " || (!has(self.marginPoints) && !has(self.minScorePercent))",
                    SAFETY_MESSAGE,
                ),
            ]
        )
    )

    kind: SuiteKind = SuiteKind.QUALITY
    """`Quality`: a revision may be a margin worse than stable. `Safety`: zero tolerance, one item
    that fails is enough, whatever stable answers."""
    items: ItemSource | None = None
    """What is asked, at most 10,000 items of 256 KiB each. For runner Custom: mounted as a file."""
    runner: Runner = Runner(type=RunnerType.BUILTIN)
    """Absent: Builtin."""
    sampling: Sampling = Sampling()
    limits: Limits = Limits()
    judge: ModelEndpoint | None = None
    """Judges ModelGraded checks. A suite with such checks can block, and never rolls back alone."""
    embedder: ModelEndpoint | None = None
    """Gives the embeddings of Similarity checks."""
    margin_points: DecimalPoints | None = None
    """How many percentage points worse than stable a canary may score; absent: 2."""
    min_score_percent: DecimalPercent | None = None
    """Least score that passes, whatever stable scores; absent: 0. It alone judges the first
    revision."""
    max_output_tokens_increase_percent: IncreasePercent | None = None
    """How much longer the canary's answers may be, over all items; absent: not looked at."""
    max_latency_increase_percent: IncreasePercent | None = None
    """How much longer the canary may take for its answers, median over items; absent: not looked
    at."""
    reveal: bool = False
    """True: items and answers may be shown in messages and by `eval diff`. False: they appear in no
    status, Event, log or metric; only ids do."""
    artifacts: Artifacts | None = None
    """Absent: nothing but the result is kept."""


class EvaluationSuiteStatus(ApiModel):
    """What is true now."""

    model_config = ConfigDict(json_schema_extra=crd(stored_defaults=False))

    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that all of this was computed from."""
    content_hash: (
        Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$", max_length=64)] | None
    ) = None
    """SHA-256 of what decides the answers and their verdicts; results of one hash can be compared.
    Absent: the items cannot be read."""
    item_count: Annotated[int, Field(ge=0)] | None = None
    """How many items there are; absent: only a run can tell."""
    warnings: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=1024)], ...],
        Field(max_length=32, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """What is allowed but may surprise, for example items that are not pinned."""
    conditions: Annotated[
        tuple[Condition, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="map", list_map_keys=["type"])),
    ] = ()
    """Facts about the object, one for each type."""


class EvaluationSuite(ApiModel):
    """Questions to a model and what its answers must be."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    f"self.metadata.name.size() <= {SUITE_NAME_MAX_LENGTH}"
                    f" && self.metadata.name.matches('{SUITE_NAME_PATTERN}')",
                    f"metadata.name must be at most {SUITE_NAME_MAX_LENGTH} characters, lower case"
                    " letters, digits and '-': it becomes the value of a label",
                )
            ]
        )
    )

    spec: EvaluationSuiteSpec
    status: EvaluationSuiteStatus = EvaluationSuiteStatus()
