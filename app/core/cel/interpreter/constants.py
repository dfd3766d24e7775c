"""Which parts of an expression are constant: what cel-go works out once, when it plans an expression."""

from typing import Any

from app.core.cel.common.ast import Call, Ident, ListLit, Literal, MapLit, Node, Select

CONVERSIONS = frozenset(
    {"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"}
)
"""Functions that are applied at once to a constant."""


def literal_values(node: Node) -> tuple[Any, ...] | None:
    """The elements of a list of literals; None if it is something else."""
    if not isinstance(node, ListLit) or node.optional:
        return None
    values = tuple(item.value for item in node.items if isinstance(item, Literal))
    return values if len(values) == len(node.items) else None


def is_folded(node: Node) -> bool:
    """Whether the interpreter works the node out once, at no cost: see ``Interpreter``."""
    match node:
        case Literal():
            return True
        case Ident() | Select():
            return node.constant is not None
        case ListLit():
            return all(is_folded(item) for item in node.items)
        case MapLit():
            return all(is_folded(entry.key) and is_folded(entry.value) for entry in node.entries)
        case Call():
            return node.function in CONVERSIONS and len(node.args) == 1 and is_folded(node.args[0])
        case _:
            return False
