"""How much of what is whole on a node a Pod would break.

Devices stand in groups: all of a driver on the node, those of one NUMA node, of one PCIe root, of one
value of an attribute that the Pod's claims match, and the partitions that draw from one counter set. A
group with a weight of f free is worth f x f: eight together are worth more than four times two. The loss is
what the Pod's devices take off the worth of all groups.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.core.allocator.counters import Ledger
from app.core.model.allocation import AllocatedDevice
from app.core.scoring.places import LEVELS, place_of, value_of
from app.core.scoring.prospect import Prospect
from app.core.state.pools import PlacedDevice, Pool
from app.core.state.taken import NOTHING_TAKEN, PoolTaken

_WHOLE = 0.999  # less than the sum of fractions that make 1
_New = Mapping[str, AllocatedDevice | None]
"""Devices that are taken as well, by name; None: taken whole."""


@dataclass(slots=True)
class FragmentGroup:
    """``free`` is what may still be taken of ``total``, by weight."""

    name: str
    total: float = 0.0
    free: float = 0.0


@dataclass(frozen=True, slots=True)
class Broken:
    """A group of which the Pod takes ``taken``, and leaves ``left``."""

    name: str
    total: float
    taken: float
    left: float

    @property
    def loss(self) -> float:
        """The loss in value of the group."""
        return self.taken * (2 * self.left + self.taken)


class PoolRoom:
    """One pool: the free share of each device, and what some more devices would leave free."""

    def __init__(self, pool: Pool, held: PoolTaken) -> None:
        self._held = held
        self._ledger = Ledger(pool, held.whole | held.shared, groups=False)
        self._capacity = {
            (item.name, counter): amount.nanos
            for item in pool.counter_sets.values()
            for counter, amount in item.counters.items()
        }
        self._counters = {item.name: len(item.counters) for item in pool.counter_sets.values()}
        # Without PartitionableDevices pools have no counter sets, and what draws from them is not used.
        self._draws = [
            placed.device.consumes_counters if pool.counter_sets else () for placed in pool.devices
        ]
        self._sharers: dict[str, list[int]] = {}
        for position, draws in enumerate(self._draws):
            for draw in draws:
                self._sharers.setdefault(draw.counter_set, []).append(position)
        self.devices = pool.devices
        self.weights = [self._weight(position) for position in range(len(pool.devices))]
        self.free = [self._free(position, {}) for position in range(len(pool.devices))]

    def lost(self, new: Sequence[AllocatedDevice]) -> dict[int, float]:
        """By position, the weight that is no longer free once these devices are taken as well."""
        names = {item.device.device: item for item in new}
        positions = [number for number, placed in enumerate(self.devices) if placed.device.name in names]
        return self._lost(positions, names)

    def lost_as(self, position: int, given: AllocatedDevice) -> dict[int, float]:
        """As ``lost``, for a device that is taken as another one is ``given``."""
        return self._lost([position], {self.devices[position].device.name: given})

    def lost_with(self, position: int) -> dict[int, float]:
        """As ``lost``, for a device that is taken whole."""
        return self._lost([position], {self.devices[position].device.name: None})

    def _lost(self, positions: Sequence[int], names: _New) -> dict[int, float]:
        drawn = []
        concerned = set(positions)
        for position in positions:
            device, draws = self.devices[position].device, self._draws[position]
            for draw in draws:
                concerned.update(self._sharers[draw.counter_set])
            if draws and self._ledger.charge(device):
                drawn.append(device)
        found = {}
        for position in concerned:
            now = self._free(position, names)
            if now < self.free[position]:
                found[position] = self.free[position] - now
        for device in reversed(drawn):
            self._ledger.refund(device)
        return found

    def sets_of(self, position: int) -> list[str]:
        """The counter sets that the device draws from."""
        return [draw.counter_set for draw in self._draws[position]]

    def _weight(self, position: int) -> float:
        """1 for a device, for a partition its share of the counters that it draws from, on average."""
        shares = [
            _share(amount.nanos, self._capacity[draw.counter_set, name]) / self._counters[draw.counter_set]
            for draw in self._draws[position]
            for name, amount in draw.counters.items()
            if self._capacity.get((draw.counter_set, name))
        ]
        return sum(shares) or 1.0

    def _free(self, position: int, new: _New) -> float:
        """The weight of the device that may still be taken."""
        device = self.devices[position].device
        if device.name in self._held.whole:
            return 0.0
        more = new.get(device.name)
        if device.name in new and (more is None or more.share_id is None):
            return 0.0
        shared = device.name in self._held.shared or more is not None
        if self._draws[position] and not shared and self._ledger.shortages(device):
            return 0.0
        weight = self.weights[position]
        if not shared:
            return weight
        consumed = dict(self._held.capacity.get(device.name, {}))
        for name, amount in more.consumed_capacity if more is not None else ():
            consumed[name] = consumed.get(name, 0) + amount.nanos
        parts = [
            _share(consumed.get(name, 0), item.value.nanos)
            for name, item in device.shape.capacity.items()
            if item.value.nanos
        ]
        return weight * max(0.0, 1.0 - max(parts, default=0.0))


def _share(part: int, whole: int) -> float:
    """At most 1: a request may exceed what there is, by more than a float can express."""
    return min(part, whole) / whole


class NodeFragments:
    """The groups of a node. Cost: O(devices), with counters O(devices x partitions of a set)."""

    def __init__(self, prospect: Prospect) -> None:
        self._matched = tuple(sorted(prospect.matched))
        self.rooms = [PoolRoom(pool, prospect.taken.get(pool.id, NOTHING_TAKEN)) for pool in prospect.pools]
        self._groups: dict[Hashable, FragmentGroup] = {}
        self._of: dict[tuple[int, int], list[FragmentGroup]] = {}
        for number, room in enumerate(self.rooms):
            for position, placed in enumerate(room.devices):
                groups = [
                    self._groups.setdefault(key, FragmentGroup(name))
                    for key, name in self._keys(number, room, position, placed)
                ]
                self._of[number, position] = groups
                for group in groups:
                    group.total += room.weights[position]
                    group.free += room.free[position]

    def broken(self, prospect: Prospect) -> list[Broken]:
        """The groups that the Pod's devices are of, and what they leave. O(devices that it concerns)."""
        lost: dict[tuple[int, int], float] = {}
        for number, (room, pool) in enumerate(zip(self.rooms, prospect.pools, strict=True)):
            new = [item for _, item in prospect.new if item.device.pool_id == pool.id]
            if new:
                lost |= {(number, position): weight for position, weight in room.lost(new).items()}
        return self._broken(lost)

    def order(self, count: int) -> Iterator[dict[object, tuple[float, ...]]]:
        """Ways to go through the devices, as sort keys by device id, for a Pod that needs ``count`` of them.

        First by what each would break alone; then those first whose group has just enough for all of them.
        """
        alone: dict[tuple[int, int], float] = {}
        for number, room in enumerate(self.rooms):
            for position, free in enumerate(room.free):
                if free:
                    lost = {(number, at): weight for at, weight in room.lost_with(position).items()}
                    alone[number, position] = sum(item.loss for item in self._broken(lost))
        ranks = {id(group): float(rank) for rank, group in enumerate(self._groups.values())}
        by_loss: dict[object, tuple[float, ...]] = {}
        by_group: dict[object, tuple[float, ...]] = {}
        for at, loss in alone.items():
            id_, groups = self.rooms[at[0]].devices[at[1]].id, self._of[at]
            by_loss[id_] = (loss, ranks[id(min(groups, key=lambda item: item.total))])
            enough = [group for group in groups if group.free >= count]
            if enough:
                best = min(enough, key=lambda item: item.free)
                by_group[id_] = (best.free, ranks[id(best)], loss)
        yield by_loss
        if count > 1:
            yield by_group

    def _broken(self, lost: dict[tuple[int, int], float]) -> list[Broken]:
        by_group: dict[int, tuple[FragmentGroup, float]] = {}
        for at, weight in lost.items():
            for group in self._of[at]:
                by_group[id(group)] = group, by_group.get(id(group), (group, 0.0))[1] + weight
        return [
            Broken(group.name, group.total, taken, max(0.0, group.free - taken))
            for group, taken in by_group.values()
        ]

    def _keys(
        self, number: int, room: PoolRoom, position: int, placed: PlacedDevice
    ) -> Iterator[tuple[Hashable, str]]:
        for name in room.sets_of(position):
            yield (number, name), f"counter set {name}"
        if room.weights[position] < _WHOLE:
            return  # of a node or a NUMA node, only whole devices count
        shape = placed.device.shape
        yield shape.driver, f"the node's {shape.driver}"
        for level in LEVELS:
            value = place_of(shape, level)
            if value is not None:
                yield (shape.driver, level, value), f"{level} {value}"
        for name in self._matched:
            value = value_of(shape, name)
            if value is not None:
                yield (shape.driver, name, value), f"{name} {value}"
