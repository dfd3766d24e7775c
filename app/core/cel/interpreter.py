"""Turns a checked tree into steps: see ``plan``. What cel-go works out once is worked out here, too.

Constant lists and maps, conversions of constants and constant patterns are evaluated at once, so
that what is wrong with them is an error of the expression, whichever branch they are in.
"""

from collections.abc import Callable
from typing import Any

from app.core.cel import runtime_cost
from app.core.cel.calls import membership, pattern_call
from app.core.cel.dispatch import SINGLETONS, implementation
from app.core.cel.errors import CelCompileError, EvalAbortError, EvalError
from app.core.cel.loops import compile_loop
from app.core.cel.messages import construct
from app.core.cel.operators import each, is_list, length, no_overload
from app.core.cel.plan import Attribute, Failed, Frame, Qualifier, Run, Step, constant
from app.core.cel.syntax import Call, Entry, Fold, Ident, ListLit, Literal, MapLit, MessageLit, Node, Select
from app.core.cel.values import (
    CelMap,
    GrowingList,
    GrowingMap,
    Optional,
    UInt,
    UnhashableKeyError,
    map_key,
)

_CONVERSIONS = frozenset(
    {"bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"}
)
_QUALIFIER_TYPES = (str, int, UInt, bool, float)


class Interpreter:
    """A planned expression; ``slots`` is how many variables a frame needs, ``scopes`` where names are.

    ``loops``: comprehensions become Python loops where they can, with the same values and costs.
    """

    def __init__(self, root: Node, *, loops: bool = True) -> None:
        self._loops = loops
        self.scopes: list[dict[str, int]] = []
        self.slots = 0
        self._root = self.plan(root).run

    def evaluate(self, device: Any, limit: int = runtime_cost.LIMIT) -> tuple[Any, int]:
        """The value and the cost.

        Raises:
            EvalError: the evaluation failed.
            EvalAbortError: it was ended.
        """
        frame = Frame(device, self.slots, limit)
        return self._root(frame), frame.cost

    # Expressions

    def plan(self, node: Node) -> Step:  # noqa: PLR0911  # one case for a kind of node
        """How to evaluate a node in the scopes as they are."""
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
                return self._list(node)
            case MapLit():
                return self._map(node)
            case MessageLit():
                return self._message(node)
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
            return self._attribute(Attribute(_device, node.pos))
        return self._attribute(Attribute(self._variable(slot), node.pos))

    def _slot(self, name: str) -> int | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    @staticmethod
    def _variable(slot: int) -> Run:
        def read(frame: Frame) -> Any:
            value = frame.slots[slot]
            if value.__class__ is _Lazy:
                value = value.compute(frame, slot)
            if value.__class__ is Failed:
                raise value.error
            return value

        return read

    def _based(self, node: Node) -> Attribute:
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
        run = pattern or implementation(node.function, node.overloads)
        if node.function in _CONVERSIONS and len(steps) == 1 and steps[0].constant:
            return constant(_at_once(lambda: run(steps[0].value), node))
        cost = runtime_cost.call_cost(node.function, overload)
        parts = tuple(step.run for step in steps)
        if len(parts) == 2 and pattern is None and (overload != "" or node.function in SINGLETONS):
            return Step(_applied_to_two(run, cost, parts, node.pos))
        return Step(_applied(run, cost, parts, node.pos))

    def _logical(self, node: Call) -> Step:
        decisive = node.function == "_||_"
        runs = [self.plan(arg).run for arg in node.args]

        def run(frame: Frame) -> Any:
            failed: EvalError | None = None
            for term in runs:
                try:
                    value = term(frame)
                except EvalError as error:
                    failed = failed or error
                    continue
                if value is decisive:
                    return decisive
                if value is not (not decisive) and failed is None:
                    failed = _located(no_overload(), node.pos)
            if failed is not None:
                raise failed
            return not decisive

        return Step(run)

    def _conditional(self, node: Call) -> Step:
        condition = self.plan(node.args[0]).run
        branches = []
        for branch in node.args[1:]:
            step = self.plan(branch)
            branches.append(step.attribute or Attribute(step.run, branch.pos))
        attribute = Attribute(_device, node.pos, branches=(condition, branches[0], branches[1]))
        return self._attribute(attribute)

    def _or(self, node: Call) -> Step:
        if len(node.operands()) != 2 or node.target is None:
            raise AssertionError(node)
        first, second = self.plan(node.target).run, self.plan(node.args[0]).run
        unwrap = node.function == "orValue"

        def run(frame: Frame) -> Any:
            value = first(frame)
            if value.__class__ is not Optional:
                raise _located(no_overload(), node.pos)
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

    # Aggregates

    def _list(self, node: ListLit) -> Step:
        steps = [self.plan(item) for item in node.items]
        if all(step.constant for step in steps):
            if node.optional:
                raise CelCompileError(
                    "cannot initialize optional list element from non-optional value", node.pos
                )
            return constant(tuple(step.value for step in steps))
        parts = tuple((step.run, at in node.optional) for at, step in enumerate(steps))

        def run(frame: Frame) -> Any:
            found = []
            for part, optional in parts:
                value = part(frame)
                if optional:
                    if value.__class__ is not Optional:
                        raise _located(_not_optional(), node.pos)
                    if not value.present:
                        continue
                    value = value.value
                found.append(value)
            frame.charge(runtime_cost.LIST)
            return tuple(found)

        return Step(run)

    def _map(self, node: MapLit) -> Step:
        pairs = [(self.plan(entry.key), self.plan(entry.value), entry) for entry in node.entries]
        if all(key.constant and value.constant for key, value, _ in pairs):
            for _, _, entry in pairs:
                if entry.optional:
                    raise CelCompileError(
                        "cannot initialize optional entry from non-optional value", entry.pos
                    )
            return constant(_at_once(lambda: _constant_map(pairs), node))
        parts = tuple((key.run, value.run, entry.optional) for key, value, entry in pairs)

        def run(frame: Frame) -> CelMap:
            entries: dict[Any, Any] = {}
            for key_of, value_of, optional in parts:
                key, value = key_of(frame), value_of(frame)
                held = _held(key)
                if optional:
                    if value.__class__ is not Optional:
                        raise _located(_not_optional(), node.pos)
                    if not value.present:
                        entries.pop(held, None)
                        continue
                    value = value.value
                entries[held] = value
            frame.charge(runtime_cost.MAP)
            return CelMap(entries)

        return Step(run)

    def _message(self, node: MessageLit) -> Step:
        parts = tuple((entry.key, self.plan(entry.value).run, entry.optional) for entry in node.entries)

        def run(frame: Frame) -> Any:
            fields: dict[str, Any] = {}
            for name, part, optional in parts:
                value = part(frame)
                if optional:
                    if value.__class__ is not Optional:
                        raise _located(_not_optional(), node.pos)
                    if not value.present:
                        fields.pop(name, None)
                        continue
                    value = value.value
                fields[name] = value
            frame.charge(runtime_cost.MESSAGE)
            return construct(node.name, fields)

        return Step(run)

    # Comprehensions

    def _fold(self, node: Fold) -> Step:
        loop = compile_loop(self, node) if self._loops else None
        if loop is not None:
            return Step(loop)
        over = self.plan(node.range).run
        init = self.plan(node.init).run
        first, second, accumulator = self.slots, self.slots + 1, self.slots + 2
        self.slots += 3
        names = {node.var: first, node.accumulator: accumulator}
        if node.var2:
            names = {node.var: first, node.var2: second, node.accumulator: accumulator}
        self.scopes.append(names)
        condition, step = self.plan(node.condition).run, self.plan(node.step).run
        self.scopes[-1] = {node.accumulator: accumulator}
        result = self.plan(node.result).run
        self.scopes.pop()
        two = bool(node.var2)

        def run(frame: Frame) -> Any:
            slots = frame.slots
            elements = _elements(over(frame), two, node.range.pos)
            lazy = slots[accumulator] = _Lazy(init)
            for key, value in elements:
                slots[first] = key
                slots[second] = value
                try:
                    going = condition(frame)
                except EvalError:
                    going = True
                if going is False:
                    break
                try:
                    slots[accumulator] = step(frame)
                except EvalError as error:
                    slots[accumulator] = Failed(error)
            return _immutable(result(frame), lazy)

        return Step(run)


class _Lazy:
    """A variable's first value, which is worked out when it is first read."""

    __slots__ = ("growing", "init")

    def __init__(self, init: Run) -> None:
        self.init = init
        self.growing = False

    def compute(self, frame: Frame, slot: int) -> Any:
        """The value, or ``Failed``; it is kept in the slot."""
        try:
            value = self.init(frame)
        except EvalError as error:
            value = Failed(error)
        if is_list(value) and not length(value):
            value, self.growing = GrowingList(), True
        elif isinstance(value, CelMap) and not len(value):
            value, self.growing = GrowingMap({}), True
        frame.slots[slot] = value
        return value


def _immutable(value: Any, lazy: _Lazy) -> Any:
    if lazy.growing:
        if value.__class__ is GrowingList:
            return tuple(value.items)
        if value.__class__ is GrowingMap:
            return CelMap(value.entries)
    return value


def _elements(over: Any, two: bool, pos: int) -> Any:  # noqa: FBT001  # of one comprehension
    if is_list(over):
        return enumerate(each(over)) if two else ((item, None) for item in each(over))
    if isinstance(over, CelMap):
        return over.pairs() if two else ((key, None) for key in over.keys())  # noqa: SIM118  # no dict
    raise _located(EvalError("the range of a comprehension must be a list or a map"), pos)


def _device(frame: Frame) -> Any:
    return frame.device


def _located(error: EvalError, pos: int) -> EvalError:
    if error.pos is None:
        error.pos = pos
    return error


def _not_optional() -> EvalError:
    return EvalError("cannot initialize an optional element from a non-optional value")


def _held(key: Any) -> Any:
    try:
        return map_key(key)
    except UnhashableKeyError:
        raise EvalAbortError("a value of this type cannot be a key of a map") from None


def _constant_map(pairs: list[tuple[Step, Step, Entry]]) -> CelMap:
    return CelMap({_held(key.value): value.value for key, value, _ in pairs})


def _at_once(compute: Callable[[], Any], node: Node) -> Any:
    try:
        return compute()
    except (EvalError, EvalAbortError) as error:
        raise CelCompileError(str(error), node.pos) from None


def _applied(run: Callable[..., Any], cost: Callable[..., int], parts: tuple[Run, ...], pos: int) -> Run:
    before, last = parts[:-1], parts[-1:]

    def apply(frame: Frame) -> Any:
        args = [part(frame) for part in before]
        try:
            args.extend(part(frame) for part in last)
        except EvalError as error:
            # cel-go charges for a call once its last argument is evaluated, whatever came out.
            args += [None] * (len(parts) - len(args))
            frame.charge(cost(args))
            raise _located(error, pos) from None
        frame.charge(cost(args))
        try:
            return run(*args)
        except EvalError as error:
            raise _located(error, pos) from None

    return apply


def _applied_to_two(
    run: Callable[..., Any], cost: Callable[..., int], parts: tuple[Run, ...], pos: int
) -> Run:
    """cel-go evaluates the second operand of these even when the first one has failed."""
    one, other = parts

    def apply(frame: Frame) -> Any:
        failed: EvalError | None = None
        left = right = None
        try:
            left = one(frame)
        except EvalError as error:
            failed = error
        try:
            right = other(frame)
        except EvalError as error:
            failed = failed or error
        frame.charge(cost((left, right)))
        if failed is not None:
            raise failed
        try:
            return run(left, right)
        except EvalError as error:
            raise _located(error, pos) from None

    return apply


_SPECIAL: dict[str, Callable[[Interpreter, Call], Step]] = {
    "_&&_": Interpreter._logical,  # noqa: SLF001  # the table is a part of the class
    "_||_": Interpreter._logical,  # noqa: SLF001
    "_?_:_": Interpreter._conditional,  # noqa: SLF001
    "_[_]": Interpreter._index,  # noqa: SLF001
    "_[?_]": Interpreter._index,  # noqa: SLF001
    "_?._": Interpreter._index,  # noqa: SLF001
    "or": Interpreter._or,  # noqa: SLF001
    "orValue": Interpreter._or,  # noqa: SLF001
    "@not_strictly_false": Interpreter._not_strictly_false,  # noqa: SLF001
}
