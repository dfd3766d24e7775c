"""Which implementation a call runs, and the checks of its arguments' types at run time.

A call whose overload the checker has settled runs that one, after a check of the types. One that
could be several tries the function's overloads in order. Some functions have one implementation
for all of their overloads and no such check (cel-go: singleton bindings).
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from app.core.cel.common import types
from app.core.cel.common.declarations import functions, overloads
from app.core.cel.common.types import Type
from app.core.cel.library import kubernetes as _kubernetes  # noqa: F401 - registers its implementations
from app.core.cel.library import lists, std, strings
from app.core.cel.library.operators import BINARY, contains, logical_not, size
from app.core.cel.library.registry import Implementation, implementation_of
from app.core.cel.values.arithmetic import negate
from app.core.cel.values.kinds import is_list, length, no_overload, part_of, type_name
from app.core.cel.values.objects import Cidr, Ip, QuantityValue, Semver, Url
from app.core.cel.values.values import Duration, Optional, Timestamp, UInt

_Guard = Callable[[Any], bool]

SINGLETONS: dict[str, Implementation] = {
    **BINARY,
    "!_": logical_not,
    "-_": negate,
    "@in": lambda value, container: contains(container, value),
    "size": size,
    "type": std.type_of,
    "dyn": std.identity,
    "matches": strings.matches,
    "sort": lists.sort,
    "@sortByAssociatedKeys": lists.sort_by_keys,
}
# Their implementations check the types themselves.
_UNGUARDED = frozenset({"contains", "startsWith", "endsWith", "flatten"})


def implementation(
    function: str, chosen: tuple[str, ...], variants: frozenset[str] = frozenset()
) -> Implementation:
    """The implementation that a call runs, given the overloads that the checker has found.

    ``variants``: see Environment.
    """
    singleton = SINGLETONS.get(function)
    if singleton is not None:
        return singleton
    if len(chosen) == 1:
        return _single(chosen[0], variants)
    return _any_of(function, variants)


@lru_cache(maxsize=512)
def _single(overload_id: str, variants: frozenset[str]) -> Implementation:
    overload = overloads()[overload_id]
    target = implementation_of(overload_id, variants)
    if target is None:
        return _absent
    if overload.function in _UNGUARDED:
        return target
    guards = tuple(_guard(term) for term in overload.args)
    run = target

    if len(guards) == 1:
        only = guards[0]

        def unary(value: Any) -> Any:
            if not only(value):
                raise no_overload()
            return run(value)

        return unary

    if len(guards) == 2:
        first, second = guards

        def binary(one: Any, other: Any) -> Any:
            if first(one) and second(other):
                return run(one, other)
            raise no_overload()

        return binary

    def checked(*args: Any) -> Any:
        for guard, arg in zip(guards, args, strict=True):
            if not guard(arg):
                raise no_overload()
        return run(*args)

    return checked


def _absent(*_args: Any) -> Any:
    raise no_overload()


@lru_cache(maxsize=128)
def _any_of(function: str, variants: frozenset[str]) -> Implementation:
    unguarded = function in _UNGUARDED
    candidates = tuple(
        (tuple(_guard(term) for term in overload.args), target)
        for overload in functions()[function]
        if (target := implementation_of(overload.id, variants)) is not None
    )

    def dispatched(*args: Any) -> Any:
        for guards, run in candidates:
            if len(guards) == len(args) and (
                unguarded or all(guard(arg) for guard, arg in zip(guards, args, strict=True))
            ):
                return run(*args)
        raise no_overload()

    return dispatched


def _anything(_value: Any) -> bool:
    return True


def _guard(term: Type) -> _Guard:
    """Whether a value may be passed where the type is declared; lists and maps by their first element."""
    if term.kind in (types.PARAM, types.DYN, types.ANY):
        return _anything
    name = term.name
    if term.kind == types.LIST:
        return _list_guard(_guard(term.params[0]))
    if term.kind == types.MAP:
        return _map_guard(_guard(term.params[0]), _guard(term.params[1]))
    plain = _PLAIN.get(name)
    if plain is not None:
        return lambda value: value.__class__ is plain
    return lambda value: type_name(value) == name


def _list_guard(inner: _Guard) -> _Guard:
    if inner is _anything:
        return is_list
    return lambda value: is_list(value) and (not length(value) or inner(part_of(value, 0, 1)[0]))


def _map_guard(key_guard: _Guard, value_guard: _Guard) -> _Guard:
    def is_map(value: Any) -> bool:
        if type_name(value) != "map":
            return False
        if key_guard is value_guard is _anything:
            return True
        first = next(iter(value.pairs()), None)
        return first is None or (key_guard(first[0]) and value_guard(first[1]))

    return is_map


# Types that one class stands for.
_PLAIN: dict[str, type] = {
    "bool": bool, "int": int, "uint": UInt, "double": float, "string": str, "bytes": bytes,
    "optional_type": Optional, types.DURATION.name: Duration, types.TIMESTAMP.name: Timestamp,
    **{kind.type_name: kind for kind in (QuantityValue, Semver, Url, Ip, Cidr)},
}  # fmt: skip
