"""From text to something that can be evaluated: parse, check, validate, plan."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.core.cel.checker.checker import check
from app.core.cel.checker.environment import CelFeatures, environment
from app.core.cel.checker.validate import validate
from app.core.cel.common import types
from app.core.cel.common.ast import Node
from app.core.cel.common.errors import CelCompileError
from app.core.cel.common.types import Type
from app.core.cel.interpreter.interpreter import Interpreter
from app.core.cel.loops.loops import compile_loop
from app.core.cel.parser.parser import parse

_T = TypeVar("_T")
# An expression may nest 250 levels, and a level takes a few Python frames.
_DEEP_STACK = 20_000
_ATTRIBUTE_TYPES = (types.BOOL, types.INT, types.STRING, types.ANYTHING, types.DYNAMIC, types.SEMVER)


@dataclass(frozen=True, slots=True)
class Compiled:
    """A checked expression: its tree, and the engine that evaluates all of CEL."""

    tree: Node
    interpreter: Interpreter


def compile_text(text: str, features: CelFeatures, *, derived: bool = False) -> Compiled:
    """Compiles a selector, or the expression of a derived attribute.

    Raises:
        CelCompileError: what is wrong, with its line and column.
    """
    try:
        return deep(lambda: _compile(text, features, derived=derived))
    except CelCompileError as error:
        raise placed(error, text) from None


def _compile(text: str, features: CelFeatures, *, derived: bool) -> Compiled:
    names = environment(features)
    tree = parse(text)
    term = types.plain(check(tree, names))
    validate(tree)
    if derived:
        _check_derived(term, features)
    elif term not in (types.BOOL, names.attribute):
        raise CelCompileError(f"must evaluate to bool or the unknown type, not {term}")
    return Compiled(tree, Interpreter(tree, compile_loop))


def _check_derived(term: Type, features: CelFeatures) -> None:
    lists = features.list_type_attributes or not features.new_expressions
    if term in _ATTRIBUTE_TYPES or (lists and term.kind == types.LIST and term.params[0] in _ATTRIBUTE_TYPES):
        return
    shown = "a primitive scalar (string, integer, boolean, semver)"
    if lists:
        shown += " or a list of these scalars"
    raise CelCompileError(f"must evaluate to {shown}, not {term}")


def placed(error: CelCompileError, text: str) -> CelCompileError:
    """The error with line and column instead of an offset."""
    line, column = place(text, error.column)
    return CelCompileError(error.message, column, line)


def place(text: str, offset: int | None) -> tuple[int | None, int | None]:
    """Line, from 1, and column, from 0, of an offset."""
    if offset is None:
        return None, None
    before = text[:offset]
    return before.count("\n") + 1, len(before) - before.rfind("\n") - 1


def deep(run: Callable[[], _T]) -> _T:
    """Runs it; once more with a deeper stack if the usual one is too small."""
    try:
        return run()
    except RecursionError:
        usual = sys.getrecursionlimit()
        sys.setrecursionlimit(max(usual, _DEEP_STACK))
        try:
            return run()
        finally:
            sys.setrecursionlimit(usual)
