"""Protection against requests that a browser sends for another site.

The service sets no cookie and sends no CORS header, so another site's page can neither use a session nor
read a response. What remains are requests without authentication (a service on loopback) or with the
browser's client certificate: these must come from this service's own page. With DNS rebinding an
attacker's name points at 127.0.0.1; so a loopback service accepts loopback names only.
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
"""Headers of every response except those of webhooks, which have only the first.

Documents may load this service's scripts and styles, but no inline ones.
"""


def require_host(headers: Headers, allowed: Collection[str]) -> None:
    """Raises: HttpError, 421, unless the request is for a loopback name or an allowed one."""
    hosts = headers.getlist("host")
    host = _name(hosts[0]) if len(hosts) == 1 else ""
    if host not in allowed and not _is_loopback_name(host):
        text = "the Host header is neither a loopback name nor in allowed_hosts"
        raise HttpError(421, "UnknownHost", text)


def require_own_page(headers: Headers, scheme: str) -> None:
    """Raises: HttpError, 403, for a request that a browser sends for another site's page."""
    origin = headers.get("origin")
    host = headers.get("host", "")
    foreign = origin is not None and origin.lower() != f"{scheme}://{host}".lower()
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise HttpError(403, "ForeignOrigin", "requests from pages of other sites are not allowed")


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
