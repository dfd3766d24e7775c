"""The connection to the Prometheus of the settings, with the credentials that they name."""

import ssl
from pathlib import Path

import httpx

from app.settings.overview import OverviewSettings
from app.wiring.prometheus_day import PrometheusError


def prometheus_client(
    settings: OverviewSettings, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client that authenticates itself. It follows no redirect, which could lead credentials elsewhere.

    Raises: PrometheusError for a file that cannot be read.
    """
    headers, auth = {}, None
    if settings.overview_prometheus_token_file is not None:
        headers["Authorization"] = f"Bearer {_secret(settings.overview_prometheus_token_file)}"
    if settings.overview_prometheus_password_file is not None:
        password = _secret(settings.overview_prometheus_password_file)
        auth = httpx.BasicAuth(settings.overview_prometheus_username, password)
    return httpx.AsyncClient(
        headers=headers,
        auth=auth,
        verify=_trust(settings.overview_prometheus_ca_file),
        transport=transport,
        follow_redirects=False,
    )


def _secret(path: Path) -> str:
    """The first line of a file. Raises: PrometheusError."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PrometheusError(f"{path} cannot be read: {error}") from None
    if not text or not text.isprintable():
        raise PrometheusError(f"{path} must contain one line")
    return text


def _trust(path: Path | None) -> ssl.SSLContext | bool:
    """Raises: PrometheusError."""
    if path is None:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise PrometheusError(f"{path} does not contain certificates of a CA: {error}") from None
