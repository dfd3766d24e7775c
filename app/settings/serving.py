"""Settings of the server: address, TLS, access and limits."""

import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, field_validator, model_validator

Seconds = Annotated[float, Field(gt=0, le=3600)]
Bytes = Annotated[int, Field(ge=1024, le=2**31)]
Names = tuple[str, ...]
"""A list; comma-separated in the environment."""
Role = Literal["webhooks", "api"]
_ROLES: tuple[Role, ...] = get_args(Role)


class ServingSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    roles: tuple[Role, ...] = _ROLES
    """What this process serves; comma-separated in the environment.

    webhooks: /scheduler/*, for which it decides and writes, and runs for the lease with leader_elect.
    api: /api/v1, the page and the reference, for which it only reads. Probes and /metrics: in both.
    """

    host: str = "127.0.0.1"
    """Address to listen on; one that is not loopback requires TLS and ``auth``."""

    port: int = Field(8888, ge=0, le=65535)
    """Port to listen on; 0 picks a free port and prints it."""

    probe_port: int | None = Field(None, ge=0, le=65535)
    """Port that serves /livez, and nothing else, without TLS, while the event loop is held too; 0 picks a
    free port. Default: /livez is served on ``port`` only.
    """

    loop_dead_seconds: Seconds = 20.0
    """An event loop that has not run for this long is considered dead: /livez on ``probe_port`` fails, and
    the Lease is no longer renewed.
    """

    expander_port: int | None = Field(None, ge=0, le=65535)
    """Port that answers Cluster Autoscaler's gRPC expander (which node group to grow for Pods with claims),
    with the certificate of ``tls_cert_file``; 0 picks a free port. Default: not served.
    """

    expander_prices: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """Price of a node for the expander, by ID of the node group or by instance type: of options with the same
    number of Pods the cheapest is best. As a=2.5,b=1 in the environment.
    """

    expander_body_bytes: Bytes = 32 * 1024 * 1024
    """Maximum size of a request of Cluster Autoscaler, which names each Pod in each option."""

    allow_insecure_listen: bool = False
    """Allow listening on an address that is not loopback without TLS or authentication."""

    tls_cert_file: Path | None = None
    """TLS certificate and its chain, PEM; reloaded when it changes, as are key and CA."""

    tls_key_file: Path | None = None
    """TLS private key, PEM."""

    client_ca_file: Path | None = None
    """CAs of client certificates, PEM: clients with such a certificate may call the webhooks."""

    auth: Literal["off", "token", "mtls"] = "off"
    """Authentication for /api/v1 and /metrics. token: users with a bearer token that the API server
    authenticates and authorizes (SubjectAccessReview). mtls: clients with a client certificate.
    """

    webhooks_from: Literal["auto", "certificate", "loopback", "anyone"] = "auto"
    """Clients that may call the webhooks. auto: certificate with client_ca_file, anyone with
    allow_insecure_listen, else loopback.
    """

    webhook_client_names: Names = ()
    """Names (CN, DNS, URI) of client certificates that may call the webhooks; default: all of the CA."""

    api_client_names: Names = ()
    """The same for /api/v1 with auth: mtls."""

    token_audiences: Names = ()
    """Accepted audiences of tokens; default: the API server's."""

    allowed_hosts: Names = ()
    """Host headers to accept besides loopback names when listening on loopback."""

    webhook_body_bytes: Bytes = 64 * 1024 * 1024
    """Maximum size of a webhook's body; 5,000 whole nodes (nodeCacheCapable: false) are about 40 MB."""

    api_body_bytes: Bytes = 16 * 1024 * 1024
    """Maximum size of a body under /api/v1."""

    api_bodies_bytes: Bytes = 64 * 1024 * 1024
    """Maximum size of all bodies under /api/v1 in progress, together."""

    body_timeout_seconds: Seconds = 15.0
    """Time limit for a client to send its body."""

    header_timeout_seconds: Seconds = 10.0
    """Time limit for a client to send the head of a request."""

    write_timeout_seconds: Seconds = 30.0
    """Time limit for a client that has stopped reading a response."""

    idle_timeout_seconds: Seconds = 90.0
    """Maximum idle time of a connection; Go's clients close theirs after 90 s."""

    max_connections: int = Field(1000, ge=16)
    """Maximum number of open connections; the longest idle one is closed first, those of webhooks never."""

    streams: int = Field(64, ge=1)
    """Maximum number of open streams (/api/v1/stream)."""

    stream_seconds: Seconds = 600.0
    """Maximum duration of a stream; then the client opens another, and is authenticated again."""

    drain_seconds: float = Field(0.0, ge=0, le=3600)
    """Time between SIGTERM (no longer ready) and the end of listening, for a Service to notice."""

    shutdown_seconds: Seconds = 25.0
    """Time for requests in flight, mainly binds, to finish at shutdown."""

    @field_validator(
        "webhook_client_names", "api_client_names", "token_audiences", "allowed_hosts", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value

    @field_validator("expander_prices", mode="before")
    @classmethod
    def _priced(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        # The ID of a group may contain any character, so the price is behind the last equals sign.
        pairs = [text.strip().rpartition("=") for text in value.split(",") if text.strip()]
        return {name: price for name, _, price in pairs}

    @field_validator("roles", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
        if not isinstance(names, (list, tuple)):
            raise ValueError(f"must be a list of {' and '.join(_ROLES)}")  # noqa: TRY004 - pydantic's form
        if not names or names == [""]:
            raise ValueError(f"must name at least one role: {' or '.join(_ROLES)}")
        for name in names:
            if name not in _ROLES:
                raise ValueError(f"unknown role {name!r}, only {' and '.join(_ROLES)}")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file require each other")
        if self.client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("client_ca_file requires tls_cert_file and tls_key_file")
        if self.client_ca_file is None and self.auth == "mtls":
            raise ValueError("auth mtls requires client_ca_file")
        if self.client_ca_file is None and self.webhooks_from == "certificate":
            raise ValueError("webhooks_from certificate requires client_ca_file")
        if not self.allow_insecure_listen and not is_loopback(self.host):
            self._require_asking()
        return self

    def _require_asking(self) -> None:
        reach = f"host {self.host} can be reached from other machines"
        override = (
            "Or listen on 127.0.0.1; or set allow_insecure_listen (--allow-insecure-listen, "
            "DRA_ALLOW_INSECURE_LISTEN=true) if a NetworkPolicy or a firewall protects the port"
        )
        if self.auth == "off":
            readable = "the inventory" if self.serves("api") else "the metrics"
            raise ValueError(
                f"{reach} without authentication: all of them could read {readable}. Set "
                f"auth to token or mtls (--auth, with --tls-cert-file and --tls-key-file). {override}"
            )
        if self.tls_cert_file is None:
            raise ValueError(
                f"{reach} without TLS: tokens would cross the network in clear text. Set tls_cert_file and "
                f"tls_key_file (--tls-cert-file, --tls-key-file). {override}"
            )
        if self.webhooks_from == "anyone" and self.serves("webhooks"):
            raise ValueError(
                f"{reach}: all of them could bind Pods. Set webhooks_from to certificate or "
                f"loopback. {override}"
            )

    def serves(self, role: Role) -> bool:
        """Whether this process has a role."""
        return role in self.roles

    @property
    def webhook_callers(self) -> Literal["certificate", "loopback", "anyone"]:
        """``webhooks_from`` with auto resolved."""
        if self.webhooks_from != "auto":
            return self.webhooks_from
        if self.client_ca_file is not None:
            return "certificate"
        return "anyone" if self.allow_insecure_listen else "loopback"


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
