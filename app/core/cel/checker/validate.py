"""What cel-go checks after the types: aggregates of one type, patterns, format strings (cel/validator.go)."""

from app.core.cel.common import types
from app.core.cel.common.ast import Call, Expr, ListLit, Literal, MapLit, children
from app.core.cel.common.errors import CelCompileError, EvalAbortError, EvalError
from app.core.cel.common.types import Type
from app.core.cel.library.formatting import VERBS, interpolate
from app.core.cel.library.regular_expressions import check_pattern
from app.core.pauses import paced_if_many, pause

_SHOWN = {"list", "map", "int", "uint", "double", "bool", "string", types.TIMESTAMP.name, "bytes",
          types.DURATION.name, "type", "null_type"}  # fmt: skip
_ACCEPTED = {
    "s": _SHOWN,
    "d": {"int", "uint"},
    "f": {"double", "string"},
    "e": {"double", "string"},
    "b": {"int", "uint", "bool"},
    "x": {"int", "uint", "string", "bytes"},
    "X": {"int", "uint", "string", "bytes"},
    "o": {"int", "uint"},
}


def validate(root: Expr) -> None:
    """Checks a tree whose types are known.

    Raises:
        CelCompileError: the first thing that is wrong.
    """
    _visit(root, exempt=False)


def _visit(node: Expr, *, exempt: bool) -> None:
    pause()
    if isinstance(node, ListLit) and not exempt:
        _one_type(node)
    elif isinstance(node, MapLit) and not exempt:
        _one_type_of_entries(node)
    elif isinstance(node, Call):
        _check_call(node)
        # The arguments of format() may have any type.
        exempt = exempt or node.function == "format"
    for child in children(node):
        _visit(child, exempt=exempt)


def _type(node: Expr) -> Type:
    return node.type or types.DYNAMIC


def _optional_type(node: Expr) -> Type:
    term = _type(node)
    if not term.params:
        # cel-go does not survive this; an optional element must be known to be optional.
        raise CelCompileError("an element marked with ? must be an optional value", node.pos)
    return term.params[0]


def _same(expected: Type | None, node: Expr, found: Type) -> Type:
    if expected is not None and not types.equivalent(expected, found):
        raise CelCompileError(f"expected type '{expected}' but found '{found}'", node.pos)
    return expected or found


def _one_type(node: ListLit) -> None:
    expected: Type | None = None
    for position, item in enumerate(paced_if_many(node.items)):
        expected = _same(expected, item, _optional_type(item) if position in node.optional else _type(item))


def _one_type_of_entries(node: MapLit) -> None:
    key: Type | None = None
    value: Type | None = None
    for entry in paced_if_many(node.entries):
        key = _same(key, entry.key, _type(entry.key))
        value = _same(
            value, entry.value, _optional_type(entry.value) if entry.optional else _type(entry.value)
        )


def _check_call(node: Call) -> None:
    if node.function == "matches" and node.args and isinstance(node.args[0], Literal):
        # In matches(text, pattern) this is the text: cel-go takes it for the pattern all the same.
        try:
            check_pattern(str(node.args[0].value))
        except (EvalError, EvalAbortError) as error:
            raise CelCompileError(f"invalid matches argument: {error}", node.args[0].pos) from None
    if node.function == "format" and node.target is not None and len(node.args) == 1:
        _check_format(node, node.target, node.args[0])


def _check_format(node: Call, template: Expr, arguments: Expr) -> None:
    if not isinstance(template, Literal) or template.value.__class__ is not str:
        return
    if not isinstance(arguments, ListLit) or "string_format" not in node.overloads:
        return
    clauses = _FormatCheck(arguments.items, node.pos)
    try:
        interpolate(template.value, clauses)
    except EvalError as error:
        raise CelCompileError(str(error), node.pos) from None
    if len(arguments.items) > clauses.used:
        raise CelCompileError(
            f"too many arguments for string.format: expected {clauses.used}, got {len(arguments.items)}",
            node.pos,
        )


class _FormatCheck:
    """Checks the types of a format string's arguments."""

    def __init__(self, arguments: tuple[Expr, ...], pos: int) -> None:
        self._arguments = arguments
        self._pos = pos
        self.used = 0

    def clause(self, verb: str, _precision: int | None) -> str:
        """Checks the next argument; the text does not matter."""
        if self.used >= len(self._arguments):
            raise EvalError(f"index {self.used} out of range")
        if verb not in VERBS:
            raise EvalError(f"unrecognized formatting clause {verb!r}")
        argument = self._arguments[self.used]
        self.used += 1
        if verb == "s":
            _check_shown(argument)
        elif not _accepts(argument, _ACCEPTED[verb]):
            raise CelCompileError(f"%{verb} cannot format {_type(argument)}", argument.pos)
        return ""


def _accepts(node: Expr, names: set[str]) -> bool:
    term = _type(node)
    return term.kind == types.DYN or term.name in names


def _check_shown(node: Expr) -> None:
    if not _accepts(node, _SHOWN):
        raise CelCompileError(f"%s cannot format {_type(node)}", node.pos)
    if isinstance(node, ListLit | MapLit):
        for child in children(node):
            _check_shown(child)
