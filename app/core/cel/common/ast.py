"""The abstract syntax of CEL as cel-go's parser builds it: macros are expanded already.

``pos`` is the offset in code points of the token that cel-go reports errors at. The checker fills
``type``, and ``overloads`` of calls and ``constant`` of identifiers that name a constant.
"""

from dataclasses import dataclass
from dataclasses import field as stored
from typing import Any

from app.core.cel.common.types import Type


@dataclass(slots=True, eq=False)
class Expr:
    """Any expression."""

    pos: int
    type: Type | None = stored(default=None, init=False)


@dataclass(slots=True, eq=False)
class Literal(Expr):
    """null, bool, int, uint, double, string or bytes."""

    value: Any


@dataclass(slots=True, eq=False)
class Ident(Expr):
    """A variable, or after the check the name of a type (``constant``)."""

    name: str
    constant: Any = stored(default=None, init=False)


@dataclass(slots=True, eq=False)
class Select(Expr):
    """``operand.field``, or ``has(operand.field)`` when ``test_only``."""

    operand: Expr
    field: str
    test_only: bool = False
    constant: Any = stored(default=None, init=False)
    qualified: str | None = stored(default=None, init=False)


@dataclass(slots=True, eq=False)
class Call(Expr):
    """A function, operator or, with ``target``, member function."""

    function: str
    target: Expr | None
    args: tuple[Expr, ...]
    overloads: tuple[str, ...] = stored(default=(), init=False)

    def operands(self) -> tuple[Expr, ...]:
        """The target, if any, and the arguments: what the function is applied to."""
        return self.args if self.target is None else (self.target, *self.args)


@dataclass(slots=True, eq=False)
class ListLit(Expr):
    """``[a, ?b]``; ``optional`` holds the positions with a question mark."""

    items: tuple[Expr, ...]
    optional: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Entry:
    """One ``key: value`` of a map or ``field: value`` of a message."""

    pos: int
    key: Any  # Node in maps, the field's name in messages
    value: Expr
    optional: bool = False


@dataclass(slots=True, eq=False)
class MapLit(Expr):
    """``{key: value}``."""

    entries: tuple[Entry, ...]


@dataclass(slots=True, eq=False)
class MessageLit(Expr):
    """``name{field: value}``."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(slots=True, eq=False)
class Fold(Expr):
    """A comprehension. ``macro`` names where it came from: all, exists, map, bind ..."""

    macro: str
    range: Expr
    var: str
    var2: str
    accumulator: str
    init: Expr
    condition: Expr
    step: Expr
    result: Expr


def copied(node: Expr) -> Expr:  # noqa: PLR0911 - one case for a kind of node
    """The tree once more, as the parser made it. O(nodes)."""
    match node:
        case Literal():
            return node  # nothing but its type changes, which is always the same
        case Ident():
            return Ident(node.pos, node.name)
        case Select():
            return Select(node.pos, copied(node.operand), node.field, node.test_only)
        case Call():
            target = None if node.target is None else copied(node.target)
            return Call(node.pos, node.function, target, tuple([copied(arg) for arg in node.args]))
        case ListLit():
            return ListLit(node.pos, tuple([copied(item) for item in node.items]), node.optional)
        case MapLit():
            entries = tuple(
                Entry(entry.pos, copied(entry.key), copied(entry.value), entry.optional)
                for entry in node.entries
            )
            return MapLit(node.pos, entries)
        case MessageLit():
            fields = tuple(
                Entry(entry.pos, entry.key, copied(entry.value), entry.optional) for entry in node.entries
            )
            return MessageLit(node.pos, node.name, fields)
        case Fold():
            parts = [copied(part) for part in children(node)]
            return Fold(node.pos, node.macro, parts[0], node.var, node.var2, node.accumulator, *parts[1:])
        case _:
            raise AssertionError(node)


def children(node: Expr) -> tuple[Expr, ...]:  # noqa: PLR0911 - one case for a kind of node
    """The direct subexpressions, in the order in which the checker visits them."""
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.operands()
        case ListLit():
            return node.items
        case MapLit():
            return tuple(part for entry in node.entries for part in (entry.key, entry.value))
        case MessageLit():
            return tuple(entry.value for entry in node.entries)
        case Fold():
            return (node.range, node.init, node.condition, node.step, node.result)
        case _:
            return ()
