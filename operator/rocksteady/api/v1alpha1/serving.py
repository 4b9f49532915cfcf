"""What is served: the model, the engine that runs it, and how requests reach it."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from rocksteady.api.v1alpha1.schema import ApiModel, FreeObject, cel, crd

SCHEMES = ("hf", "s3", "gs", "oci", "pvc", "https", "image")
"""Where a model can come from; `image` means baked into the engine's image."""

URI_SCHEME_RULE = cel(
    f"self.uri.split('://')[0] in {list(SCHEMES)}",
    "uri must start with one of " + ", ".join(f"{scheme}://" for scheme in SCHEMES),
)

ObjectName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$", max_length=253),
    Field(
        json_schema_extra=crd(
            expects="the name of a Kubernetes object: lower case letters, digits, '-' and '.'"
        )
    ),
]
"""Name of a Kubernetes object."""

SectionName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63),
    Field(json_schema_extra=crd(expects="a name of lower case letters, digits and '-'")),
]

ServedName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9]([-._/:a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=253),
    Field(
        json_schema_extra=crd(
            expects="a name of letters, digits and any of '-', '.', '_', '/', ':' between them"
        )
    ),
]

ModelUriText = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]+://\S+$", min_length=6, max_length=1024),
    Field(
        json_schema_extra=crd(
            expects="a URI that starts with one of " + ", ".join(f"{name}://" for name in SCHEMES),
            unquoted=True,  # it may hold a password
        )
    ),
]

Quantity = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$", max_length=32
    ),
    Field(json_schema_extra=crd(expects="a quantity such as 1, 500m or 16Gi")),
]
"""A Kubernetes quantity, for example `1Gi` or `500m`."""


WholeNumber = Annotated[int, Field(ge=0)]


class EngineType(StrEnum):
    """The model servers that Rocksteady knows how to start, probe and drain."""

    VLLM = "vllm"
    SGLANG = "sglang"
    TGI = "tgi"
    LLAMACPP = "llamacpp"
    OLLAMA = "ollama"
    CUSTOM = "custom"


ADAPTER_ENGINES = (EngineType.VLLM, EngineType.SGLANG)
"""Engines that serve LoRA adapters beside the base model."""
CHAT_TEMPLATE_ENGINES = (
    EngineType.VLLM,
    EngineType.SGLANG,
    EngineType.LLAMACPP,
    EngineType.CUSTOM,
)
"""Engines of which the chat template can be replaced by a file."""


class SecretReference(ApiModel):
    """A Secret in the namespace of the LLMDeployment. The operator never reads its content."""

    name: ObjectName
    """Name of the Secret."""


class ConfigMapKeyReference(ApiModel):
    """One key of a ConfigMap in the namespace of the LLMDeployment."""

    name: ObjectName
    """Name of the ConfigMap."""
    key: Annotated[
        str,
        StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253),
        Field(json_schema_extra=crd(expects="a key of letters, digits, '-', '_' and '.'")),
    ]
    """Key whose text is used."""


class Adapter(ApiModel):
    """A LoRA adapter that the engine serves beside the base model."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                URI_SCHEME_RULE,
                cel(
                    "!self.uri.startsWith('image://')",
                    "an adapter cannot be baked into the engine's image: give it a uri of its own",
                ),
            ]
        )
    )

    name: Annotated[
        str,
        StringConstraints(pattern=r"^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$", max_length=63),
        Field(
            json_schema_extra=crd(
                expects="a name of letters, digits and any of '-', '.', '_' between them"
            )
        ),
    ]
    """What clients ask for to get this adapter; with engine sglang as `<model>:<name>`."""
    uri: ModelUriText
    """Where its files are: the schemes of `model.uri`."""


class ModelCache(ApiModel):
    """Where fetched model files are kept."""

    claim_name: ObjectName | None = None
    """A PersistentVolumeClaim that outlives the pods; absent: an emptyDir, filled by each pod."""
    size_limit: Quantity | None = None
    """Upper bound of the emptyDir; absent: bounded by the node only."""


class Model(ApiModel):
    """The model: what clients call it and where its files come from."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                URI_SCHEME_RULE,
                cel(
                    "!has(self.adapters) || self.adapters.all(a, a.name != self.name)",
                    "an adapter must not be named like the model: clients tell them apart by name",
                ),
            ]
        )
    )

    name: ServedName
    """What clients ask for in `model`; the same in every revision."""
    uri: ModelUriText
    """Where the files are. Pinned forms: `hf://org/name@commit`, `oci://repository@sha256:digest`,
    `https://host/file#sha256=digest`. Others: `s3://bucket/prefix`, `gs://bucket/prefix`,
    `pvc://claim/path`, `image:///path/in/the/engine/image`."""
    credentials_secret_ref: SecretReference | None = None
    """Secret whose keys become environment variables of whatever fetches the model
    (`HF_TOKEN`, `AWS_ACCESS_KEY_ID`, ...); absent: fetched anonymously."""
    adapters: Annotated[
        tuple[Adapter, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="map", list_map_keys=["name"])),
    ] = ()
    """LoRA adapters; engines vllm and sglang."""
    chat_template: ConfigMapKeyReference | None = None
    """Jinja chat template that replaces the model's own. Copied into the revision, so that a later
    edit of the ConfigMap is a new revision and never changes a running one."""
    cache: ModelCache | None = None
    """Where fetched files are kept; absent: an emptyDir."""


class Engine(ApiModel):
    """The model server: which program, and how it is started."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            rules=[
                cel(
                    "self.type == 'custom' || (!has(self.command) && !has(self.port)"
                    " && !has(self.readinessPath))",
                    "command, port and readinessPath are for engine type custom;"
                    " use args for the other engines",
                ),
                cel(
                    "self.type != 'custom' || has(self.port)",
                    "engine type custom needs port: the port that the server listens on",
                ),
            ]
        )
    )

    type: EngineType
    image: Annotated[
        str,
        StringConstraints(pattern=r"^\S+$", max_length=512),
        Field(json_schema_extra=crd(expects="an image reference without spaces")),
    ]
    """Container image. Written with a digest (`name@sha256:...`) it can never change under you."""
    version: (
        Annotated[
            str,
            StringConstraints(pattern=r"^[0-9]+(\.[0-9]+){0,2}$", max_length=32),
            Field(json_schema_extra=crd(expects='a version of 1 to 3 numbers, such as "0.20"')),
        ]
        | None
    ) = None
    """Version of the engine in the image, for example `0.20`. Flags that only some versions know
    are given only when the declared version knows them; absent: only flags that all versions know.
    """
    command: (
        Annotated[
            tuple[Annotated[str, StringConstraints(max_length=4096)], ...],
            Field(max_length=64, json_schema_extra=crd(list_type="atomic")),
        ]
        | None
    ) = None
    """Entrypoint; engine type custom only. Absent: the image's own."""
    args: Annotated[
        tuple[Annotated[str, StringConstraints(max_length=4096)], ...],
        Field(max_length=128, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Further arguments, given after those that Rocksteady sets."""
    env: Annotated[
        tuple[FreeObject, ...],
        Field(max_length=128, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Environment variables, as in a Kubernetes container."""
    port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    """Port that the server listens on; engine type custom only, the others have their own."""
    readiness_path: (
        Annotated[
            str,
            StringConstraints(pattern=r"^/\S*$", max_length=256),
            Field(json_schema_extra=crd(expects="a path that starts with '/'")),
        ]
        | None
    ) = None
    """Path that answers 200 once the model can; engine type custom only. Absent: a TCP probe."""
    startup_timeout_seconds: Annotated[int, Field(ge=30, le=14400)] = 1800
    """How long the server's container may take until it serves; after that it is restarted and
    counts as never ready. An engine that fetches the model itself does so in this time; what an
    init container fetches takes as long as it takes."""
    drain_timeout_seconds: Annotated[int, Field(ge=0, le=3600)] = 60
    """How long a stopping server may finish the requests that it is answering."""


class Resources(ApiModel):
    """Compute resources of the model server, as in a Kubernetes container."""

    limits: Annotated[dict[str, Quantity | WholeNumber], Field(max_length=32)] = {}
    """Upper bounds, for example `nvidia.com/gpu: 1`."""
    requests: Annotated[dict[str, Quantity | WholeNumber], Field(max_length=32)] = {}
    """What the scheduler sets aside; absent: as much as `limits`."""


class AutoscalingMetric(StrEnum):
    """What is kept at the target."""

    QUEUE_LENGTH = "QueueLength"
    RUNNING_REQUESTS = "RunningRequests"
    CPU = "Cpu"


class Autoscaling(ApiModel):
    """Bounds and target of automatic scaling. Not acted on yet: `minReplicas` are run."""

    model_config = ConfigDict(
        json_schema_extra=crd(
            stored_defaults=False,
            rules=[
                cel(
                    "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
                    "minReplicas must not be greater than maxReplicas",
                )
            ],
        )
    )

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = 1
    """Fewest model servers."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """Most model servers."""
    metric: AutoscalingMetric
    target: Annotated[int, Field(ge=1, le=100000)]
    """Wanted value per replica; for `Cpu` in percent of the request."""


class ParentReference(ApiModel):
    """A Gateway that the route attaches to."""

    name: ObjectName
    """Name of the Gateway."""
    namespace: SectionName | None = None
    """Namespace of the Gateway; absent: that of the LLMDeployment."""
    section_name: SectionName | None = None
    """Listener of the Gateway; absent: all listeners that accept the route."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the Gateway's listeners; absent: all ports."""


class RouteTimeouts(ApiModel):
    """Timeouts of the route, as Gateway API durations."""

    request: Annotated[
        str,
        StringConstraints(pattern=r"^([0-9]{1,5}(h|m|s|ms)){1,4}$", max_length=32),
        Field(json_schema_extra=crd(expects="a duration such as 30s or 1h30m")),
    ] = "0s"
    """Longest time for a whole answer; `0s`: no limit, so that long streams are not cut."""


class GatewayRouting(ApiModel):
    """An HTTPRoute that the operator owns."""

    parent_refs: Annotated[
        tuple[ParentReference, ...],
        Field(min_length=1, max_length=8, json_schema_extra=crd(list_type="atomic")),
    ]
    """The Gateways that the route attaches to."""
    hostnames: Annotated[
        tuple[
            Annotated[
                str,
                StringConstraints(
                    pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                    max_length=253,
                ),
                Field(
                    json_schema_extra=crd(
                        expects="a host name such as chat.example.com or *.example.com"
                    )
                ),
            ],
            ...,
        ],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """Host names of the route; empty: all that the listener accepts."""
    matches: Annotated[
        tuple[FreeObject, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """HTTPRoute matches; empty: every path."""
    filters: Annotated[
        tuple[FreeObject, ...],
        Field(max_length=16, json_schema_extra=crd(list_type="atomic")),
    ] = ()
    """HTTPRoute filters of the rule, never of a backend."""
    timeouts: RouteTimeouts = RouteTimeouts()


class Routing(ApiModel):
    """How requests reach the model."""

    gateway: GatewayRouting | None = None
    """Attach to a Gateway; absent: only the Service named like the LLMDeployment."""
