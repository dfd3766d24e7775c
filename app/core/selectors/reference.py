"""The reference engine: cel-python, for as much of the dialect as it gives the same answers for.

An expression is parsed and checked as for the fast path, since cel-python has no type check. If it
keeps to what is listed here, cel-python evaluates it; anything else is the interpreter's. Slower by
two orders of magnitude: it is there to compare with.
"""

from collections.abc import Callable
from typing import Any

import celpy
from celpy import celtypes
from celpy.evaluation import CELEvalError

from app.core.cel.common.ast import Call, Expr, Ident, Literal, Select, children
from app.core.cel.common.errors import CelRuntimeError, EvalError
from app.core.cel.values.quantities import QuantityValue, parse_quantity
from app.core.cel.values.semver import Semver, parse_semver
from app.core.model.device import DeviceShape
from app.core.selectors.device_view import view_of

Matcher = Callable[[DeviceShape], bool]

_OPERATORS = frozenset({
    "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "_&&_", "_||_", "!_", "_+_", "_-_", "_*_", "_/_", "_%_",
    "_?_:_", "_[_]",
})  # fmt: skip
_FUNCTIONS = frozenset({
    "startsWith", "endsWith", "contains", "size", "quantity", "semver", "isGreaterThan", "isLessThan",
    "compareTo", "major", "minor", "patch",
})  # fmt: skip
_SCALARS = {str: celtypes.StringType, int: celtypes.IntType, bool: celtypes.BoolType}


def compile_reference(text: str, tree: Expr, interpreted: Matcher, evaluations: list[int]) -> Matcher | None:
    """The expression for cel-python; None if it is not one for it. O(nodes).

    Where cel-python ends in an error, the interpreter has the last word: it alone knows which values
    of different types may be compared.
    """
    if not _is_common(tree) or '"""' in text or "'''" in text:
        return None
    environment = celpy.Environment()
    program = environment.program(environment.compile(text), functions=_extensions())

    def matches(shape: DeviceShape) -> bool:
        evaluations[0] += 1
        try:
            found = program.evaluate({"device": _device(shape)})
        except CELEvalError:
            return interpreted(shape)
        if isinstance(found, celtypes.BoolType | bool):
            return bool(found)
        raise CelRuntimeError(f"CEL result of type {type(found).__name__} could not be converted to bool")

    return matches


def _is_common(tree: Expr) -> bool:
    stack = [tree]
    while stack:
        node = stack.pop()
        match node:
            case Literal():
                if type(node.value) not in _SCALARS:
                    return False
            case Ident():
                if node.constant is not None:
                    return False
            case Select():
                pass
            case Call():
                if node.function not in _OPERATORS and node.function not in _FUNCTIONS:
                    return False
                if node.function == "semver" and len(node.args) > 1:
                    return False  # with normalization
            case _:
                return False
        stack += children(node)
    return True


class _Domains(celtypes.MapType):
    """A domain that is not there is an empty map."""

    def __missing__(self, _key: Any) -> celtypes.MapType:
        return celtypes.MapType({})


class _Opaque:
    """A quantity or a version: equal to its own kind only; any other comparison is an error."""

    __hash__ = None  # type: ignore[assignment]  # as Go's structs with slices

    def __init__(self, value: QuantityValue | Semver) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Opaque) or type(self.value) is not type(other.value):
            raise TypeError("no such overload")
        return _compared(self, other) == 0


def _device(shape: DeviceShape) -> celtypes.MapType:
    view = view_of(shape)
    if view.error is not None:
        raise CelRuntimeError(view.error)
    members = {
        "driver": celtypes.StringType(view.driver),
        "allowMultipleAllocations": celtypes.BoolType(view.shared),
        "attributes": _domains(view.flat),
        "capacity": _domains(view.amounts),
    }
    return celtypes.MapType({celtypes.StringType(name): value for name, value in members.items()})


def _domains(flat: dict[str, Any]) -> _Domains:
    domains: dict[str, dict[Any, Any]] = {}
    for name, value in flat.items():
        domain, _, identifier = name.partition("/")
        domains.setdefault(domain, {})[celtypes.StringType(identifier)] = _value(value)
    return _Domains(
        {celtypes.StringType(domain): celtypes.MapType(values) for domain, values in domains.items()}
    )


def _value(value: Any) -> Any:
    wrap = _SCALARS.get(type(value))
    if wrap is not None:
        return wrap(value)
    if isinstance(value, tuple | list):
        return celtypes.ListType([_value(item) for item in value])
    return _Opaque(value) if isinstance(value, QuantityValue | Semver) else value


def _extensions() -> dict[str, Callable[..., Any]]:
    return {
        "quantity": _parsing(parse_quantity),
        "semver": _parsing(parse_semver),
        "isGreaterThan": lambda one, other: celtypes.BoolType(_compared(one, other) > 0),
        "isLessThan": lambda one, other: celtypes.BoolType(_compared(one, other) < 0),
        "compareTo": lambda one, other: celtypes.IntType(_compared(one, other)),
        "major": lambda version: celtypes.IntType(_semver(version).major),
        "minor": lambda version: celtypes.IntType(_semver(version).minor),
        "patch": lambda version: celtypes.IntType(_semver(version).patch),
    }


def _parsing(parse: Callable[[str], QuantityValue | Semver]) -> Callable[..., Any]:
    def parsed(text: Any) -> Any:
        if not isinstance(text, celtypes.StringType):
            return CELEvalError("no such overload", TypeError, ())
        try:
            return _Opaque(parse(str(text)))
        except EvalError as error:
            return CELEvalError(str(error), ValueError, ())

    return parsed


def _semver(value: Any) -> Semver:
    if not isinstance(value, _Opaque) or not isinstance(value.value, Semver):
        raise CELEvalError("no such overload", TypeError, ())
    return value.value


def _compared(one: Any, other: Any) -> int:
    if isinstance(one, _Opaque) and isinstance(other, _Opaque):
        left, right = one.value, other.value
        if isinstance(left, QuantityValue) and isinstance(right, QuantityValue):
            return left.compare(right)
    return _semver(one).compare(_semver(other))
