"""An upper bound for the cost of an expression on any device within the API's limits.

Where the bound is below the limit, an evaluation need not count. It need not be tight: what has no
simple bound is left to the interpreter, which counts exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.cel.common import types
from app.core.cel.common.ast import Call, Expr, Fold, Ident, ListLit, Literal, MapLit, Select
from app.core.cel.library import runtime_cost
from app.core.pauses import pause

TEXT = 64  # of an attribute's value, a driver's name, a domain
ENTRIES = 64  # of a list attribute; a device has at most 32 attributes
_LARGEST = 20_000
_SAME_SIZE = frozenset(
    {"lowerAscii", "upperAscii", "substring", "trim", "charAt", "find", "value", "or", "orValue"}
)


_SIZED = (types.STRING, types.BYTES, types.DYNAMIC)


class UnboundedError(Exception):
    """There is no simple bound."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The largest cost of evaluating, and the largest size of the value."""

    cost: int
    size: int


def worst_case(node: Expr) -> int:
    """The bound of an expression's cost.

    Raises:
        UnboundedError: there is none.
    """
    return _Bounds().of(node).cost


class _Bounds:
    def __init__(self) -> None:
        self._sizes: list[dict[str, int]] = []

    def of(self, node: Expr) -> Bound:
        pause()
        visit = _VISITS.get(type(node))
        if visit is None:
            raise UnboundedError
        return visit(self, node)

    def literal(self, node: Literal) -> Bound:
        return Bound(0, runtime_cost.sized(node.value))

    def ident(self, node: Ident) -> Bound:
        for names in reversed(self._sizes):
            if node.name in names:
                return Bound(1, names[node.name])
        return Bound(1, ENTRIES)

    def select(self, node: Select) -> Bound:
        inner = self.of(node.operand)
        return Bound(inner.cost + 2, max(inner.size, ENTRIES, TEXT))

    def list_literal(self, node: ListLit) -> Bound:
        parts = [self.of(item) for item in node.items]
        largest = max((part.size for part in parts), default=0)
        return Bound(sum(part.cost for part in parts) + runtime_cost.LIST, max(len(parts), largest))

    def map_literal(self, node: MapLit) -> Bound:
        parts = [self.of(part) for entry in node.entries for part in (entry.key, entry.value)]
        largest = max((part.size for part in parts), default=0)
        return Bound(sum(part.cost for part in parts) + runtime_cost.MAP, max(len(parts), largest))

    def call(self, node: Call) -> Bound:
        parts = [self.of(operand) for operand in node.operands()]
        inner = sum(part.cost for part in parts)
        largest = max((part.size for part in parts), default=0)
        if node.function in ("_&&_", "_||_", "_?_:_", "_[_]", "_[?_]", "_?._"):
            return Bound(inner + 2, max(largest, TEXT, ENTRIES))
        size = self._result_size(node, parts)
        overload = node.overloads[0] if len(node.overloads) == 1 else ""
        # Compared or scanned values are at most as large as these.
        samples = ["x" * part.size for part in parts]
        cost = runtime_cost.call_cost(node.function, overload)(samples)
        return Bound(inner + max(cost, 1), size)

    @staticmethod
    def _result_size(node: Call, parts: list[Bound]) -> int:
        if node.function == "_+_":
            size = sum(part.size for part in parts)
        elif node.function in _SAME_SIZE or node.function in ("dyn", "optional.of", "optional.none"):
            size = max((part.size for part in parts), default=1)
        elif node.type is None or node.type.params or node.type in _SIZED:
            raise UnboundedError
        else:
            size = 16
        if size > _LARGEST:
            raise UnboundedError
        return size

    def fold(self, node: Fold) -> Bound:
        over, init = self.of(node.range), self.of(node.init)
        if node.macro in ("bind", "optMap", "optFlatMap"):
            self._sizes.append({node.accumulator: init.size})
            result = self.of(node.result)
            self._sizes.pop()
            return Bound(over.cost + init.cost + result.cost, result.size)
        if node.macro not in ("all", "exists", "exists_one"):
            raise UnboundedError
        self._sizes.append(
            {node.accumulator: 1, node.var: max(over.size, TEXT), node.var2: max(over.size, TEXT)}
        )
        turn = self.of(node.condition).cost + self.of(node.step).cost
        rest = self.of(node.result).cost
        self._sizes.pop()
        return Bound(over.cost + init.cost + rest + over.size * turn, 1)


_VISITS: dict[type, Callable[[_Bounds, Any], Bound]] = {
    Literal: _Bounds.literal, Ident: _Bounds.ident, Select: _Bounds.select, Call: _Bounds.call,
    ListLit: _Bounds.list_literal, MapLit: _Bounds.map_literal, Fold: _Bounds.fold,
}  # fmt: skip
