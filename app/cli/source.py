"""Where to ask: what the flags say."""

from dataclasses import dataclass

from app.cli.problems import InputError


@dataclass(frozen=True, slots=True)
class Source:
    """What the flags say of where to ask."""

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
            raise InputError(f"{' and '.join(given)} exclude each other", "give one of them")

    @property
    def given(self) -> bool:
        """Whether any flag says where to ask; if not, the cluster of the kubeconfig is meant."""
        return bool(self.snapshot or self.server or self.kubeconfig or self.context)
