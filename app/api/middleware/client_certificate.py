"""Who is at the other end of a TLS connection, by a certificate that has been verified."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import Scope

PEER = "dra-extender.peer"
"""Where the ASGI scope's ``extensions`` hold the Peer; not there without a certificate."""
TRUST = "dra-extender.trust"
"""There too: what to call when a connection has turned out to be an authorised webhook's."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """``names``: the common name, then DNS names and URIs. ``expires_at``: seconds since 1970."""

    names: tuple[str, ...]
    expires_at: float


def peer_of(certificate: Mapping[str, Any] | None) -> ClientCertificate | None:
    """Reads what ``SSLObject.getpeercert`` gives."""
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
    """The peer that the server has found, if it is ours."""
    peer = (scope.get("extensions") or {}).get(PEER)
    return peer if isinstance(peer, ClientCertificate) else None


def trust(scope: Scope) -> None:
    """Tells the server that this connection is worth keeping."""
    told = (scope.get("extensions") or {}).get(TRUST)
    if told is not None:
        told()
