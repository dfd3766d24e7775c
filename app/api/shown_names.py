"""The names of claims, Pods and namespaces in lists, as the caller of a request may read them.

Lists of devices, the map of nodes and decisions concern all namespaces. Their numbers are for everyone who
may read them; names are for those who may get claims there.
"""

from collections.abc import Iterable, Iterator

from fastapi import Request

from app.api.errors import HttpError
from app.api.visibility import Visibility, visibility_of
from app.core.advice.redaction import OTHERS, Redaction
from app.core.pauses import paced
from app.core.state.state import State


class ShownNames:
    """What one caller may read of this state."""

    def __init__(self, visible: Visibility, state: State) -> None:
        self._namespaces = visible.namespaces
        self._visible = visible
        self._state = state
        self._redaction: Redaction | None = None

    @property
    def all(self) -> bool:
        """Whether nothing is hidden."""
        return self._namespaces is None

    def sees(self, namespace: str) -> bool:
        """Whether the names of a namespace are shown."""
        return self._namespaces is None or namespace in self._namespaces

    def namespace(self, name: str) -> str:
        """The namespace, or the words for all hidden ones."""
        return name if self.sees(name) else OTHERS

    def claims(self, names: Iterable[str]) -> list[str]:
        """Of claims as ``namespace/name``; the hidden ones together as one entry."""
        if self._namespaces is None:
            return list(names)
        shown = (name if name.partition("/")[0] in self._namespaces else OTHERS for name in names)
        return list(dict.fromkeys(shown))

    def text(self, text: str) -> str:
        """A reason without the names of hidden namespaces. Cost: O(claims and Pods) the first time."""
        if self._namespaces is None or not text:
            return text
        if self._redaction is None:
            self._redaction = self._visible.redaction(self._state, nodes=False)
        return text if self._redaction is None else self._redaction.text(text)

    def require(self, namespace: str) -> None:
        """Raises: HttpError, 403, if the request names a namespace that its caller may not see."""
        if namespace and not self.sees(namespace):
            text = f"claims of namespace {namespace} are not for this caller; docs/security.md has the role"
            raise HttpError(403, "Forbidden", text)


async def shown_names(
    request: Request, state: State, *, named: str = "", granted: Iterable[str] = ()
) -> ShownNames:
    """For a caller who may get claims in all namespaces, one cached review, and nothing else.

    Others see the namespaces in which they may get claims, of the first ones that have claims.

    Args:
        named: a namespace that the request names.
        granted: those that access was checked for already.
    Raises: HttpError if the API server cannot say.
    """
    asked = (named,) if named else _with_claims(state)
    return ShownNames(await visibility_of(request.scope, asked, filter(None, granted)), state)


def _with_claims(state: State) -> Iterator[str]:
    """Read only for callers that may not get claims in all namespaces."""
    yield from {key[0] for key in paced(state.keys("ResourceClaim"))}
