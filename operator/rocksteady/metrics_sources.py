"""The operator's configuration of where metrics are read: a file of named sources.

    metricsSources:
      default:
        url: http://prometheus.monitoring:9090
        authentication: {bearerTokenFile: /var/run/secrets/prometheus/token}
        gateway: {type: Traefik}

Only who installs the operator writes it: sources have credentials, and see all namespaces.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

SourceName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
FilePath = Annotated[str, StringConstraints(pattern=r"^/.+")]
"""Absolute path of a file; it is read anew for each call, since Kubernetes rotates Secrets."""

GatewayType = Literal["Traefik", "EnvoyGateway", "Istio", "None"]
GATEWAY_TYPES: Final = get_args(GatewayType)
"""Gateways whose counters are known, and None for none that counts."""
WAYS: Final = ("bearerTokenFile", "basic", "clientCertificate")


def _check_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be like http://prometheus.monitoring:9090")
    if parts.username or parts.password:
        raise ValueError("must have no user or password; put them into authentication.basic")
    if parts.query or parts.fragment:
        raise ValueError("must end before `?` and `#`")
    if parts.path.rstrip("/").endswith("/api/v1"):
        raise ValueError("must end before /api/v1, which is added to it")
    return url.rstrip("/")


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )


class Basic(_Model):
    """Basic authentication.

    Attributes:
        username: In clear.
        password_file: Holds the password; a newline at its end is dropped.
    """

    username: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^:]+$")]
    password_file: FilePath


class ClientCertificate(_Model):
    """A certificate that says who we are, and its key, both in PEM."""

    certificate_file: FilePath
    key_file: FilePath


class Authentication(_Model):
    """How we say who we are: in one way."""

    bearer_token_file: FilePath | None = None
    basic: Basic | None = None
    client_certificate: ClientCertificate | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = (self.bearer_token_file, self.basic, self.client_certificate)
        if sum(way is not None for way in given) != 1:
            raise ValueError(f"give exactly one of {', '.join(WAYS)}")
        return self


class Counters(_Model):
    """Where the gateway's own counters are read directly, each second, while a canary has traffic.

    Attributes:
        namespace: Of the gateway's pods.
        label_selector: Of the gateway's pods, as kubectl takes it.
        port: Of their metrics.
        path: Of their metrics.
    """

    namespace: Annotated[str, StringConstraints(min_length=1)]
    label_selector: Annotated[str, StringConstraints(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)]
    path: Annotated[str, StringConstraints(pattern=r"^/")] = "/metrics"


class Gateway(_Model):
    """The gateway whose metrics are in the source.

    Attributes:
        type: Which; None: requests reach the model servers without one that counts.
        counters: None: they are read through Prometheus only.
    """

    type: GatewayType = "None"
    counters: Counters | None = None

    @model_validator(mode="after")
    def _counters_of_a_gateway(self) -> Self:
        if self.counters is not None and self.type == "None":
            raise ValueError("counters need a type: Traefik, EnvoyGateway or Istio")
        return self


class MetricsSource(_Model):
    """One Prometheus, or what answers its API.

    Attributes:
        url: Up to `/api/v1`, which is added.
        authentication: None: it asks for none.
        ca_file: PEM certificates to trust for https; None: the public ones.
        timeout_seconds: How long an answer may take.
        scrape_interval_seconds: How often it scrapes gateway and model servers. Prometheus's own
            default is 60; 15 is what its documentation sets and what the charts ship.
        custom_queries: True: queries in `rollout.metrics` may use it. They can read across
            namespaces.
        gateway: Whose metrics it has.
    """

    url: Annotated[str, AfterValidator(_check_url)]
    authentication: Authentication | None = None
    ca_file: FilePath | None = None
    timeout_seconds: Annotated[float, Field(ge=0.1, le=120)] = 10.0
    scrape_interval_seconds: Annotated[float, Field(ge=1, le=300)] = 15.0
    custom_queries: bool = False
    gateway: Gateway = Gateway()

    @model_validator(mode="after")
    def _secrets_in_private(self) -> Self:
        if self.ca_file is not None and not self.url.startswith("https:"):
            raise ValueError("caFile needs a url with https")
        return self


class MetricsSources(_Model):
    """All sources.

    Attributes:
        metrics_sources: By name; `default` is the one that deployments use. Empty: none is
            configured, and gates are readiness, time and evaluations.
    """

    metrics_sources: Mapping[SourceName, MetricsSource] = Field(default_factory=dict)

    @property
    def default(self) -> MetricsSource | None:
        """The source that deployments use; None: none is configured."""
        return self.metrics_sources.get("default")


class SourcesError(ValueError):
    """The configuration cannot be read; the message has a line for each field, and its cure."""


def load(text: str) -> MetricsSources:
    """Read the configuration.

    Args:
        text: YAML; empty: no sources.

    Raises:
        SourcesError: It is no YAML, or a field is wrong or not known.
    """
    try:
        written = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SourcesError(f"the metrics sources are no YAML: {error}") from None
    if written is None:
        return MetricsSources()
    if not isinstance(written, Mapping):
        raise SourcesError("the metrics sources must be a mapping with the field metricsSources")
    try:
        return MetricsSources.model_validate(written)
    except ValidationError as error:
        raise SourcesError("\n".join(_explain(item) for item in error.errors())) from None


def _explain(error: Mapping[str, Any]) -> str:
    """One line: the field, what is wrong, and what would be right; never a value."""
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    known = {
        "missing": "is missing",
        "extra_forbidden": "is not known; look for a slip of the pen",
        "string_pattern_mismatch": _pattern_cure(error),
    }
    message = known.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return f"{path}: {message[0].lower()}{message[1:]}"


def _pattern_cure(error: Mapping[str, Any]) -> str:
    cures = {
        r"^/.+": "must be the absolute path of a file",
        r"^/": "must begin with /",
        r"^[^:]+$": "must have no colon",
    }
    pattern = error.get("ctx", {}).get("pattern")
    return cures.get(pattern, f"must match {pattern}")
