"""Requested capacities in the form to which in-tree gives one answer, for cases that differ.

The allocators of all releases but 1.37 add what is in use to an amount of the claim itself where Go keeps
it as a pointer, as it does for a fraction of a binary unit and for the largest numbers. The amount grows with
each look at a device: a Pod that fits at first no longer does, or fits once the amount has left 64 bits. Such
amounts become whole numbers that Go keeps as integers.

In-tree goes through the requested capacities in the order of a Go map, up to the first that the device lacks
(a misfit) or that it has met by its other name (an error). Beside one by two names there are no others then.
"""

import copy
from collections.abc import Iterator
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.quantity import QuantityError, parse_quantity

_NANOS = 10**9
_MAX = 2**63
_EXACT = "1.37"
_LARGEST = "7Ei"
"""Near the largest 64-bit number, and parsed as an integer: a power of two times one digit."""
_MOST_DIGITS = 18


def with_one_answer(request: JsonObject) -> JsonObject:
    """The case with each requested amount of capacity as a whole number, where it is one, and without others
    beside a capacity that is requested by both its names.

    Except for 1.37, the largest amounts are made smaller.
    """
    request = copy.deepcopy(request)
    changes_amounts = request.get("kubernetesVersion", _EXACT) != _EXACT
    for requests in _capacities(request["objects"]):
        twice = _by_two_names(requests)
        for name in [name for name in requests if twice and name not in twice]:
            del requests[name]
        for name, amount in requests.items():
            requests[name] = _LARGEST if changes_amounts and _is_too_large(amount) else _whole(amount)
    return request


def _by_two_names(requests: dict[str, Any]) -> set[str]:
    """The names of one capacity: one with its domain, and one without."""
    for name in sorted(requests):
        short = name.rpartition("/")[2]
        if name != short and short in requests:
            return {name, short}
    return set()


def _capacities(objects: list[JsonObject]) -> Iterator[dict[str, Any]]:
    for item in objects:
        if item["kind"] != "ResourceClaim":
            continue
        for asked in item.get("spec", {}).get("devices", {}).get("requests", ()):
            for each in (asked.get("exactly"), *asked.get("firstAvailable", ())):
                requests = ((each or {}).get("capacity") or {}).get("requests")
                if requests:
                    yield requests


def _whole(amount: Any) -> Any:
    if not isinstance(amount, str) or "." not in amount or not amount.endswith("i"):
        return amount
    try:
        nanos = parse_quantity(amount).nanos
    except QuantityError:
        return amount  # in-tree never sees it: the case is about an invalid claim
    return str(nanos // _NANOS) if nanos % _NANOS == 0 and abs(nanos) < _MAX * _NANOS else amount


def _is_too_large(amount: Any) -> bool:
    """Whether Go parses a number of units as a pointer, for its size or for its digits."""
    try:
        units = parse_quantity(amount).nanos // _NANOS if isinstance(amount, str) else 0
    except QuantityError:
        return False
    return units >= _MAX - 1 or (units >= 10**_MOST_DIGITS and amount.isdigit())
