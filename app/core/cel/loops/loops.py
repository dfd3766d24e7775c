"""Compiles comprehensions to Python loops that count the cost as cel-go does.

The interpreter needs some 2 us a turn of a loop, and a budget of 1,000,000 is 150,000 turns. A loop
written out as Python takes a tenth of that. What has no Python form here stays a step of the
interpreter, called from the loop: its variables are then in the frame's slots as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app.core.cel.common.ast import Call, Fold, ListLit, Literal, Node
from app.core.cel.common.errors import EvalError, located
from app.core.cel.interpreter.steps import Run
from app.core.cel.library import runtime_cost
from app.core.cel.loops.delegated import Planner, changes_lists
from app.core.cel.loops.expressions import Expressions
from app.core.cel.loops.runtime import END, counted, elements, new_map, pairs
from app.core.cel.loops.static_facts import LOOPS, Value, kind_of_constant
from app.core.cel.values.values import CelMap


class _DeclinedError(Exception):
    """The loop is the interpreter's."""


_MAX_LINES = 500
"""Of a function: Python compiles 100 in a millisecond, in one go."""


def compile_loop(planner: Planner, node: Fold) -> Run | None:
    """The comprehension as one Python function; None if it has no loop to write."""
    if node.macro not in LOOPS:
        return None
    depth, slots = len(planner.scopes), planner.slots
    writer = _Writer(planner)
    try:
        return writer.build(node)
    except (_DeclinedError, SyntaxError):  # too many blocks
        del planner.scopes[depth:]
        planner.slots = slots
        return None


@dataclass(frozen=True, slots=True)
class _Head:
    """What a loop goes over, its variables, and the slots where steps of the interpreter look for them."""

    over: str
    variables: str
    stores: tuple[tuple[int, str], ...]


class _Writer(Expressions):
    def build(self, node: Fold) -> Run:
        """The function. Its free names are the constants that the writer hands over."""
        self.keeps_calls = not changes_lists(node)
        result = self.loop(node)
        self.flush()
        if len(self.lines) > _MAX_LINES:
            raise _DeclinedError
        names = self.source.names | {"EvalError": EvalError, "located": located}
        lines = [
            f"def make({', '.join(names)}):",
            "  def loop(frame):",
            "   c, L, slots, reach = frame.cost, frame.stop, frame.slots, frame.reach",
            *(f"   {line}" for line in self.prologue),
            "   try:",
            *self.lines,
            "   except EvalError:",
            "    frame.cost = c",
            "    if c > L: reach(c)",
            "    raise",
            "   frame.cost = c",
            "   if c > L: reach(c)",
            f"   return {result.code}",
            "  return loop",
        ]
        space: dict[str, Any] = {"__builtins__": {}}
        exec(compile("\n".join(lines), "<loop>", "exec"), space)  # noqa: S102 - our own text: see fast_terms
        made: Run = space["make"](**names)
        return made

    def loop(self, node: Fold) -> Value:
        two = bool(node.var2)
        over, kinds = self._range(node.range, two=two, pos=node.range.pos)
        slots = self.planner.slots
        self.planner.slots += 3
        scope = {node.var: slots, node.accumulator: slots + 2}
        variables = [Value(self.source.temporary(), kind) for kind in kinds]
        names = {node.var: variables[0]}
        if two:
            scope = {node.var: slots, node.var2: slots + 1, node.accumulator: slots + 2}
            names[node.var2] = variables[1]
        head = _Head(
            over, ", ".join(variable.code for variable in variables),
            tuple((slots + at, variable.code) for at, variable in enumerate(variables)),
        )  # fmt: skip
        self.planner.scopes.append(scope)
        self.names.append(names)
        if node.macro in ("all", "exists"):
            result = self._quantifier(node, head)
        elif node.macro in ("exists_one", "existsOne"):
            result = self._one(node, head)
        elif node.macro in ("transformMap", "transformMapEntry"):
            result = self._map(node, head, positions=kinds[0] == "int")
        else:
            result = self._collection(node, head)
        self.names.pop()
        self.planner.scopes.pop()
        return result

    def _range(self, node: Node, *, two: bool, pos: int) -> tuple[str, list[str]]:
        """What is iterated over, and the kinds of the variables."""
        if isinstance(node, Call) and node.overloads == ("lists_range",) and self.terms.safe(node.args[0]):
            self.pending += self.terms.fixed(node.args[0]) or 0
            count = self.pure(node.args[0]).code
            self.flush()
            cost = self.source.constant(runtime_cost.call_cost(node.function, node.overloads[0]))
            self.line(f"c += {cost}(({count},))")
            self.line("if c > L: L = reach(c)")
            code = f"{self.source.constant(counted)}({count}, {two})"
            return self.raising(code, "any", node.pos).code, ["int", "int"][: 1 + two]
        value = self.value(node)
        self.flush()
        code = f"{self.source.constant(pairs if two else elements)}({value.code}, {pos})"
        found = self.assigned(code, "any").code
        kinds = ["any", "any"]
        if isinstance(node, ListLit) and not node.optional:
            inner = {kind_of_constant(i.value) if isinstance(i, Literal) else "any" for i in node.items}
            kinds = ["int" if two else "any", "any"]
            if len(inner) == 1:
                kinds[1 if two else 0] = inner.pop()
        return found, kinds[: 1 + two]

    @contextmanager
    def _turns(self, head: "_Head") -> Iterator[str]:
        """The body of the loop; gives the iterator."""
        self.flush()
        iterator = self.assigned(f"{self.source.constant(iter)}({head.over})", "any").code
        with self.block(f"for {head.variables} in {iterator}:"):
            self.line("if c > L: L = reach(c)")
            at = len(self.lines)
            yield iterator
            self.flush()
            stores = [
                " " * (self.blocks + 3) + f"slots[{slot}] = {variable}"
                for slot, variable in head.stores
                if slot in self.read
            ]
            self.lines[at:at] = stores

    @contextmanager
    def _guarded(self, failed: str, *, first: bool) -> Iterator[None]:
        """Statements that may fail: the first or the last failure is kept, and the next turn begins."""
        with self.block("try:"):
            yield
            self.flush()
        with self.block("except EvalError as error:"):
            self.line(f"{'if ' + failed + ' is None: ' if first else ''}{failed} = error")
            self.line("continue")

    def _test(self, node: Node, failed: str, pos: int, *, first: bool) -> str:
        """The code of a condition; its failures go into ``failed``."""
        fixed = self.terms.fixed(node)
        if fixed is not None:
            self.pending += fixed
            if self.terms.safe(node) and self.terms.kind(node) == "bool":
                return self.pure(node).code
        self.flush()
        variable = self.source.temporary()
        with self._guarded(failed, first=first):
            value = self.pure(node) if fixed is not None else self.value(node)
            code = self.checked(value, pos)
            self.flush()
            self.line(f"{variable} = {code}")
        return variable

    def _quantifier(self, node: Fold, head: "_Head") -> Value:
        step = node.step
        if not isinstance(step, Call):
            raise _DeclinedError
        every = node.macro == "all"
        result = self.assigned(str(every), "bool")
        failed = self.assigned("None", "any").code
        with self._turns(head) as iterator:
            # The condition of the loop, and the name in it and in the step.
            self.pending += 3 if every else 4
            code = self._test(step.args[1], failed, step.pos, first=True)
            with self.block(f"if {'not ' if every else ''}{code}:"):
                self.line(f"{result.code} = {not every}")
                end = self.source.constant(END)
                more = f"{self.source.constant(next)}({iterator}, {end}) is not {end}"
                self.line(f"if {more}: c += {2 if every else 3}")
                self.line("break")
        self.line("c += 1")
        self.line(f"if {'' if every else 'not '}{result.code} and {failed} is not None: raise {failed}")
        return result

    def _one(self, node: Fold, head: "_Head") -> Value:
        step = node.step
        if not isinstance(step, Call):
            raise _DeclinedError
        count = self.assigned("0", "int").code
        failed = self.assigned("None", "any").code
        with self._turns(head):
            code = self._test(step.args[0], failed, step.pos, first=False)
            with self.block(f"if {code}:"):
                self.line("c += 2")
                self.line(f"{count} += 1")
        self.line("c += 2")
        self.line(f"if {failed} is not None: raise {failed}")
        return self.assigned(f"{count} == 1", "bool")

    def _collection(self, node: Fold, head: "_Head") -> Value:
        step, condition = node.step, None
        if isinstance(step, Call) and step.function == "_?_:_":
            condition, step = step.args[0], step.args[1]
        if not isinstance(step, Call) or not isinstance(step.args[1], ListLit):
            raise _DeclinedError
        item = step.args[1].items[0]
        found = self.assigned("[]", "any").code
        failed = self.assigned("None", "any").code
        with self._turns(head):
            if condition is None:
                self._append(item, found, failed)
            else:
                code = self._test(condition, failed, node.step.pos, first=False)
                with self.block(f"if {code}:"):
                    self._append(item, found, failed)
        self.line("c += 1")
        self.line(f"if {failed} is not None: raise {failed}")
        return self.assigned(f"{self.source.constant(tuple)}({found})", "any")

    def _map(self, node: Fold, head: "_Head", *, positions: bool) -> Value:
        """transformMap() and transformMapEntry(). ``positions``: the keys are those of a list."""
        step, condition = node.step, None
        if isinstance(step, Call) and step.function == "_?_:_":
            condition, step = step.args[0], step.args[1]
        if not isinstance(step, Call):
            raise _DeclinedError
        insert = self._put if len(step.args) == 3 else self._merge
        found = self.assigned(f"{self.source.constant(new_map)}()", "any").code
        failed = self.assigned("None", "any").code
        with self._turns(head):
            if condition is None:
                insert(step, found, failed, positions=positions)
            else:
                code = self._test(condition, failed, node.step.pos, first=False)
                with self.block(f"if {code}:"):
                    insert(step, found, failed, positions=positions)
        self.line("c += 1")
        self.line(f"if {failed} is not None: raise {failed}")
        return self.assigned(f"{self.source.constant(CelMap)}({found}.entries)", "any")

    def _put(self, step: Call, found: str, failed: str, *, positions: bool) -> None:
        """An entry. A call of three arguments ends at the first that fails, be it the map itself."""
        self.pending += 1
        self.flush()
        with self.block(f"if {failed} is not None:"):
            self.line("continue")
        self.pending += 1
        key = self.pure(step.args[1])
        self.pending += 1  # the call, which is charged for when its last argument fails as well
        self.flush()
        with self._guarded(failed, first=True):
            value = self.value(step.args[2])
            self.flush()
            if positions:
                self.line(f"{found}.put({key.code}, {value.code})")
            else:
                self.applied(step, [Value(found, "any"), key, value])

    def _merge(self, step: Call, found: str, failed: str, *, positions: bool) -> None:
        """The entries of a map."""
        del positions
        self.pending += 2
        self.flush()
        with self._guarded(failed, first=True):
            value = self.value(step.args[1])
            self.flush()
            with self.block(f"if {failed} is None:"):
                self.applied(step, [Value(found, "any"), value])

    def _append(self, item: Node, found: str, failed: str) -> None:
        self.pending += 2  # the sum and the name in it
        fixed = self.terms.fixed(item)
        if fixed is not None and self.terms.safe(item):
            self.pending += fixed
            value = self.pure(item)
            self.pending += 0 if value.constant else runtime_cost.LIST
            self.flush()
            self.line(f"{found}.append({value.code})")
            return
        self.flush()
        with self._guarded(failed, first=True):
            value = self.value(item)
            self.pending += 0 if value.constant else runtime_cost.LIST
            self.flush()
            self.line(f"{found}.append({value.code})")
