"""Counts of devices node by node, kept and brought up to date with what has changed."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from app.core.model.device import DeviceAttribute, DeviceShape
from app.core.model.resource_slice import PoolId, ResourceSlice
from app.core.overview.requests import Demands
from app.core.pauses import paced
from app.core.scoring.places import value_of
from app.core.state.device_views import STATES, DeviceStatus, DeviceViews
from app.core.state.state import State

ALL_NODES = "*"
"""Stands for the devices of slices that belong to no single node."""
MAX_VALUES = 50
"""Values that an attribute or a label may have to be offered for grouping."""
_FREE, _ASSUMED = STATES.index("free"), STATES.index("assumed")
_BLOCKING = ("NoSchedule", "NoExecute")
_SAMPLED_NODES = 500
_EVERY = 8
_DEVICES_AT_ONCE = 16
"""Devices that are counted between two pauses: each may have 16 taints, and match many demands."""
_MAX_TAINTS = 32
"""Taints of one node that are counted each: every device may have some that no other has."""
OTHER_TAINTS = "other"
"""Stands for all taints beyond ``_MAX_TAINTS``; no other one is without an effect."""


@dataclass(slots=True)
class NodeTally:
    """The devices of one node.

    ``cells``: how many are in each state (in the order of ``STATES``), by driver and value of the attribute.
    ``held``: devices in use, by namespace and driver. ``tainted``: devices by taint and driver, in use or
    not, those of taints beyond ``_MAX_TAINTS`` together. ``free_for``: free devices that match a demand, by
    its position and the driver. ``blocked``: demands for all devices that one in use prevents. ``troubles``:
    why pools are not usable. ``unsettled``: something is assumed, which is confirmed without a change of the
    node.
    """

    cells: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    held: dict[tuple[str, str], int] = field(default_factory=dict)
    tainted: dict[tuple[str, str], int] = field(default_factory=dict)
    free_for: dict[tuple[int, str], int] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    troubles: dict[PoolId, str] = field(default_factory=dict)
    unsettled: bool = False


class Tallies:
    """The tallies of all nodes, for one attribute. ``counted`` is the number of nodes counted so far: the
    work.

    Args:
        attribute: by which devices are grouped, beside their driver; empty for none.
    """

    def __init__(self, state: State, attribute: str) -> None:
        self.attribute = attribute
        self.nodes: dict[str, NodeTally] = {}
        self.counted = 0
        self._state = state
        self._position = -1
        self._demands: Demands | None = None
        self._unsettled: set[str] = set()

    def refresh(self, demands: Demands) -> None:
        """Counts the nodes that have changed, all of them at first and after the demands have changed.

        Cost: O(their devices x demands), with pauses. What changes at a pause is counted at the next call.
        """
        changes = self._state.inventory.changes
        position = changes.position
        everything = self._position < 0 or demands is not self._demands
        changed = None if everything else changes.since(self._position)
        views = DeviceViews(self._state)
        names: Collection[str]
        if changed is None:
            names = {ALL_NODES, *self._state.nodes, *self._state.inventory.nodes_with_slices()}
            for name in self.nodes.keys() - names:
                del self.nodes[name]
        else:
            names = changed | self._unsettled
        for name in paced(names, _EVERY):
            self._count(name, views, demands)
        self._demands = demands
        self._position = position

    def _count(self, name: str, views: DeviceViews, demands: Demands) -> None:
        inventory = self._state.inventory
        slices = inventory.shared_slices() if name == ALL_NODES else inventory.node_slices(name)
        if not slices and name not in self._state.nodes:
            self._unsettled.discard(name)
            self.nodes.pop(name, None)
            return
        self.counted += 1
        # What changes at one of its pauses is counted once more by the next call.
        tally = self.nodes[name] = tally_of(slices, views, demands, self.attribute)
        if tally.unsettled:
            self._unsettled.add(name)
        else:
            self._unsettled.discard(name)


def tally_of(
    slices: Iterable[ResourceSlice], views: DeviceViews, demands: Demands, attribute: str = ""
) -> NodeTally:
    """The tally of the devices in these slices, those of a node or of no node.

    Cost: O(devices x (demands + taints)), with pauses.
    """
    tally = NodeTally()
    for slice_ in paced(slices, _EVERY):
        items = paced(views.of_slice(slice_), _DEVICES_AT_ONCE)
        _add(tally, slice_, items, views, demands, attribute=attribute)
    return tally


def _add(
    tally: NodeTally,
    slice_: ResourceSlice,
    items: Iterable[DeviceStatus],
    views: DeviceViews,
    demands: Demands,
    *,
    attribute: str,
) -> None:
    driver = slice_.driver
    trouble = views.trouble(slice_.pool_id)
    if trouble:
        tally.troubles[slice_.pool_id] = trouble
    for item in items:
        shape = item.device.shape
        cell = tally.cells.setdefault((driver, value_text(shape, attribute)), [0] * len(STATES))
        state = STATES.index(item.state)
        cell[state] += 1
        _note_demands(tally, driver, item, demands)
        if item.holdings:
            _note_holders(tally, driver, item)
            tally.unsettled = tally.unsettled or state == _ASSUMED
        _note_taints(tally, driver, item)


def _note_taints(tally: NodeTally, driver: str, item: DeviceStatus) -> None:
    beyond = False
    for taint in item.device.taints:
        if taint.effect in _BLOCKING:
            value = f"={taint.value}" if taint.value else ""
            key = (f"{taint.key}{value}:{taint.effect}", driver)
            if key in tally.tainted or len(tally.tainted) < _MAX_TAINTS:
                tally.tainted[key] = tally.tainted.get(key, 0) + 1
            else:
                beyond = True
    if beyond:
        other = (OTHER_TAINTS, driver)
        tally.tainted[other] = tally.tainted.get(other, 0) + 1


def _note_demands(tally: NodeTally, driver: str, item: DeviceStatus, demands: Demands) -> None:
    free = item.state == "free"
    for number, demand in enumerate(demands.items):
        if (free or demand.takes_all) and demand.matcher.verdict(item.device.shape) is True:
            if free:
                tally.free_for[number, driver] = tally.free_for.get((number, driver), 0) + 1
            else:
                tally.blocked.add(number)


def value_text(shape: DeviceShape, attribute: str) -> str:
    """The value of an attribute, by its name with or without its domain, as text; empty for none."""
    if not attribute:
        return ""
    for name in (attribute, *_qualified(shape, attribute)):
        value = value_of(shape, name)
        if value is not None:
            return text_of(value)
    return ""


def _qualified(shape: DeviceShape, name: str) -> Iterable[str]:
    """The attributes of a device whose short name this is, whatever their domain."""
    if "/" in name:
        return ()
    return (known for known in shape.attributes if known.rpartition("/")[2] == name)


def _note_holders(tally: NodeTally, driver: str, item: DeviceStatus) -> None:
    for namespace in {holding.claim[0] for holding in item.holdings if not holding.admin}:
        tally.held[namespace, driver] = tally.held.get((namespace, driver), 0) + 1


def text_of(value: object) -> str:
    """A value of an attribute as text, as the API writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(text_of, value))
    return str(value)


def attribute_names(state: State) -> list[str]:
    """Attributes that group devices: those with at most ``MAX_VALUES`` values, by their short names.

    Judged by two devices of each slice. Numbers are left out: they tell single devices apart. Cost: O(slices
    x attributes), with pauses.
    """
    values: dict[str, set[object]] = {}
    for slice_ in paced(list(state.inventory.effective_slices()), 16):
        for device in {id(item): item for item in (*slice_.devices[:1], *slice_.devices[-1:])}.values():
            for name, attribute in device.shape.attributes.items():
                known = values.setdefault(name.rpartition("/")[2], set())
                if len(known) <= MAX_VALUES and _groups(attribute):
                    known.add(attribute.value)
    return sorted(name for name, known in values.items() if 0 < len(known) <= MAX_VALUES)


def _groups(attribute: DeviceAttribute) -> bool:
    return attribute.kind in ("string", "bool", "version")


def label_names(state: State) -> list[str]:
    """Labels that group nodes: those with at most ``MAX_VALUES`` values among 500 nodes, and not one for
    each.
    """
    names = list(state.nodes)
    step = max(1, len(names) // _SAMPLED_NODES)
    values: dict[str, Counter[str]] = {}
    for name in paced(names[::step], _EVERY):
        node = state.nodes.get(name)
        for label, value in node.meta.labels.items() if node is not None else ():
            values.setdefault(label, Counter())[value] += 1
    return sorted(
        label
        for label, known in values.items()
        if len(known) <= MAX_VALUES and (len(known) == 1 or known.most_common(1)[0][1] > 1)
    )
