"""Applies DeviceTaintRules to slices (KEP-5055)."""

from collections.abc import Sequence
from dataclasses import replace

from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.resource_slice import ResourceSlice


def apply_taint_rules(slice_: ResourceSlice, rules: Sequence[DeviceTaintRule]) -> ResourceSlice:
    """The slice with the taints of all rules that select its devices, after the devices' own.

    The rule of applyPatches in k8s.io/dynamic-resource-allocation/resourceslice/tracker: a rule
    without a selector taints nothing, and one with an empty selector every device.

    Returns: the same object if no rule applies, so that what was derived from it stays valid.
    Cost: O(rules + devices times the rules that name driver and pool).
    """
    relevant = [rule for rule in rules if _selects_pool(rule, slice_)]
    if not relevant:
        return slice_
    devices = list(slice_.devices)
    for index, device in enumerate(devices):
        taints = tuple(
            rule.taint
            for rule in relevant
            if rule.selector is not None and rule.selector.device in (None, device.name)
        )
        if taints:
            devices[index] = replace(device, taints=device.taints + taints)
    if all(old is new for old, new in zip(slice_.devices, devices, strict=True)):
        return slice_
    return replace(slice_, devices=tuple(devices))


def _selects_pool(rule: DeviceTaintRule, slice_: ResourceSlice) -> bool:
    selector = rule.selector
    return (
        selector is not None
        and selector.driver in (None, slice_.driver)
        and selector.pool in (None, slice_.pool)
    )
