"""The mix of claims of a state, prepared for the policies that use it, and kept while it is the same."""

from weakref import WeakKeyDictionary

from app.core.placement.rules import Rules
from app.core.scoring import DeviceDemand, Mix
from app.core.state.request_mix import RequestMix
from app.core.state.state import State

_kept: WeakKeyDictionary[RequestMix, dict[object, DeviceDemand]] = WeakKeyDictionary()
_MAX_KEPT = 8


def device_demand(policy: Mix, state: State, rules: Rules) -> DeviceDemand | None:
    """The demand of expected claims for devices; None for a policy that does not use it.

    The same object for the same mix, classes and features. O(kinds).
    """
    if not policy.demands:
        return None
    mix = state.request_mix
    kept = _kept.setdefault(mix, {})
    classes = [state.classes.get(name) for name in mix.class_names]
    key = (rules.features, rules.selectors, *map(id, classes))
    found = kept.get(key)
    if found is None or found.classes != classes:
        if len(kept) >= _MAX_KEPT:
            kept.clear()
        found = kept[key] = DeviceDemand(mix, state.classes, rules.features, rules.selectors)
    return found
