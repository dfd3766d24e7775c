"""Finds lookups of attributes and capacities in CEL expressions, and mistakes in them."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.core.cel.common.ast import Call, Expr, Fold, Ident, Literal, Select, children
from app.core.cel.common.errors import CelCompileError
from app.core.cel.parser.parser import parse

_TYPES = frozenset({"int", "bool", "string", "version", "ints", "bools", "strings", "versions"})
_INDEX, _OPTIONAL_INDEX, _OPTIONAL_SELECT = "_[_]", "_[?_]", "_?._"
_LOOKUPS = (_INDEX, _OPTIONAL_INDEX, _OPTIONAL_SELECT, "@in")


@dataclass(frozen=True, slots=True)
class Lookup:
    """``device.attributes["domain"].name``; ``kind`` is ``attributes`` or ``capacity``."""

    kind: str
    domain: str
    name: str


def required_lookups(text: str) -> tuple[Lookup, ...]:
    """The lookups that each device needs for the expression to be true; none if the text is not CEL.

    A lookup is not required if has() or ``in`` guards it, or if it stands in one side of ``||`` only.
    """
    tree = _parsed(text)
    if tree is None:
        return ()
    guarded = set(_guards(tree))
    found = dict.fromkeys(_required(tree))
    return tuple(item for item in found if item not in guarded and (item.kind, item.domain) not in guarded)


def slips(text: str) -> Iterator[tuple[int, str]]:
    """Syntax of ResourceSlices' YAML that CEL does not have: the position in the text, and the correct
    form.
    """
    tree = _parsed(text)
    for node in _all(tree) if tree is not None else ():
        lookup = _lookup(node)
        if lookup is not None and lookup.kind == "attributes" and lookup.name in _TYPES:
            if "." not in lookup.domain and not lookup.domain.startswith("resource"):
                message = (
                    f'an attribute is device.attributes["DOMAIN"].{lookup.domain} in CEL, without its type'
                )
                yield node.pos, message
        elif isinstance(node, Select) and (inner := _lookup(node.operand)) is not None:
            value = node.field in _TYPES if inner.kind == "attributes" else node.field == "value"
            if value:
                yield node.pos, f"{inner.name} is the value itself in CEL: remove .{node.field}"
        domain = _domain(node)
        if domain is not None and "/" in domain[1]:
            of, _, name = domain[1].partition("/")
            yield node.pos, f'CEL separates domain and name: device.{domain[0]}["{of}"].{name}'
        if isinstance(node, Call) and node.function not in _LOOKUPS:
            yield from _without_domain(node)


def _without_domain(call: Call) -> Iterator[tuple[int, str]]:
    """Arguments like ``device.attributes.model``, which stand for a whole domain."""
    for arg in call.args:
        domain = _domain(arg)
        if domain is not None and isinstance(arg, Select) and "." not in domain[1]:
            text = f'the domain is missing: device.{domain[0]}["DOMAIN"].{domain[1]}'
            yield arg.pos, text


def _parsed(text: str) -> Expr | None:
    try:
        return parse(text)
    except CelCompileError:
        return None  # reported separately


def _required(node: Expr) -> Iterator[Lookup]:
    if isinstance(node, Call) and node.function == "_||_":
        sides = [list(_required(arg)) for arg in node.args]
        if all(sides):
            yield from (item for side in sides for item in side)
    elif isinstance(node, Call) and node.function == "_?_:_":
        condition, *ways = node.args
        yield from _required(condition)
        sides = [list(_required(way)) for way in ways]
        if all(sides):
            yield from (item for side in sides for item in side)
    elif isinstance(node, Fold):
        yield from _required(node.range)
    else:
        lookup = _lookup(node)
        if lookup is not None:
            yield lookup
        for child in children(node):
            yield from _required(child)


def _guards(tree: Expr) -> Iterator[Lookup | tuple[str, str]]:
    """What has() or ``in`` checks before the lookup: single names, and whole domains."""
    for node in _all(tree):
        if isinstance(node, Select) and node.test_only:
            lookup = _lookup(Select(node.pos, node.operand, node.field))
            if lookup is not None:
                yield lookup
        elif isinstance(node, Call) and node.function == "@in" and isinstance(node.args[0], Literal):
            kind, domain = _map(node.args[1]), _domain(node.args[1])
            if kind is not None:
                yield (kind, str(node.args[0].value))
            elif domain is not None:
                yield Lookup(*domain, str(node.args[0].value))
        elif isinstance(node, Call) and node.function in (_OPTIONAL_INDEX, _OPTIONAL_SELECT):
            yield from _optional(node)


def _optional(node: Call) -> Iterator[Lookup | tuple[str, str]]:
    owner, key = node.args[0], node.args[1]
    kind, domain = _map(owner), _domain(owner)
    if isinstance(key, Literal) and kind is not None:
        yield (kind, str(key.value))
    elif isinstance(key, Literal) and domain is not None:
        yield Lookup(*domain, str(key.value))


def _all(node: Expr) -> Iterator[Expr]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(children(node))


def _lookup(node: Expr) -> Lookup | None:
    if isinstance(node, Select) and not node.test_only:
        domain = _domain(node.operand)
        return None if domain is None else Lookup(*domain, node.field)
    if isinstance(node, Call) and node.function == _INDEX and isinstance(node.args[1], Literal):
        domain = _domain(node.args[0])
        return None if domain is None else Lookup(*domain, str(node.args[1].value))
    return None


def _domain(node: Expr) -> tuple[str, str] | None:
    """``attributes`` or ``capacity``, and the domain, of ``device.attributes["domain"]``."""
    if isinstance(node, Call) and node.function == _INDEX and isinstance(node.args[1], Literal):
        kind = _map(node.args[0])
        return None if kind is None else (kind, str(node.args[1].value))
    if isinstance(node, Select) and not node.test_only:
        kind = _map(node.operand)
        return None if kind is None else (kind, node.field)
    return None


def _map(node: Expr) -> str | None:
    if not isinstance(node, Select) or node.test_only or node.field not in ("attributes", "capacity"):
        return None
    return node.field if isinstance(node.operand, Ident) and node.operand.name == "device" else None
