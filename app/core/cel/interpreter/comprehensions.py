"""Comprehensions as steps: the macros over lists and maps, and cel.bind()."""

from dataclasses import dataclass
from typing import Any

from app.core.cel.common.errors import EvalError, located
from app.core.cel.interpreter.steps import Failed, Frame, Run
from app.core.cel.values.kinds import each, is_list, length
from app.core.cel.values.values import CelMap, GrowingList, GrowingMap
from app.core.kept_error import kept


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a comprehension, and where its variables are: first, second, accumulator."""

    over: Run
    init: Run
    condition: Run
    step: Run
    result: Run
    slots: tuple[int, int, int]
    two: bool
    pos: int  # of the range


def comprehension(parts: Parts) -> Run:
    """Goes through the range as cel-go does: a failed step is kept in the accumulator."""
    over, init, condition, step, result = parts.over, parts.init, parts.condition, parts.step, parts.result
    first, second, accumulator = parts.slots

    def run(frame: Frame) -> Any:
        slots = frame.slots
        elements = _elements(over(frame), two=parts.two, pos=parts.pos)
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
                slots[accumulator] = Failed(kept(error))
        return _immutable(result(frame), lazy)

    return run


def variable(slot: int) -> Run:
    """Reads a variable."""

    def read(frame: Frame) -> Any:
        value = frame.slots[slot]
        if value.__class__ is _Lazy:
            value = value.compute(frame, slot)
        if value.__class__ is Failed:
            raise value.error.again()
        return value

    return read


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
            value = Failed(kept(error))
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


def _elements(over: Any, *, two: bool, pos: int) -> Any:
    if is_list(over):
        return enumerate(each(over)) if two else ((item, None) for item in each(over))
    if isinstance(over, CelMap):
        return over.pairs() if two else ((key, None) for key in over.keys())  # noqa: SIM118 - no dict
    raise located(EvalError("the range of a comprehension must be a list or a map"), pos)
