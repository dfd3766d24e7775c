"""The identity of a TLS client, from its verified certificate."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

PEER = "dra-extender.peer"
"""Key in the ASGI scope's ``extensions``; absent without a certificate."""
TRUST = "dra-extender.trust"
"""Key in the same place: a callback for a connection of an authorized webhook."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """``names``: the common name, then DNS names and URIs. ``expires_at``: seconds since 1970."""

    names: tuple[str, ...]
    expires_at: float


def peer_of(certificate: Mapping[str, Any] | None) -> ClientCertificate | None:
    """Reads the result of ``SSLObject.getpeercert``."""
    if not certificate:
        return None
    subject = [
        value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"
    ]
    others = [value for kind, value in certificate.get("subjectAltName", ()) if kind in ("DNS", "URI")]
    return ClientCertificate(
        tuple(dict.fromkeys([*subject, *others])), ssl.cert_time_to_seconds(certificate["notAfter"])
    )


def peer_in(scope: Scope) -> ClientCertificate | None:
    """The client certificate from the server, if it is ours."""
    peer = (scope.get("extensions") or {}).get(PEER)
    return peer if isinstance(peer, ClientCertificate) else None


def trust(scope: Scope) -> None:
    """Protects this connection from the connection limit."""
    mark = (scope.get("extensions") or {}).get(TRUST)
    if mark is not None:
        mark()
