"""Compiles selectors to Python functions: the engine of the usual ones.

An expression is taken if each of its parts is, and if its cost is bounded (``bounds``), so that nothing
needs to be counted. Where a compiled selector fails, the interpreter evaluates once more and reports
what failed and where: failures end a scheduling attempt, so they may take long.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from app.core.cel.common.ast import Call, Expr, Fold
from app.core.cel.common.errors import EvalAbortError, EvalError
from app.core.model.device import DeviceShape
from app.core.selectors import matcher_calls, matcher_runtime
from app.core.selectors.cost_bounds import UnboundedError, worst_case
from app.core.selectors.device_view import view_of
from app.core.selectors.matcher_terms import DeclinedError, Term

Matcher = Callable[[DeviceShape], bool]
_FAILURES = (KeyError, EvalError, EvalAbortError)
# Compiled code does not pause: the most expensive takes a few milliseconds, the usual one microseconds.
_MAX_COST = 2_000
# Python allows 20 nested blocks; deeper logic is written as calls.
_MAX_BLOCKS = 6


def compile_matcher(
    tree: Expr, interpreted: Matcher, evaluations: list[int], variants: frozenset[str] = frozenset()
) -> Matcher | None:
    """A function for the checked expression, or None where the interpreter has to do it.

    ``interpreted`` evaluates in full; ``evaluations[0]`` is counted up by every call. ``variants``: see the
    Environment of cel.
    """
    try:
        if worst_case(tree) > _MAX_COST:
            return None
        writer = _Writer(variants)
        writer.root(tree)
    except (DeclinedError, UnboundedError, RecursionError):
        return None
    return writer.build(interpreted, evaluations)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where statements go: their indentation, the variable for the value (None: return it), blocks around."""

    depth: int
    target: str | None
    blocks: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A term of a chain: an expression, or None for one that needs statements."""

    node: Expr
    term: Term | None

    @property
    def safe(self) -> bool:
        """Whether it cannot fail."""
        return self.term is not None and self.term.safe


class _Writer:
    def __init__(self, variants: frozenset[str]) -> None:
        self._calls = matcher_calls.TermWriter(variants)
        self._lines: list[str] = []
        self._errors = 0

    def _line(self, depth: int, text: str) -> None:
        self._lines.append("    " * depth + text)

    def root(self, tree: Expr) -> None:
        """Writes the statements that return the result."""
        self._decide(tree, _Place(3, None, 0))

    def _decide(self, node: Expr, place: "_Place") -> None:
        """Statements that leave the value in its place."""
        if isinstance(node, Fold) and node.macro == "bind":
            outer = self._calls.bind(node)
            self._decide(node.result, place)
            self._calls.scope = outer
            return
        if isinstance(node, Call) and node.function in ("_&&_", "_||_") and place.blocks < _MAX_BLOCKS:
            terms = [_Part(term, self._simple(term)) for term in flattened(node, node.function)]
            if not all(part.safe for part in terms[:-1]) or terms[-1].term is None:
                self._chain(node.function, terms, place)
                return
        self._leave(self._calls.boolean(node).code, place)

    def _simple(self, node: Expr) -> Term | None:
        """The node as one Python expression, unless statements do better."""
        return None if _is_logic(node) else self._calls.boolean(node)

    def _leave(self, code: str, place: "_Place") -> None:
        self._line(place.depth, f"return {code}" if place.target is None else f"{place.target} = {code}")

    def _chain(self, function: str, parts: list["_Part"], place: "_Place") -> None:
        """Term after term: a decisive one is the result, else the first failure, else the opposite."""
        decisive, opposite = ("True", "False") if function == "_||_" else ("False", "True")
        test = "if" if function == "_||_" else "if not"
        self._errors += 1
        failure = f"e{self._errors}"
        if place.target is not None:
            self._line(place.depth, "while True:")
            place = replace(place, depth=place.depth + 1)
        depth = place.depth
        self._line(depth, f"{failure} = False")
        for part in parts[:-1]:
            if part.safe:
                self._test(part, test, decisive, place, depth)
                continue
            self._line(depth, "try:")
            value = self._value(part, replace(place, depth=depth + 1, blocks=place.blocks + 2))
            self._line(depth, "except absorbed:")
            self._line(depth + 1, f"{failure} = True")
            self._line(depth, "else:")
            self._line(depth + 1, f"{test} {value}:")
            self._finish(decisive, replace(place, depth=depth + 2))
        # If the last one fails, too, the result is a failure whichever it is.
        self._test(parts[-1], test, decisive, place, depth)
        self._line(depth, f"if {failure}:")
        self._line(depth + 1, "fail()")
        self._finish(opposite, place)

    def _test(self, part: "_Part", test: str, decisive: str, place: "_Place", depth: int) -> None:
        value = self._value(part, replace(place, blocks=place.blocks + 1))
        self._line(depth, f"{test} {value}:")
        self._finish(decisive, replace(place, depth=depth + 1))

    def _value(self, part: "_Part", place: "_Place") -> str:
        """Writes the statements for a term and gives the variable that holds its value."""
        value = self._calls.source.temporary()
        if part.term is None:
            self._decide(part.node, replace(place, target=value))
        else:
            self._line(place.depth, f"{value} = {part.term.code}")
        return value

    def _finish(self, code: str, place: "_Place") -> None:
        self._leave(code, place)
        if place.target is not None:
            self._line(place.depth, "break")

    def build(self, interpreted: Matcher, evaluations: list[int]) -> Matcher:
        """Compiles the source. Its free names are the constants and the few functions handed over here."""
        names = {
            **self._calls.source.names,
            "view_of": view_of,
            "interpreted": interpreted,
            "evaluations": evaluations,
            "absorbed": matcher_runtime.ABSORBED,
            "failures": _FAILURES,
            "fail": matcher_runtime.fail,
        }
        head = [
            f"def make({', '.join(names)}):",
            "    def matches(shape):",
            "        evaluations[0] += 1",
            "        v = shape.cel_view",
            "        if v is None:",
            "            v = view_of(shape)",
            "        if not v.small:",
            "            return interpreted(shape)",
            "        A = v.flat",
            "        try:",
        ]
        tail = [
            "        except failures:",
            "            return interpreted(shape)",
            "    return matches",
        ]
        source = "\n".join([*head, *self._lines, *tail])
        space: dict[str, Any] = {"__builtins__": {}}
        exec(compile(source, "<selector>", "exec"), space)  # noqa: S102 - our own text: see matcher_terms
        # By position: Python looks each keyword up among all parameters, of which there may be 1,500.
        # Removed, so that the globals of the function do not refer to the function: a cycle.
        made: Matcher = space.pop("make")(*names.values())
        return made


def _is_logic(node: Expr) -> bool:
    return isinstance(node, Call) and node.function in ("_&&_", "_||_")


def flattened(node: Expr, function: str) -> list[Expr]:
    """The terms of a chain of one operator, from left to right."""
    if isinstance(node, Call) and node.function == function:
        return [term for arg in node.args for term in flattened(arg, function)]
    return [node]
