"""From text to something that can be evaluated: parse, check, validate, plan."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from app.core.cel.checker.checker import check
from app.core.cel.checker.environment import Environment
from app.core.cel.checker.validate import validate
from app.core.cel.common import types
from app.core.cel.common.ast import Expr
from app.core.cel.common.errors import CelCompileError, CelRuntimeError, EvalAbortError, EvalError
from app.core.cel.common.types import Type
from app.core.cel.interpreter.interpreter import Interpreter
from app.core.cel.library.runtime_cost import LIMIT
from app.core.cel.parser.lexer import tokenize
from app.core.cel.parser.parser import parse

_T = TypeVar("_T")
# An expression may nest 250 levels, and a level takes a few Python frames.
_DEEP_STACK = 20_000


@dataclass(frozen=True, slots=True)
class Program:
    """A checked expression. ``result`` is the type that it evaluates to.

    ``tree`` is for code that reads an expression rather than evaluates it.
    """

    text: str
    tree: Expr
    result: Type
    interpreter: Interpreter

    def evaluate(self, variables: Mapping[str, Any], limit: int = LIMIT) -> tuple[Any, int]:
        """The value with these variables, and the cost in cel-go's units.

        Pauses every thousand units of cost (``app.core.pauses``).

        Raises:
            CelRuntimeError: the evaluation failed or passed the limit, with the line and column.
        """
        try:
            return deep(lambda: self.interpreter.evaluate(variables, limit))
        except (EvalError, EvalAbortError) as error:
            line, column = place(self.text, error.pos)
            raise CelRuntimeError(str(error), column, line) from None


def compile(text: str, environment: Environment) -> Program:  # noqa: A001 - the name that cel-go has for it
    """Parses, checks and plans an expression.

    Raises:
        CelCompileError: what is wrong, with its line and column.
    """
    try:
        return deep(lambda: _compile(text, environment))
    except CelCompileError as error:
        raise placed(error, text) from None


def _compile(text: str, environment: Environment) -> Program:
    if not environment.quoted_fields and "`" in text:
        _refuse_quoted(text)
    tree = parse(text)
    result = check(tree, environment)
    validate(tree)
    refusal = environment.refusal(result)
    if refusal is not None:
        raise CelCompileError(refusal)
    return Program(text, tree, types.plain(result), _planned(tree, environment))


def _planned(tree: Expr, environment: Environment) -> Interpreter:
    return Interpreter(
        tree,
        tuple(environment.variables),
        lenient_or=environment.lenient_or,
        variants=environment.variants,
    )


def _refuse_quoted(text: str) -> None:
    quoted = next((token for token in tokenize(text) if token.kind == "quoted"), None)
    if quoted is not None:
        raise CelCompileError("a field in back quotes: this version has no such syntax", quoted.pos)


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
        with _deeper:
            return run()


class _DeepStack:
    """Raises Python's limit of recursion for all that are inside: one may pause while another leaves."""

    def __init__(self) -> None:
        self._inside = 0
        self._usual = 0

    def __enter__(self) -> None:
        if not self._inside:
            self._usual = sys.getrecursionlimit()
            sys.setrecursionlimit(max(self._usual, _DEEP_STACK))
        self._inside += 1

    def __exit__(self, *_details: object) -> None:
        self._inside -= 1
        if not self._inside:
            sys.setrecursionlimit(self._usual)


_deeper = _DeepStack()
