"""Builds pools from slices: the pools that a node can use.

The rules are those of GatherPools in k8s.io/dynamic-resource-allocation/structured: the newest
generation counts, a pool is incomplete until all its slices are there, and invalid if names clash
or counters are missing. Neither kind has usable devices; the allocator handles other effects.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import is_
from weakref import WeakValueDictionary

from app.core.model.device import Device
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import CounterSet, DeviceId, PoolId, ResourceSlice
from app.core.pauses import paced
from app.core.selectors.device_view import view_of
from app.core.state.pool_generations import GenerationSize

_SLICES = 4
"""Slices between two pauses, of 128 devices at most."""
_DEVICES = 64
"""Devices between two pauses, of which each may have versions to be parsed."""
_FIELDS = 64
"""Slices between two pauses, where none of their devices is read."""


class PoolError(ValueError):
    """A slice's node selector cannot be evaluated: in-tree, no Pod can be placed on the node then."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacedDevice:
    """A device in its slice. Compared by identity: a pool has one of them for each device."""

    id: DeviceId
    device: Device
    slice: ResourceSlice


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Pool:
    """A pool as one node sees it, or as all nodes do that see the same slices.

    ``slices`` hold the devices that the node can use, ``drawing`` all devices, also of other nodes, that draw
    from the counters. Both are without the slices that only publish counters, which end up in
    ``counter_sets``. An incomplete or invalid pool has no slices, unless it ``takes_part`` all the same.
    Immutable, and compared by identity:
    reusing pools for the next snapshot also reuses data derived from them.
    ``seen`` is what it is made from, so that it can be used again where nodes see the same: the slices that
    concern the node.
    """

    id: PoolId
    slices: tuple[ResourceSlice, ...] = ()
    drawing: tuple[ResourceSlice, ...] = ()
    counter_sets: Mapping[str, CounterSet] = field(default_factory=dict)
    incomplete: bool = False
    invalid_reason: str | None = None
    has_binding_conditions: bool = False
    takes_part: bool = False
    devices: tuple[PlacedDevice, ...] = ()
    seen: tuple[ResourceSlice, ...] = ()
    _readable: bool | None = field(init=False, repr=False, default=None)

    @property
    def is_readable(self) -> bool:
        """Whether an expression can be evaluated on each device. O(devices), with pauses, once."""
        readable = self._readable
        if readable is None:
            readable = all(map(_is_readable, paced(self.devices, _DEVICES)))
            object.__setattr__(self, "_readable", readable)
        return readable

    @property
    def usable(self) -> bool:
        """Whether devices may be taken from it."""
        return (self.takes_part or not self.incomplete) and self.invalid_reason is None


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """The newest generation of a pool on all nodes, so that the pool of one node costs what is there.

    ``slices`` are those that count, in no order.
    ``counting`` publish counters, in ``counter_sets`` by name, and ``drawing`` have devices that draw from
    them. ``counter_problem``: why the pool is invalid; which one of several problems it is depends on the
    order, so each node finds out its own.
    """

    number: int
    slices: tuple[ResourceSlice, ...]
    counting: frozenset[str] = frozenset()
    counter_sets: Mapping[str, CounterSet] = field(default_factory=dict)
    drawing: tuple[ResourceSlice, ...] = ()
    counter_problem: bool = False


class SharedPools:
    """A pool as nodes see it that see the same slices of it: made once for all of them.

    Only of slices that name no node: each of the others has its own pool. Neither a pool that no node has any
    more is kept, nor its slices. The inventory discards it when one of the slices changes.
    """

    def __init__(self) -> None:
        self._pools: WeakValueDictionary[tuple[int, ...], Pool] = WeakValueDictionary()

    def made(self, seen: Sequence[ResourceSlice], make: Callable[[], Pool]) -> Pool:
        """The pool of these slices, in this order. O(slices) if it is known."""
        key = tuple(map(id, seen))
        found = self._pools.get(key)
        if found is None:
            # Another evaluation may have made it during a pause. As long as its slices live, their ids are
            # their own.
            found = self._pools.setdefault(key, make())
        return found


def newest_generation(slices: Iterable[ResourceSlice], features: Features) -> Generation:
    """The newest generation of a pool, from all its slices, of any node and generation.

    Raises: ValueError, if there are none. Cost: O(slices), and O(devices) with counters, with pauses when all
    slices are read.
    """
    every = tuple(slices)
    number = max(item.generation for item in every)
    return _generation(
        number,
        tuple(
            item
            for item in every
            if item.generation == number and (features.compatibility_groups or not item.has_groups)
        ),
        features,
    )


def _generation(number: int, slices: tuple[ResourceSlice, ...], features: Features) -> Generation:
    if not features.partitionable_devices or not any(map(_counts, slices)):
        return Generation(number, slices)
    counting = [item for item in slices if item.shared_counters]
    names = frozenset(item.meta.name for item in counting)
    rest = [item for item in slices if item.meta.name not in names]
    sets: dict[str, CounterSet] = {}
    # Only the stable allocator checks what devices in a counter slice consume.
    checked = slices if features.channel.counters_everywhere else rest
    problem = _collect_counters(counting, sets) or _missing_counter(sets, checked)
    return Generation(
        number,
        slices,
        names,
        sets,
        tuple(item for item in rest if item.draws),
        problem is not None,
    )


def concerns_every_node(candidate: ResourceSlice, features: Features) -> bool:
    """Whether ``gather_pools`` needs the slice for every node, not only for its own."""
    if not candidate.node_name:
        return True
    return bool(candidate.shared_counters) and features.channel.counters_everywhere


def gather_pools(
    node: Node,
    slices: Iterable[ResourceSlice],
    newest: Callable[[PoolId], Generation],
    features: Features,
    size: Callable[[PoolId], GenerationSize] | None = None,
    *,
    alike: Callable[[PoolId], SharedPools] | None = None,
    before: Callable[[PoolId], Pool | None] | None = None,
) -> tuple[Pool, ...]:
    """The pools of a node, in the order in which the search goes through them.

    Args:
        node: name and labels matter, nothing else.
        slices: those with the node's name and those for which ``concerns_every_node`` holds; more
            do no harm.
        newest: the newest generation of a pool that has slices.
        features: only PartitionableDevices, CompatibilityGroups and the ``channel``.
        size: that of the newest generation, if it is known without going through its slices. Then
            ``newest`` is called for complete pools only.
        alike: where a pool is shared with nodes that see the same of it; None: nowhere.
        before: a pool that has not changed since a node had it, whichever node that was.

    Raises:
        PoolError: a node selector is malformed.
    Cost: O(slices given), and O(devices) of the pools that are made, with pauses. After the first
    device none of the functions is called any more: what they read may change in a pause.
    """
    found: dict[PoolId, list[ResourceSlice]] = {}
    selected: dict[int, bool] = {}
    for candidate in paced(slices, _FIELDS):
        if not _ignored(candidate, features) and _relevant(candidate, node, features, selected):
            _add(found, candidate)
    each = paced(found.items(), _FIELDS)
    known = {id_: pool for id_, seen in each if before and (pool := before(id_)) and _is_of(pool, seen)}
    each = paced(found.items(), _FIELDS)
    views = [
        view for id_, seen in each if id_ not in known and (view := _view(id_, seen, newest, features, size))
    ]
    shared = [None if alike is None or view.is_of_one_node else alike(view.id) for view in paced(views)]
    pools = [_pool(*each, features) for each in zip(views, shared, strict=True)]
    return tuple(sorted((*known.values(), *pools), key=search_order))


def search_order(pool: Pool) -> tuple[bool, str, str]:
    """The key by which the pools of a node are in order."""
    return pool.has_binding_conditions, pool.id.driver, pool.id.pool


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
        or (candidate.shared_counters and features.channel.hides_counters)
    ):
        return True
    return not features.compatibility_groups and candidate.has_groups


def _relevant(candidate: ResourceSlice, node: Node, features: Features, selected: dict[int, bool]) -> bool:
    """Whether the slice counts for the node. ``selected``: by the id of a selector, which is interned."""
    if candidate.shared_counters and features.channel.counters_everywhere:
        return True
    if candidate.node_name:
        return node.name == candidate.node_name
    if candidate.all_nodes:
        return True
    selector = candidate.node_selector
    if selector is not None:
        matches = selected.get(id(selector))
        if matches is None:
            matches = selected[id(selector)] = _selects(selector, candidate, node)
        return matches
    if not candidate.per_device_node_selection:
        return False
    reached = candidate.reach.of(node)
    if reached.error:
        raise PoolError(f"slice {candidate.meta.name}: {reached.error}")
    return reached.some


def _selects(selector: NodeSelector, of: ResourceSlice, node: Node) -> bool:
    try:
        return selector.matches(node.name, node.meta.labels)
    except SelectorError as error:
        raise PoolError(f"slice {of.meta.name}: {error}") from None


def _add(found: dict[PoolId, list[ResourceSlice]], candidate: ResourceSlice) -> None:
    """Keeps the newest generation of each pool, as far as slices for this node tell."""
    relevant = found.get(candidate.pool_id)
    if relevant is None or candidate.generation > relevant[0].generation:
        found[candidate.pool_id] = [candidate]
    elif candidate.generation == relevant[0].generation:
        relevant.append(candidate)


@dataclass(frozen=True, slots=True)
class _View:
    """What a node sees of a pool. ``generation``: of the pool on all nodes, if the node sees a part of it."""

    id: PoolId
    seen: list[ResourceSlice]
    generation: Generation | None = None
    incomplete: bool = False

    @property
    def is_of_one_node(self) -> bool:
        """Whether no other node sees the same, or it has no devices."""
        return self.incomplete or any(item.node_name for item in self.seen)


def _view(
    id_: PoolId,
    seen: list[ResourceSlice],
    newest: Callable[[PoolId], Generation],
    features: Features,
    size: Callable[[PoolId], GenerationSize] | None,
) -> _View | None:
    """What the node sees, or None if a newer generation of the pool exists that has nothing for this node."""
    number, expected = seen[0].generation, seen[0].slice_count
    if features.channel.partial_pools or len(seen) == expected:
        return _View(id_, seen)
    if size is not None:
        newer, counted = size(id_).number > number, size(id_).counted(features)
        if newer or counted != expected:
            return None if newer else _View(id_, seen, incomplete=True)
    generation = newest(id_)
    if generation.number > number:
        return None
    return _View(id_, seen, generation, incomplete=len(generation.slices) != expected)


def _is_of(pool: Pool, seen: Sequence[ResourceSlice]) -> bool:
    """Whether a pool is made from these slices."""
    return len(pool.seen) == len(seen) and all(map(is_, pool.seen, seen))


def _pool(view: _View, shared: SharedPools | None, features: Features) -> Pool:
    if view.incomplete:
        return Pool(view.id, incomplete=True)
    if shared is None:
        return _made(view, features)
    return shared.made(view.seen, lambda: _made(view, features))


def _made(view: _View, features: Features) -> Pool:
    if features.channel.partial_pools:
        return _build_partial(view.id, view.seen, features)
    seen, generation = view.seen, view.generation
    if generation is None:
        generation = _generation(seen[0].generation, tuple(seen), features)
    return _build(view.id, seen, generation, features)


def _build(id_: PoolId, relevant: list[ResourceSlice], generation: Generation, features: Features) -> Pool:
    own = tuple(item for item in relevant if item.meta.name not in generation.counting)
    own = _in_order(own, features)
    reason = _duplicate_device(own)
    if reason is None and generation.counter_problem:
        reason = _counter_problem(relevant, own, generation, features)
    if reason is not None:
        return Pool(id_, invalid_reason=reason, seen=tuple(relevant))
    return Pool(
        id_,
        seen=tuple(relevant),
        slices=own,
        drawing=generation.drawing,
        counter_sets=generation.counter_sets,
        has_binding_conditions=_has_binding_conditions(own, features),
        devices=_placed(id_, own),
    )


def _counter_problem(
    relevant: Sequence[ResourceSlice],
    own: Sequence[ResourceSlice],
    generation: Generation,
    features: Features,
) -> str | None:
    """What is wrong with the counters, the node's own slices first. O(devices of the pool)."""
    names = {item.meta.name for item in relevant}
    others = [item for item in generation.slices if item.meta.name not in names]
    sets: dict[str, CounterSet] = {}
    counting = [item for item in (*relevant, *others) if item.meta.name in generation.counting]
    checked = relevant if features.channel.counters_everywhere else own
    rest = [item for item in others if item.meta.name not in generation.counting]
    return _collect_counters(counting, sets) or _missing_counter(sets, (*checked, *rest))


def _build_partial(id_: PoolId, relevant: list[ResourceSlice], features: Features) -> Pool:
    """The pool as Kubernetes 1.33 and 1.34 see it: by the slices for this node alone."""
    own, sets = _in_order(relevant, features), dict[str, CounterSet]()
    if features.partitionable_devices and any(_counts(item) for item in relevant):
        own = tuple([_with_own_counters(item, sets) for item in paced(own, 1)])
    return Pool(
        id_,
        seen=tuple(relevant),
        slices=own,
        drawing=own if sets else (),
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
    return bool(item.shared_counters) or item.draws


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
    return features.channel.binds_to_node and any(item.binding_conditions for item in slices)


def _is_readable(placed: PlacedDevice) -> bool:
    shape = placed.device.shape
    return not shape.parsed or not view_of(shape).unreadable


def _placed(id_: PoolId, slices: Iterable[ResourceSlice]) -> tuple[PlacedDevice, ...]:
    placed: list[PlacedDevice] = []
    for item in paced(slices, _SLICES):
        placed += [
            PlacedDevice(DeviceId(id_.driver, id_.pool, device.name), device, item) for device in item.devices
        ]
    return tuple(placed)


def _duplicate_device(slices: Iterable[ResourceSlice]) -> str | None:
    names = set[str]()
    for item in paced(slices, _SLICES):
        for device in item.devices:
            if device.name in names:
                return f"duplicate device name {device.name}"
            names.add(device.name)
    return None


def _collect_counters(slices: Iterable[ResourceSlice], sets: dict[str, CounterSet]) -> str | None:
    for item in paced(slices, _SLICES):
        for counter_set in item.shared_counters:
            if counter_set.name in sets:
                return f"duplicate counter set name {counter_set.name}"
            sets[counter_set.name] = counter_set
    return None


def _missing_counter(sets: Mapping[str, CounterSet], slices: Iterable[ResourceSlice]) -> str | None:
    for item in paced(slices, _SLICES):
        if not item.draws:
            continue
        for device in item.devices:
            for consumption in device.consumes_counters:
                counter_set = sets.get(consumption.counter_set)
                if counter_set is None:
                    return f"counter set {consumption.counter_set} not found"
                for name in consumption.counters:
                    if name not in counter_set.counters:
                        return f"counter {name} not found in counter set {counter_set.name}"
    return None
