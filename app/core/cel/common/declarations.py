"""Functions, variables and fields that an expression may name."""

import re
from dataclasses import dataclass
from functools import lru_cache

from app.core.cel.common import types
from app.core.cel.common.signatures import table
from app.core.cel.common.types import Type

_NAMED = {
    "bool": types.BOOL, "int": types.INT, "uint": types.UINT, "double": types.DOUBLE,
    "string": types.STRING, "bytes": types.BYTES, "dyn": types.DYNAMIC, "duration": types.DURATION,
    "timestamp": types.TIMESTAMP, "Quantity": types.QUANTITY, "Semver": types.SEMVER, "URL": types.URL,
    "NamedFormat": types.FORMAT, "IP": types.IP, "CIDR": types.CIDR,
}  # fmt: skip
_TOKEN = re.compile(r"\w+|[(),]")


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a function. ``member``: the first argument is written before the dot."""

    id: str
    function: str
    member: bool
    args: tuple[Type, ...]
    result: Type
    variables: tuple[str, ...]


def _parse(text: str) -> tuple[Type, ...]:
    tokens = _TOKEN.findall(text)
    at = 0

    def term() -> Type:
        nonlocal at
        name = tokens[at]
        at += 1
        if at < len(tokens) and tokens[at] == "(":
            parts = []
            while tokens[at] != ")":
                at += 1
                parts.append(term())
            at += 1
            return _applied(name, parts)
        if name in _NAMED:
            return _NAMED[name]
        if len(name) == 1:
            return types.param(name)
        return Type(types.STRUCT, f"kubernetes.authorization.{name}")

    terms = []
    while at < len(tokens):
        terms.append(term())
        at += 1
    return tuple(terms)


def _applied(name: str, parts: list[Type]) -> Type:
    match name:
        case "list":
            return types.list_of(parts[0])
        case "map":
            return types.map_of(parts[0], parts[1])
        case "optional":
            return types.optional_of(parts[0])
        case _:
            return types.type_of(parts[0])


def _variables(terms: tuple[Type, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for term in terms:
        if term.kind == types.PARAM:
            found[term.name] = None
        found.update(dict.fromkeys(_variables(term.params)))
    return tuple(found)


@lru_cache(maxsize=1)
def functions() -> dict[str, tuple[Overload, ...]]:
    """Every function of the environment with its overloads, in the order in which they are tried."""
    found: dict[str, list[Overload]] = {}
    for function, overload, member, arguments, result in table():
        args = _parse(arguments)
        returned = _parse(result)[0]
        found.setdefault(function, []).append(
            Overload(overload, function, member, args, returned, _variables((*args, returned)))
        )
    return {name: tuple(overloads) for name, overloads in found.items()}


@lru_cache(maxsize=1)
def overloads() -> dict[str, Overload]:
    """Every overload by its id; a few ids occur once only although functions share them."""
    return {overload.id: overload for group in functions().values() for overload in group}
