"""The parts of a selector: the terms that ``&&`` joins, and the operands of comparisons.

For reports about a selector, never for its verdict: that is the compiled selector's alone.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal as OneOf

from app.core.cel.common.ast import Call, Expr, Literal
from app.core.cel.common.errors import CelCompileError, EvalError
from app.core.cel.parser.lexer import Token, tokenize
from app.core.cel.values.semver import Semver, parse_semver
from app.core.model.device import DeviceShape
from app.core.model.quantity import parse_quantity
from app.core.selectors.device_view import view_of
from app.core.selectors.environment import CelFeatures, compile_expression
from app.core.selectors.matcher_terms import path_of

_OPERATORS = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==", "_!=_": "!="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_METHODS = {"isGreaterThan": ">", "isLessThan": "<"}
_SCALES = {"quantity": "quantity", "semver": "version"}
_DEVICE = re.compile(r"""device\s*\.\s*(?:attributes|capacity)\s*\[\s*(["'])[^"']*\1\s*\]\s*\.\s*\??""")
_MAX_SHOWN = 80

Scale = OneOf["quantity", "version", "number", "equal"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """``name operator bound``: an attribute or capacity of the device, by its full name, and a literal.

    ``scale`` is how values are ordered, "equal": not at all. ``start`` and ``end`` are where the
    literal stands in the term's text.
    """

    kind: OneOf["attributes", "capacity"]
    name: str
    operator: str
    bound: str
    scale: Scale
    start: int
    end: int

    @property
    def ascending(self) -> bool | None:
        """Whether more is better; None: there is no better."""
        if self.scale == "equal" or self.operator in ("==", "!="):
            return None
        return self.operator in (">", ">=")

    def value(self, shape: DeviceShape) -> str | None:
        """The value of a device there, as text; None: no comparable value."""
        view = view_of(shape)
        found = (view.amounts if self.kind == "capacity" else view.flat).get(self.name)
        if found is None or isinstance(found, tuple):
            return None
        if self.kind == "capacity":
            short = self.name.partition("/")[2]
            amount = shape.capacity.get(self.name) or shape.capacity.get(short)
            return amount.value.text if amount is not None else None
        if isinstance(found, bool):
            return str(found).lower()
        return found.text if isinstance(found, Semver) else str(found)

    def best(self, values: Iterable[str]) -> str | None:
        """The value that comes nearest to the bound; None if values have no order. O(values)."""
        ordered = [value for value in values if self._comparable(value)]
        if self.ascending is None or not ordered:
            return None
        return (max if self.ascending else min)(ordered, key=self._rank)

    def _comparable(self, value: str) -> bool:
        """Attributes are dynamic: one device may have a number where another has a word."""
        try:
            self._rank(value)
        except (ValueError, EvalError):
            return False
        return True

    def _rank(self, value: str) -> tuple[object, ...]:
        if self.scale == "quantity":
            return (parse_quantity(value).nanos,)
        if self.scale == "version":
            return (parse_semver(value).order,)
        return (float(value),)


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One of the terms that ``&&`` joins. ``shown`` is short, for people."""

    text: str
    shown: str
    comparison: Comparison | None = None

    def with_bound(self, value: str) -> str:
        """The term as it would be with another literal. A number is set so that ``value`` passes."""
        found = self.comparison
        if found is None:
            return self.text
        if found.scale == "number" and found.operator in ("<", ">") and value.lstrip("-").isdigit():
            value = str(int(value) + (1 if found.operator == "<" else -1))
        quoted = value if found.scale == "number" else f'"{value}"'
        return f"{self.text[: found.start]}{quoted}{self.text[found.end :]}"


@lru_cache(maxsize=1024)
def terms_of(text: str) -> tuple[Conjunct, ...]:
    """The terms of a selector that compiles; one that has no ``&&`` outside is a term itself.

    Cost: O(length), and a compilation for each term.
    """
    try:
        tokens = tokenize(text)
    except CelCompileError:
        return (Conjunct(text, _shortened(text)),)
    return tuple(_term(part) for part in _conjuncts(text, tokens))


def _conjuncts(text: str, tokens: list[Token]) -> list[str]:
    depth, cuts = 0, list[tuple[int, int]]()
    for token in tokens:
        if token.kind in ("(", "[", "{"):
            depth += 1
        elif token.kind in (")", "]", "}"):
            depth -= 1
        elif depth == 0 and token.kind in ("||", "?"):
            return [text.strip()]  # they bind looser: the whole is not a conjunction
        elif depth == 0 and token.kind == "&&":
            cuts.append((token.pos, token.pos + 2))
    starts = [0, *(end for _, end in cuts)]
    ends = [*(start for start, _ in cuts), len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]


def _term(text: str) -> Conjunct:
    found = _comparison(text)
    if found is None:
        return Conjunct(text, _shortened(text))
    name = found.name.partition("/")[2]
    bound = found.bound if found.scale in ("quantity", "version", "number") else text[found.start : found.end]
    return Conjunct(text, _cut(f"{name} {found.operator} {bound}"), found)


def _shortened(text: str) -> str:
    return _cut(" ".join(_DEVICE.sub("", text).split()))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def _comparison(text: str) -> Comparison | None:
    try:
        tree = compile_expression(text, CelFeatures()).tree
    except CelCompileError:
        return None
    if not isinstance(tree, Call):
        return None
    if tree.function in _METHODS and tree.target is not None and len(tree.args) == 1:
        return _compared(text, tree.target, _METHODS[tree.function], tree.args[0])
    operator = _OPERATORS.get(tree.function)
    if operator is None:
        return None
    left, right = tree.args
    if isinstance(left, Call) and left.function == "compareTo" and left.target is not None:
        zero = isinstance(right, Literal) and right.value == 0
        return _compared(text, left.target, operator, left.args[0]) if zero else None
    return _compared(text, left, operator, right) or _compared(text, right, _MIRRORED[operator], left)


def _compared(text: str, subject: Expr, operator: str, bound: Expr) -> Comparison | None:
    path = path_of(subject, {})
    if path is None or len(path.parts) != 3:
        return None
    scale: Scale = "equal"
    literal = bound
    if (
        isinstance(bound, Call)
        and bound.function in _SCALES
        and len(bound.args) == 1
        and bound.target is None
    ):
        scale = "quantity" if bound.function == "quantity" else "version"
        literal = bound.args[0]
    if not isinstance(literal, Literal):
        return None
    token = next((item for item in tokenize(text) if item.pos == literal.pos), None)
    if token is None or token.kind not in ("string", "int", "float", "true", "false"):
        return None
    if token.kind in ("int", "float"):
        scale = "number"
    kind: OneOf["attributes", "capacity"] = "capacity" if path.parts[0] == "capacity" else "attributes"
    end = token.pos + len(token.text)
    return Comparison(kind, path.full_name, operator, str(literal.value), scale, token.pos, end)
