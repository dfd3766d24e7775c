"""Settings of the server: where it listens, who may ask, and how much."""

import ipaddress
from typing import Annotated, Self

from pydantic import BaseModel, Field, model_validator

Seconds = Annotated[float, Field(gt=0, le=3600)]
Bytes = Annotated[int, Field(ge=1024, le=2**31)]


class ServingSettings(BaseModel):
    """A part of ``app.settings.Settings``."""

    host: str = "127.0.0.1"
    """Address to listen on. Whoever can reach it can have Pods bound: see allow_insecure_listen."""

    port: int = Field(8888, ge=0, le=65535)
    """0: any free port, printed at the start."""

    allow_insecure_listen: bool = False
    """Listen on an address that is not loopback although callers are not asked who they are."""

    webhook_body_bytes: Bytes = 64 * 1024 * 1024
    """Largest body of a webhook; 5,000 whole nodes (nodeCacheCapable: false) are about 40 MB."""

    api_body_bytes: Bytes = 16 * 1024 * 1024
    """Largest body under /api/v1."""

    body_timeout_seconds: Seconds = 15.0
    """For a client to send its body."""

    drain_seconds: float = Field(0.0, ge=0, le=3600)
    """Between SIGTERM (not ready any more) and the end of listening: for a Service to notice."""

    shutdown_seconds: Seconds = 25.0
    """For requests under way at the end, binds above all, to be finished."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if not self.allow_insecure_listen and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached from other machines, and callers are not asked who they "
                "are: any of them could have Pods bound. Listen on 127.0.0.1, or set allow_insecure_listen "
                "(--allow-insecure-listen, DRA_ALLOW_INSECURE_LISTEN=true) if a NetworkPolicy or a firewall "
                "keeps strangers out"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
