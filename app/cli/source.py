"""The source of data: a cluster, a service or manifests, as the flags select it."""

from dataclasses import dataclass
from pathlib import Path

from app.cli.problems import InputError

_DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Source:
    """The source that the flags select."""

    snapshot: tuple[str, ...] = ()
    server: str = ""
    kubeconfig: str = ""
    context: str = ""

    def __post_init__(self) -> None:
        given = [
            flag
            for flag, value in (
                ("--snapshot", self.snapshot),
                ("--server", self.server),
                ("--kubeconfig/--context", self.kubeconfig or self.context),
            )
            if value
        ]
        if len(given) > 1:
            raise InputError(f"{' and '.join(given)} are mutually exclusive", "use one of them")

    @property
    def given(self) -> bool:
        """Whether a flag selects the source. If not, it is the cluster of the kubeconfig."""
        return bool(self.snapshot or self.server or self.kubeconfig or self.context)

    def namespace(self, given: str) -> str:
        """The one given, else that of the kubeconfig's context, as kubectl has it, for a cluster."""
        if given:
            return given
        if self.snapshot or self.server:
            return _DEFAULT_NAMESPACE
        from app.cluster.auth.credentials import load_access  # noqa: PLC0415 - --help must be quick
        from app.cluster.client.errors import CredentialsError  # noqa: PLC0415 - as above

        try:
            return load_access(Path(self.kubeconfig) if self.kubeconfig else None, self.context).namespace
        except CredentialsError:
            return _DEFAULT_NAMESPACE  # calling the cluster reports the problem

    def namespace_of_inventory(self, given: str) -> str:
        """As ``namespace``, for a command that uses a cluster only if a flag selects it."""
        return self.namespace(given) if self.given else given or _DEFAULT_NAMESPACE
