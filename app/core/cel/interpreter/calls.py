"""Calls that are prepared when the expression is planned: constant patterns, constant sets."""

from collections.abc import Callable
from typing import Any

from app.core.cel.common.ast import Call
from app.core.cel.common.errors import CelCompileError, EvalAbortError, EvalError
from app.core.cel.interpreter.steps import Frame, Step, constant
from app.core.cel.library.regular_expressions import check_pattern, first_match, is_found
from app.core.cel.library.strings import find_some
from app.core.cel.values.kinds import no_overload
from app.core.cel.values.values import (
    INT_MAX,
    INT_MIN,
    Optional,
    TypeValue,
    UInt,
    UnhashableKeyError,
    map_key,
)
from app.core.pauses import paced_if_many

_PATTERNED = frozenset({"matches", "find", "findAll"})
_PRIMITIVES = (bool, float, int, str, UInt)


def pattern_call(node: Call, steps: tuple[Step, ...]) -> Callable[..., Any] | None:
    """matches(), find() and findAll() with a constant pattern, which is checked at once.

    It is looked up for each call: kept compiled by a small selector, it could take 0.5 MB.

    Raises:
        CelCompileError: the pattern is none.
    """
    if node.function not in _PATTERNED or len(steps) < 2:
        return None
    pattern = steps[1]
    if not pattern.constant or pattern.value.__class__ is not str:
        return None
    source = pattern.value
    try:
        check_pattern(source)
    except (EvalError, EvalAbortError) as error:
        raise CelCompileError(str(error), node.pos) from None
    if node.function == "matches":
        return lambda text, _pattern: is_found(source, _text(text))
    if node.function == "find":
        return lambda text, _pattern: first_match(source, _text(text))

    def find_all(text: Any, _pattern: Any, limit: Any = -1) -> Any:
        limit = _inner(limit)
        if limit.__class__ is not int:
            raise no_overload()
        return find_some(_text(text), source, limit)

    return find_all


def _inner(value: Any) -> Any:
    while value.__class__ is Optional and value.present:
        value = value.value
    return value


def _text(value: Any) -> str:
    # cel-go uses the Go value here, which is a string for types and texts in optionals, too.
    value = _inner(value)
    if value.__class__ is TypeValue:
        return str(value.name)
    if value.__class__ is not str:
        raise no_overload()
    return str(value)


def membership(value: Step, elements: Any) -> Step | None:
    """``value in [constants]`` as a look-up; None where cel-go compares one by one."""
    if not elements:
        return constant(value=False)
    found = constant_set(elements)
    if found is None:
        return None
    run = value.run
    return Step(lambda frame: is_member(found, _evaluated(run, frame)))


def _evaluated(run: Callable[[Frame], Any], frame: Frame) -> Any:
    return run(frame)


def constant_set(elements: Any) -> frozenset[Any] | None:
    """The elements in the form of keys of a map, with equal numbers of the other types."""
    found: set[Any] = set()
    for element in paced_if_many(elements):
        if element.__class__ not in _PRIMITIVES:
            return None
        found.add(map_key(element))
        if element.__class__ in (int, UInt, float):
            found.update(_other_numbers(element))
    return frozenset(found)


def _other_numbers(number: Any) -> list[Any]:
    if number.__class__ is float:
        if not number.is_integer():
            return []
        whole = int(number)
        exact = []
        if -(2.0**63) < number < 2.0**63:
            exact.append(whole)
        if 0 <= number < 2.0**64:
            exact.append(map_key(UInt(whole)))
        return exact
    value = number.value if number.__class__ is UInt else number
    others = [map_key(float(value))]
    if number.__class__ is int and value >= 0:
        others.append(map_key(UInt(value)))
    if number.__class__ is UInt and INT_MIN <= value <= INT_MAX:
        others.append(value)
    return others


def is_member(elements: frozenset[Any], value: Any) -> bool:
    """Whether the value is one of the elements.

    Raises:
        EvalAbortError: a value that Go cannot look up.
    """
    try:
        return map_key(value) in elements
    except UnhashableKeyError:
        raise EvalAbortError("a value of this type cannot be looked up in a set of constants") from None
