"""Expressions inside comprehensions as Python statements, with the costs that cel-go charges for them."""

from typing import Protocol

from app.core.cel import runtime_cost
from app.core.cel.dispatch import implementation
from app.core.cel.loop_lines import Lines
from app.core.cel.loop_runtime import fail, is_scalar, overflow
from app.core.cel.loop_terms import COMPARISONS, EQUALITIES, LOGIC, LOOPS, SUMS, Terms, Value
from app.core.cel.macros import ACCUMULATOR
from app.core.cel.plan import Step
from app.core.cel.selection import select
from app.core.cel.syntax import Call, Fold, Ident, Literal, Node, Select, children
from app.core.cel.values import INT_MAX, INT_MIN, Optional

_MAX_LINES = 400
# Python nests 20 blocks.
_MAX_BLOCKS, _MAX_BLOCKS_OUTSIDE = 12, 9
_SELECTIONS = frozenset({"_[_]", "_[?_]", "_?._"})


class Planner(Protocol):
    """The interpreter, as far as loops need it."""

    scopes: list[dict[str, int]]
    slots: int

    def plan(self, node: Node) -> Step:
        """How to evaluate a node in the scopes as they are."""


class Expressions(Lines):
    """Writes the parts of comprehensions. What has no form in Python is a step of the interpreter."""

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self.planner = planner
        self.outer = len(planner.scopes)
        self.names: list[dict[str, Value]] = []
        self.terms = Terms(self.find)
        self.read: set[int] = set()  # slots that steps of the interpreter read
        self.keeps_calls = False  # nothing in the loops can change a list

    def loop(self, node: Fold) -> Value:
        """Writes a comprehension; gives its value."""
        raise NotImplementedError

    def find(self, name: str) -> Value | None:
        """The Python variable of a name, if it is one of the loops'."""
        ours = self.planner.scopes[self.outer :]
        for scope, names in zip(reversed(ours), reversed(self.names), strict=True):
            if name in scope:
                return names.get(name)
        return None

    def value(self, node: Node) -> Value:  # noqa: PLR0911  # one case for a kind of node
        """Writes a node with its costs."""
        fixed = self.terms.fixed(node)
        if fixed is not None:
            self.pending += fixed
            return self.pure(node)
        if isinstance(node, Call) and self.keeps_calls and not self._reads(node):
            return self.delegated(node)
        if isinstance(node, Call) and not self._is_deep(_MAX_BLOCKS):
            if node.function in LOGIC:
                return self._logic(node)
            if node.function == "_?_:_":
                return self._conditional(node)
            if self.terms.is_index(node):
                return self._index(node)
            if self.terms.is_strict(node):
                return self._strict(node)
        elif isinstance(node, Fold) and node.macro in LOOPS and not self._is_deep(_MAX_BLOCKS_OUTSIDE):
            return self.loop(node)
        return self.delegated(node)

    def _is_deep(self, blocks: int) -> bool:
        return self.blocks > blocks or len(self.lines) > _MAX_LINES

    def pure(self, node: Node) -> Value:
        """A node of fixed cost, which is charged already."""
        match node:
            case Literal():
                return self.constant(node.value)
            case Ident():
                return self.constant(node.constant) if node.constant is not None else self.variable(node)
            case Call():
                return self._applied(node, [self.pure(operand) for operand in node.operands()])
            case _:
                raise AssertionError(node)

    def variable(self, node: Ident) -> Value:
        """The Python variable of one of the loops' names."""
        found = self.find(node.name)
        if found is None:
            raise AssertionError(node)
        return found

    def _strict(self, node: Call) -> Value:
        """A call of one or two operands: each is evaluated, the call is charged, then a failure counts."""
        operands = node.operands()
        parts = [self.terms.fixed(operand) for operand in operands]
        if self.terms.costs_one(node):
            if len(operands) == 1:
                self.pending += 1
                return self._applied(node, [self.value(operands[0])])
            if parts[1] is not None:
                self.pending += 1 + parts[1]
                return self._applied(node, [self.value(operands[0]), self.pure(operands[1])])
            if parts[0] is not None and self.terms.safe(operands[0]):
                self.pending += 1 + parts[0]
                return self._applied(node, [self.pure(operands[0]), self.value(operands[1])])
        failed = self.source.temporary()
        if not all(self.terms.safe(operand) for operand in operands):
            self.flush()
            self.line(f"{failed} = None")
        args = [self._caught(operand, failed) for operand in operands]
        self.flush()
        overload = node.overloads[0] if len(node.overloads) == 1 else ""
        cost = self.source.constant(runtime_cost.call_cost(node.function, overload))
        self.line(f"c += {cost}(({', '.join(arg.code for arg in args)},))")
        self.line("if c > L: stop()")
        if not all(self.terms.safe(operand) for operand in operands):
            self.line(f"if {failed} is not None: raise {failed}")
        return self._applied(node, args)

    def _caught(self, node: Node, failed: str) -> Value:
        """An operand; where it fails it is None, and the first failure is kept."""
        if self.terms.safe(node):
            return self.value(node)
        self.flush()
        result = self.source.temporary()
        with self.block("try:"):
            value = self.value(node)
            self.flush()
            self.line(f"{result} = {value.code}")
        with self.block("except EvalError as error:"):
            self.line(f"{result} = None")
            self.line(f"{failed} = {failed} or error")
        return Value(result, value.kind, constant=value.constant)

    def _index(self, node: Call) -> Value:
        """``name[variable]``: with an optional value it means something else."""
        base, key = node.args
        result = self.source.temporary()
        value, at = self.value(base).code, self.pure(key).code
        self.flush()
        with self.block(f"if {value}.__class__ is {self.source.constant(Optional)}:"):
            # The name has been paid for.
            self.line(f"c -= {runtime_cost.SELECT}")
            self.line(f"{result} = {self.delegated(node).code}")
        with self.block("else:"):
            self.line(f"c += {runtime_cost.SELECT}")
            code = f"{self.source.constant(select)}({value}, {at})"
            self.line(f"{result} = {self.raising(code, 'any', node.pos).code}")
        return Value(result, "any")

    def _applied(self, node: Call, args: list[Value]) -> Value:
        name, kinds = node.function, {arg.kind for arg in args}
        kind = kinds.pop() if len(kinds) == 1 else "any"
        if name in COMPARISONS and kind == "int":
            return Value(f"({args[0].code} {COMPARISONS[name]} {args[1].code})", "bool")
        if name in EQUALITIES and kind in ("int", "bool", "double", "str"):
            return Value(f"({args[0].code} {EQUALITIES[name]} {args[1].code})", "bool")
        if name == "!_" and kind == "bool":
            return Value(f"(not {args[0].code})", "bool")
        self.flush()
        if name in SUMS and kind in ("int", "double"):
            return self._sum(node, args, kind)
        if name == "dyn":
            return args[0]
        run = self.source.constant(implementation(name, node.overloads))
        code = f"{run}({', '.join(arg.code for arg in args)})"
        return self.raising(code, self.terms.kind(node), node.pos)

    def _sum(self, node: Call, args: list[Value], kind: str) -> Value:
        found = self.assigned(f"{args[0].code} {SUMS[node.function]} {args[1].code}", kind)
        if kind == "int":
            low, high = self.source.constant(INT_MIN), self.source.constant(INT_MAX)
            failing = self.source.constant(overflow)
            self.line(f"if not {low} <= {found.code} <= {high}: {failing}({node.pos})")
        return found

    def delegated(self, node: Node, *, branch: bool = False) -> Value:
        """A step of the interpreter. ``branch``: of a conditional, whose name costs nothing."""
        step = self.planner.plan(node)
        if step.constant:
            return self.constant(step.value)
        run = self.source.constant(
            step.attribute.resolve if branch and step.attribute is not None else step.run
        )
        self.flush()
        if not self._mark(node) and (self.keeps_calls or not _changes(node)):
            return self._kept(run, call=isinstance(node, Call))
        found = self.source.temporary()
        self._step(found, run)
        return Value(found, "any")

    def _step(self, found: str, run: str) -> None:
        self.line("frame.cost = c")
        with self.block("try:"):
            self.line(f"{found} = {run}(frame)")
        with self.block("finally:"):
            self.line("c = frame.cost")

    def _kept(self, run: str, *, call: bool) -> Value:
        """A step that reads no variable of the loops: what it gives and costs the second time is kept.

        The first time may cost more, since variables of cel.bind() get their values when they are read.
        What a call makes is kept only if it is told apart by its value: each list is another key of a map.
        """
        found, cost, times, failed = (self.source.temporary() for _ in range(4))
        self.prologue.append(f"{times} = 0; {failed} = None")
        with self.block(f"if {times} > 1:"):
            self.line(f"c += {cost}")
            self.line(f"if {failed} is not None: raise {failed}.with_traceback(None)")
        with self.block("else:"):
            self.line(f"{times} += 1")
            self.line(f"{cost} = c")
            with self.block("try:"):
                self._step(found, run)
                if call:
                    self.line(f"if not {self.source.constant(is_scalar)}({found}): {times} = 0")
            with self.block("except EvalError as error:"):
                self.line(f"{failed} = error")
                self.line("raise")
            with self.block("finally:"):
                self.line(f"{cost} = c - {cost}")
        return Value(found, "any")

    def _reads(self, node: Node) -> bool:
        if isinstance(node, Ident):
            return self.find(node.name) is not None
        return any(self._reads(part) for part in children(node))

    def _mark(self, node: Node) -> bool:
        """Notes which variables of the loops a step reads; whether there are any."""
        stack, any_read = [node], False
        while stack:
            part = stack.pop()
            if isinstance(part, Ident) and self.find(part.name) is not None:
                any_read = True
                self.read.add(next(s[part.name] for s in reversed(self.planner.scopes) if part.name in s))
            stack += children(part)
        return any_read

    # Logic

    def checked(self, value: Value, pos: int) -> str:
        """The code of a value that must be bool."""
        if value.kind == "bool":
            return value.code
        self.flush()
        code = self.assigned(value.code, "any").code
        self.line(f"if {code} is not True and {code} is not False: {self.source.constant(fail)}({pos})")
        return code

    def _logic(self, node: Call) -> Value:
        left, right = node.args
        going = "if {}:" if node.function == "_&&_" else "if not {}:"
        result = self.source.temporary()
        failed = None
        if self.terms.safe(left) and self.terms.kind(left) == "bool":
            code = self.value(left).code
            self.flush()
            self.line(f"{result} = {code}")
        else:
            failed = self.source.temporary()
            self.flush()
            self.line(f"{failed} = None")
            with self.block("try:"):
                code = self.checked(self.value(left), node.pos)
                self.flush()
                self.line(f"{result} = {code}")
            with self.block("except EvalError as error:"):
                self.line(f"{failed} = error")
                self.line(f"{result} = {node.function == '_&&_'}")
        with self.block(going.format(result)):
            code = self.checked(self.value(right), node.pos)
            self.flush()
            self.line(f"{result} = {code}")
            if failed is not None:
                with self.block(going.format(result)):
                    self.line(f"if {failed} is not None: raise {failed}")
        return Value(result, "bool")

    def _conditional(self, node: Call) -> Value:
        condition = self.checked(self.value(node.args[0]), node.pos)
        result, kinds = self.source.temporary(), set()
        for head, branch in ((f"if {condition}:", node.args[1]), ("else:", node.args[2])):
            with self.block(head):
                found = self._branch(branch)
                self.flush()
                self.line(f"{result} = {found.code}")
                kinds.add(found.kind)
        return Value(result, kinds.pop() if len(kinds) == 1 else "any")

    def _branch(self, node: Node) -> Value:
        # A name or selection is resolved as a part of the conditional: the name costs nothing.
        if isinstance(node, Ident) and node.constant is None and self.terms.safe(node):
            return self.variable(node)
        selection = (
            node.function in _SELECTIONS if isinstance(node, Call) else isinstance(node, Select | Ident)
        )
        if selection and not (isinstance(node, Ident) and node.constant is not None):
            return self.delegated(node, branch=True)
        return self.value(node)


def changes_lists(node: Node) -> bool:
    """Whether a sum of lists is in it, but for those that comprehensions collect their own results in."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Call) and part.function == "_+_" and _may_sum_lists(part):
            return True
        stack += children(part)
    return False


def _may_sum_lists(node: Call) -> bool:
    first = node.args[0]
    if isinstance(first, Ident) and first.name == ACCUMULATOR:
        return False
    return len(node.overloads) != 1 or node.overloads[0] == "add_list"


def _changes(node: Node) -> bool:
    """Whether it may change a list that cel.bind() has made: see values.GrowingList."""
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, Call) and part.function in ("_+_", "cel.@mapInsert"):
            return True
        stack += children(part)
    return False
