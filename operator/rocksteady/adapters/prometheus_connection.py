"""One query to one source, blocking: credentials, certificates, time limits, errors with cures.

Through prometheus-api-client, which brings requests and is imported here only; its optional numeric
packages are not needed.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth

from rocksteady.adapters.prometheus_answers import check_answer
from rocksteady.errors import MetricsError, MetricsReason
from rocksteady.metrics_sources import MetricsSource
from rocksteady.ports import Clock

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""An answer that is larger would put the operator out of memory. A tick of 1,000 deployments with
histograms of 30 boundaries is about a tenth."""
_CHUNK_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Connection:
    """How to ask one source.

    Attributes:
        name: Of the source.
        source: Its configuration.
        clock: For the comparison with its clock.
    """

    name: str
    source: MetricsSource
    clock: Clock

    def query(self, promql: str, at_seconds: float) -> Any:
        """The result of an instant query, as the API gives it.

        Raises:
            MetricsError: It did not come, or not whole.
        """
        timeout = self.source.timeout_seconds
        with self._session() as session:
            client = PrometheusConnect(
                self.source.url, retry=0, auth=self._auth(), session=session, method="POST"
            )
            params = {"time": f"{at_seconds:.3f}", "timeout": f"{round(timeout * 1000)}ms"}
            try:
                return client.custom_query(promql, params=params, timeout=timeout)
            except requests.Timeout:
                raise self._late() from None
            except requests.exceptions.SSLError as error:
                raise self._error(
                    MetricsReason.UNREACHABLE,
                    f"is not trusted ({_brief(error)}); set caFile to its authority",
                ) from None
            except requests.RequestException as error:
                raise self._error(
                    MetricsReason.UNREACHABLE,
                    f"cannot be reached ({_brief(error)}); check its url, its Service and the"
                    " NetworkPolicies",
                ) from None
            except OSError as error:
                raise self._unreadable(error) from None

    def _session(self) -> requests.Session:
        """A session for one query: files are read anew, since Kubernetes rotates Secrets.

        The environment is left alone: its proxies are not for the cluster, and a .netrc would
        replace the token.
        """
        session = _FormSession()
        session.trust_env = False
        session.verify = self.source.ca_file or True
        given = self.source.authentication
        if given is not None and given.client_certificate is not None:
            pair = given.client_certificate
            session.cert = (pair.certificate_file, pair.key_file)
        until = time.monotonic() + self.source.timeout_seconds
        session.hooks["response"].append(lambda response, **_: self._check(response, until))
        return session

    def _auth(self) -> AuthBase | None:
        given = self.source.authentication
        if given is None:
            return None
        if given.bearer_token_file is not None:
            return _Bearer(self._secret(given.bearer_token_file))
        if given.basic is not None:
            password = self._secret(given.basic.password_file)
            return HTTPBasicAuth(given.basic.username.encode(), password.encode())
        return None

    def _secret(self, path: str) -> str:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(error) from None
        if not text or not text.isprintable():
            raise self._unreadable(ValueError(f"{path} is empty, or has more than one line"))
        return text

    def _check(self, response: requests.Response, until: float) -> None:
        """Read the body within time and size, then look at it."""
        body = b"".join(self._chunks(response, until))
        # requests offers no other way to bound what it reads.
        response._content = body  # noqa: SLF001
        response._content_consumed = True  # noqa: SLF001
        check_answer(response, body, self.name, self.clock.now())

    def _chunks(self, response: requests.Response, until: float) -> Iterator[bytes]:
        read_bytes = 0
        for chunk in response.iter_content(_CHUNK_BYTES):
            read_bytes += len(chunk)
            if read_bytes > MAX_ANSWER_BYTES:
                raise self._error(
                    MetricsReason.FAILED,
                    f"answers with more than {MAX_ANSWER_BYTES // 2**20} MiB; let it have fewer"
                    " series of gateways and model servers",
                )
            if time.monotonic() > until:
                raise self._late()
            yield chunk

    def _late(self) -> MetricsError:
        return self._error(
            MetricsReason.TIMEOUT,
            f"did not answer within {self.source.timeout_seconds:g} s; look at its load, or raise"
            " timeoutSeconds",
        )

    def _unreadable(self, error: Exception) -> MetricsError:
        return self._error(
            MetricsReason.CREDENTIALS,
            f"cannot be asked: {error}; check that the Secret is mounted and readable",
        )

    def _error(self, reason: MetricsReason, text: str) -> MetricsError:
        return MetricsError(reason, f"The source {self.name} {text}.")


class _FormSession(requests.Session):
    """Sends what the library puts into the URL as a form: queries of many deployments are long.

    No redirect is followed: the API of Prometheus has none, and credentials stay where they belong.
    """

    def request(  # type: ignore[override]
        self, method: Any, url: Any, params: Any = None, **options: Any
    ) -> requests.Response:
        """See requests.Session."""
        return super().request(method, url, data=params, allow_redirects=False, **options)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _brief(error: Exception) -> str:
    """The innermost reason, without addresses of objects."""
    text = str(error).rpartition(": ")[2].strip("')\"> ")
    return text[:200] or type(error).__name__
