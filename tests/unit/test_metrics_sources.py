"""The operator's configuration of sources."""

import pytest

from rocksteady.metrics_sources import SourcesError, load

FULL = """
metricsSources:
  default:
    url: https://prometheus.monitoring:9090/prometheus/
    authentication:
      basic: {username: rocksteady, passwordFile: /var/run/secrets/prometheus/password}
    caFile: /etc/ca.pem
    timeoutSeconds: 5
    scrapeIntervalSeconds: 30
    customQueries: true
    gateway:
      type: Traefik
      counters: {namespace: traefik, labelSelector: app=traefik, port: 9100, path: /metrics}
"""


def test_load__reads_all_of_it() -> None:
    source = load(FULL).default
    assert source is not None
    assert source.url == "https://prometheus.monitoring:9090/prometheus"
    assert source.authentication is not None
    assert source.authentication.basic is not None
    assert source.authentication.basic.username == "rocksteady"
    assert source.gateway.type == "Traefik"
    assert source.gateway.counters is not None
    assert source.gateway.counters.port == 9100
    assert source.custom_queries


def test_load__defaults() -> None:
    source = load("metricsSources: {default: {url: 'http://prometheus:9090'}}").default
    assert source is not None
    assert (source.timeout_seconds, source.scrape_interval_seconds) == (10, 15)
    assert not source.custom_queries
    assert source.gateway.type == "None"
    assert source.authentication is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "metricsSources: {}"])
def test_load__no_source_is_allowed(text: str) -> None:
    assert load(text).default is None


def source(field: str) -> str:
    url = "" if field.startswith("url:") else "url: 'https://p:9090', "
    return f"metricsSources: {{default: {{{url}{field}}}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("a: [", "no YAML", id="no YAML"),
        pytest.param("[]", "must be a mapping", id="a list"),
        pytest.param("sources: {}", "sources: is not known", id="another name"),
        pytest.param("metricsSources: {default: {}}", "default.url: is missing", id="no url"),
        pytest.param(source("url: prometheus:9090"), "must be like http://", id="no scheme"),
        pytest.param(source("url: 'http://'"), "must be like http://", id="no host"),
        pytest.param(
            source("url: 'http://u:p@host'"), "authentication.basic", id="a password in the url"
        ),
        pytest.param(
            source("url: 'http://p:9090/api/v1'"), "end before /api/v1", id="too long a path"
        ),
        pytest.param(source("timeoutSeconds: 0"), "default.timeoutSeconds: ", id="no time"),
        pytest.param(source("timeOut: 5"), "default.timeOut: is not known", id="a wrong field"),
        pytest.param(source("gateway: {type: Nginx}"), "gateway.type: ", id="a wrong gateway"),
        pytest.param(
            source("authentication: {bearerTokenFile: token}"),
            "bearerTokenFile: must be the absolute path",
            id="a relative path",
        ),
        pytest.param(
            source("authentication: {}"), "authentication: give exactly one of", id="no way"
        ),
        pytest.param(
            source(
                "authentication: {bearerTokenFile: /t, clientCertificate:"
                " {certificateFile: /c, keyFile: /k}}"
            ),
            "authentication: give exactly one of",
            id="two ways",
        ),
        pytest.param(
            source("gateway: {counters: {namespace: a, labelSelector: b, port: 1}}"),
            "counters need a type",
            id="counters of nothing",
        ),
        pytest.param(
            "metricsSources: {default: {url: 'http://p', caFile: /ca}}",
            "caFile needs a url with https",
            id="trust without https",
        ),
    ],
)
def test_load__names_field_and_cure(text: str, said: str) -> None:
    with pytest.raises(SourcesError) as caught:
        load(text)
    assert said in str(caught.value)


def test_load__never_shows_a_password() -> None:
    with pytest.raises(SourcesError) as caught:
        load(source("url: 'http://u:hunter2@host'"))
    assert "hunter2" not in str(caught.value)
