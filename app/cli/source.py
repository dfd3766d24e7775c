"""The source of data: a cluster, a service or manifests, as the flags select it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.problems import InputError
from app.cluster.auth.overrides import NO_OVERRIDES, Overrides

if TYPE_CHECKING:
    from app.cluster.auth.credentials import ApiAccess

_DEFAULT_NAMESPACE = "default"
PROXY = "proxy"
"""The value of --server for a service that is reached through the API server."""


@dataclass(frozen=True, slots=True)
class Source:
    """The source that the flags select.

    ``timeout_seconds`` bounds one request; None: the default of the client.
    """

    snapshot: tuple[str, ...] = ()
    server: str = ""
    kubeconfig: str = ""
    context: str = ""
    overrides: Overrides = NO_OVERRIDES
    timeout_seconds: float | None = None

    def __post_init__(self) -> None:
        given = [
            flag
            for flag, value in (
                ("--snapshot", self.snapshot),
                ("--server", self.server and not self.proxied),
                ("--kubeconfig/--context", self.kubeconfig or self.context),
                ("--cluster/--user", self.overrides.cluster or self.overrides.user),
                ("--as", self.overrides.impersonate),
            )
            if value
        ]
        if self.proxied and self.snapshot:
            given = ["--snapshot", "--server"]
        if len(given) > 1 and {"--snapshot", "--server"} & set(given):
            raise InputError(f"{' and '.join(given)} are mutually exclusive", "use one of them")
        if self.overrides.groups and not self.overrides.impersonate:
            raise InputError("--as-group requires --as", "name a user to impersonate")

    @property
    def proxied(self) -> bool:
        """Whether the service is reached through the API server."""
        return self.server.partition(":")[0] == PROXY and "//" not in self.server

    @property
    def given(self) -> bool:
        """Whether a flag selects the source. If not, it is the cluster of the kubeconfig."""
        named = self.snapshot or self.server or self.kubeconfig or self.context
        return bool(named or self.overrides != NO_OVERRIDES)

    def access(self) -> "ApiAccess":
        """The API server of the cluster, and the credentials for it. Raises: CredentialsError."""
        from app.cluster.auth.credentials import load_access  # noqa: PLC0415 - --help must be quick

        kubeconfig = Path(self.kubeconfig) if self.kubeconfig else None
        return load_access(kubeconfig, self.context, self.overrides)

    def namespace(self, given: str) -> str:
        """The one given, else that of the kubeconfig's context, as kubectl has it, for a cluster."""
        if given:
            return given
        if self.snapshot or (self.server and not self.proxied):
            return _DEFAULT_NAMESPACE
        from app.cluster.client.errors import CredentialsError  # noqa: PLC0415 - --help must be quick

        try:
            return self.access().namespace
        except CredentialsError:
            return _DEFAULT_NAMESPACE  # calling the cluster reports the problem

    def namespace_of_inventory(self, given: str) -> str:
        """As ``namespace``, for a command that uses a cluster only if a flag selects it."""
        return self.namespace(given) if self.given else given or _DEFAULT_NAMESPACE
