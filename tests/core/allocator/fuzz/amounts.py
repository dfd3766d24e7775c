"""Amounts of claims in the form that in-tree leaves as they are.

The allocators of all releases but 1.37 add what is in use to an amount of the claim itself where Go keeps
it as a pointer, as it does for a fraction of a binary unit: the amount grows with each look at a device, and
a Pod that fits at first no longer does. For a difference about such a claim the case is asked again, with the
same amounts as whole numbers.
"""

import copy
from collections.abc import Iterator
from typing import Any

from app.core.json_object import JsonObject
from app.core.model.quantity import QuantityError, parse_quantity

_NANOS = 10**9
_MAX = 2**63


def whole(request: JsonObject) -> JsonObject:
    """The case with each requested amount of capacity as a whole number, where it is one."""
    request = copy.deepcopy(request)
    for requests in _capacities(request["objects"]):
        for name, amount in requests.items():
            requests[name] = _whole(amount)
    return request


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
