"""The cost of a call at run time: cel-go's interpreter/runtimecost.go and ext, Kubernetes' library/cost.go.

The limit is 1,000,000 units an evaluation (CELSelectorExpressionMaxCost in k8s.io/api/resource/v1).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from app.core.cel.common.errors import EvalAbortError
from app.core.cel.values.kinds import are_all, is_list, items, length, part_of
from app.core.cel.values.networks import Cidr, Ip
from app.core.cel.values.objects import COMPARED_OBJECTS
from app.core.cel.values.values import CelMap, NamedFormat, Optional, UInt
from app.core.pauses import paced, pause

LIMIT = 1_000_000
RANGE_MAX = 1_000_000  # of lists.range()
SELECT = 1  # an identifier or a selection
LIST, MAP, MESSAGE = 10, 30, 40  # making one
STRING_FACTOR = 0.1
REGEX_FACTOR = 0.25

# Kinds of values that cost one unit to read.
_UNITS = frozenset({bool, int, float, UInt, type(None)})

_Args = Sequence[Any]
Cost = Callable[[_Args], int]


def sized(value: Any) -> int:
    """The size that counts: 1 for what has none."""
    kind = value.__class__
    if kind is str or kind is bytes:
        return len(value)
    if is_list(value):
        return length(value)
    if isinstance(value, CelMap):
        return len(value)
    if kind is Ip or kind is Cidr:
        return int(value.cost_size())
    return 1


def _inner_size(value: Any) -> int:
    return sized(value.value) if value.__class__ is Optional and value.present else sized(value)


def _text(size: float) -> int:
    return math.ceil(size * STRING_FACTOR)


def _traversal(value: Any) -> int:
    kind = value.__class__
    if kind is str:
        return int(len(value.encode("utf-8", "surrogateescape")) * STRING_FACTOR)
    if kind is bytes:
        return int(len(value) * STRING_FACTOR)
    if is_list(value):
        elements = items(value)
        if are_all(elements, _UNITS):
            return len(elements)
        pause(LIST)
        return sum(_traversal(item) for item in paced(elements))
    if isinstance(value, CelMap):
        pause(MAP)
        return sum(_traversal(key) + _traversal(item) for key, item in paced(value.pairs()))
    return 1


def _regex(text: int, pattern: int) -> int:
    return math.ceil((1.0 + text) * STRING_FACTOR) * math.ceil(pattern * REGEX_FACTOR)


def _scan(args: _Args) -> int:
    return _text(sized(args[0]))


def _scan_twice(args: _Args) -> int:
    return math.ceil(sized(args[0]) * 2 * STRING_FACTOR)


def one(_args: _Args) -> int:
    """The cost of most calls."""
    return 1


def _allocate(size: int, factor: float) -> int:
    return int(float(size) * (1.0 if factor < 0 else factor)) + 1 + LIST


def _range(args: _Args) -> int:
    count = args[0]
    return _allocate(count if count.__class__ is int and 0 <= count <= RANGE_MAX else 1, 1)


def _reverse(args: _Args) -> int:
    return _allocate(sized(args[0]) if is_list(args[0]) else 1, 1)


def _slice(args: _Args) -> int:
    values, start, end = args
    whole = is_list(values) and start.__class__ is end.__class__ is int
    return _allocate(end - start if whole and 0 <= start <= end <= sized(values) else 1, 1)


def _join(args: _Args) -> int:
    """By the length of what comes out, which is known before it is made."""
    values, separator = args[0], args[1] if len(args) == 2 else ""
    length = 1
    if is_list(values) and separator.__class__ is str:
        parts = items(values)
        if all(part.__class__ is str for part in parts):
            length = sum(map(len, parts)) + len(separator) * max(0, len(parts) - 1)
    return math.ceil(length * 2 * STRING_FACTOR)


def _flatten(args: _Args) -> int:
    if len(args) == 2 and args[1].__class__ is not int:
        raise EvalAbortError("the depth of flatten() is not an int")
    return _allocate(sized(args[0]), float(args[1]) if len(args) == 2 else 1.0)


def _compare_all(at: int) -> Cost:
    def cost(args: _Args) -> int:
        if not is_list(args[at]):
            # Where the argument has failed, cel-go's accounting panics.
            raise EvalAbortError("a list is needed, and its evaluation failed")
        number = length(args[at])
        texts = number > 0 and part_of(args[at], 0, 1)[0].__class__ in (str, bytes)
        return _allocate(number**2, 2.0 + STRING_FACTOR if texts else 2.0)

    return cost


def _sets(factor: int) -> Cost:
    return lambda args: 1 + sized(args[0]) * sized(args[1]) * factor


def _contains_ip(overload: str, args: _Args) -> int:
    cost = _text(2 * sized(args[0]))
    return cost + _text(sized(args[1])) if overload == "cidr_contains_ip_string" else cost


def _contains_cidr(overload: str, args: _Args) -> int:
    network = sized(args[0])
    cost = _text(2 * network) + _text(network) + 1
    return cost + _text(sized(args[1])) if overload == "cidr_contains_cidr_string" else cost


def _validate(args: _Args) -> int:
    named = args[0]
    return _regex(sized(args[1]), named.regex_size) if named.__class__ is NamedFormat else 1


def _reads_first(args: _Args) -> int:
    return _text(_inner_size(args[0]))


def _reads_second(args: _Args) -> int:
    return _text(_inner_size(args[1]))


def _reads_shorter(args: _Args) -> int:
    return _text(min(_inner_size(args[0]), _inner_size(args[1])))


def _makes_sum(args: _Args) -> int:
    return _text(_inner_size(args[0]) + _inner_size(args[1]))


def _contains(args: _Args) -> int:
    return _reads_first(args) * _reads_second(args)


def _matches(args: _Args) -> int:
    return _regex(_inner_size(args[0]), _inner_size(args[1]))


def _find(args: _Args) -> int:
    return _regex(sized(args[0]), sized(args[1]))


_SORTS = (
    "int", "uint", "double", "bool", "google.protobuf.Duration", "google.protobuf.Timestamp", "string",
    "bytes",
)  # fmt: skip

# By overload, where the checker has settled on one.
_BY_OVERLOAD: dict[str, Cost] = {
    "list_slice": _slice,
    "lists_range": _range,
    "list_reverse": _reverse,
    "list_flatten": _flatten,
    "list_flatten_int": _flatten,
    "list_distinct": _compare_all(0),
    **{f"list_{name}_sort": _compare_all(0) for name in _SORTS},
    **{f"list_{name}_sortByAssociatedKeys": _compare_all(1) for name in _SORTS},
    "list_sets_contains_list": _sets(1),
    "list_sets_intersects_list": _sets(1),
    "list_sets_equivalent_list": _sets(2),
}
# By function, whatever the overload.
_BY_FUNCTION: dict[str, Cost] = {
    **dict.fromkeys(
        ("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf", "includes"),
        lambda args: _traversal(args[0]),
    ),
    **dict.fromkeys(
        ("url", "lowerAscii", "upperAscii", "substring", "trim", "cidr", "isIP", "isCIDR", "quantity",
         "isQuantity", "semver", "isSemver"),
        _scan,
    ),
    **dict.fromkeys(("replace", "split", "ip.isCanonical"), _scan_twice),
    "join": _join,
    **dict.fromkeys(("find", "findAll"), _find),
    "validate": _validate,
    **dict.fromkeys(("fieldSelector", "labelSelector"), _scan),
    "check": lambda _args: 350_000,
    **dict.fromkeys(
        ("masked", "prefixLength", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast",
         "isLinkLocalUnicast", "isGlobalUnicast", "format.named", "sign", "asInteger", "isInteger",
         "asApproximateFloat", "isGreaterThan", "isLessThan", "compareTo", "add", "sub", "major", "minor",
         "patch",
         "getScheme", "getHostname", "getHost", "getPort", "getEscapedPath", "getQuery"),
        one,
    ),
}  # fmt: skip
_COMPARISONS = ("less", "greater", "less_equals", "greater_equals")

# The others, by overload.
_STANDARD: dict[str, Cost] = {
    **dict.fromkeys(("starts_with_string", "ends_with_string"), _reads_second),
    **dict.fromkeys(("string_to_bytes", "bytes_to_string", "strings_quote", "string_format"), _reads_first),
    "in_list": lambda args: _inner_size(args[1]),
    **dict.fromkeys(
        (
            "equals",
            "not_equals",
            *(f"{name}_{kind}" for name in _COMPARISONS for kind in ("string", "bytes")),
        ),
        _reads_shorter,
    ),
    **dict.fromkeys(("add_string", "add_bytes"), _makes_sum),
    **dict.fromkeys(("matches", "matches_string"), _matches),
    "contains_string": _contains,
}


def call_cost(function: str, overload: str) -> Cost:
    """The cost of calls of a function; ``overload`` is empty where the types decide at run time.

    It follows from the arguments, so that it can be charged before the work is done.
    """
    if overload in _BY_OVERLOAD:
        return _BY_OVERLOAD[overload]
    if function == "_==_":
        return _equality
    if function == "ip":
        return one if overload == "cidr_ip" else _scan
    if function == "containsIP":
        return lambda args: _contains_ip(overload, args)
    if function == "containsCIDR":
        return lambda args: _contains_cidr(overload, args)
    return _BY_FUNCTION.get(function) or _STANDARD.get(overload) or one


def _equality(args: _Args) -> int:
    if args[0].__class__ in _UNITS and args[1].__class__ in _UNITS:
        return 1
    if args[0].__class__ in COMPARED_OBJECTS or args[0].__class__ is NamedFormat:
        return 1
    return _reads_shorter(args)
