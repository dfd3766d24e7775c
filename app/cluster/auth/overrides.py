"""What the command line changes of a kubeconfig's choice, as kubectl's global flags do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overrides:
    """Names of a cluster and a user, a bearer token, and the user and groups to impersonate."""

    cluster: str = ""
    user: str = ""
    token: str = ""
    impersonate: str = ""
    groups: tuple[str, ...] = ()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Headers of impersonation; none without --as."""
        if not self.impersonate:
            return ()
        return (
            ("Impersonate-User", self.impersonate),
            *(("Impersonate-Group", name) for name in self.groups),
        )

    @property
    def authorization(self) -> str | None:
        """The header for the token; None without one."""
        return f"Bearer {self.token}" if self.token else None


NO_OVERRIDES = Overrides()
