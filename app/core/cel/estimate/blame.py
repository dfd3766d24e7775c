"""Where an estimate comes from that is too high, and what would lower it."""

from typing import NamedTuple

from app.core.cel.estimate.estimator import Estimator
from app.core.cel.estimate.ranges import Range
from app.core.cel.estimate.sizes import type_of
from app.core.cel.syntax import Call, Fold, Node, children

BEYOND = 10**15
"""No size that a device or a text of 10 KiB can have leads to this: what does has a size without bound."""

_SYMBOLS = {"@in": "in", "_?._": ".?", "_[?_]": "[?]", "_[_]": "[]", "_?_:_": "?:"}
_VALUES = {"any": "value", "dyn": "value"}
_BINDINGS = frozenset({"bind", "optMap", "optFlatMap", "sortBy"})


class Blame(NamedTuple):
    """The part that is too dear by itself, by its place in the text, and what to do about it."""

    pos: int
    message: str


def blamed(tree: Node, estimator: Estimator, limit: int) -> Blame:
    """The innermost part that is above the limit, though none of its own parts is. O(nodes)."""
    at = tree
    while True:
        dearest = max(children(at), key=lambda part: _most(part, estimator), default=None)
        if dearest is None or _most(dearest, estimator) <= limit:
            return Blame(at.pos, _advice(at, estimator, limit))
        at = dearest


def _most(node: Node, estimator: Estimator) -> int:
    return estimator.costs.get(id(node), Range(0, 0)).high


def _advice(node: Node, estimator: Estimator, limit: int) -> str:
    unbounded = estimator.unbounded.get(id(node), [])
    if isinstance(node, Fold) and node.macro not in _BINDINGS:
        if unbounded:
            return (
                f"nothing bounds how many turns {node.macro}() takes: let it go over a list that is written "
                "out, or over a part of it, as in list.slice(0, 10)"
            )
        turns = estimator.turns[id(node)].high
        turn = _most(node.step, estimator) + _most(node.condition, estimator)
        return f"{node.macro}() takes up to {turns:,} turns of up to {turn:,} each"
    most = _most(node, estimator)
    if isinstance(node, Call) and most >= BEYOND and not unbounded:
        return f"nothing bounds what {_shown(node)} makes: give it a literal"
    if isinstance(node, Call) and unbounded:
        kinds = " and ".join(dict.fromkeys(_kind(part) for part in unbounded))
        return (
            f"nothing bounds the size of the {kinds} that {_shown(node)} gets: give it an attribute itself "
            "(64 characters at most) or a literal, not what string(), a getter of url() or a macro has made"
        )
    parts = sum(_most(part, estimator) for part in children(node))
    if isinstance(node, Call) and most - parts > limit // 2:
        return f"{_shown(node)} alone costs up to {most - parts:,}: give it less"
    return "no part of it is too dear, all of them together are"


def _kind(node: Node) -> str:
    name = type_of(node).name
    return _VALUES.get(name, name)


def _shown(node: Call) -> str:
    name = node.function.strip("_@")
    if node.function not in _SYMBOLS and name.replace(".", "").isidentifier():
        return f"{name}()"
    return f"`{_SYMBOLS.get(node.function, name)}`"
