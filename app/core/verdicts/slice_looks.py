"""What the devices of slices look like, in numbers that are equal where the devices agree.

Made once for each slice, before the first filter: a kind of Pods, which reads a few attributes, then costs a
lookup for each slice and attribute, and not one for each device. An attribute that nothing has read, such as
a serial number, costs nothing.
"""

from collections.abc import Hashable, Mapping
from itertools import count

from app.core.allocator.counters import Ledger, consumption_key
from app.core.model.device import Device, DeviceShape
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.state.pools import Pool

_MAX_PARTS = 200_000
"""Numbered parts that are remembered, some 100 MB if no two devices are alike in what is seen."""
_MAX_SHAPES = 4096
"""Shapes that slices may have in common; they are kept alive."""


class Numbers:
    """A number for each part of a key; equal parts have equal numbers, as long as they are remembered."""

    def __init__(self) -> None:
        self._next = count()
        self._known: dict[Hashable, int] = {}

    def of(self, part: Hashable) -> int:
        """The number of a part. O(its size)."""
        found = self._known.get(part)
        if found is None:
            if len(self._known) >= _MAX_PARTS:
                self._known.clear()  # a number is never given twice: what looks new is only unshared
            found = self._known[part] = next(self._next)
        return found


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

        O(attributes) the first time, and O(devices) for an attribute that nothing has read before.
        """
        found = self._seen.get(names)
        if found is None:
            every = names if names is not None else self._names()
            columns = tuple([self._column(name) for name in every])
            found = self._numbers.of((self._base, columns, None if names is not None else every))
            self._seen[names] = found
        return found

    def _column(self, name: str) -> int:
        """Stands for the kinds and values of an attribute of all devices."""
        found = self._columns.get(name)
        if found is None:
            # Kinds and values rather than attributes: Python hashes and compares them in C.
            found = self._columns[name] = self._numbers.of(
                tuple(
                    [
                        None if (item := shape.attributes.get(name)) is None else (item.kind, item.value)
                        for shape in self._shapes
                    ]
                )
            )
        return found

    def _names(self) -> tuple[str, ...]:
        return tuple(sorted({name for shape in self._shapes for name in shape.attributes}))


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
            state = self.numbers.of(Ledger(pool, (), groups=groups).state())
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
