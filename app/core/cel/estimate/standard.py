"""What calls cost by cel-go's general rules (checker/cost.go): operators and the standard library.

Here, costs are those of the arguments as well: operators that need not evaluate all of them know best.
"""

from collections.abc import Callable, Sequence

from app.core.cel.estimate.functions import Estimate, OverloadCall, searching
from app.core.cel.estimate.ranges import NOTHING, ONE, Range
from app.core.cel.estimate.sizes import Operand
from app.core.cel.library.runtime_cost import STRING_FACTOR

_COMPARED = frozenset(
    {"equals", "not_equals"}
    | {
        f"{name}_{kind}"
        for name in ("less", "greater", "less_equals", "greater_equals")
        for kind in ("string", "bytes")
    }
)
_WRAPPED = 2**64


def total(costs: Sequence[Range]) -> Range:
    """The costs together."""
    found = NOTHING
    for cost in costs:
        found = found.plus(cost)
    return found


def standard(call: OverloadCall, costs: Sequence[Range]) -> Estimate:
    """The estimate of a call that no library has a rule for; ``costs`` are those of its arguments."""
    overload, args = call.overload, call.args
    if overload in ("logical_and", "logical_or"):
        # The second operand may not be needed.
        return Estimate(Range(costs[0].low, costs[0].plus(costs[1]).high))
    if overload == "conditional":
        size = args[1].size.union(args[2].size)
        return Estimate(costs[0].plus(costs[1].union(costs[2])), size)
    if overload in _COMPARED:
        own = _comparison(args[0], args[1])
    else:
        rule = _RULES.get(overload)
        own = Estimate(ONE) if rule is None else rule(call)
    return Estimate(own.cost.plus(total(costs)), own.size)


def _comparison(left: Operand, right: Operand) -> Estimate:
    most = min(left.size.high, right.size.high)
    return Estimate(Range(1 if most > 0 else 0, most).scaled(STRING_FACTOR))


def _sum(call: OverloadCall) -> Estimate:
    size = call.args[0].size.plus(call.args[1].size)
    return Estimate(ONE if call.overload == "add_list" else size.scaled(STRING_FACTOR), size)


def _to_bytes(call: OverloadCall) -> Estimate:
    size = call.args[0].size
    return Estimate(size.scaled(STRING_FACTOR), Range(size.low, size.high * 4 % _WRAPPED))


def _to_text(call: OverloadCall) -> Estimate:
    size = call.args[0].size
    return Estimate(size.scaled(STRING_FACTOR), Range(size.low // 4, size.high))


def _quote(call: OverloadCall) -> Estimate:
    size = call.args[0].size
    quoted = Range((size.low + 2) % _WRAPPED, (size.high * 2 + 2) % _WRAPPED)
    return Estimate(size.scaled(STRING_FACTOR), quoted)


def _reads_target(call: OverloadCall) -> Estimate:
    return Estimate(ONE if call.target is None else call.target.size.scaled(STRING_FACTOR))


def _contains(call: OverloadCall) -> Estimate:
    if call.target is None:
        return Estimate(ONE)
    part = call.args[0].size.scaled(STRING_FACTOR)
    return Estimate(call.target.size.scaled(STRING_FACTOR).times(part))


def _matches(call: OverloadCall) -> Estimate:
    text, pattern = (call.target, *call.args) if call.target is not None else call.args
    return Estimate(searching(text.size, pattern.size))


def _reads_argument(call: OverloadCall) -> Estimate:
    return Estimate(call.args[0].size.scaled(STRING_FACTOR))


def _in_list(call: OverloadCall) -> Estimate:
    return Estimate(call.args[1].size.scaled(1.0))


_RULES: dict[str, Callable[[OverloadCall], Estimate]] = {
    "string_format": _reads_target,
    "string_to_bytes": _to_bytes,
    "bytes_to_string": _to_text,
    "strings_quote": _quote,
    "starts_with_string": _reads_argument,
    "ends_with_string": _reads_argument,
    "in_list": _in_list,
    "matches": _matches,
    "matches_string": _matches,
    "contains_string": _contains,
    "add_string": _sum,
    "add_bytes": _sum,
    "add_list": _sum,
}
