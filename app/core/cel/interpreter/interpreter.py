"""Turns a checked tree into steps: see ``plan``. What cel-go works out once is worked out here, too.

Constant lists and maps, conversions of constants and constant patterns are evaluated at once, so
that what is wrong with them is an error of the expression, whichever branch they are in.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.cel.common.ast import Call, Expr, Fold, Ident, ListLit, Literal, MapLit, MessageLit, Select
from app.core.cel.common.errors import CelCompileError, EvalError, located
from app.core.cel.interpreter.aggregates import at_once, list_step, map_step, message_step
from app.core.cel.interpreter.application import applied, applied_to_two
from app.core.cel.interpreter.calls import membership, pattern_call
from app.core.cel.interpreter.comprehensions import Parts, comprehension, variable
from app.core.cel.interpreter.constants import CONVERSIONS
from app.core.cel.interpreter.steps import Attribute, Frame, Qualifier, Run, Step, constant
from app.core.cel.library import runtime_cost
from app.core.cel.library.dispatch import SINGLETONS, implementation
from app.core.cel.values.containers import anew
from app.core.cel.values.kinds import is_list, no_overload
from app.core.cel.values.values import Optional, UInt
from app.core.kept_error import kept
from app.core.pauses import pause

_QUALIFIER_TYPES = (str, int, UInt, bool, float)


class Interpreter:
    """A planned expression over ``variables``.

    ``slots`` is how many local variables a frame needs, ``scopes`` where their names are. ``lenient_or``
    and ``variants``: see Environment.
    """

    def __init__(
        self,
        root: Expr,
        variables: Sequence[str],
        *,
        lenient_or: bool = False,
        variants: frozenset[str] = frozenset(),
    ) -> None:
        self._lenient_or = lenient_or
        self._variants = variants
        self._variables = tuple(variables)
        self.scopes: list[dict[str, int]] = []
        self.slots = 0
        self._root = self.plan(root).run

    def evaluate(self, variables: Mapping[str, Any], limit: int = runtime_cost.LIMIT) -> tuple[Any, int]:
        """The value and the cost, with these values of the variables.

        Raises:
            EvalError: the evaluation failed.
            EvalAbortError: it was ended.
        """
        frame = Frame(tuple([variables[name] for name in self._variables]), self.slots, limit)
        return self._root(frame), frame.cost

    # Expressions

    def plan(self, node: Expr) -> Step:  # noqa: PLR0911 - one case for a kind of node
        """How to evaluate a node in the scopes as they are."""
        pause()
        match node:
            case Literal():
                return constant(node.value)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListLit():
                return list_step(node, [self.plan(item) for item in node.items])
            case MapLit():
                return map_step(node, [(self.plan(e.key), self.plan(e.value), e) for e in node.entries])
            case MessageLit():
                return message_step(node, [self.plan(entry.value) for entry in node.entries])
            case Fold():
                return self._fold(node)
            case _:
                raise AssertionError(node)

    @staticmethod
    def _attribute(attribute: Attribute) -> Step:
        return Step(attribute.run, attribute=attribute)

    def _ident(self, node: Ident) -> Step:
        if node.constant is not None:
            return constant(node.constant)
        slot = None if node.name.startswith(".") else self._slot(node.name)
        if slot is None:
            place = self._variables.index(node.name.removeprefix("."))
            return self._attribute(Attribute(_input(place), node.pos))
        return self._attribute(Attribute(variable(slot), node.pos))

    def _slot(self, name: str) -> int | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def _based(self, node: Expr) -> Attribute:
        """The node as an attribute that selections can be added to."""
        step = self.plan(node)
        if step.attribute is not None and not step.attribute.test_only:
            return step.attribute
        return Attribute(step.run, node.pos)

    def _select(self, node: Select) -> Step:
        if node.qualified is not None:
            return constant(node.constant)
        attribute = self._based(node.operand)
        attribute.add(Qualifier(node.field, None, optional=False, pos=node.pos))
        attribute.test_only = node.test_only
        return self._attribute(attribute)

    def _index(self, node: Call) -> Step:
        attribute = self._based(node.args[0])
        optional = node.function != "_[_]"
        index = self.plan(node.args[1])
        if index.constant:
            if not isinstance(index.value, _QUALIFIER_TYPES):
                raise CelCompileError("invalid qualifier type", node.pos)
            qualifier = Qualifier(index.value, None, optional, node.pos)
        else:
            dynamic = index.attribute or Attribute(index.run, node.args[1].pos)
            qualifier = Qualifier(None, dynamic, optional, node.pos)
        attribute.add(qualifier)
        return self._attribute(attribute)

    # Calls

    def _call(self, node: Call) -> Step:
        special = _SPECIAL.get(node.function)
        if special is not None:
            return special(self, node)
        steps = tuple(self.plan(operand) for operand in node.operands())
        overload = node.overloads[0] if len(node.overloads) == 1 else ""
        if overload == "in_list" and steps[1].constant and is_list(steps[1].value):
            found = membership(steps[0], steps[1].value)
            if found is not None:
                return found
        pattern = pattern_call(node, steps)
        run = pattern or implementation(node.function, node.overloads, self._variants)
        if node.function in CONVERSIONS and len(steps) == 1 and steps[0].constant:
            return constant(at_once(lambda: run(steps[0].value), node))
        cost = runtime_cost.call_cost(node.function, overload)
        parts = tuple(step.run for step in steps)
        if len(parts) == 2 and pattern is None and (overload != "" or node.function in SINGLETONS):
            return Step(applied_to_two(run, cost, parts, node.pos))
        return Step(applied(run, cost, parts, node.pos))

    def _logical(self, node: Call) -> Step:
        decisive = node.function == "_||_"
        runs = [self.plan(arg).run for arg in node.args]

        def run(frame: Frame) -> Any:
            failed: EvalError | None = None
            for term in runs:
                try:
                    value = term(frame)
                except EvalError as error:
                    failed = failed or kept(error)
                    continue
                if value is decisive:
                    return decisive
                if value is not (not decisive) and failed is None:
                    failed = located(no_overload(), node.pos)
            if failed is not None:
                raise failed.again()
            return not decisive

        return Step(run)

    def _conditional(self, node: Call) -> Step:
        condition = self.plan(node.args[0]).run
        branches = []
        for branch in node.args[1:]:
            step = self.plan(branch)
            branches.append(step.attribute or Attribute(step.run, branch.pos))
        attribute = Attribute(condition, node.pos, branches=(condition, branches[0], branches[1]))
        return self._attribute(attribute)

    def _or(self, node: Call) -> Step:
        if len(node.operands()) != 2 or node.target is None:
            raise AssertionError(node)
        first, second = self.plan(node.target).run, self.plan(node.args[0]).run
        unwrap, lenient = node.function == "orValue", self._lenient_or

        def run(frame: Frame) -> Any:
            value = first(frame)
            if value.__class__ is not Optional:
                if lenient:
                    return value
                raise located(no_overload(), node.pos)
            if value.present:
                return value.value if unwrap else value
            return second(frame)

        return Step(run)

    def _not_strictly_false(self, node: Call) -> Step:
        inner = self.plan(node.args[0]).run

        def run(frame: Frame) -> bool:
            frame.charge(1)
            try:
                return inner(frame) is not False
            except EvalError:
                return True

        return Step(run)

    # Comprehensions

    def _fold(self, node: Fold) -> Step:
        over = self.plan(node.range).run
        init = self.plan(node.init).run
        slots = self.slots, self.slots + 1, self.slots + 2
        self.slots += 3
        names = {node.var: slots[0], node.accumulator: slots[2]}
        if node.var2:
            names = {node.var: slots[0], node.var2: slots[1], node.accumulator: slots[2]}
        self.scopes.append(names)
        condition, step = self.plan(node.condition).run, self.plan(node.step).run
        self.scopes[-1] = {node.accumulator: slots[2]}
        result = self.plan(node.result).run
        self.scopes.pop()
        two, pos = bool(node.var2), node.range.pos
        return Step(comprehension(Parts(over, init, condition, step, result, slots, two, pos)))


def _input(place: int) -> Run:
    return lambda frame: anew(frame.inputs[place])


_SPECIAL: dict[str, Callable[[Interpreter, Call], Step]] = {
    "_&&_": Interpreter._logical,  # noqa: SLF001 - the table is a part of the class
    "_||_": Interpreter._logical,  # noqa: SLF001 - the table of the class above
    "_?_:_": Interpreter._conditional,  # noqa: SLF001 - the table of the class above
    "_[_]": Interpreter._index,  # noqa: SLF001 - the table of the class above
    "_[?_]": Interpreter._index,  # noqa: SLF001 - the table of the class above
    "_?._": Interpreter._index,  # noqa: SLF001 - the table of the class above
    "or": Interpreter._or,  # noqa: SLF001 - the table of the class above
    "orValue": Interpreter._or,  # noqa: SLF001 - the table of the class above
    "@not_strictly_false": Interpreter._not_strictly_false,  # noqa: SLF001 - the table of the class above
}
