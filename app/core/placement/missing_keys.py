"""What to do about a selector that fails because a device lacks an attribute or a capacity."""

import re
from dataclasses import replace
from difflib import get_close_matches

from app.core.allocator import Reason
from app.core.pauses import paced
from app.core.state.state import State

_MISSING = re.compile(r": no such key: ([A-Za-z_][A-Za-z0-9_]*)$")


def is_about_a_key(reason: Reason) -> bool:
    """Whether it is a selector's runtime error about a missing key."""
    return reason.code == "SelectorFailed" and _MISSING.search(reason.message) is not None


def with_advice(reason: Reason, known: frozenset[str]) -> Reason:
    """Such a reason with advice; ``known`` are the names that devices have, see ``names_of_devices``.

    A guard helps only where some device has the key: otherwise the name is wrong, and the message names
    what is like it.
    """
    found = _MISSING.search(reason.message)
    if found is None:
        return reason
    key = found[1]
    if key in known:
        advice = "guard it with has(), or use .? followed by orValue()"
    else:
        by_lower = {name.lower(): name for name in sorted(known)}
        close = get_close_matches(key.lower(), by_lower, 1)
        advice = "no device has it" + (f", did you mean {by_lower[close[0]]}?" if close else "")
    return replace(reason, message=f"{reason.message}: {advice}")


def names_of_devices(state: State) -> frozenset[str]:
    """The names of the attributes and capacities of all devices, without their domains. O(devices)."""
    slices = list(state.inventory.slices.values())  # they may change in a pause
    shapes = {device.shape for item in slices for device in paced(item.devices)}
    names = (name for shape in shapes for name in (*shape.attributes, *shape.capacity))
    return frozenset(name.rpartition("/")[2] for name in names)
