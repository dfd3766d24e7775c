"""Browsers: what they may do with an answer, and which of their requests are not a person's own.

No cookie is ever set and no CORS header sent, so another site's page can neither ride on a log-in nor
read an answer. Left are requests that need no log-in (a service on loopback) or that the browser adds a
client certificate to: those have to come from this service's own page. A name that an attacker points
at 127.0.0.1 (DNS rebinding) makes his page that page; so a loopback service answers to loopback names.
"""

import ipaddress
import re
from collections.abc import Collection

from starlette.datastructures import Headers

from app.api.errors import HttpError

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
}
"""Of every answer but a webhook's, which has the first alone. Documents may run this service's own scripts
and styles, none written into them."""


def require_host(headers: Headers, allowed: Collection[str]) -> None:
    """Raises: Refusal, 421, unless the request is to a loopback name or one of those allowed."""
    hosts = headers.getlist("host")
    host = _name(hosts[0]) if len(hosts) == 1 else ""
    if host not in allowed and not _is_loopback_name(host):
        text = "the Host header names neither loopback nor one of allowed_hosts"
        raise HttpError(421, "UnknownHost", text)


def require_own_page(headers: Headers, scheme: str) -> None:
    """Raises: Refusal, 403, for a request that a browser sends for another site's page."""
    origin = headers.get("origin")
    host = headers.get("host", "")
    foreign = origin is not None and origin.lower() != f"{scheme}://{host}".lower()
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HttpError(403, "ForeignOrigin", "pages of other sites may not ask")


_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+?)\.?)(?::[0-9]{1,5})?", re.ASCII)


def _name(host: str) -> str:
    """Without the port; empty for what is not a host (RFC 3986, section 3.2.2), with or without a port."""
    match = _HOST.fullmatch(host.lower())
    return (match["address"] or match["name"]) if match is not None else ""


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
