"""The identity of a client to the API server."""

from typing import Protocol


class Auth(Protocol):
    """The current identity."""

    @property
    def identity(self) -> int:
        """Increases when the TLS client certificate changes: earlier connections use the old one."""

    @property
    def extra_headers(self) -> tuple[tuple[str, str], ...]:
        """Sent with every request (impersonation)."""

    async def authorization(self) -> str | None:
        """The value of the Authorization header; None to send none.

        Raises: CredentialsError.
        """

    async def renew(self, rejected: str | None) -> None:
        """Called after a 401 on ``rejected``, once for each request; several requests may call at once.

        Raises: CredentialsError.
        """


class Anonymous:
    """No credentials: tests, ``kubectl proxy``."""

    identity = 0
    extra_headers: tuple[tuple[str, str], ...] = ()

    async def authorization(self) -> str | None:
        return None

    async def renew(self, rejected: str | None) -> None:
        pass
