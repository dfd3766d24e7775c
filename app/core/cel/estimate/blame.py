"""Where an estimate comes from that is too high, and what would lower it."""

from typing import NamedTuple

from app.core.cel.common.ast import Call, Expr, Fold, Literal, children
from app.core.cel.estimate.estimator import Estimator
from app.core.cel.estimate.ranges import Range
from app.core.cel.estimate.sizes import type_of

BEYOND = 10**15
"""No size that a device or a text of 10 KiB can have leads to this: what does has a size without bound."""

_SYMBOLS = {"@in": "in", "_?._": ".?", "_[?_]": "[?]", "_[_]": "[]", "_?_:_": "?:"}
_VALUES = {"any": "value", "dyn": "value"}
_BINDINGS = frozenset({"bind", "optMap", "optFlatMap", "sortBy"})
_BY_NUMBER = frozenset({"lists.range", "slice", "flatten"})
"""Their result is as large as the value of the last argument."""


class Blame(NamedTuple):
    """The part that is too expensive by itself, by its place in the text, and a remedy."""

    pos: int
    message: str


def blamed(tree: Expr, estimator: Estimator, limit: int) -> Blame:
    """The innermost part that is above the limit while none of its parts is. O(nodes)."""
    at = tree
    while True:
        dearest = max(children(at), key=lambda part: _most(part, estimator), default=None)
        if dearest is None or _most(dearest, estimator) <= limit:
            return Blame(at.pos, _advice(at, estimator, limit))
        at = dearest


def _most(node: Expr, estimator: Estimator) -> int:
    return estimator.costs.get(id(node), Range(0, 0)).high


def _advice(node: Expr, estimator: Estimator, limit: int) -> str:
    own = _most(node, estimator) - sum(_most(part, estimator) for part in children(node))
    unbounded = estimator.unbounded.get(id(node), [])
    if own > limit // 2:
        if isinstance(node, Fold) and node.macro not in _BINDINGS:
            return _of_loop(node, estimator, unbounded=bool(unbounded))
        if isinstance(node, Call):
            return _of_call(node, own, unbounded if own > limit else [])
    return "no single part is too expensive, but all of them together are"


def _of_loop(node: Fold, estimator: Estimator, *, unbounded: bool) -> str:
    if unbounded:
        return (
            f"nothing bounds how many turns {node.macro}() takes: let it go over a list that is written "
            "out, or over a part of it, as in list.slice(0, 10)"
        )
    turns = estimator.turns[id(node)].high
    turn = _most(node.step, estimator) + _most(node.condition, estimator)
    return f"{node.macro}() takes up to {turns:,} turns of up to {turn:,} each"


def _of_call(node: Call, own: int, unbounded: list[Expr]) -> str:
    backwards = _backwards(node, own, unbounded)
    if backwards is not None:
        return backwards
    if unbounded:
        kinds = " and ".join(dict.fromkeys(_kind(part) for part in unbounded))
        return (
            f"nothing bounds the size of the {kinds} that {_shown(node)} gets: give it an attribute itself "
            "(64 characters at most) or a literal, not what string(), a getter of url() or a macro has made"
        )
    if own < BEYOND:
        return f"{_shown(node)} alone costs up to {own:,}: give it less"
    if node.function in _BY_NUMBER and not isinstance(node.args[-1], Literal):
        return f"nothing bounds what {_shown(node)} makes: give it a literal"
    return f"what {_shown(node)} gets is too large: give it less"


def _backwards(node: Call, own: int, unbounded: list[Expr]) -> str | None:
    """Of a slice that ends before it starts: unsigned, its size is close to 2**64."""
    if node.function != "slice" or own < BEYOND or not isinstance(node.args[0], Literal):
        return None
    start, end = node.args[0].value, node.args[1]
    remedy = "which counts as a size without bound: let it end after its start"
    if isinstance(end, Literal):
        return f"slice({start}, {end.value}) ends before it starts, {remedy}" if end.value < start else None
    if start > 0 and not unbounded:
        return f"slice() from {start} on may start after the end of its list, {remedy}"
    return None


def _kind(node: Expr) -> str:
    name = type_of(node).name
    return _VALUES.get(name, name)


def _shown(node: Call) -> str:
    name = node.function.strip("_@")
    if node.function not in _SYMBOLS and name.replace(".", "").isidentifier():
        return f"{name}()"
    return f"`{_SYMBOLS.get(node.function, name)}`"
