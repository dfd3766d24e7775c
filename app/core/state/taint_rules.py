"""Applies DeviceTaintRules to slices (KEP-5055)."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from app.core.model.device import Device, DeviceShape, intern_shape
from app.core.model.device_class import DeviceClass
from app.core.model.device_taint_rule import DeviceTaintRule
from app.core.model.features import Features
from app.core.model.resource_slice import ResourceSlice
from app.core.model.taints import Taint
from app.core.pauses import paced, pause
from app.core.selectors import CelCompileError, CelRuntimeError, Selector, SelectorCache, cel_features
from app.core.versions import version_named

_OLD = cel_features(Features.of(version_named("1.34")))
"""The environment of rules with selectors, which only 1.33 and 1.34 have."""


_Names = tuple[str | None, str | None, str | None]
"""Driver, pool and device that a selector names; None selects all."""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule with the selectors of its class and its own, compiled."""

    rule: DeviceTaintRule
    selectors: tuple[Selector, ...] = ()

    def selects(self, device: Device) -> bool:
        """Whether the selectors of the rule match a device whose names it selects.

        A device on which an expression fails is not selected, as in the tracker of 1.34. Cost: O(selectors).
        """
        return all(_matches(item, _unshared(device.shape)) for item in self.selectors)


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """The rules that select the same devices by name, in order.

    ``taints``: if names are all that their selectors have.
    """

    rules: tuple[CompiledRule, ...]
    taints: tuple[Taint, ...] | None

    def taints_of(self, device: Device) -> tuple[Taint, ...]:
        if self.taints is not None:
            return self.taints
        return tuple(item.rule.taint for item in self.rules if item.selects(device))


class TaintRules:
    """Rules by what they name: a device is looked up, and not compared with each of them."""

    def __init__(self, rules: Iterable[CompiledRule] = ()) -> None:
        self._rules = tuple(rules)
        self._named: dict[_Names, list[int]] = {}
        self._found: dict[tuple[_Names, ...], _Rules] = {}
        for number, item in enumerate(paced(self._rules)):
            selector = item.rule.selector
            if selector is not None:
                names = (selector.driver, selector.pool, selector.device)
                self._named.setdefault(names, []).append(number)
        self._pools = {names[:2] for names in self._named}

    def pools_named(self, slice_: ResourceSlice) -> list[tuple[str | None, str | None]]:
        """Driver and pool of all rules that may select devices of the slice. Cost: four lookups."""
        pools = itertools.product((None, slice_.driver), (None, slice_.pool))
        return [names for names in pools if names in self._pools]

    def of(self, pools: Iterable[tuple[str | None, str | None]], device: str) -> _Rules:
        """The rules of a device of such pools. Cost: O(pools), and O(rules) the first time."""
        names = tuple(
            known for pool in pools for known in ((*pool, None), (*pool, device)) if known in self._named
        )
        found = self._found.get(names)
        if found is None:
            numbers = sorted(number for known in names for number in self._named[known])
            rules = tuple(self._rules[number] for number in numbers)
            plain = not any(item.selectors for item in rules)
            taints = tuple(item.rule.taint for item in rules) if plain else None
            found = self._found[names] = _Rules(rules, taints)
        return found


def compiled(
    rules: Iterable[DeviceTaintRule], classes: Mapping[str, DeviceClass], cache: SelectorCache
) -> TaintRules:
    """The rules that can select devices: not those without a selector, or of a class that does not exist.

    Cost: O(rules), and the compilation of selectors that are not in the cache.
    """
    found = []
    for rule in paced(rules):
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
    return TaintRules(found)


def apply_taint_rules(slice_: ResourceSlice, rules: TaintRules) -> ResourceSlice:
    """The slice with the taints of all rules that select its devices, after the devices' own.

    The rule of applyPatches in k8s.io/dynamic-resource-allocation/resourceslice/tracker: a rule
    without a selector taints nothing, and one with an empty selector every device.

    Returns: the same object if no rule applies, so that what was derived from it stays valid.
    Cost: O(devices), and the selectors of the rules that name them.
    """
    pools = rules.pools_named(slice_)
    if not pools:
        return slice_
    devices = list(slice_.devices)
    changed = False
    for index, device in enumerate(paced(slice_.devices, 32)):
        taints = rules.of(pools, device.name).taints_of(device)
        if taints:
            devices[index], changed = replace(device, taints=device.taints + taints), True
    return replace(slice_, devices=tuple(devices)) if changed else slice_


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
