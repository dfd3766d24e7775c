"""How many devices are taken and free, by groups: driver, pool, node, namespace, label or attribute."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, product

from app.core.model.device import DeviceShape
from app.core.model.node import Node
from app.core.pauses import emptied, in_order, paced, paced_if_many
from app.core.state.device_views import STATES, DeviceState, DeviceView

NONE = ""
"""The value of a device without the attribute or label, or that no claim holds."""
_HELD = frozenset({"taken", "shared", "assumed"})
_ALL_NODES = ("*",)

MAX_GROUPS = 100_000
"""Groups in one answer, some 80 MB: a device that 5,000 nodes share is in 5,000 groups for each holder."""
_MAX_VALUES = 200_000
"""Names and labels of nodes that are kept until they are divided into groups: some 15 MB."""
_FEW = 4
"""Values that are compared one by one; more are equal only if they are the same object."""

OfDevice = Callable[[DeviceView], Iterable[str]]
"""The values of a device: several if it is in several groups."""


class TooManyGroupsError(ValueError):
    """The devices are in more groups than one answer has."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """What groups differ in: a property of the device, or else of each node that can use it."""

    of_device: OfDevice | None = None
    of_node: Callable[[str], str] | None = None


@dataclass(slots=True)
class Occupancy:
    """The devices of one group by state.

    ``largest_free``: the most free devices that one node has for itself, or one pool that several nodes
    use: what a Pod can get at once.
    """

    states: dict[DeviceState, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    blocks: dict[object, int] = field(default_factory=dict)

    def add(self, state: DeviceState, block: object) -> None:
        """Counts a device of a block (see ``_block``). O(1)."""
        self.states[state] += 1
        if state == "free":
            self.blocks[block] = self.blocks.get(block, 0) + 1

    def merge(self, other: "Occupancy") -> None:
        """Counts the devices of another group too. O(its blocks), with pauses."""
        for state, number in other.states.items():
            self.states[state] += number
        for block, number in paced_if_many(other.blocks.items()):
            self.blocks[block] = self.blocks.get(block, 0) + number

    @property
    def devices(self) -> int:
        """All of them."""
        return sum(self.states.values())

    @property
    def held(self) -> int:
        """Those that claims hold, whole or in part."""
        return sum(number for state, number in self.states.items() if state in _HELD)

    @property
    def largest_free(self) -> int:
        """See the class."""
        return max(self.blocks.values(), default=0)


class Groups:
    """Devices counted by groups, and in ``total``, in which each counts once.

    A device that several nodes can use is in the groups of each of them.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self.total = Occupancy()
        self._sources = _Sources(dimensions)
        # Devices in the same groups are counted together first: thousands may be in thousands of groups.
        self._together: dict[Hashable, tuple[_Values, Occupancy]] = {}
        self._values = 0
        self._groups: dict[tuple[str, ...], Occupancy] = {}

    def count(self, views: Iterable[DeviceView]) -> None:
        """Counts devices.

        Raises: TooManyGroupsError, beyond ``MAX_GROUPS``.
        Cost: O(devices + groups), and O(nodes) for each set of nodes that shares devices, with pauses.
        """
        for view in views:
            block, values = _block(view), self._sources.of(view)
            self.total.add(view.state, block)
            key = tuple([item if len(item) <= _FEW else id(item) for item in values])
            found = self._together.get(key)
            if found is None:
                found = self._together[key] = values, Occupancy()
                self._values += sum(map(len, values))
            found[1].add(view.state, block)
            if self._values > _MAX_VALUES:
                self._divide()
        self._divide()

    def in_order(self) -> Iterator[tuple[tuple[str, ...], Occupancy]]:
        """The groups by their values. It takes them out: 100,000 at once would take long to be freed."""
        for values in in_order((values,) for values in self._groups):
            yield values[0], self._groups.pop(values[0])

    def let_go(self) -> None:
        """Frees what is left, with pauses."""
        emptied(self._groups, self._together, every=64)

    def _divide(self) -> None:
        """Adds what was counted together to each of the groups."""
        while self._together:
            _, (values, counted) = self._together.popitem()
            for group in paced(self._sources.groups(values), 16):
                if group not in self._groups:
                    if len(self._groups) >= MAX_GROUPS:
                        raise TooManyGroupsError(f"more than {MAX_GROUPS:,} groups")
                    self._groups[group] = Occupancy()
                self._groups[group].merge(counted)
        self._values = 0
        self._sources.forget()


_Values = tuple[tuple[tuple[str, ...], ...], ...]
"""The values from each source, of which a device is in all combinations."""


class _Sources:
    """Where the values of groups come from: the nodes of a device together, and each property of it alone.

    Together, because a device is in the group of a node and of the label of that node, not of others.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._of_device = [item.of_device for item in dimensions if item.of_device is not None]
        self._of_node = [item.of_node for item in dimensions if item.of_node is not None]
        by_nodes = sorted(range(len(dimensions)), key=lambda at: dimensions[at].of_node is None)
        self._order = [by_nodes.index(at) for at in range(len(dimensions))]
        # By identity: devices with the same selector have the same nodes, which the entry keeps alive.
        self._known: dict[int, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {}

    def of(self, view: DeviceView) -> _Values:
        """The values of a device. O(1), and O(nodes) for a set of nodes that is not known."""
        own = tuple([tuple([(value,) for value in of_device(view)]) for of_device in self._of_device])
        return (self._nodes(view.nodes), *own) if self._of_node else own

    def groups(self, values: _Values) -> Iterator[tuple[str, ...]]:
        """All combinations, each in the order of the dimensions."""
        for parts in product(*values):
            flat = tuple(chain.from_iterable(parts))
            yield tuple([flat[at] for at in self._order])

    def forget(self) -> None:
        """Drops what is known of sets of nodes: each device may have its own thousands."""
        self._known.clear()

    def _nodes(self, nodes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        if len(nodes) == 1:
            return (tuple([of_node(nodes[0]) for of_node in self._of_node]),)
        found = self._known.get(id(nodes))
        if found is None:
            each = (tuple([of_node(node) for of_node in self._of_node]) for node in paced(nodes, 64))
            values = tuple(dict.fromkeys(each)) or ((NONE,) * len(self._of_node),)
            found = self._known[id(nodes)] = nodes, values
        return found[1]


def _block(view: DeviceView) -> object:
    """Whose free devices are counted together: a node's, or those of a pool that several nodes use."""
    local = len(view.nodes) == 1 and view.nodes != _ALL_NODES
    return view.nodes[0] if local else view.id.pool_id


def dimension(name: str, nodes: Mapping[str, Node]) -> Dimension | None:
    """The dimension of this name; None if there is none.

    ``driver``, ``pool``, ``node``, ``namespace`` (of the claims that hold a device), ``state``,
    ``label:KEY`` (of the nodes) or ``attribute:NAME``, with or without its domain.
    """
    kind, colon, key = name.partition(":")
    if colon:
        if kind == "label" and key:
            return Dimension(of_node=partial(_label, nodes, key))
        return Dimension(partial(_attribute, key, {})) if kind == "attribute" and key else None
    return _PLAIN.get(name)


def shown_values(shape: DeviceShape, names: Iterable[str]) -> dict[str, str]:
    """Attributes and capacities as text, by the names under which they are published.

    ``names`` are with or without domain; ``*`` stands for all.
    """
    wanted = frozenset(names)
    known: dict[str, str] = {name: _text(item.value) for name, item in shape.attributes.items()}
    known |= {name: str(item.value) for name, item in shape.capacity.items()}
    if "*" in wanted:
        return dict(sorted(known.items()))
    return {name: text for name, text in sorted(known.items()) if wanted & {name, name.rpartition("/")[2]}}


def _driver(view: DeviceView) -> tuple[str, ...]:
    return (view.id.driver,)


def _pool(view: DeviceView) -> tuple[str, ...]:
    return (str(view.id.pool_id),)


def _node(node: str) -> str:
    return node


def _namespace(view: DeviceView) -> Iterable[str]:
    return dict.fromkeys(claim.partition("/")[0] for claim in view.claims) or (NONE,)


def _state(view: DeviceView) -> tuple[str, ...]:
    return (view.state,)


def _label(nodes: Mapping[str, Node], key: str, name: str) -> str:
    if (name,) == _ALL_NODES:
        return name
    return nodes[name].meta.labels.get(key, NONE) if name in nodes else NONE


def _attribute(name: str, known: dict[DeviceShape, str], view: DeviceView) -> tuple[str, ...]:
    """``known`` keeps the text for each shape."""
    text = known.get(view.shape)
    if text is None:
        found = shown_values(view.shape, (name,))
        text = known[view.shape] = ", ".join(dict.fromkeys(found.values()))
    return (text,)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


_PLAIN: Mapping[str, Dimension] = {
    "driver": Dimension(_driver),
    "pool": Dimension(_pool),
    "node": Dimension(of_node=_node),
    "namespace": Dimension(_namespace),
    "state": Dimension(_state),
}
DIMENSIONS = (*_PLAIN, "label:KEY", "attribute:NAME")
"""What ``dimension`` accepts, for messages."""
