"""Parts of comprehensions that have no form in Python: steps of the interpreter, called from the loop."""

from typing import Protocol

from app.core.cel.common.ast import Call, Ident, Node, children
from app.core.cel.interpreter.steps import Step
from app.core.cel.loops.lines import Lines
from app.core.cel.loops.runtime import is_scalar
from app.core.cel.loops.static_facts import Terms, Value
from app.core.cel.parser.macros import ACCUMULATOR


class Planner(Protocol):
    """The interpreter, as far as loops need it."""

    scopes: list[dict[str, int]]
    slots: int

    def plan(self, node: Node) -> Step:
        """How to evaluate a node in the scopes as they are."""


class Steps(Lines):
    """Writes calls of steps, and knows the loops' names."""

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self.planner = planner
        self.outer = len(planner.scopes)
        self.names: list[dict[str, Value]] = []
        self.terms = Terms(self.find)
        self.read: set[int] = set()  # slots that steps of the interpreter read
        self.keeps_calls = False  # nothing in the loops can change a list

    def find(self, name: str) -> Value | None:
        """The Python variable of a name, if it is one of the loops'."""
        ours = self.planner.scopes[self.outer :]
        for scope, names in zip(reversed(ours), reversed(self.names), strict=True):
            if name in scope:
                return names.get(name)
        return None

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
            return self._kept(run, made=not isinstance(node, Ident))
        found = self.source.temporary()
        self._step(found, run)
        return Value(found, "any")

    def _step(self, found: str, run: str) -> None:
        self.line("frame.cost = c")
        with self.block("try:"):
            self.line(f"{found} = {run}(frame)")
        with self.block("finally:"):
            self.line("c = frame.cost")

    def _kept(self, run: str, *, made: bool) -> Value:
        """A step that reads no variable of the loops: what it gives and costs the second time is kept.

        The first time may cost more, since variables of cel.bind() get their values when they are read.
        What is made or read from a device is kept only if it is told apart by its value: each list is another
        key of a map.
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
                if made:
                    self.line(f"if not {self.source.constant(is_scalar)}({found}): {times} = 0")
            with self.block("except EvalError as error:"):
                self.line(f"{failed} = error")
                self.line("raise")
            with self.block("finally:"):
                self.line(f"{cost} = c - {cost}")
        return Value(found, "any")

    def reads(self, node: Node) -> bool:
        if isinstance(node, Ident):
            return self.find(node.name) is not None
        return any(self.reads(part) for part in children(node))

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
