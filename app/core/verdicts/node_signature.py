"""The signature of a node: everything that a search can read of it.

Nodes with equal signatures get the same verdict.

Two nodes have equal keys if their devices agree, one by one and in order, in everything that
``node_devices``, ``partial``, ``bounds`` and ``symmetry`` look at: shape (as far as the plan's selectors
and constraints read it), counters, taints, node selection, and what is taken of them. No key contains
names of nodes, pools or devices, so a verdict with such a name belongs to a single node.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import count

from app.core.allocator.counters import consumption_key
from app.core.allocator.node_devices import NODE_OPERATIONS, PoolView
from app.core.allocator.plan import Plan
from app.core.model.device import Device, DeviceShape
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import ResourceSlice
from app.core.selectors.attributes_read import AttributesRead
from app.core.state.pools import Pool, node_matches
from app.core.state.taken import NOTHING_TAKEN, Taken

_MAX_PARTS = 200_000
"""Numbered parts that are remembered, some 100 MB if no two devices are alike in what is seen."""
_MAX_SHAPES = 4096
"""Maximum number of shapes with a cached number; the cache keeps them alive."""


class UniqueNodeError(Exception):
    """The answer for the node may name it, its pools or its devices."""


class NodeSignature:
    """Keys of nodes for all plans with these features and attributes.

    Parts of keys are numbered, and what a slice looks like is kept as long as the slice is the same,
    so that a node costs O(its slices + devices taken there) once its slices are known.
    """

    def __init__(self, features: Features, attributes_read: AttributesRead) -> None:
        self._features = features
        # Where one attribute can fail every expression, all of them count as read.
        self._sight = None if features.version.cel.lists_need_gate else attributes_read
        self._next = count()
        self._numbers: dict[Hashable, int] = {}
        self._shapes: dict[DeviceShape, int] = {}
        self._slices: dict[str, tuple[ResourceSlice, int]] = {}
        self._visible: dict[str, tuple[str, ...]] = {}

    def key(self, node: Node, pools: Sequence[Pool], taken: Taken) -> Hashable | None:
        """Equal for nodes that get the same verdict, steps, devices by position and reasons by code.

        None: the node is like no other. Cost: O(slices + devices taken) if the slices are known,
        O(devices) if not.
        """
        try:
            return tuple([self._pool(node, pool, taken) for pool in pools if pool.devices or not pool.usable])
        except UniqueNodeError:
            return None

    def _pool(self, node: Node, pool: Pool, taken: Taken) -> Hashable:
        if pool.incomplete or not pool.usable:
            raise UniqueNodeError  # reasons name the pool
        held = taken.get(pool.id, NOTHING_TAKEN)
        slices = tuple([self._slice(node, item) for item in pool.slices])
        if held is NOTHING_TAKEN and not pool.counter_sets:
            return slices
        view = PoolView(pool, held, self._features)
        left = view.ledger.state() if pool.counter_sets else None
        return slices, _held(pool, view), left

    def _slice(self, node: Node, item: ResourceSlice) -> int:
        if item.per_device_node_selection or item.skip_node_operations:
            unsuited = bool(item.skip_node_operations) and NODE_OPERATIONS not in node.declared_features
            devices = [(self._device(device, item), _reached(node, device, item)) for device in item.devices]
            return self._number((unsuited, bool(item.skip_node_operations), tuple(devices)))
        name = item.meta.name
        known = self._slices.get(name)
        if known is None or known[0] is not item:
            devices_ = tuple([self._device(device, item) for device in item.devices])
            known = self._slices[name] = (item, self._number(devices_))
        return known[1]

    def _device(self, device: Device, item: ResourceSlice) -> int:
        selector = device.node_selector if item.per_device_node_selection else item.node_selector
        if selector is not None and len(selector.terms) > 1:
            raise UniqueNodeError  # an allocation of it is an error, which names it
        shape = self._shape(device.shape)
        unsupported = bool(device.node_allocatable)
        if not (device.consumes_counters or device.taints or device.binding_conditions or unsupported):
            return shape
        taints = tuple((taint.key, taint.value, taint.effect) for taint in device.taints)
        counters = consumption_key(device) if device.consumes_counters else None
        return self._number((shape, counters, taints, bool(device.binding_conditions), unsupported))

    def _shape(self, shape: DeviceShape) -> int:
        found = self._shapes.get(shape)
        if found is None:
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            found = self._shapes[shape] = self._number(self._seen(shape))
        return found

    def _seen(self, shape: DeviceShape) -> Hashable:
        """Kinds and values rather than attributes: Python hashes and compares them in C."""
        attributes = shape.attributes
        if self._sight is None:
            seen = [(name, item.kind, item.value) for name, item in attributes.items()]
        else:
            names = self._visible.get(shape.driver) or self._visible_of(shape.driver, self._sight)
            seen = [
                (name, item.kind, item.value) for name in names if (item := attributes.get(name)) is not None
            ]
        # Those that are parsed can make every expression fail on the device, whether it reads them or not.
        return shape.driver, shape.allow_multiple_allocations, shape.capacity_number, shape.parsed, *seen

    def _visible_of(self, driver: str, attributes_read: frozenset[str]) -> tuple[str, ...]:
        """The names under which a driver may publish these attributes: its own also without its domain."""
        prefix = f"{driver}/"
        own = {name.removeprefix(prefix) for name in attributes_read if name.startswith(prefix)}
        found = self._visible[driver] = tuple(sorted(attributes_read | own))
        return found

    def _number(self, part: Hashable) -> int:
        found = self._numbers.get(part)
        if found is None:
            if len(self._numbers) >= _MAX_PARTS:
                self._numbers.clear()  # a number is never given twice: what looks new is only unshared
            found = self._numbers[part] = next(self._next)
        return found

    def trim(self, known: Mapping[str, object]) -> None:
        """Drops deleted slices. O(slices) when a quarter of them are, O(1) otherwise."""
        if len(self._slices) > 64 + len(known) * 5 // 4:
            self._slices = {name: entry for name, entry in self._slices.items() if name in known}


def _held(pool: Pool, view: PoolView) -> Hashable:
    """The allocated devices, by position in the pool."""
    whole = shared = 0
    amounts: list[tuple[int, tuple[tuple[str, int], ...]]] = []
    names = view.whole | view.shared
    for position, placed in enumerate(pool.devices):
        name = placed.device.name
        if name in names:
            whole |= (name in view.whole) << position
            shared |= (name in view.shared) << position
            capacity: Mapping[str, int] | None = view.capacity.get(name)
            if capacity:
                amounts.append((position, tuple(sorted(capacity.items()))))
    return whole, shared, tuple(amounts)


def _reached(node: Node, device: Device, item: ResourceSlice) -> bool:
    if not item.per_device_node_selection:
        return True
    selector: NodeSelector | None = device.node_selector
    try:
        return node_matches(node, device.node_name, selector, all_nodes=device.all_nodes)
    except SelectorError:
        raise UniqueNodeError from None


def attributes_read_by_plan(plan: Plan) -> AttributesRead:
    """The attributes that any selector, derived attribute or constraint of the plan may read."""
    names: set[str] = set()
    for claim in plan.claims:
        for constraint in claim.constraints:
            names.update(name for name in (constraint.match_attribute, constraint.distinct_attribute) if name)
    for alternative in plan.alternatives:
        sights = [item.selector.attributes_read for item in alternative.matcher.selectors]
        sights += [item.attributes_read for item in alternative.attributes.derived.values()]
        for attributes_read in sights:
            if attributes_read is None:
                return None
            names |= attributes_read
    return frozenset(names)
