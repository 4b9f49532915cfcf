"""What Kopf needs to reach the same API server as our own client does."""

import ssl
from datetime import datetime, timedelta
from typing import Final

from kubernetes.aio import client

TOKEN_LIFETIME: Final = timedelta(minutes=10)
"""How long a token is used before it is read again; the kubelet rotates it after 48 minutes."""


def ssl_context_of(api: client.ApiClient) -> ssl.SSLContext:
    """The TLS settings of a client."""
    context: ssl.SSLContext = api.rest_client.ssl_context
    return context


def server_of(api: client.ApiClient) -> str:
    """The URL of a client's API server."""
    return str(api.configuration.host)


def authorization_of(api: client.ApiClient) -> str | None:
    """The Authorization header of a client, read anew; None: it shows a certificate instead."""
    configuration = api.configuration
    hook = configuration.refresh_api_key_hook
    if hook is not None:
        hook(configuration)
    value = configuration.api_key.get("BearerToken")
    return None if value is None else str(value)


def expiry(authorization: str | None, now: datetime) -> datetime | None:
    """When the authorization should be read again; None: never."""
    return None if authorization is None else now + TOKEN_LIFETIME
