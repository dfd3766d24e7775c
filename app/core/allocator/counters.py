"""Counters of partitionable devices (KEP-4815) and who may share them (compatibility groups).

Devices of a pool draw from its counter sets. What allocated devices draw is read from the slices,
within and out of the node's reach, as in-tree does; a device that is no longer published draws nothing.
"""

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass

from app.core.model.device import Device, DeviceCounterConsumption
from app.core.model.quantity import Quantity
from app.core.model.resource_slice import ResourceSlice
from app.core.pauses import in_order, paced
from app.core.state.pools import Pool

Key = tuple[str, str]  # counter set, counter

_AT_ONCE = 16
"""Counter sets, or devices that draw from some, between two pauses: each may have dozens of counters."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The groups that all users of a counter set have in common. None: they have no groups at all."""

    groups: frozenset[str] | None

    def admits(self, groups: frozenset[str]) -> bool:
        """Whether a device with these groups may use the set as well: no groups go with none only."""
        return not groups if self.groups is None else bool(self.groups & groups)

    def joined_by(self, groups: frozenset[str]) -> "Sharing":
        """After a device with these groups has come; one that was let in by mistake changes nothing."""
        return self if self.groups is None or not groups else Sharing(self.groups & groups)


class Ledger:
    """The rest in the counter sets of one pool. ``charge`` and ``refund`` are exact opposites.

    Making one costs O(counters, and devices that draw from them), with pauses.
    """

    def __init__(
        self, pool: Pool, allocated: Collection[str], *, groups: bool, own_counters_only: bool = False
    ) -> None:
        self._left: dict[Key, int] = {
            (counter_set.name, name): amount.nanos
            for counter_set in paced(pool.counter_sets.values(), _AT_ONCE)
            for name, amount in counter_set.counters.items()
        }
        self._sharing: dict[str, Sharing] | None = {} if groups else None
        self._before: list[dict[str, Sharing]] = []
        for item in paced(_in_order(pool) if groups else pool.drawing, 1):
            for device in item.devices:
                if device.consumes_counters and device.name in allocated:
                    self._draw(device, 1)
                    self._join(device)
        # Since 1.34 in-tree compares all counters of a pool: one that is overdrawn blocks every device.
        self._overdrawn = not own_counters_only and any(left < 0 for left in self._left.values())

    def charge(self, device: Device) -> bool:
        """Draws what the device needs, if it is there and the device may share it."""
        if self._overdrawn or not self._may_share(device):
            return False
        self._draw(device, 1)
        for consumption in device.consumes_counters:
            for name in consumption.counters:
                if self._left[consumption.counter_set, name] < 0:
                    self._draw(device, -1)
                    return False
        if self._sharing is not None:
            self._before.append(dict(self._sharing))
            self._join(device)
        return True

    def shortages(self, device: Device) -> tuple[tuple[str, str, Quantity, int], ...]:
        """Counter set, counter, what the device needs and what is left in nanos, where that is too little."""
        return tuple(
            (consumption.counter_set, name, amount, self._left[consumption.counter_set, name])
            for consumption in device.consumes_counters
            for name, amount in consumption.counters.items()
            if self._left[consumption.counter_set, name] < amount.nanos
        )

    def shortages_together(self, devices: Iterable[Device]) -> tuple[tuple[str, str, Quantity, int], ...]:
        """The same for several devices: what they need together."""
        needed: dict[Key, Quantity] = {}
        for device in paced(devices, _AT_ONCE):
            for consumption in device.consumes_counters:
                for name, amount in consumption.counters.items():
                    key = consumption.counter_set, name
                    before = needed[key].nanos if key in needed else 0
                    needed[key] = Quantity(before + amount.nanos, amount.format)
        return tuple(
            (*key, amount, self._left[key])
            for key, amount in sorted(needed.items())
            if self._left[key] < amount.nanos
        )

    def refund(self, device: Device) -> None:
        """Takes back the latest charge, which was for this device."""
        self._draw(device, -1)
        if self._sharing is not None:
            self._sharing = self._before.pop()

    def state(self) -> Hashable:
        """All that later answers depend on."""
        return (
            tuple(in_order(self._left.items())),
            None if self._sharing is None else frozenset(self._sharing.items()),
        )

    def _draw(self, device: Device, sign: int) -> None:
        for consumption in device.consumes_counters:
            for name, amount in consumption.counters.items():
                self._left[consumption.counter_set, name] -= sign * amount.nanos

    def _may_share(self, device: Device) -> bool:
        if self._sharing is None:
            return True
        sharing = dict[str, Sharing]()
        for consumption in device.consumes_counters:
            groups = frozenset(consumption.compatibility_groups)
            name = consumption.counter_set
            users = sharing.get(name) or self._sharing.get(name)
            if users is not None and not users.admits(groups):
                return False
            sharing[name] = users.joined_by(groups) if users is not None else Sharing(groups or None)
        return True

    def _join(self, device: Device) -> None:
        if self._sharing is None:
            return
        for consumption in device.consumes_counters:
            groups = frozenset(consumption.compatibility_groups)
            users = self._sharing.get(consumption.counter_set)
            self._sharing[consumption.counter_set] = (
                users.joined_by(groups) if users is not None else Sharing(groups or None)
            )


def _in_order(pool: Pool) -> list[ResourceSlice]:
    """The slices as in-tree goes through them: those with devices for the node first, each part by name.

    It matters where devices with groups and without are held together, which the gate's being off allowed.
    """
    here = {item.meta.name for item in pool.slices}
    return sorted(pool.drawing, key=lambda item: (item.meta.name not in here, item.meta.name))


def consumption_key(device: Device) -> Hashable:
    """Equal for devices that draw the same from the same sets of one pool."""
    return tuple([_draw_key(consumption) for consumption in device.consumes_counters])


def _draw_key(consumption: DeviceCounterConsumption) -> Hashable:
    amounts = [(name, amount.nanos) for name, amount in consumption.counters.items()]
    groups = frozenset(consumption.compatibility_groups) if consumption.compatibility_groups else None
    return consumption.counter_set, tuple(amounts if len(amounts) == 1 else sorted(amounts)), groups
