"""How many devices are taken and free, by groups: driver, pool, node, namespace, label or attribute."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product

from app.core.model.device import DeviceShape
from app.core.model.node import Node
from app.core.pauses import in_order, paced
from app.core.state.device_views import STATES, DeviceState, DeviceView

NONE = ""
"""The value of a device without the attribute or label, or that no claim holds."""
_HELD = frozenset({"taken", "shared", "assumed"})
_ALL_NODES = ("*",)

Dimension = Callable[[DeviceView], Iterable[str]]
"""The values of one device: several if it is in several groups."""


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


def occupancy(
    views: Iterable[DeviceView], dimensions: Sequence[Dimension]
) -> tuple[dict[tuple[str, ...], Occupancy], Occupancy]:
    """The groups by their values, in order, and the total, in which each device counts once.

    Cost: O(devices), times the groups that a device is in, with pauses.
    """
    groups: dict[tuple[str, ...], Occupancy] = {}
    total = Occupancy()
    for view in views:
        block = _block(view)
        total.add(view.state, block)
        # A device that thousands of nodes share is in as many groups.
        for values in paced(product(*(tuple(dimension(view)) for dimension in dimensions)), 64):
            found = groups.get(values)
            if found is None:
                found = groups[values] = Occupancy()
            found.add(view.state, block)
    return dict(in_order(groups.items())), total


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
            return partial(_labels, nodes, key)
        return partial(_attribute, key, {}) if kind == "attribute" and key else None
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


def _node(view: DeviceView) -> tuple[str, ...]:
    return view.nodes or (NONE,)


def _namespace(view: DeviceView) -> Iterable[str]:
    return dict.fromkeys(claim.partition("/")[0] for claim in view.claims) or (NONE,)


def _state(view: DeviceView) -> tuple[str, ...]:
    return (view.state,)


def _labels(nodes: Mapping[str, Node], key: str, view: DeviceView) -> Iterable[str]:
    if view.nodes == _ALL_NODES:
        return _ALL_NODES
    found = (nodes[name].meta.labels.get(key, NONE) for name in view.nodes if name in nodes)
    return dict.fromkeys(found) or (NONE,)


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
    "driver": _driver,
    "pool": _pool,
    "node": _node,
    "namespace": _namespace,
    "state": _state,
}
DIMENSIONS = (*_PLAIN, "label:KEY", "attribute:NAME")
"""What ``dimension`` accepts, for messages."""
