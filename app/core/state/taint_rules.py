"""Applies DeviceTaintRules to slices (KEP-5055)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.core.model.device import Device, DeviceShape, intern_shape
from app.core.model.device_class import DeviceClass
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.features import Features
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import pause
from app.core.selectors import CelCompileError, CelRuntimeError, Selector, SelectorCache, cel_features
from app.core.versions import version_named

_OLD = cel_features(Features.of(version_named("1.34")))
"""The environment of rules with selectors, which only 1.33 and 1.34 have."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule with the selectors of its class and its own, compiled."""

    rule: DeviceTaintRule
    selectors: tuple[Selector, ...] = ()

    def selects(self, device: Device) -> bool:
        """Whether the rule selects a device of a slice that it concerns.

        A device on which an expression fails is not selected, as in the tracker of 1.34. Cost: O(selectors).
        """
        selector = self.rule.selector
        if selector is None or selector.device not in (None, device.name):
            return False
        return all(_matches(item, _unshared(device.shape)) for item in self.selectors)


def compiled(
    rules: Iterable[DeviceTaintRule], classes: Mapping[str, DeviceClass], cache: SelectorCache
) -> tuple[CompiledRule, ...]:
    """The rules that can select devices: not those without a selector, or of a class that does not exist.

    Cost: O(rules), and the compilation of selectors that are not in the cache.
    """
    found = []
    for rule in rules:
        selector = rule.selector
        if selector is None:
            continue
        texts = list(selector.expressions)
        if selector.device_class is not None:
            known = classes.get(selector.device_class)
            if known is None:
                continue
            texts = [text for text in known.selectors if text is not None] + texts
        found.append(CompiledRule(rule, tuple(cache.get(text, _OLD) for text in texts)))
    return tuple(found)


def apply_taint_rules(slice_: ResourceSlice, rules: Sequence[CompiledRule]) -> ResourceSlice:
    """The slice with the taints of all rules that select its devices, after the devices' own.

    The rule of applyPatches in k8s.io/dynamic-resource-allocation/resourceslice/tracker: a rule
    without a selector taints nothing, and one with an empty selector every device.

    Returns: the same object if no rule applies, so that what was derived from it stays valid.
    Cost: O(rules + devices times the rules that name driver and pool), and their selectors.
    """
    relevant = [rule for rule in rules if _selects_pool(rule.rule, slice_)]
    if not relevant:
        return slice_
    devices = list(slice_.devices)
    for index, device in enumerate(devices):
        taints = tuple(item.rule.taint for item in relevant if item.selects(device))
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


def _matches(selector: Selector, shape: DeviceShape) -> bool:
    pause()
    try:
        return selector.matches(shape)
    except CelCompileError:
        # The tracker of 1.34 withholds the whole slice then.
        return True
    except CelRuntimeError:
        return False


def _unshared(shape: DeviceShape) -> DeviceShape:
    """What rules see of a device: not whether it is shared."""
    if shape.allow_multiple_allocations is None:
        return shape
    return intern_shape(shape.driver, shape.attributes, shape.capacity)
