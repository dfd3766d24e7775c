"""Requested capacities in the form to which in-tree gives one answer, for cases that differ.

The allocators of all releases but 1.37 add what is in use to an amount of the claim itself where Go keeps
it as a pointer, as it does for a fraction of a binary unit: the amount grows with each look at a device, and
a Pod that fits at first no longer does. Such amounts become whole numbers.

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


def with_one_answer(request: JsonObject) -> JsonObject:
    """The case with each requested amount of capacity as a whole number, where it is one, and without others
    beside a capacity that is requested by both its names."""
    request = copy.deepcopy(request)
    for requests in _capacities(request["objects"]):
        twice = _by_two_names(requests)
        for name in [name for name in requests if twice and name not in twice]:
            del requests[name]
        for name, amount in requests.items():
            requests[name] = _whole(amount)
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
