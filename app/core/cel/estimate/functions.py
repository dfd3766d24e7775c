"""What calls of functions may cost and how large their results may be, by function or by overload.

Kubernetes' own estimates (apiserver pkg/cel/library/cost.go), and before them those that cel-go's
libraries of lists and sets bring along (ext/lists.go, ext/sets.go). None: cel-go's general rules apply.
"""

from collections.abc import Callable
from typing import NamedTuple

from app.core.cel.common import types
from app.core.cel.common.ast import Literal
from app.core.cel.estimate.ranges import MAX, NOTHING, ONE, Range, exactly, quotient
from app.core.cel.estimate.sizes import Operand
from app.core.cel.library.runtime_cost import LIST, REGEX_FACTOR, STRING_FACTOR

_FORMAT, _FORMAT_PATTERN = 64, 128  # MaxFormatSize, MaxNameFormatRegexSize in apiserver pkg/cel/limits.go
_ADDRESS = Range(4, 16)  # bytes of an IP
_AUTHORIZATION = 350_000


class Estimate(NamedTuple):
    """The cost of a call beyond its arguments, and the size of its result (None: unknown)."""

    cost: Range
    size: Range | None = None


class OverloadCall(NamedTuple):
    """A call with one of its overloads. ``target`` is set for member functions."""

    overload: str
    target: Operand | None
    args: tuple[Operand, ...]


_Rule = Callable[[OverloadCall], Estimate | None]


def estimate(
    function: str, call: OverloadCall, before: frozenset[str] = frozenset(), *, sized_parts: bool = False
) -> Estimate | None:
    """The estimate of a library, if one has a rule for this call. O(1).

    ``before`` and ``sized_parts``: see Estimator.
    """
    if sized_parts and function in _PARTS and call.target is not None:
        return Estimate(ONE, call.target.size.times(_PARTS[function]))
    if call.overload in before:
        return _BEFORE[call.overload](call)
    rule = _BY_OVERLOAD.get(call.overload) or _BY_FUNCTION.get(function)
    return None if rule is None else rule(call)


# Texts


def _one(_call: OverloadCall) -> Estimate:
    return Estimate(ONE)


def _reads(times: int = 1, *, keeps: bool = False) -> _Rule:
    """Reads its argument that many times; ``keeps``: the result is as large."""

    def rule(call: OverloadCall) -> Estimate | None:
        if not call.args:
            return None
        size = call.args[0].size
        return Estimate(size.scaled(times * STRING_FACTOR), size if keeps else None)

    return rule


def _changes(call: OverloadCall) -> Estimate | None:
    """A text made from the target, about as long."""
    if call.target is None:
        return None
    return Estimate(call.target.size.scaled(STRING_FACTOR), call.target.size)


def _replace(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    text, old, new = call.target.size, call.args[0].size, call.args[1].size
    if old.low == 0:  # before and after every character
        most, most_kept = min(text.high + 1, MAX), text.high
    elif new.high <= old.low:
        most, most_kept = 0, text.high
    else:
        most, most_kept = quotient(text.high, old.low), 0
    if old.high == 0:
        least, least_kept = min(text.low + 1, MAX), text.low
    elif old.high <= new.low:
        least, least_kept = 0, text.low
    else:
        least, least_kept = quotient(text.low, old.high), 0
    size = Range(least, most).times(new).plus(Range(least_kept, most_kept))
    return Estimate(text.scaled(2 * STRING_FACTOR), size)


def _split(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    size = call.target.size
    most = size.high
    if len(call.args) > 1:
        limit = call.args[1].node
        if isinstance(limit, Literal) and limit.value.__class__ is int:
            most = limit.value % 2**64
    return Estimate(size.scaled(2 * STRING_FACTOR), Range(0, most))


def _join(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    count, element = call.target.size, call.target.element()
    size = NOTHING if element is None else count.times(element[1])
    if call.args:
        between = Range(max(count.low - 1, 0), max(count.high - 1, 0))
        size = size.plus(call.args[0].size.times(between))
    return Estimate(size.scaled(STRING_FACTOR), size)


def _find(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    size = call.target.size
    return Estimate(searching(size, call.args[0].size), Range(0, size.high))


def searching(text: Range, pattern: Range) -> Range:
    """The cost of a pattern over a text."""
    return text.plus(ONE).scaled(STRING_FACTOR).times(pattern.scaled(REGEX_FACTOR))


def _validate(call: OverloadCall) -> Estimate:
    return Estimate(call.args[0].size.scaled(STRING_FACTOR).scaled(_FORMAT_PATTERN * REGEX_FACTOR))


# Networks


def _ip(call: OverloadCall) -> Estimate | None:
    return Estimate(ONE) if call.overload == "cidr_ip" else _reads()(call)


def _contains(text_overload: str, more: Range) -> _Rule:
    def rule(call: OverloadCall) -> Estimate:
        cost = _ADDRESS.plus(_ADDRESS).scaled(STRING_FACTOR).plus(more)
        if call.overload == text_overload:
            cost = cost.plus(call.args[0].size.scaled(STRING_FACTOR))
        return Estimate(cost)

    return rule


# Equality


def _equals(call: OverloadCall) -> Estimate | None:
    left, right = (operand.type for operand in call.args)
    if left.name != right.name:
        return None
    if left.kind == types.OPAQUE and left in (types.IP, types.CIDR):
        return Estimate(ONE)
    if left in (types.QUANTITY, types.SEMVER):
        return Estimate(ONE)
    if left == types.FORMAT:
        return Estimate(Range(1, _FORMAT).scaled(STRING_FACTOR))
    if left == types.URL:
        known = call.args[1].known
        return Estimate(Range(1, 1 if known is None else known.high).scaled(STRING_FACTOR))
    return None


# Lists


def _elements(call: OverloadCall) -> Estimate | None:
    """Reads every element once, and all of it if it is a text."""
    if call.target is None:
        return None
    size, element = call.target.size, call.target.element()
    if element is None:
        if call.overload == "list_includes_dyn_dyn":
            return Estimate(size.times(ONE))
        return Estimate(size.scaled(STRING_FACTOR))  # indexOf() and lastIndexOf() of texts
    cost = ONE
    if element[0] in (types.STRING, types.BYTES):
        cost = cost.plus(element[1].scaled(STRING_FACTOR))
    return Estimate(size.times(cost))


def _makes(size: Range, factor: float) -> Estimate:
    return Estimate(size.scaled(factor).plus(exactly(1 + LIST)), size)


def _number(operand: Operand, otherwise: int) -> int:
    node = operand.node
    if isinstance(node, Literal) and node.value.__class__ is int:
        return max(int(node.value), 0)
    return otherwise


def _slice(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    start, end = _number(call.args[0], 0), _number(call.args[1], call.target.size.high)
    return _makes(exactly((end - start) % 2**64), 1)


def _range(call: OverloadCall) -> Estimate:
    return _makes(exactly(_number(call.args[0], MAX)), 1)


def _reverse(call: OverloadCall) -> Estimate | None:
    return None if call.target is None else _makes(call.target.size, 1)


def _flatten(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    depth = _number(call.args[0], MAX) if call.args else 1
    return _makes(call.target.size, float(depth))


def _distinct(call: OverloadCall) -> Estimate | None:
    if call.target is None:
        return None
    return _makes(call.target.size.times(call.target.size), 2.0)


def _sort(kind: str, *, by_keys: bool) -> _Rule:
    factor = 2.0 + STRING_FACTOR if kind in ("string", "bytes") else 2.0

    def rule(call: OverloadCall) -> Estimate | None:
        compared = call.args[0] if by_keys else call.target
        return None if compared is None else _makes(compared.size.times(compared.size), factor)

    return rule


def _sets(factor: int) -> _Rule:
    def rule(call: OverloadCall) -> Estimate:
        pairs = call.args[0].size.times(call.args[1].size)
        return Estimate(pairs.scaled(float(factor)).plus(ONE))

    return rule


def _selector(call: OverloadCall) -> Estimate:
    size = call.args[0].size
    requirements = size.scaled(0.5).scaled(50.0)
    return Estimate(exactly(LIST).plus(size.scaled(STRING_FACTOR)).plus(requirements))


_SORTED = (
    "int", "uint", "double", "bool", types.DURATION.name, types.TIMESTAMP.name, "string", "bytes",
)  # fmt: skip
_PARTS = {
    **dict.fromkeys(("getScheme", "getHostname", "getHost", "getPort", "getQuery"), ONE),
    "getEscapedPath": Range(1, 3),
}
"""How many times as long as a URL its parts can be: escaping makes three characters of one."""
_LONGEST = 48  # ResourceSliceMaxAttributeValuesPerDevice in k8s.io/api/resource/v1


def _list_attribute(_call: OverloadCall) -> Estimate:
    return Estimate(Range(0, _LONGEST))


_BEFORE: dict[str, Callable[[OverloadCall], Estimate]] = {
    "matches": _one,
    "list_includes_dyn_dyn": _list_attribute,
}
"""Until cel-go 0.26 and Kubernetes 1.36: the first had no rule, and the second was for attributes only."""

_BY_OVERLOAD: dict[str, _Rule] = {
    "list_slice": _slice,
    "lists_range": _range,
    "list_reverse": _reverse,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "list_distinct": _distinct,
    **{f"list_{kind}_sort": _sort(kind, by_keys=False) for kind in _SORTED},
    **{f"list_{kind}_sortByAssociatedKeys": _sort(kind, by_keys=True) for kind in _SORTED},
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
}
_ADDRESSES = _ADDRESS.scaled(STRING_FACTOR).plus(ONE)
_BY_FUNCTION: dict[str, _Rule] = {
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf", "includes"), _elements),
    "url": _reads(keeps=True),
    **dict.fromkeys(
        ("cidr", "isIP", "isCIDR", "quantity", "isQuantity", "semver", "isSemver"), _reads()
    ),
    "ip": _ip,
    "ip.isCanonical": _reads(2),
    **dict.fromkeys(("lowerAscii", "upperAscii", "substring", "trim"), _changes),
    "replace": _replace,
    "split": _split,
    "join": _join,
    **dict.fromkeys(("find", "findAll"), _find),
    "validate": _validate,
    "containsIP": _contains("cidr_contains_ip_string", NOTHING),
    "containsCIDR": _contains("cidr_contains_cidr_string", _ADDRESSES),
    "_==_": _equals,
    **dict.fromkeys(
        ("masked", "prefixLength", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast",
         "isLinkLocalUnicast", "isGlobalUnicast", "format.named", "sign", "asInteger", "isInteger",
         "asApproximateFloat", "isGreaterThan", "isLessThan", "compareTo", "add", "sub", "major", "minor",
         "patch", "getScheme", "getHostname", "getHost", "getPort", "getEscapedPath", "getQuery",
         "serviceAccount", "path", "group", "resource", "subresource", "namespace", "name", "allowed",
         "reason", "error", "errored"),
        _one,
    ),
    "check": lambda _call: Estimate(exactly(_AUTHORIZATION)),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _selector),
}  # fmt: skip
