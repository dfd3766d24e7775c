"""Which parts of an expression are constant: what cel-go works out once, when it plans an expression."""

from typing import Any

from app.core.cel.common.ast import Expr, ListLit, Literal

CONVERSIONS = frozenset(
    {"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"}
)
"""Functions that are applied at once to a constant."""


def literal_values(node: Expr) -> tuple[Any, ...] | None:
    """The elements of a list of literals; None if it is something else."""
    if not isinstance(node, ListLit) or node.optional:
        return None
    values = tuple(item.value for item in node.items if isinstance(item, Literal))
    return values if len(values) == len(node.items) else None
