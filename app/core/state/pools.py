"""Builds pools from slices: the pools that a node can use.

The rules are those of GatherPools in k8s.io/dynamic-resource-allocation/structured: the newest
generation counts, a pool is incomplete until all its slices are there, and invalid if names clash
or counters are missing. Neither kind has usable devices; the allocator handles other effects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.core.model.device import Device
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import CounterSet, DeviceId, PoolId, ResourceSlice


class PoolError(ValueError):
    """A slice's node selector cannot be evaluated: in-tree, no Pod can be placed on the node then."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedDevice:
    """A device in its slice. Compared by identity: a pool has one of them for each device."""

    id: DeviceId
    device: Device
    slice: ResourceSlice


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """A pool as one node sees it.

    ``slices`` hold the devices that the node can use, ``other_slices`` the rest: their devices draw from
    the same counters. Both are without the slices that only publish counters, which end up in
    ``counter_sets``. An incomplete or invalid pool has no slices, unless it ``takes_part`` all the same.
    Immutable, and compared by identity:
    reusing pools for the next snapshot also reuses data derived from them.
    """

    id: PoolId
    slices: tuple[ResourceSlice, ...] = ()
    other_slices: tuple[ResourceSlice, ...] = ()
    counter_sets: Mapping[str, CounterSet] = field(default_factory=dict)
    incomplete: bool = False
    invalid_reason: str | None = None
    has_binding_conditions: bool = False
    takes_part: bool = False
    devices: tuple[PlacedDevice, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether devices may be taken from it."""
        return (self.takes_part or not self.incomplete) and self.invalid_reason is None


def concerns_every_node(candidate: ResourceSlice, features: Features) -> bool:
    """Whether ``gather_pools`` needs the slice for every node, not only for its own."""
    if not candidate.node_name:
        return True
    return bool(candidate.shared_counters) and features.channel.counters_everywhere


def gather_pools(
    node: Node,
    slices: Iterable[ResourceSlice],
    pool_slices: Callable[[PoolId], Sequence[ResourceSlice]],
    features: Features,
) -> tuple[Pool, ...]:
    """The pools of a node, in the order in which the search goes through them.

    Args:
        node: name and labels matter, nothing else.
        slices: those with the node's name and those for which ``concerns_every_node`` holds; more
            do no harm.
        pool_slices: all slices of a pool, for any node and of any generation.
        features: only PartitionableDevices, CompatibilityGroups and what ``channel_of`` uses.

    Raises:
        PoolError: a node selector is malformed.
    Cost: O(devices of the slices given).
    """
    found: dict[PoolId, list[ResourceSlice]] = {}
    for candidate in slices:
        if not _ignored(candidate, features) and _relevant(candidate, node, features):
            _add(found, candidate)
    pools = [pool for id_, relevant in found.items() if (pool := _pool(id_, relevant, pool_slices, features))]
    return tuple(sorted(pools, key=lambda pool: (pool.has_binding_conditions, pool.id.driver, pool.id.pool)))


def node_matches(
    node: Node, node_name: str | None, selector: NodeSelector | None, *, all_nodes: bool
) -> bool:
    """Whether a slice or device with these fields can be used from the node.

    Raises:
        SelectorError: the node selector is malformed.
    """
    if node_name:
        return node.name == node_name
    return all_nodes or (selector is not None and selector.matches(node.name, node.meta.labels))


def _ignored(candidate: ResourceSlice, features: Features) -> bool:
    if not features.partitionable_devices and (
        candidate.per_device_node_selection is not None
        or (candidate.shared_counters and not features.channel.beside_devices)
    ):
        return True
    return not features.compatibility_groups and _has_groups(candidate)


def _has_groups(candidate: ResourceSlice) -> bool:
    return any(
        consumption.compatibility_groups
        for device in candidate.devices
        for consumption in device.consumes_counters
    )


def _relevant(candidate: ResourceSlice, node: Node, features: Features) -> bool:
    if candidate.shared_counters and features.channel.counters_everywhere:
        return True
    try:
        if candidate.node_name or candidate.all_nodes or candidate.node_selector is not None:
            return node_matches(
                node, candidate.node_name, candidate.node_selector, all_nodes=candidate.all_nodes
            )
        return bool(candidate.per_device_node_selection) and any(
            node_matches(node, device.node_name, device.node_selector, all_nodes=device.all_nodes)
            for device in candidate.devices
        )
    except SelectorError as error:
        raise PoolError(f"slice {candidate.meta.name}: {error}") from None


def _add(found: dict[PoolId, list[ResourceSlice]], candidate: ResourceSlice) -> None:
    """Keeps the newest generation of each pool, as far as slices for this node tell."""
    relevant = found.get(candidate.pool_id)
    if relevant is None or candidate.generation > relevant[0].generation:
        found[candidate.pool_id] = [candidate]
    elif candidate.generation == relevant[0].generation:
        relevant.append(candidate)


def _pool(
    id_: PoolId,
    relevant: list[ResourceSlice],
    pool_slices: Callable[[PoolId], Sequence[ResourceSlice]],
    features: Features,
) -> Pool | None:
    """The pool, or None if a newer generation of it exists that has nothing for this node."""
    if features.channel.partial_pools:
        return _build_partial(id_, relevant, features)
    generation, expected = relevant[0].generation, relevant[0].slice_count
    if len(relevant) == expected:
        return _build(id_, relevant, relevant, features)
    every = pool_slices(id_)
    if any(other.generation > generation for other in every):
        return None
    every = [
        other
        for other in every
        if other.generation == generation and (features.compatibility_groups or not _has_groups(other))
    ]
    if len(every) != expected:
        return Pool(id_, incomplete=True)
    return _build(id_, relevant, every, features)


def _build(
    id_: PoolId, relevant: list[ResourceSlice], every: Sequence[ResourceSlice], features: Features
) -> Pool:
    names = {item.meta.name for item in relevant}
    others = [item for item in every if item.meta.name not in names]
    counters = [
        item for item in (*relevant, *others) if features.partitionable_devices and item.shared_counters
    ]
    holders = {id(item) for item in counters}
    own = tuple(item for item in relevant if id(item) not in holders)
    own = _in_order(own, features)
    rest = tuple(item for item in others if id(item) not in holders)
    sets: dict[str, CounterSet] = {}
    reason = _duplicate_device(own)
    if reason is None and features.partitionable_devices:
        # Only the stable allocator checks what devices in a counter slice consume.
        checked = relevant if features.channel.counters_everywhere else own
        reason = _collect_counters(counters, sets) or _missing_counter(sets, (*checked, *rest))
    if reason is not None:
        return Pool(id_, invalid_reason=reason)
    return Pool(
        id_,
        slices=own,
        other_slices=rest,
        counter_sets=sets,
        has_binding_conditions=_has_binding_conditions(own, features),
        devices=_placed(id_, own),
    )


def _build_partial(id_: PoolId, relevant: list[ResourceSlice], features: Features) -> Pool:
    """The pool as Kubernetes 1.33 and 1.34 see it: by the slices for this node alone."""
    own, sets = _in_order(relevant, features), dict[str, CounterSet]()
    if features.partitionable_devices and any(_counts(item) for item in relevant):
        own = tuple(_with_own_counters(item, sets) for item in relevant)
    return Pool(
        id_,
        slices=own,
        counter_sets=sets,
        incomplete=len(relevant) != relevant[0].slice_count,
        invalid_reason=_duplicate_device(own),
        takes_part=True,
        has_binding_conditions=_has_binding_conditions(own, features),
        devices=_placed(id_, own),
    )


def _in_order(slices: Iterable[ResourceSlice], features: Features) -> tuple[ResourceSlice, ...]:
    """The slices of a pool in the order in which their devices are tried: by name.

    Old allocators keep the order in which they get them, but for those with binding conditions.
    """
    if features.channel.ordered:
        return tuple(sorted(slices, key=lambda item: item.meta.name))
    return tuple(sorted(slices, key=lambda item: _has_binding_conditions((item,), features)))


def _counts(item: ResourceSlice) -> bool:
    return bool(item.shared_counters) or any(device.consumes_counters for device in item.devices)


def _with_own_counters(item: ResourceSlice, sets: dict[str, CounterSet]) -> ResourceSlice:
    """The slice with names of counter sets that are unique in the pool. Adds them to ``sets``.

    Devices that draw from counters that the slice does not have draw nothing.
    """
    known = {
        counter_set.name: CounterSet(f"{item.meta.name}/{counter_set.name}", counter_set.counters)
        for counter_set in item.shared_counters
    }
    sets.update((counter_set.name, counter_set) for counter_set in known.values())
    return replace(item, devices=tuple(_drawing(device, known) for device in item.devices))


def _drawing(device: Device, known: Mapping[str, CounterSet]) -> Device:
    if not device.consumes_counters:
        return device
    consumes = tuple(
        replace(
            consumption,
            counter_set=known[consumption.counter_set].name,
            counters={
                name: amount
                for name, amount in consumption.counters.items()
                if name in known[consumption.counter_set].counters
            },
        )
        for consumption in device.consumes_counters
        if consumption.counter_set in known
    )
    return replace(device, consumes_counters=consumes)


def _has_binding_conditions(slices: Iterable[ResourceSlice], features: Features) -> bool:
    return features.channel.binds_to_node and any(
        device.binding_conditions is not None for item in slices for device in item.devices
    )


def _placed(id_: PoolId, slices: Iterable[ResourceSlice]) -> tuple[PlacedDevice, ...]:
    return tuple(
        PlacedDevice(DeviceId(id_.driver, id_.pool, device.name), device, item)
        for item in slices
        for device in item.devices
    )


def _duplicate_device(slices: Iterable[ResourceSlice]) -> str | None:
    names = set[str]()
    for item in slices:
        for device in item.devices:
            if device.name in names:
                return f"duplicate device name {device.name}"
            names.add(device.name)
    return None


def _collect_counters(slices: Iterable[ResourceSlice], sets: dict[str, CounterSet]) -> str | None:
    for item in slices:
        for counter_set in item.shared_counters:
            if counter_set.name in sets:
                return f"duplicate counter set name {counter_set.name}"
            sets[counter_set.name] = counter_set
    return None


def _missing_counter(sets: Mapping[str, CounterSet], slices: Iterable[ResourceSlice]) -> str | None:
    for item in slices:
        for device in item.devices:
            for consumption in device.consumes_counters:
                counter_set = sets.get(consumption.counter_set)
                if counter_set is None:
                    return f"counter set {consumption.counter_set} not found"
                for name in consumption.counters:
                    if name not in counter_set.counters:
                        return f"counter {name} not found in counter set {counter_set.name}"
    return None
