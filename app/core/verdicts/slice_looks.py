"""What the devices of slices look like, in numbers that are equal where the devices agree.

Made once for each slice, before the first filter: a kind of Pods, which reads a few attributes, then costs a
lookup for each slice and attribute, and not one for each device. An attribute that nothing has read, such as
a serial number, costs nothing.
"""

from collections.abc import Hashable, Mapping, Sequence
from itertools import count

from app.core.allocator.counters import Ledger, consumption_key
from app.core.model.device import Device, DeviceShape
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.pauses import FEW, leave, paced
from app.core.state.pools import Pool

_MAX_WEIGHT = 1_000_000
"""Values in numbered parts that are remembered, some 150 MB if no two devices are alike in what is seen."""
_COLUMNS = 8
"""Attributes of all devices of a slice that are read between two pauses."""
_MAX_SEEN = 64
"""Sets of attributes for which it is kept what a slice looks like."""
_MAX_SHAPES = 4096
"""Shapes that slices may have in common; they are kept alive."""


class Numbers:
    """A number for each part of a key; equal parts have equal numbers, as long as they are remembered."""

    def __init__(self) -> None:
        self._next = count()
        self._known: dict[Hashable, int] = {}
        self._weight = 0

    def of(self, part: Hashable, weight: int | None = None) -> int:
        """The number of a part. O(its size). ``weight``: how many values it has, if they may be thousands."""
        found = self._known.get(part)
        if found is None:
            if self._weight >= _MAX_WEIGHT:
                leave(list(self._known))
                self._known = {}  # a number is never given twice: what looks new is only unshared
                self._weight = 0
            found = self._known[part] = next(self._next)
            self._weight += _weight(part) if weight is None else weight
        return found


def _weight(part: Hashable) -> int:
    """How many values a part of a slice has: of 128 devices, each may have a list of 64 as an attribute."""
    weight, left = 1, [part]
    while left:
        item = left.pop()
        if isinstance(item, tuple | frozenset):
            weight += len(item)
            left += [value for value in item if isinstance(value, tuple | frozenset)]
    return weight


class ShapesLook:
    """The shapes of a slice's devices, in order."""

    __slots__ = ("_base", "_columns", "_numbers", "_seen", "_shapes")

    def __init__(self, shapes: tuple[DeviceShape, ...], numbers: Numbers) -> None:
        self._shapes = shapes
        self._numbers = numbers
        self._columns: dict[str, int] = {}
        self._seen: dict[tuple[str, ...] | None, int] = {}
        # What every search sees. Those that are parsed can make every expression fail, read or not.
        self._base = numbers.of(
            tuple(
                [
                    (item.driver, item.allow_multiple_allocations, item.capacity_number, item.parsed)
                    for item in shapes
                ]
            )
        )

    def seen(self, names: tuple[str, ...] | None) -> int:
        """Stands for all that a search sees which reads these attributes; None: it reads all of them.

        O(attributes) the first time, and O(devices) for an attribute that nothing has read before, with
        pauses.
        """
        found = self._seen.get(names)
        if found is None:
            columns = tuple(
                [
                    (name, column)
                    for name in paced(self._among(names), _COLUMNS)
                    if (column := self._column(name)) is not None
                ]
            )
            found = self._numbers.of((self._base, columns))
            if len(self._seen) >= _MAX_SEEN:
                self._seen.clear()
            self._seen[names] = found
        return found

    def _column(self, name: str) -> int | None:
        """Stands for the kinds and values of an attribute of all devices; None: no device has it.

        Kept only if one has it: a tenant may name any number of attributes.
        """
        found = self._columns.get(name)
        if found is None:
            # Kinds and values rather than attributes: Python hashes and compares them in C.
            column = [
                None if (item := shape.attributes.get(name)) is None else (item.kind, item.value)
                for shape in self._shapes
            ]
            if any(column):
                found = self._columns[name] = self._numbers.of(tuple(column))
        return found

    def _among(self, names: tuple[str, ...] | None) -> Sequence[str]:
        """Those of the names that a device may have, in order; None: of all."""
        if names is not None and len(names) <= FEW:
            return names
        every = sorted({name for shape in self._shapes for name in shape.attributes})
        read = None if names is None else frozenset(names)
        return [name for name in every if read is None or name in read]


class SliceLook:
    """What one slice looks like.

    ``rest`` stands for what is not in the shapes: counters, taints and conditions; None if no device has any.
    ``ambiguous``: an allocation of some device is an error, which names it.
    """

    __slots__ = ("ambiguous", "item", "rest", "shapes")

    def __init__(self, item: ResourceSlice, shapes: ShapesLook, rest: int | None, *, ambiguous: bool) -> None:
        self.item = item
        self.shapes = shapes
        self.rest = rest
        self.ambiguous = ambiguous


class SliceLooks:
    """The looks of all slices, for every kind of Pods. ``made`` counts the slices that had to be read."""

    def __init__(self) -> None:
        self.made = 0
        self.numbers = Numbers()
        self._slices: dict[str, SliceLook] = {}
        self._shapes: dict[tuple[DeviceShape, ...], ShapesLook] = {}
        self._kept_shapes = 0
        self._counters: dict[PoolId, tuple[Pool, bool, int]] = {}

    def __len__(self) -> int:
        return len(self._slices)

    def of(self, item: ResourceSlice) -> SliceLook:
        """O(devices), once for a slice."""
        found = self._slices.get(item.meta.name)
        if found is None or found.item is not item:
            found = self._slices[item.meta.name] = self._made(item)
        return found

    def full_counters(self, pool: Pool, *, groups: bool) -> int:
        """Stands for the counters of a pool of which nothing is taken. O(counters), once for a pool.

        ``groups``: with compatibility groups.
        """
        found = self._counters.get(pool.id)
        if found is None or found[0] is not pool or found[1] != groups:
            number = sum(len(counters.counters) for counters in paced(pool.counter_sets.values()))
            state = self.numbers.of(Ledger(pool, (), groups=groups).state(), 3 * number)
            found = self._counters[pool.id] = (pool, groups, state)
        return found[2]

    def trim(self, known: Mapping[str, object]) -> None:
        """Drops deleted slices. O(slices) when a quarter of them are, O(1) otherwise."""
        most = 64 + len(known) * 5 // 4
        if len(self._slices) > most:
            self._slices = {name: look for name, look in self._slices.items() if name in known}
        if len(self._counters) > most:
            self._counters.clear()

    def _made(self, item: ResourceSlice) -> SliceLook:
        self.made += 1
        rest = [_rest(device) for device in item.devices]
        return SliceLook(
            item,
            self._look(tuple([device.shape for device in item.devices])),
            self.numbers.of(tuple(rest)) if any(rest) else None,
            ambiguous=any(_is_ambiguous(device, item) for device in item.devices),
        )

    def _look(self, shapes: tuple[DeviceShape, ...]) -> ShapesLook:
        found = self._shapes.get(shapes)
        if found is None:
            if self._kept_shapes >= _MAX_SHAPES:
                self._shapes.clear()
                self._kept_shapes = 0
            found = self._shapes[shapes] = ShapesLook(shapes, self.numbers)
            self._kept_shapes += len(shapes)
        return found


def _rest(device: Device) -> Hashable:
    """What a search reads of a device beside its shape; None for nothing."""
    takes = tuple(sorted((device.node_allocatable or {}).items())), device.old_node_allocatable
    if not (device.consumes_counters or device.taints or device.binding_conditions or any(takes)):
        return None
    taints = tuple((taint.key, taint.value, taint.effect) for taint in device.taints)
    counters = consumption_key(device) if device.consumes_counters else None
    return counters, taints, bool(device.binding_conditions), takes


def _is_ambiguous(device: Device, item: ResourceSlice) -> bool:
    selector = device.node_selector if item.per_device_node_selection else item.node_selector
    return selector is not None and len(selector.terms) > 1
