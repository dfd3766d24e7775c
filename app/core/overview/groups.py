"""Devices added up by driver, attribute, label and namespace, and what is free for expected requests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.core.overview.requests import Demands, MixRequest
from app.core.overview.tallies import ALL_NODES, NodeTally, Tallies
from app.core.pauses import paced, paced_if_many
from app.core.state.device_views import STATES
from app.core.state.state import State

_FREE = STATES.index("free")
_IN_USE = tuple(STATES.index(name) for name in ("taken", "shared", "assumed"))


@dataclass(slots=True)
class DeviceGroup:
    """Devices that have something in common.

    ``states`` in the order of ``STATES``, ``nodes`` with such devices. ``largest``: the most free devices of
    one driver on one node, which is ``largest_node``.
    """

    name: str
    states: list[int] = field(default_factory=lambda: [0] * len(STATES))
    nodes: int = 0
    largest: int = 0
    largest_node: str = ""

    @property
    def devices(self) -> int:
        """All of them."""
        return sum(self.states)

    @property
    def in_use(self) -> int:
        """Those that a claim holds, a share of one counted as one."""
        return sum(self.states[at] for at in _IN_USE)

    @property
    def free(self) -> int:
        """Those that a claim may get now: not in use, tainted or unusable."""
        return self.states[_FREE]

    def add(self, states: Iterable[int]) -> None:
        """Adds devices."""
        self.states = [one + other for one, other in zip(self.states, states, strict=True)]

    def block(self, free: int, node: str) -> None:
        """Takes note of the free devices of one driver on one node."""
        if free > self.largest or (free == self.largest and free and node < self.largest_node):
            self.largest, self.largest_node = free, node


@dataclass(slots=True)
class NamespaceUse:
    """Devices that claims of a namespace hold, by driver. One that two namespaces share counts for both."""

    name: str
    by_driver: dict[str, int] = field(default_factory=dict)

    @property
    def in_use(self) -> int:
        """All of them."""
        return sum(self.by_driver.values())


@dataclass(slots=True)
class DemandRoom:
    """What is free for one demand of the mix: ``free`` devices match it, ``unusable`` of them are on nodes
    with fewer than it needs, and ``fits`` such requests would find devices, one after another.
    """

    text: str
    count: int
    share: float
    takes_all: bool
    free: int = 0
    unusable: int = 0
    fits: int = 0


@dataclass(slots=True)
class Sums:
    """Everything that is added up over the nodes."""

    total: DeviceGroup
    drivers: dict[str, DeviceGroup]
    values: dict[str, DeviceGroup]
    labels: dict[str, dict[str, DeviceGroup]]
    namespaces: dict[str, NamespaceUse]
    rooms: list[DemandRoom]
    tainted: dict[tuple[str, str], int]
    fragments: dict[str, list[float]]
    """By driver, weighted by the mix: free devices of no use where they are, and free devices that match."""
    nodes_gone: int = 0

    def fragmentation(self, driver: str = "") -> float | None:
        """Of the free devices that the mix can use, the share on nodes with too few of them for a request.

        The measure of fragmentation gradient descent, with counts of devices: 0 is none, 1 is all. None if no
        free device matches any request of the mix. Cost: O(1) for one driver, O(drivers) for all.
        """
        # One driver is looked up: an answer has each of thousands, and must not go through all each time.
        one = self.fragments.get(driver, (0.0, 0.0))
        found = [one] if driver else self.fragments.values()
        unusable, matching = sum(item[0] for item in found), sum(item[1] for item in found)
        return unusable / matching if matching else None


def add_up(tallies: Tallies, state: State, demands: Demands, labels: Iterable[str], driver: str = "") -> Sums:
    """Adds up the tallies, of one driver alone if it is given. Cost: O(nodes x (drivers + labels)), with
    pauses.
    """
    sums = Sums(
        DeviceGroup(""),
        {},
        {},
        {name: {} for name in labels},
        {},
        [DemandRoom(item.text, item.count, item.share, item.takes_all) for item in demands.items],
        {},
        {},
    )
    for name, tally in paced(list(tallies.nodes.items()), 8):
        node = state.nodes.get(name)
        sums.nodes_gone += node is None and name != ALL_NODES
        _add_node(sums, name, tally, {} if node is None else node.meta.labels, driver)
    return sums


def _add_node(sums: Sums, name: str, tally: NodeTally, labels: Mapping[str, str], driver: str) -> None:
    by_driver: dict[str, list[int]] = {}
    by_value: dict[str, list[int]] = {}
    for (of_driver, value), states in paced_if_many(tally.cells.items()):
        if driver in ("", of_driver):
            _into(by_driver, of_driver, states)
            _into(by_value, value, states)
            _group(sums.values, value).block(states[_FREE], name)
    for value, states in paced_if_many(by_value.items()):
        _count(sums.values, value, states)
    largest = 0
    for of_driver, states in paced_if_many(by_driver.items()):
        _count(sums.drivers, of_driver, states).block(states[_FREE], name)
        sums.total.add(states)
        largest = max(largest, states[_FREE])
    sums.total.nodes += bool(by_driver)
    sums.total.block(largest, name)
    if by_driver:
        together = [sum(column) for column in zip(*by_driver.values(), strict=True)]
        for label, groups in sums.labels.items():
            value = labels.get(label, "")
            _count(groups, value, together).block(largest, name)
    for (namespace, of_driver), count in paced_if_many(tally.held.items()):
        if driver in ("", of_driver):
            use = sums.namespaces.setdefault(namespace, NamespaceUse(namespace))
            use.by_driver[of_driver] = use.by_driver.get(of_driver, 0) + count
    for key, count in paced_if_many(tally.tainted.items()):
        if driver in ("", key[1]):
            sums.tainted[key] = sums.tainted.get(key, 0) + count
    _add_room(sums, tally, driver)


def room_in(
    tally: NodeTally, demands: Sequence[MixRequest | DemandRoom], driver: str = ""
) -> dict[int, tuple[int, int]]:
    """By position of the demand: the free devices that match it, and how many such requests they satisfy."""
    by_demand: dict[int, int] = {}
    for (number, of_driver), free in paced_if_many(tally.free_for.items()):
        if driver in ("", of_driver):
            by_demand[number] = by_demand.get(number, 0) + free
    found: dict[int, tuple[int, int]] = {}
    for number, free in by_demand.items():
        demand = demands[number]
        fits = 0 if number in tally.blocked else 1 if demand.takes_all else free // demand.count
        found[number] = free, fits
    return found


def _add_room(sums: Sums, tally: NodeTally, driver: str) -> None:
    found = room_in(tally, sums.rooms, driver)
    usable = {number: fits for number, (_, fits) in found.items()}
    for number, (free, fits) in found.items():
        room = sums.rooms[number]
        room.free += free
        room.unusable += 0 if fits else free
        room.fits += fits
    for (number, of_driver), free in paced_if_many(tally.free_for.items()):
        if driver in ("", of_driver):
            room = sums.rooms[number]
            parts = sums.fragments.setdefault(of_driver, [0.0, 0.0])
            parts[0] += 0.0 if usable[number] else room.share * free
            parts[1] += room.share * free


def _into(sums: dict[str, list[int]], key: str, states: list[int]) -> None:
    known = sums.get(key)
    sums[key] = states if known is None else [one + other for one, other in zip(known, states, strict=True)]


def _group(groups: dict[str, DeviceGroup], name: str) -> DeviceGroup:
    found = groups.get(name)
    if found is None:
        found = groups[name] = DeviceGroup(name)
    return found


def _count(groups: dict[str, DeviceGroup], name: str, states: list[int]) -> DeviceGroup:
    found = _group(groups, name)
    found.add(states)
    found.nodes += 1
    return found
