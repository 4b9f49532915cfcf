"""How a suite is run: by which program, how the model is asked, what it may take, who judges."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.for_evaluations import (
    EvaluationObjectName,
    SecretKeyReference,
    Variable,
)
from rocksteady.api.v1alpha1.schema import ApiModel, cel, crd
from rocksteady.api.v1alpha1.serving import ObjectName, Resources, ServedName

LM_EVAL_MESSAGE: Final = "lmEval is needed for runner LMEval, and only there"
INSPECT_MESSAGE: Final = "inspect is needed for runner Inspect, and only there"
IMAGE_MESSAGE: Final = "runner Custom needs image"
COMMAND_MESSAGE: Final = "command and args are for runner Custom only"
DEADLINE_MESSAGE: Final = "itemTimeoutSeconds must not be greater than deadlineSeconds"

TaskName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9][-._/@a-zA-Z0-9]*$", max_length=253),
    Field(
        json_schema_extra=crd(
            expects="the name of a task: letters, digits and any of '-', '.', '_', '/', '@'"
        )
    ),
]
Argument = Annotated[str, StringConstraints(max_length=4096)]
Image = Annotated[
    str,
    StringConstraints(pattern=r"^\S+$", max_length=512),
    Field(json_schema_extra=crd(expects="an image reference without spaces")),
]


class RunnerType(StrEnum):
    """The programs that ask the model and judge its answers."""

    BUILTIN = "Builtin"
    LM_EVAL = "LMEval"
    INSPECT = "Inspect"
    CUSTOM = "Custom"


class LMEvalApi(StrEnum):
    """The endpoint that lm-evaluation-harness asks."""

    COMPLETIONS = "Completions"
    CHAT_COMPLETIONS = "ChatCompletions"


class LMEval(ApiModel):
    """Tasks of lm-evaluation-harness."""

    tasks: Annotated[
        tuple[TaskName, ...],
        Field(min_length=1, max_length=32, json_schema_extra=crd(list_type="set")),
    ]
    """Names of tasks or groups."""
    metric: TaskName
    """Metric of the tasks that says whether an item is right, for example `exact_match`."""
    api: LMEvalApi = LMEvalApi.CHAT_COMPLETIONS
    """Tasks that compare likelihoods need `Completions`."""
    few_shot: Annotated[int, Field(ge=0, le=64)] | None = None
    """Examples in front of each item; absent: as the task says."""
    max_items_per_task: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The first so many items of each task; absent: all."""
    task_files: ObjectName | None = None
    """ConfigMap in the suite's namespace with further tasks, one file for each key."""


class Inspect(ApiModel):
    """Tasks of inspect_ai."""

    tasks: Annotated[
        tuple[TaskName, ...],
        Field(min_length=1, max_length=32, json_schema_extra=crd(list_type="set")),
    ]
    """Tasks as `inspect eval` takes them: names of registered ones, or files of `taskFiles`."""
    scorer: TaskName | None = None
    """The scorer that says whether an item is right; absent: the task's first."""
    max_items_per_task: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """The first so many items of each task; absent: all."""
    task_files: ObjectName | None = None
    """ConfigMap in the suite's namespace with further tasks, one file for each key."""


class Runner(ApiModel):
    """What asks the model and judges its answers, as a Job beside it."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel("(self.type == 'LMEval') == has(self.lmEval)", LM_EVAL_MESSAGE),
                cel("(self.type == 'Inspect') == has(self.inspect)", INSPECT_MESSAGE),
                cel("self.type != 'Custom' || has(self.image)", IMAGE_MESSAGE),
                cel(
                    "self.type == 'Custom' || (!has(self.command) && !has(self.args))",
                    COMMAND_MESSAGE,
                ),
            ]
        )
    )

    type: RunnerType
    """The program: our own, lm-evaluation-harness, inspect_ai, or an image of yours."""
    image: Image | None = None
    """Image to run; absent: the one that the operator is configured with."""
    command: (
        Annotated[
            tuple[Argument, ...], Field(max_length=64, json_schema_extra=crd(list_type="atomic"))
        ]
        | None
    ) = None
    """Entrypoint; runner Custom only. Absent: the image's own."""
    args: (
        Annotated[
            tuple[Argument, ...], Field(max_length=128, json_schema_extra=crd(list_type="atomic"))
        ]
        | None
    ) = None
    """Arguments; runner Custom only."""
    env: Annotated[
        tuple[Variable, ...],
        Field(max_length=64, json_schema_extra=crd(list_type="map", list_map_keys=["name"])),
    ] = ()
    """Environment variables; secrets by `valueFrom.secretKeyRef` only. `OPENAI_API_KEY` is the key
    of the model that is asked, where it wants one."""
    lm_eval: LMEval | None = None
    """For runner LMEval."""
    inspect: Inspect | None = None
    """For runner Inspect."""


class Sampling(ApiModel):
    """How the model is asked to answer. Its defaults never change: they are part of the content."""

    temperature: Annotated[
        str,
        StringConstraints(pattern=r"^(2(\.0{1,4})?|[01](\.[0-9]{1,4})?)$", max_length=6),
        Field(json_schema_extra=crd(expects='a number from 0 to 2 as a string, such as "0.7"')),
    ] = "0"
    """0: the likeliest token each time, which still is not the same answer on every run."""
    top_p: Annotated[
        str,
        StringConstraints(pattern=r"^(1(\.0{1,4})?|0\.0{0,3}[1-9][0-9]{0,3})$", max_length=7),
        Field(
            json_schema_extra=crd(
                expects='a number above 0 and up to 1 as a string, such as "0.95"'
            )
        ),
    ] = "1"
    """Share of the likeliest tokens that is drawn from."""
    max_tokens: Annotated[int, Field(ge=1, le=131_072)] = 512
    """Longest answer; what is cut off there is judged as it is."""
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] = 1234
    """Of every request; an engine that knows no seed ignores it."""
    samples_per_item: Annotated[int, Field(ge=1, le=32)] = 1
    """How often each item is asked. Of a Quality suite more than half must be right, of a Safety
    suite all."""


class Limits(ApiModel):
    """What a run may take. Nothing here is part of the content: it changes no answer."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            stored_defaults=False,
            rules=[
                cel(
                    "!has(self.itemTimeoutSeconds) || !has(self.deadlineSeconds)"
                    " || self.itemTimeoutSeconds <= self.deadlineSeconds",
                    DEADLINE_MESSAGE,
                )
            ],
        )
    )

    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    """Requests at the same time."""
    item_timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """Longest time for one answer, until its last token."""
    deadline_seconds: Annotated[int, Field(ge=60, le=86_400)] = 3600
    """Longest time for a run; after that its outcome is Error."""
    retries: Annotated[int, Field(ge=0, le=10)] = 2
    """How often a request is repeated that got no answer; an answer is never asked for again."""
    resources: Resources = Resources()
    """Compute resources of the Job; absent: what the operator is configured with."""


class ModelEndpoint(ApiModel):
    """Another model, that helps to judge, behind an API like OpenAI's."""

    base_url: Annotated[
        str,
        StringConstraints(pattern=r"^https?://[^\s@?#]+$", max_length=1024),
        Field(
            json_schema_extra=crd(
                expects="a URL such as http://judge.evals/v1, without a password in it",
                unquoted=True,  # it may hold a password
            )
        ),
    ]
    """Where it answers, with the version in the path."""
    model: ServedName
    """What is asked for; a name that always means the same model."""
    api_key_secret_ref: SecretKeyReference | None = None
    """Secret with its key; absent: it wants none."""


class Artifacts(ApiModel):
    """Where every prompt, answer and verdict of a run is written, for those who may read it."""

    claim_name: EvaluationObjectName
    """A PersistentVolumeClaim in the suite's namespace."""
