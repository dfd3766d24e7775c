"""Evaluation step by step, with cel-go's costs: the engine for all expressions.

The tree is turned into closures once. Names and selections are planned as cel-go plans them
("attributes": a root with qualifiers), since their cost, optional values and conditionals depend on it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.core.cel.common.errors import CostLimitError, EvalError, located
from app.core.cel.library import runtime_cost
from app.core.cel.values.kinds import no_overload
from app.core.cel.values.selection import find, select
from app.core.cel.values.values import NONE, Optional
from app.core.pauses import pause

PAUSE_COST = 1_000
"""Units between two pauses: 0.1 to 0.5 ms."""


class Frame:
    """The state of one evaluation.

    ``inputs`` are the values of the variables, ``stop`` is the cost of the next pause: see ``reach``.
    """

    __slots__ = ("_limit", "cost", "inputs", "slots", "stop")

    def __init__(self, inputs: tuple[Any, ...], slots: int, limit: int) -> None:
        self.inputs = inputs
        self.slots: list[Any] = [None] * slots
        self.cost = 0
        self.stop = min(limit, PAUSE_COST)
        self._limit = limit

    def charge(self, cost: int) -> None:
        """Adds to the cost.

        Raises:
            CostLimitError: the limit is passed.
        """
        self.cost += cost
        if self.cost > self.stop:
            self.reach(self.cost)

    def reach(self, cost: int) -> int:
        """Pauses at a cost beyond ``stop``, and gives the next one. So a pause takes no test but the limit's.

        Raises:
            CostLimitError: the limit is passed.
        """
        self.cost = cost
        if cost > self._limit:
            raise CostLimitError("operation cancelled: actual cost limit exceeded")
        pause(PAUSE_COST)
        self.stop = min(cost + PAUSE_COST, self._limit)
        return self.stop


Run = Callable[[Frame], Any]


class Failed:
    """An error held in a variable: it is raised when the variable is read."""

    __slots__ = ("error",)

    def __init__(self, error: EvalError) -> None:
        self.error = error


@dataclass(slots=True)
class Step:
    """How to evaluate an expression. ``constant``: always to ``value``."""

    run: Run
    constant: bool = False
    value: Any = None
    attribute: "Attribute | None" = None


def constant(value: Any) -> Step:
    """A step that is done already."""
    return Step(lambda _frame: value, constant=True, value=value)


@dataclass(slots=True)
class Qualifier:
    """One selection: by a constant key, or by the value of an expression."""

    key: Any
    dynamic: "Attribute | None"
    optional: bool
    pos: int

    @property
    def cost(self) -> int:
        """A constant key costs one unit, as does every name; a conditional's cost is in its parts."""
        return 0 if self.dynamic is not None and self.dynamic.is_conditional else runtime_cost.SELECT

    def key_of(self, frame: Frame) -> Any:
        """The key."""
        return self.key if self.dynamic is None else self.dynamic.resolve(frame)


@dataclass(slots=True)
class Attribute:
    """A root and what is selected from it. ``root`` gives the value that the qualifiers apply to."""

    root: Run
    pos: int
    qualifiers: list[Qualifier] = field(default_factory=list)
    branches: "tuple[Run, Attribute, Attribute] | None" = None
    test_only: bool = False

    @property
    def is_conditional(self) -> bool:
        """``a ? b : c``, whose selections belong to both b and c."""
        return self.branches is not None

    def add(self, qualifier: Qualifier) -> None:
        """Appends a selection."""
        if self.branches is None:
            self.qualifiers.append(qualifier)
            return
        self.branches[1].add(qualifier)
        self.branches[2].add(qualifier)

    def run(self, frame: Frame) -> Any:
        """The value, with the cost of the name itself."""
        if self.branches is None and not self.test_only:
            frame.charge(runtime_cost.SELECT)
        found = self.resolve(frame)
        if self.test_only and found.__class__ is Optional:
            return found.present
        return found

    def resolve(self, frame: Frame) -> Any:
        """The value, without it."""
        if self.branches is not None:
            condition, chosen, other = self.branches
            decided = condition(frame)
            if decided is True:
                return chosen.resolve(frame)
            if decided is False:
                return other.resolve(frame)
            raise located(no_overload(), self.pos)
        value = self.root(frame)
        if self.qualifiers or value.__class__ is Optional:
            return self._qualified(frame, value)
        return value

    def _qualified(self, frame: Frame, value: Any) -> Any:
        optional = False
        if value.__class__ is Optional:
            if not self.qualifiers or not value.present:
                return value
            optional, value = True, value.value
        last = self.qualifiers[-1]
        for qualifier in self.qualifiers:
            optional = optional or qualifier.optional
            try:
                value, present = self._apply(
                    frame, qualifier, value, optional=optional, testing=self.test_only and qualifier is last
                )
            except EvalError as error:
                raise located(error, qualifier.pos) from None
            if not present:
                return NONE
        return Optional(value) if optional else value

    def _apply(
        self, frame: Frame, qualifier: Qualifier, value: Any, *, optional: bool, testing: bool
    ) -> tuple[Any, bool]:
        key = qualifier.key_of(frame)
        if optional:
            found, present = find(value, key)
            if present:
                frame.charge(qualifier.cost)
            return found, present
        frame.charge(qualifier.cost)
        if testing:
            return find(value, key)[1], True
        return select(value, key), True
