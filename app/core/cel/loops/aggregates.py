"""Lists, maps, bound names, optionals and indexes inside comprehensions."""

from app.core.cel.common.ast import Call, Fold, Ident, ListLit, MapLit, Node, Select
from app.core.cel.interpreter.constants import is_folded
from app.core.cel.interpreter.steps import Failed
from app.core.cel.library import runtime_cost
from app.core.cel.loops.operators import Operators
from app.core.cel.loops.runtime import fail, grown, settled
from app.core.cel.loops.static_facts import Value, kind_of_constant
from app.core.cel.values.selection import select
from app.core.cel.values.values import CelMap, Optional, entry_key

BOUND = frozenset({"bind", "optMap", "optFlatMap", "sortBy"})
"""Macros that give a value a name: folds over nothing."""


class Values(Operators):
    """Writes what is made of several parts."""

    def value(self, node: Node) -> Value:
        """Writes a node with its costs."""
        raise NotImplementedError

    def pure(self, node: Node) -> Value:
        """A node of fixed cost, which is charged already."""
        raise NotImplementedError

    def list_of(self, node: ListLit) -> Value:
        """``[a, b]`` without question marks."""
        parts = [self.value(item) for item in node.items]
        self.pending += runtime_cost.LIST
        self.flush()
        return self.assigned(f"({''.join(f'{part.code}, ' for part in parts)})", "any")

    def map_of(self, node: MapLit) -> Value:
        """``{a: b}`` without question marks."""
        made = []
        for entry in node.entries:
            key = self.value(entry.key)
            value = self.value(entry.value)
            self.flush()
            held = key.code
            if key.kind not in ("int", "str") or key.unsure:
                held = self.assigned(f"{self.source.constant(entry_key)}({key.code})", "any").code
            made.append(f"{held}: {value.code}")
        self.pending += runtime_cost.MAP
        self.flush()
        return self.assigned(f"{self.source.constant(CelMap)}({{{', '.join(made)}}})", "any")

    def index(self, node: Call) -> Value:
        """``name[variable]``: with an optional value it means something else."""
        base, key = node.args
        if isinstance(base, ListLit):
            return self._constant_index(node, base)
        result = self.source.temporary()
        value, at = self.value(base).code, self.pure(key)
        self.flush()
        if at.kind == "int":
            whole = f"{value}.__class__ is {self.source.constant(tuple)} and 0 <= {at.code}"
            with self.block(f"if {whole} < {self.source.constant(len)}({value}):"):
                self.line(f"c += {runtime_cost.SELECT}")
                self.line(f"{result} = {value}[{at.code}]")
        head = "elif" if at.kind == "int" else "if"
        with self.block(f"{head} {value}.__class__ is {self.source.constant(Optional)}:"):
            # The name has been paid for.
            self.line(f"c -= {runtime_cost.SELECT}")
            self.line(f"{result} = {self.delegated(node).code}")
        with self.block("else:"):
            self.line(f"c += {runtime_cost.SELECT}")
            code = f"{self.source.constant(select)}({value}, {at.code})"
            self.line(f"{result} = {self.raising(code, 'any', node.pos).code}")
        return Value(result, "any")

    def _constant_index(self, node: Call, base: ListLit) -> Value:
        """``[constant, ...][number]``: the list costs as much as a name."""
        values = self.planner.plan(base).value
        key = node.args[1]
        result = self.source.temporary()
        self.pending += runtime_cost.SELECT
        # The name of a number alone is a part of the selection: it costs nothing.
        at = self.pure(key) if isinstance(key, Ident) else self.value(key)
        self.pending += runtime_cost.SELECT
        self.flush()
        held = self.source.constant(values)
        kinds = {kind_of_constant(value) for value in values}
        with self.block(f"if 0 <= {at.code} < {len(values)}:"):
            self.line(f"{result} = {held}[{at.code}]")
        with self.block("else:"):
            code = f"{self.source.constant(select)}({held}, {at.code})"
            self.line(f"{result} = {self.raising(code, 'any', node.pos).code}")
        return Value(result, kinds.pop() if len(kinds) == 1 else "any")

    def or_value(self, node: Call) -> Value:
        """``or()`` and ``orValue()``: the second operand is evaluated if the first one is empty."""
        if node.target is None:
            raise AssertionError(node)
        held = self.value(node.target)
        self.flush()
        result = self.source.temporary()
        with self.block(f"if {held.code}.__class__ is not {self.source.constant(Optional)}:"):
            self.line(f"{self.source.constant(fail)}({node.pos})")
        with self.block(f"if {held.code}.present:"):
            self.line(f"{result} = {held.code}{'.value' if node.function == 'orValue' else ''}")
        with self.block("else:"):
            other = self.value(node.args[0])
            self.flush()
            self.line(f"{result} = {other.code}")
        return Value(result, "any")

    # Names

    def is_bound(self, node: Fold) -> bool:
        """Whether a name can be given its value at once: it is read whatever happens.

        Else the value is not worked out, and costs nothing. What could be a list that grows is the
        interpreter's: see ``values.GrowingList``.
        """
        if node.macro not in BOUND or not self.keeps_calls:
            return False
        return reads_first(node.result, node.accumulator)

    def bound(self, node: Fold) -> Value:
        """cel.bind() and the like."""
        slot = self.planner.slots
        self.planner.slots += 1
        name = self._initial(node.init)
        self.planner.scopes.append({node.accumulator: slot})
        self.names.append({node.accumulator: name})
        at = len(self.lines)
        found = self.value(node.result)
        self.flush()
        if slot in self.read:
            self.lines[at:at] = self._stored(slot, name)
        self.names.pop()
        self.planner.scopes.pop()
        if found.kind != "any" or name.kind != "any":
            return found
        return self.assigned(f"{self.source.constant(settled)}({found.code}, {name.code})", "any")

    def _initial(self, node: Node) -> Value:
        """The value, and the variable of its failure."""
        if self.terms.safe(node) and self.terms.fixed(node) is not None:
            value = self.value(node)
            self.flush()
            return value if value.constant else self.assigned(self._grown(value), value.kind)
        result, failed = self.source.temporary(), self.source.temporary()
        self.flush()
        self.line(f"{failed} = None")
        with self.block("try:"):
            value = self.value(node)
            self.flush()
            self.line(f"{result} = {self._grown(value)}")
        with self.block("except EvalError as error:"):
            self.line(f"{failed} = error")
            self.line(f"{result} = None")
        return Value(result, value.kind, failed=failed)

    def _grown(self, value: Value) -> str:
        return f"{self.source.constant(grown)}({value.code})" if value.kind == "any" else value.code

    def _stored(self, slot: int, name: Value) -> list[str]:
        """Statements that put the value where steps of the interpreter look for it."""
        indent = " " * (self.blocks + 3)
        stored = [f"{indent}slots[{slot}] = {name.code}"]
        if name.failed:
            failure = f"{self.source.constant(Failed)}({name.failed})"
            stored.append(f"{indent}if {name.failed} is not None: slots[{slot}] = {failure}")
        return stored


def can_be_made(node: ListLit | MapLit) -> bool:
    """Whether a list or map is to be written: it has no question marks, and is not constant."""
    if is_folded(node):
        return False
    return not node.optional if isinstance(node, ListLit) else not any(e.optional for e in node.entries)


def reads_first(node: Node, name: str) -> bool:  # noqa: PLR0911 - one case for a kind of node
    """Whether evaluating the node reads the name in any case."""
    match node:
        case Ident():
            return node.name == name and node.constant is None
        case Select():
            return reads_first(node.operand, name)
        case Call(function="_?_:_"):
            condition, one, other = node.args
            return reads_first(condition, name) or (reads_first(one, name) and reads_first(other, name))
        case Call():
            return any(reads_first(operand, name) for operand in node.operands()[:1])
        case ListLit():
            return any(reads_first(item, name) for item in node.items[:1])
        case MapLit():
            return any(reads_first(entry.key, name) for entry in node.entries[:1])
        case Fold():
            if reads_first(node.range, name):
                return True
            return node.macro in BOUND and node.accumulator != name and reads_first(node.result, name)
        case _:
            return False
