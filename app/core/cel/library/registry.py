"""The implementations of overloads, and of functions with one implementation for all of them."""

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = Callable[..., Any]
_F = TypeVar("_F", bound=Implementation)

OVERLOADS: dict[str, Implementation] = {}


def implements(*overloads: str) -> Callable[[_F], _F]:
    """Registers the function for these overloads. It is called with arguments of the declared types."""

    def register(function: _F) -> _F:
        for overload in overloads:
            OVERLOADS[overload] = function
        return function

    return register
