"""Settings of the server: where it listens, who may ask, and how much."""

import ipaddress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator
from pydantic_settings import NoDecode

Seconds = Annotated[float, Field(gt=0, le=3600)]
Bytes = Annotated[int, Field(ge=1024, le=2**31)]
Names = Annotated[tuple[str, ...], NoDecode]
"""A list; comma-separated in the environment."""


class ServingSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    host: str = "127.0.0.1"
    """Address to listen on; one that others can reach wants TLS and ``auth``."""

    port: int = Field(8888, ge=0, le=65535)
    """0: any free port, printed at the start."""

    allow_insecure_listen: bool = False
    """Listen on an address that is not loopback although callers are not asked who they are."""

    tls_cert_file: Path | None = None
    """Certificate and its chain, PEM; taken up again when it changes, and so are key and CA."""

    tls_key_file: Path | None = None
    """Its key, PEM."""

    client_ca_file: Path | None = None
    """CAs of client certificates, PEM: who shows one may call the webhooks."""

    auth: Literal["off", "token", "mtls"] = "off"
    """Who may ask /api/v1 and /metrics. token: whoever the API server knows by a bearer token and lets
    (SubjectAccessReview); mtls: whoever shows a client certificate."""

    webhooks_from: Literal["auto", "certificate", "loopback", "anyone"] = "auto"
    """Who may call the webhooks. auto: with client_ca_file certificate, else loopback; anyone with
    allow_insecure_listen."""

    webhook_client_names: Names = ()
    """Names (CN, DNS, URI) of client certificates that may call the webhooks; none given: each of the CA."""

    api_client_names: Names = ()
    """The same for /api/v1 with auth: mtls."""

    token_audiences: Names = ()
    """Audiences that a token may be for; none given: the API server's."""

    allowed_hosts: Names = ()
    """Host headers answered besides loopback names when listening on loopback."""

    webhook_body_bytes: Bytes = 64 * 1024 * 1024
    """Largest body of a webhook; 5,000 whole nodes (nodeCacheCapable: false) are about 40 MB."""

    api_body_bytes: Bytes = 16 * 1024 * 1024
    """Largest body under /api/v1."""

    api_bodies_bytes: Bytes = 64 * 1024 * 1024
    """Bodies under /api/v1 that are being read or worked on, together."""

    body_timeout_seconds: Seconds = 15.0
    """For a client to send its body."""

    header_timeout_seconds: Seconds = 10.0
    """For a client to send the head of a request."""

    write_timeout_seconds: Seconds = 30.0
    """For a client to go on reading an answer."""

    idle_timeout_seconds: Seconds = 90.0
    """Between two requests on one connection; Go's clients close theirs after 90 s."""

    max_connections: int = Field(1000, ge=16)
    """Connections open at a time; who waits longest makes room, webhooks never."""

    streams: int = Field(64, ge=1)
    """Streams (/api/v1/stream) open at a time."""

    stream_seconds: Seconds = 600.0
    """How long a stream lasts; then the caller opens another, and is asked anew who it is."""

    drain_seconds: float = Field(0.0, ge=0, le=3600)
    """Between SIGTERM (not ready any more) and the end of listening: for a Service to notice."""

    shutdown_seconds: Seconds = 25.0
    """For requests under way at the end, binds above all, to be finished."""

    @field_validator(
        "webhook_client_names", "api_client_names", "token_audiences", "allowed_hosts", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file are given together or not at all")
        if self.client_ca_file is not None and self.tls_cert_file is None:
            raise ValueError("client_ca_file needs tls_cert_file and tls_key_file: only TLS has certificates")
        if self.client_ca_file is None and self.auth == "mtls":
            raise ValueError("auth mtls needs client_ca_file, whose certificates are to be taken")
        if self.client_ca_file is None and self.webhooks_from == "certificate":
            raise ValueError("webhooks_from certificate needs client_ca_file, whose certificates to take")
        if not self.allow_insecure_listen and not is_loopback(self.host):
            self._require_asking()
        return self

    def _require_asking(self) -> None:
        reach = f"host {self.host} can be reached from other machines"
        override = (
            "Or listen on 127.0.0.1; or set allow_insecure_listen (--allow-insecure-listen, "
            "DRA_ALLOW_INSECURE_LISTEN=true) if a NetworkPolicy or a firewall keeps strangers out"
        )
        if self.auth == "off":
            raise ValueError(
                f"{reach}, and callers are not asked who they are: any of them could see the inventory. Set "
                f"auth to token or mtls (--auth, with --tls-cert-file and --tls-key-file). {override}"
            )
        if self.tls_cert_file is None:
            raise ValueError(
                f"{reach}, and tokens would cross the network in the clear. Set tls_cert_file and "
                f"tls_key_file (--tls-cert-file, --tls-key-file). {override}"
            )
        if self.webhooks_from == "anyone":
            raise ValueError(
                f"{reach}, and any of them could have Pods bound. Set webhooks_from to certificate or "
                f"loopback. {override}"
            )

    @property
    def webhook_callers(self) -> Literal["certificate", "loopback", "anyone"]:
        """``webhooks_from`` with auto decided."""
        if self.webhooks_from != "auto":
            return self.webhooks_from
        if self.client_ca_file is not None:
            return "certificate"
        return "anyone" if self.allow_insecure_listen else "loopback"


@lru_cache(256)
def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
