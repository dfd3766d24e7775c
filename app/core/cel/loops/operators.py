"""Operators and functions inside comprehensions, applied to operands that are written already.

Where the kinds are known, or are looked at when the loop runs, the operator is Python's own.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

from app.core.cel.common.ast import Call
from app.core.cel.common.errors import EvalError, located
from app.core.cel.library import runtime_cost
from app.core.cel.library.dispatch import implementation, unguarded
from app.core.cel.loops.delegated import Steps
from app.core.cel.loops.runtime import overflow, unsigned_overflow
from app.core.cel.loops.static_facts import COMPARISONS, EQUALITIES, SUMS, Value
from app.core.cel.values.kinds import type_name
from app.core.cel.values.values import INT_MAX, INT_MIN, UINT_MAX, Duration, Optional, TypeValue, UInt

_CLASSES: dict[str, type] = {"int": int, "bool": bool, "double": float, "str": str}
# What costs one unit to compare, and is compared as in Python.
_ONE_UNIT = frozenset({int, bool, float, UInt, Duration, TypeValue})
# Conversions of a kind, by overload: they cannot fail.
_CONVERSIONS: dict[tuple[str, str], tuple[str, Callable[[Any], Any] | None]] = {
    ("string", "int"): ("int64_to_string", str), ("string", "str"): ("string_to_string", None),
    ("double", "int"): ("int64_to_double", float), ("double", "double"): ("double_to_double", None),
    ("int", "int"): ("int64_to_int64", None), ("bool", "bool"): ("bool_to_bool", None),
    ("size", "str"): ("string_size", len),
}  # fmt: skip
_ZERO = {"_/_": "division by zero", "_%_": "modulus by zero"}
_WHOLE = {"_/_": "//", "_%_": "%"}


class Operators(Steps):
    """Writes calls whose costs are charged already."""

    def applied(self, node: Call, args: list[Value]) -> Value:
        """The value of the call; it is written as a statement where it may fail."""
        name = node.function
        kinds = {arg.kind for arg in args}
        kind = kinds.pop() if len(kinds) == 1 else "any"
        if name in COMPARISONS and kind == "int":
            return Value(f"({args[0].code} {COMPARISONS[name]} {args[1].code})", "bool")
        if name in COMPARISONS and kind == "uint":
            return Value(f"({args[0].code}.value {COMPARISONS[name]} {args[1].code}.value)", "bool")
        if name in EQUALITIES and kind in _CLASSES:
            return Value(f"({args[0].code} {EQUALITIES[name]} {args[1].code})", "bool")
        if name == "!_" and kind == "bool":
            return Value(f"(not {args[0].code})", "bool")
        if name == "dyn":
            return args[0]
        self.flush()
        return self._known(node, args, kind) or self._looked_at(node, args) or self.general(node, args)

    def general(self, node: Call, args: list[Value]) -> Value:
        """The call as the interpreter does it."""
        return self.called(node, args, None)

    def called(self, node: Call, args: list[Value], run: Callable[..., Any] | None) -> Value:
        """The function applied; ``run``: another one than the usual."""
        if run is None:
            kinds = tuple("string" if arg.kind == "str" else arg.kind for arg in args)
            run = unguarded(node.function, node.overloads, kinds)
        if run is None:
            run = implementation(node.function, node.overloads)
        code = f"{self.source.constant(run)}({', '.join(arg.code for arg in args)})"
        return self.raising(code, self.terms.kind(node), node.pos)

    def _known(self, node: Call, args: list[Value], kind: str) -> Value | None:
        """By the kind that the operands are known to be of."""
        name = node.function
        if name in SUMS and kind in ("int", "double"):
            return self._sum(node, args, kind)
        if name in SUMS and kind == "uint":
            return self._unsigned_sum(node, args)
        if name == "_+_" and kind == "str":
            return self.assigned(f"{args[0].code} + {args[1].code}", "str")
        if name in _WHOLE and kind == "int":
            return self._quotient(node, args)
        if kind == "int" and "int64_to_uint64" in node.overloads:
            return self._unsigned(node, args)
        return self._converted(node, args, kind)

    def _converted(self, node: Call, args: list[Value], kind: str) -> Value | None:
        """By a function that cannot fail."""
        if node.function == "optional.of":
            return self.assigned(f"{self.source.constant(Optional)}({args[0].code})", "any")
        if node.function == "type" and kind in _CLASSES and not args[0].unsure:
            return self.constant(TypeValue(type_name(_CLASSES[kind]())))
        overload, convert = _CONVERSIONS.get((node.function, kind), ("", None))
        if overload not in node.overloads:
            return None
        if convert is None:
            return args[0]
        return self.assigned(f"{self.source.constant(convert)}({args[0].code})", self.terms.kind(node))

    def _sum(self, node: Call, args: list[Value], kind: str) -> Value:
        found = self.assigned(f"{args[0].code} {SUMS[node.function]} {args[1].code}", kind)
        if kind == "int":
            self._in_range(found.code, node.pos)
        return found

    def _unsigned_sum(self, node: Call, args: list[Value]) -> Value:
        found = self.assigned(f"{args[0].code}.value {SUMS[node.function]} {args[1].code}.value", "int")
        overflowed = f"{self.source.constant(unsigned_overflow)}({node.pos})"
        self.line(f"if not 0 <= {found.code} <= {self.source.constant(UINT_MAX)}: {overflowed}")
        return self.assigned(f"{self.source.constant(UInt)}({found.code})", "uint")

    def _in_range(self, code: str, pos: int) -> None:
        low, high = self.source.constant(INT_MIN), self.source.constant(INT_MAX)
        self.line(f"if not {low} <= {code} <= {high}: {self.source.constant(overflow)}({pos})")

    def _quotient(self, node: Call, args: list[Value]) -> Value:
        """Of what is not negative; the rest is the interpreter's."""
        left, right = args[0].code, args[1].code
        result = self.source.temporary()
        with self.block(f"if {right} > 0 <= {left}:"):
            self.line(f"{result} = {left} {_WHOLE[node.function]} {right}")
        with self.block(f"elif {right} == 0:"):
            error = self.source.constant(located(EvalError(_ZERO[node.function]), node.pos))
            self.line(f"raise {error}.with_traceback(None)")
        with self.block("else:"):
            self.line(f"{result} = {self.general(node, args).code}")
        return Value(result, "int")

    def _unsigned(self, node: Call, args: list[Value]) -> Value:
        result = self.source.temporary()
        with self.block(f"if {args[0].code} >= 0:"):
            self.line(f"{result} = {self.source.constant(UInt)}({args[0].code})")
        with self.block("else:"):
            self.line(f"{result} = {self.general(node, args).code}")
        return Value(result, "uint")

    # Kinds that are looked at when the loop runs

    def _looked_at(self, node: Call, args: list[Value]) -> Value | None:
        name = node.function
        if name in ("hasValue", "value") and len(args) == 1:
            return self._optional(node, args[0])
        if not (name in COMPARISONS or name in SUMS) or len(args) != 2:
            return None
        if not {arg.kind for arg in args} <= {"int", "any"}:
            return None
        sign = COMPARISONS.get(name) or SUMS[name]
        result = self.source.temporary()
        with self.block(f"if {self._are(int, args)}:"):
            self.line(f"{result} = {args[0].code} {sign} {args[1].code}")
            if name in SUMS:
                self._in_range(result, node.pos)
        with self.block("else:"):
            self.line(f"{result} = {self.general(node, args).code}")
        return Value(result, "bool" if name in COMPARISONS else "any")

    def _are(self, kind: type, args: list[Value]) -> str:
        """The test of the operands' class, for those whose kind is not known."""
        name = self.source.constant(kind)
        known = [arg for arg in args if _CLASSES.get(arg.kind) is not kind or arg.unsure]
        return " and ".join(f"{arg.code}.__class__ is {name}" for arg in known) or "True"

    def _optional(self, node: Call, held: Value) -> Value:
        is_one = f"{held.code}.__class__ is {self.source.constant(Optional)}"
        result = self.source.temporary()
        test = is_one if node.function == "hasValue" else f"{is_one} and {held.code}.present"
        with self.block(f"if {test}:"):
            self.line(f"{result} = {held.code}.{'present' if node.function == 'hasValue' else 'value'}")
        with self.block("else:"):
            self.line(f"{result} = {self.general(node, [held]).code}")
        return Value(result, self.terms.kind(node))

    def equality(self, node: Call, args: list[Value], failed: str | None) -> Value:
        """``==`` or ``!=`` with its cost, which depends on the values. ``failed``: the operands' failure."""
        test, cost = self._quick(args)
        result = self.source.temporary()
        with self.block(f"if {test}:"):
            self.line(f"c += {cost}")
            self.line(f"{result} = {args[0].code} {EQUALITIES[node.function]} {args[1].code}")
        with self.block("else:"):
            self.charged(node, args, failed)
            self.line(f"{result} = {self.general(node, args).code}")
        return Value(result, "bool")

    def charged(self, node: Call, args: list[Value], failed: str | None) -> None:
        """Charges a call by its operands, and raises what one of them failed with."""
        overload = node.overloads[0] if len(node.overloads) == 1 else ""
        charge = runtime_cost.call_cost(node.function, overload)
        cost = self._of_texts(charge, args)
        if cost is None:
            cost = f"{self.source.constant(charge)}(({', '.join(arg.code for arg in args)},))"
        self.line(f"c += {cost}")
        self.line("if c > L: L = reach(c)")
        if failed is not None:
            self.line(f"if {failed} is not None: raise {failed}")

    def _of_texts(self, charge: runtime_cost.Cost, args: list[Value]) -> str | None:
        """The cost where it follows from the lengths of operands that are texts."""
        template = runtime_cost.OF_TEXTS.get(charge)
        read = [at for at in (0, 1) if template is not None and f"{{{at}}}" in template]
        if template is None or any(args[at].kind != "str" for at in read):
            return None
        lengths = [self._length(arg) if at in read else "" for at, arg in enumerate(args)]
        for name, function in (("ceil", ceil), ("min", min)):
            template = template.replace(f"{name}(", f"{self.source.constant(function)}(")
        return template.format(*lengths)

    def _length(self, text: Value) -> str:
        length = f"{self.source.constant(len)}({text.code})"
        return f"({length} if {text.code} is not None else 1)" if text.unsure else length

    def _quick(self, args: list[Value]) -> tuple[str, str]:
        """Where Python's own comparison will do, and its cost."""
        left, right = args[0].code, args[1].code
        kinds = [arg.kind for arg in args if arg.kind in _CLASSES]
        if not kinds:
            units = self.source.constant(_ONE_UNIT)
            return f"{left}.__class__ is {right}.__class__ and {left}.__class__ in {units}", "1"
        if kinds[0] != "str":
            return self._are(_CLASSES[kinds[0]], args), "1"
        shorter = f"{self.source.constant(min)}({{0}}({left}), {{0}}({right}))".format(
            self.source.constant(len)
        )
        cost = f"{self.source.constant(ceil)}({shorter} * {runtime_cost.STRING_FACTOR})"
        return self._are(str, args), cost
