"""What the caller of a request may see of other namespaces than those of the request."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.types import Scope

from app.core.advice.redaction import Redaction
from app.core.pauses import paced
from app.core.state.state import State

MAY = "dra-extender.may"
"""Where a request's scope has a function that authorizes its caller; without one, callers may see all."""

_MAX_NAMESPACES = 16
"""Reviewed for one request; others are hidden."""

_NAMESPACED = ("ResourceClaim", "ResourceClaimTemplate", "Pod")
"""Kinds whose objects reasons name."""

May = Callable[[str, str], Awaitable[bool]]
"""Whether the caller may get a resource of the API, in a namespace or, if that is empty, in all of them."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """``namespaces`` whose claims and Pods the caller may see, None for all; ``nodes``: also those."""

    namespaces: frozenset[str] | None
    nodes: bool

    def redaction(self, state: State, *, nodes: bool, added: Iterable[str] = ()) -> Redaction | None:
        """Of answers about this state; None if there is nothing to hide.

        Args:
            nodes: whether the answer is for callers who need not know nodes.
            added: namespaces in which the request may yet create claims.
        """
        without_nodes = nodes and not self.nodes
        if self.namespaces is None and not without_nodes:
            return None
        visible = self.namespaces
        hidden = frozenset[str]()
        if visible is not None:
            known = {key[0] for kind in _NAMESPACED for key in paced(state.keys(kind), 256)}
            hidden = frozenset((known | set(added)) - visible)
        return Redaction(hidden.__contains__, state.nodes.keys() if without_nodes else ())


EVERYTHING = Visibility(None, nodes=True)


async def visibility_of(scope: Scope, asked: Iterable[str], granted: Iterable[str] = ()) -> Visibility:
    """The visibility for the caller of a request.

    Args:
        asked: namespaces of the Pods in question. granted: those that access was checked for already.
    Raises: HttpError if the API server cannot say.
    """
    may: May | None = scope.get(MAY)
    if may is None:
        return EVERYTHING
    granted = tuple(granted)
    nodes = await may("nodes", "")
    if await may("claims", ""):
        return Visibility(None, nodes)
    reviewed = sorted(set(asked) - {"", *granted})[:_MAX_NAMESPACES]
    seen = [namespace for namespace in reviewed if await may("claims", namespace)]
    return Visibility(frozenset([*seen, *granted]), nodes)
