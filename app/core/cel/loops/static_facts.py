"""What a part of a loop is known to be before it is written: its kind, its cost, whether it can fail.

cel-go evaluates both operands of a binary call and charges for it whatever fails, so the cost of a
tree of such calls is one number: it is charged at once, before the tree is evaluated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.core.cel.common import types
from app.core.cel.common.ast import Call, Fold, Ident, ListLit, Literal, Node
from app.core.cel.interpreter.constants import CONVERSIONS, is_folded
from app.core.cel.library import runtime_cost
from app.core.cel.library.dispatch import SINGLETONS
from app.core.cel.values.values import UInt

PLAIN = frozenset({"int", "bool", "double"})
ORDERED = frozenset({"int", "uint"})
COMPARISONS = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
EQUALITIES = {"_==_": "==", "_!=_": "!="}
SUMS = {"_+_": "+", "_-_": "-", "_*_": "*"}
LOGIC = ("_&&_", "_||_")
LOOPS = frozenset({
    "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap",
    "transformMapEntry",
})  # fmt: skip
"""Macros of which a loop can be written."""
_KINDS: dict[type, str] = {bool: "bool", int: "int", UInt: "uint", float: "double", str: "str"}
# Kinds of what functions give, of whatever they are given.
_RESULTS: dict[str, str] = {
    "quantity": types.QUANTITY.name, "semver": types.SEMVER.name, "ip": types.IP.name,
    "cidr": types.CIDR.name, "url": types.URL.name, "duration": types.DURATION.name,
    "timestamp": types.TIMESTAMP.name, "uint": "uint", "double": "double",
    "asApproximateFloat": "double", "string": "str",
    **dict.fromkeys(
        ("charAt", "find", "format", "getEscapedPath", "getHost", "getHostname", "getPort", "getScheme",
         "join", "lowerAscii", "replace", "strings.quote", "substring", "trim", "upperAscii"),
        "str",
    ),
    **dict.fromkeys(
        ("bool", "hasValue", "contains", "startsWith", "endsWith", "matches", "isGreaterThan", "isLessThan",
         "isInteger", "isQuantity", "isSemver", "isIP", "isCIDR", "isURL", "isSorted", "includes",
         "containsIP", "containsCIDR", "sets.contains", "sets.equivalent", "sets.intersects"),
        "bool",
    ),
    **dict.fromkeys(
        ("int", "size", "indexOf", "lastIndexOf", "compareTo", "asInteger", "major", "minor", "patch",
         "family", "prefixLength", "sign"),
        "int",
    ),
}  # fmt: skip
_PREPARED = frozenset({"matches", "find", "findAll"})  # with a constant pattern: see calls.pattern_call
# Functions that give a value for whatever they are given of these kinds.
_TOTAL: dict[str, frozenset[str]] = {
    "string": frozenset({"int", "bool", "str", "double"}), "double": frozenset({"int", "double"}),
    "int": frozenset({"int"}), "bool": frozenset({"bool"}), "size": frozenset({"str"}),
    "dyn": frozenset({"int", "bool", "str", "double", "any"}),
    "type": frozenset({"int", "bool", "str", "double", "any"}),
}  # fmt: skip
_OTHERS = frozenset({
    "_?_:_", "_[?_]", "_?._", "or", "orValue", "@not_strictly_false", *LOGIC, *_PREPARED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """A Python expression without effects, and its kind: any, int, bool, double, str, or a type's name."""

    code: str
    kind: str
    constant: bool = False
    failed: str = ""  # the variable of the failure that reading it raises
    unsure: bool = False  # None instead, where the operand has failed


Names = Callable[[str], Value | None]


def kind_of_constant(value: Any) -> str:
    """The kind of a value."""
    return _KINDS.get(value.__class__, "any")


class Terms:
    """Answers for nodes; ``names`` finds the loops' own variables."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def kind(self, node: Node) -> str:
        """The kind of the node's value. It never rests on the checker's type, which dyn can belie."""
        match node:
            case Literal():
                return kind_of_constant(node.value)
            case Ident():
                found = None if node.constant is not None else self._names(node.name)
                return found.kind if found is not None else "any"
            case Fold():
                return "bool" if node.macro in ("all", "exists", "exists_one", "existsOne") else "any"
            case Call():
                return self._kind_of_call(node)
            case _:
                return "any"

    def _kind_of_call(self, node: Call) -> str:
        name = node.function
        if name in COMPARISONS or name in EQUALITIES or name in LOGIC or name in ("!_", "@in"):
            return "bool"
        if name == "_?_:_":
            kinds = {self.kind(arg) for arg in node.args[1:]}
            return kinds.pop() if len(kinds) == 1 else "any"
        kinds = {self.kind(operand) for operand in node.operands()}
        if name in SUMS:
            only = kinds.pop() if len(kinds) == 1 else "any"
            return only if only in ("int", "uint", "double") or (only == "str" and name == "_+_") else "any"
        if name in ("_%_", "_/_", "-_"):
            only = kinds.pop() if len(kinds) == 1 else "any"
            return only if only == "int" or (only == "double" and name != "_%_") else "any"
        if name == "dyn":
            return self.kind(node.args[0])
        return _RESULTS.get(name, "any")

    def safe(self, node: Node) -> bool:
        """Whether evaluating it, and nothing else, cannot fail."""
        match node:
            case Literal():
                return True
            case Ident():
                found = None if node.constant is not None else self._names(node.name)
                return node.constant is not None or (found is not None and not found.failed)
            case Call():
                return self._safe_call(node)
            case _:
                return False

    def _safe_call(self, node: Call) -> bool:
        operands = node.operands()
        kinds = {self.kind(operand) for operand in operands}
        if node.function in COMPARISONS:
            known = len(kinds) == 1 and kinds <= ORDERED
        elif node.function in EQUALITIES:
            known = len(kinds) == 1 and kinds <= PLAIN
        elif node.function == "!_":
            known = kinds == {"bool"}
        else:
            known = len(operands) == 1 and kinds <= _TOTAL.get(node.function, frozenset())
        return known and self.fixed(node) is not None and all(self.safe(operand) for operand in operands)

    def fixed(self, node: Node) -> int | None:
        """What it costs whatever happens, or None where that depends on values."""
        match node:
            case Literal():
                return 0
            case Ident():
                if node.constant is not None:
                    return 0
                return runtime_cost.SELECT if self._names(node.name) is not None else None
            case Call():
                if not self.is_strict(node) or not self.costs_one(node):
                    return None
                parts = [self.fixed(operand) for operand in node.operands()]
                return 1 + sum(part for part in parts if part is not None) if None not in parts else None
            case _:
                return None

    def is_strict(self, node: Node) -> bool:
        """Whether it is a call that evaluates its one or two operands, and then runs."""
        if not isinstance(node, Call) or node.function in _OTHERS or node.function == "_[_]":
            return False
        operands = node.operands()
        if node.function in CONVERSIONS and is_folded(operands[0]):
            return False  # conversions of constants are done once
        if node.overloads == ("in_list",) and isinstance(operands[1], ListLit | Literal):
            return False  # as is looking up in a list of constants
        if len(operands) == 1:
            return True
        return len(operands) == 2 and (len(node.overloads) == 1 or node.function in SINGLETONS)

    def is_sequence(self, node: Call) -> bool:
        """Whether it is a call that evaluates its operands up to the first that fails, and then runs."""
        if node.function in _OTHERS - _PREPARED or node.function == "_[_]":
            return False
        operands = node.operands()
        if node.function in _PREPARED:
            return len(operands) >= 2 and is_folded(operands[1])
        return len(operands) > 2 or (
            len(operands) == 2 and not self.is_strict(node) and len(node.overloads) > 1
        )

    def is_index(self, node: Node) -> bool:
        """``name[variable]`` with a variable of the loops, or ``[constant, ...][number]``."""
        if not isinstance(node, Call) or node.function != "_[_]":
            return False
        if isinstance(node.args[0], ListLit) and is_folded(node.args[0]):
            return self.kind(node.args[1]) == "int" and self.fixed(node.args[1]) is not None
        return all(isinstance(arg, Ident) and arg.constant is None for arg in node.args) and self.safe(
            node.args[1]
        )

    def costs_one(self, node: Call) -> bool:
        """Whether the call itself costs one unit, whatever the values."""
        overload = node.overloads[0] if len(node.overloads) == 1 else ""
        if node.function in EQUALITIES:
            return all(self.kind(arg) in PLAIN for arg in node.args)
        return runtime_cost.call_cost(node.function, overload) is runtime_cost.one
