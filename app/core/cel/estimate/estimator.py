"""The walk over a checked expression that adds up its possible cost."""

from collections.abc import Iterable, Mapping
from functools import reduce

from app.core.cel.common import types
from app.core.cel.common.ast import Call, Expr, Fold, Ident, ListLit, Literal, MapLit, MessageLit, Select
from app.core.cel.estimate import functions, standard
from app.core.cel.estimate.functions import Estimate
from app.core.cel.estimate.paths import ITEMS, VALUES, Declared
from app.core.cel.estimate.ranges import MAX, NOTHING, ONE, Range, exactly
from app.core.cel.estimate.sizes import Entries, Operand, Sizes, merged, type_of
from app.core.cel.library.runtime_cost import LIST, MAP, MESSAGE

# cel-go uses the older of its two names to distinguish loops from bindings.
_OLD_ACCUMULATOR = "__result__"
_SELECTED = frozenset({types.MAP, types.STRUCT, types.PARAM})


class Estimator:
    """Estimates a tree once. ``variables`` declares the sizes of the variables by name.

    ``before`` are the overloads that are estimated as cel-go did until 0.26. ``sized_parts``: parts of a URL
    are no longer than the URL, a type has size 1, and the sizes inside lists of lists are known; otherwise
    nothing bounds them. Then nothing bounds an element of an empty list or map; otherwise it has size 0.

    ``costs`` are the estimates by ``id`` of a node, ``turns`` those of how often a loop goes round,
    and ``unbounded`` the parts of a call or loop whose size nothing bounds, for explanations.
    """

    def __init__(
        self,
        variables: Mapping[str, Declared],
        before: frozenset[str] = frozenset(),
        *,
        sized_parts: bool = False,
    ) -> None:
        self._before = before
        self._sized_parts = sized_parts
        self._sizes = Sizes(variables, sized_types=sized_parts)
        self.costs: dict[int, Range] = {}
        self.turns: dict[int, Range] = {}
        self.unbounded: dict[int, list[Expr]] = {}

    def cost(self, node: Expr) -> Range:
        """The possible cost of the expression. O(nodes); recursive, as deep as the tree."""
        match node:
            case Literal():
                found = NOTHING
            case Ident():
                found = self._ident(node, node.name)
            case Select():
                found = self._select(node)
            case Call():
                found = self._call(node)
            case ListLit():
                found = self._list(node)
            case MapLit():
                found = self._map(node)
            case MessageLit():
                values = [self.cost(entry.value) for entry in node.entries]
                found = standard.total(values).plus(exactly(MESSAGE))
            case Fold():
                found = self._bound(node) if _is_binding(node) else self._loop(node)
            case _:
                raise AssertionError(node)
        self.costs[id(node)] = found
        return found

    def _ident(self, node: Expr, name: str) -> Range:
        variable = self._sizes.variable(name)
        self._sizes.set_path(node, self._sizes.root(name) if variable is None else variable.path)
        return ONE

    def _select(self, node: Select) -> Range:
        if node.qualified is not None:
            return self._ident(node, node.qualified)
        cost = self.cost(node.operand)
        if node.test_only:
            return cost
        if type_of(node.operand).kind in _SELECTED:
            cost = cost.plus(ONE)
        self._sizes.set_path(node, self._sizes.path(node.operand).then(node.field))
        return cost

    # Calls

    def _call(self, node: Call) -> Range:
        if node.function == "dyn":
            cost = self.cost(node.args[0])
            self._sizes.same(node, node.args[0])
            return cost.plus(ONE)
        costs, args = [], []
        for arg in node.args:
            costs.append(self.cost(arg))
            args.append(self._sizes.operand(arg))
        cost, target = NOTHING, None
        if node.target is not None:
            cost = self.cost(node.target)
            target = self._sizes.operand(node.target)
        self._note(node, args if target is None else [target, *args])
        return cost.plus(self._overloads(node, target, tuple(args), costs))

    def _overloads(
        self, node: Call, target: Operand | None, args: tuple[Operand, ...], costs: list[Range]
    ) -> Range:
        """A range around the possible costs of the overloads that the types leave open."""
        cost, size = Range(MAX, 0), None
        for overload in node.overloads:
            found = self._overload(node, functions.OverloadCall(overload, target, args), costs)
            cost = cost.union(found.cost)
            if found.size is not None:
                size = found.size if size is None else size.union(found.size)
            if overload in ("index_list", "index_map"):
                entries = self._sizes.entries(node.args[0])
                size = None if entries is None else entries.values
                self._sizes.set_entries(node, None if entries is None else entries.inside)
                part = ITEMS if overload == "index_list" else VALUES
                self._sizes.set_path(node, self._sizes.path(node.args[0]).then(part))
            if size is None:
                size = self._sizes.known(node)
        self._sizes.set_size(node, size)
        return cost

    def _overload(self, node: Call, call: functions.OverloadCall, costs: list[Range]) -> Estimate:
        found = functions.estimate(node.function, call, self._before, sized_parts=self._sized_parts)
        if found is not None:
            return Estimate(found.cost.plus(standard.total(costs)), found.size)
        if call.overload == "conditional":
            self._join(node, node.args[1], node.args[2])
        elif call.overload in ("add_string", "add_bytes", "add_list"):
            self._join(node, node.args[0], node.args[1])
        return standard.standard(call, costs)

    def _join(self, node: Expr, left: Expr, right: Expr) -> None:
        entries, others = self._sizes.entries(left), self._sizes.entries(right)
        if self._sized_parts:
            self._sizes.set_entries(node, merged(entries, others))
        elif entries is not None:
            self._sizes.set_entries(node, entries.union(others))

    def _note(self, node: Expr, operands: list[Operand]) -> None:
        unbounded = [operand.node for operand in operands if not operand.size.bounded]
        if unbounded:
            self.unbounded[id(node)] = unbounded

    # Lists and maps

    def _list(self, node: ListLit) -> Range:
        cost = standard.total([self.cost(item) for item in node.items])
        items = self._items(node)
        if items or not self._sized_parts:
            entries = Entries(of_list=True, keys=ONE, values=self._around(items), inside=self._inside(items))
            self._sizes.set_entries(node, entries)
        if self._sized_parts and node.optional:
            self._sizes.set_size(node, Range(len(node.items) - len(node.optional), len(items)))
        return cost.plus(exactly(LIST))

    def _items(self, node: ListLit) -> list[Expr]:
        """What may be in a list: with sized parts the values of optional elements, where they are written."""
        if not self._sized_parts:
            return list(node.items)
        found = (_value_of(item) if index in node.optional else item for index, item in enumerate(node.items))
        return [item for item in found if item is not None]

    def _map(self, node: MapLit) -> Range:
        cost, keys, values = NOTHING, [], []
        for entry in node.entries:
            cost = cost.plus(self.cost(entry.key)).plus(self.cost(entry.value))
            keys.append(entry.key)
            values.append(entry.value)
        if values or not self._sized_parts:
            entries = Entries(
                of_list=False,
                keys=self._around(keys),
                values=self._around(values),
                inside=self._inside(values),
            )
            self._sizes.set_entries(node, entries)
        return cost.plus(exactly(MAP))

    def _around(self, items: Iterable[Expr]) -> Range:
        """The narrowest range around all sizes; nothing is of no size."""
        sizes = [self._sizes.size(item) for item in items]
        return reduce(Range.union, sizes) if sizes else NOTHING

    def _inside(self, items: Iterable[Expr]) -> Entries | None:
        """What is known of the elements of elements."""
        if not self._sized_parts:
            return None
        return reduce(merged, (self._sizes.entries(item) for item in items), None)

    # Comprehensions

    def _bound(self, node: Fold) -> Range:
        cost = self.cost(node.range).plus(self.cost(node.init))
        self._sizes.push_value(node.accumulator, node.init)
        cost = cost.plus(self.cost(node.result))
        if self._sized_parts:
            self._sizes.same(node, node.result)
        self._sizes.pop(node.accumulator)
        if not self._sized_parts:
            # Without the variable, the size of a result that is the variable itself is lost.
            self._sizes.same(node, node.result)
        return cost

    def _loop(self, node: Fold) -> Range:
        sizes = self._sizes
        cost = self.cost(node.range).plus(self.cost(node.init))
        sizes.push_value(node.accumulator, node.init)
        if node.var2:
            sizes.push_key(node.var, node.range)
            sizes.push_element(node.var2, node.range)
        else:
            sizes.push_item(node.var, node.range)
        condition = self.cost(node.condition)
        turn = self.cost(node.step).plus(condition)
        sizes.pop(node.var)
        if node.var2:
            sizes.pop(node.var2)
        cost = cost.plus(self.cost(node.result))
        sizes.pop(node.accumulator)
        turns = sizes.size(node.range)
        self.turns[id(node)] = turns
        if not turns.bounded:
            self.unbounded[id(node)] = [node.range]
        if isinstance(node.init, Literal):
            sizes.set_size(node, sizes.known(node.init))
        elif isinstance(node.init, ListLit | MapLit):
            sizes.set_size(node, turns)
            sizes.set_entries(node, sizes.entries(node.step))
        return cost.plus(turns.times(turn))


def _value_of(item: Expr) -> Expr | None:
    """The value that an optional element adds to a list; the element if only evaluation shows it."""
    if isinstance(item, Call) and item.target is None:
        if item.function == "optional.none":
            return None
        if item.function in ("optional.of", "optional.ofNonZeroValue"):
            return item.args[0]
    return item


def _is_binding(node: Fold) -> bool:
    return (
        isinstance(node.range, ListLit)
        and not node.range.items
        and isinstance(node.condition, Literal)
        and node.condition.value is False
        and node.accumulator != _OLD_ACCUMULATOR
    )
