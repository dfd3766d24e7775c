"""The implementations of overloads, and of functions with one implementation for all of them."""

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = Callable[..., Any]
_F = TypeVar("_F", bound=Implementation)

OVERLOADS: dict[str, Implementation] = {}
VARIANTS: dict[tuple[str, str], Implementation] = {}
"""What an environment with the named variant runs for an overload instead."""


def implements(*overloads: str, variant: str = "") -> Callable[[_F], _F]:
    """Registers the function for these overloads. It is called with arguments of the declared types."""

    def register(function: _F) -> _F:
        for overload in overloads:
            if variant:
                VARIANTS[overload, variant] = function
            else:
                OVERLOADS[overload] = function
        return function

    return register


def implementation_of(overload: str, variants: frozenset[str]) -> Implementation | None:
    """The implementation of an overload in an environment with these variants. O(variants)."""
    for variant in variants:
        found = VARIANTS.get((overload, variant))
        if found is not None:
            return found
    return OVERLOADS.get(overload)
