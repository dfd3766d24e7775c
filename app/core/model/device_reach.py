"""Which devices of a slice each node can use, where each device names its own nodes (perDeviceNodeSelection).

A driver may publish thousands of devices with a selector each, and change them again and again. To match each
device with each node would be most of the work of the first filter after a change. Most nodes look alike to
the selectors of a slice, so devices are matched with looks, and a look that differs from a known one in a
value only with the devices that mention the value.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.model.device import Device
from app.core.model.node import Node
from app.core.model.node_selector import NodeSelector
from app.core.pauses import paced

_NAME: Final = ""
"""Stands for the name of the node among label keys, of which none is empty."""
_OTHER: Final = "\0"
"""Stands for all names and values that no device of the slice mentions."""
_MAX_LOOKS = 512
"""Looks of nodes that are remembered for a slice: some 1 kB each."""

_Look = tuple[tuple[int, str], ...]
"""What the devices of a slice distinguish of a node: ranks and values of the keys that it has."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Of each device whether the node can use it; None: its selector is malformed.

    ``some``: whether the node can use any. ``error``: of the first malformed selector, if no device before it
    is one that the node can use: in-tree then cannot say whether the slice is relevant for the node.
    """

    devices: tuple[bool | None, ...]
    some: bool
    error: str


class DeviceReach:
    """Matches nodes with the devices of one slice.

    Memory: O(names and values in the selectors), and O(devices) for each of at most 512 looks.
    """

    __slots__ = ("_devices", "_keys", "_known", "_mentions", "_numeric", "_ranks")

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices
        self._known: dict[_Look, Reached] = {}
        # By key and value, the devices that mention it. With keys that devices compare as numbers, nodes look
        # alike only if their values are equal.
        self._mentions: dict[str, dict[str, list[int]]] = {}
        self._numeric: set[str] = set()
        for position, device in enumerate(paced(devices, 1)):
            if device.node_name:
                self._mention(_NAME, (device.node_name,), position)
            elif device.node_selector is not None:
                self._read(device.node_selector, position)
        # The one with the most values last: looks without that value are known first.
        self._keys = sorted(self._mentions, key=lambda key: len(self._mentions[key]))
        self._ranks = {key: rank for rank, key in enumerate(self._keys)}

    def of(self, node: Node) -> Reached:
        """What the node can use.

        Cost: O(keys that both have), and for a look that is not known O(devices that mention one of its
        values), with pauses.
        """
        labels = node.meta.labels
        seen = [
            (self._ranks[key], self._seen(key, labels[key])) for key in self._ranks.keys() & labels.keys()
        ]
        if _NAME in self._ranks:
            seen.append((self._ranks[_NAME], self._seen(_NAME, node.name)))
        look = tuple(sorted(seen))
        return self._known.get(look) or self._matched(look)

    def _read(self, selector: NodeSelector, position: int) -> None:
        for term in selector.terms:
            for item in paced(term.match_expressions, 16):
                self._mention(item.key, item.values, position)
                if item.operator in ("Gt", "Lt"):
                    self._numeric.add(item.key)
            for item in term.match_fields:
                self._mention(_NAME, item.values, position)

    def _mention(self, key: str, values: Iterable[str], position: int) -> None:
        mentions = self._mentions.setdefault(key, {})
        for value in paced(values):
            mentions.setdefault(value, []).append(position)

    def _seen(self, key: str, value: str) -> str:
        return value if value in self._mentions[key] or key in self._numeric else _OTHER

    def _matched(self, look: _Look) -> Reached:
        """From the nearest known look to this one, a value at a time."""
        steps: list[tuple[_Look, Sequence[int]]] = []
        found, rest = None, look
        for simpler, mentioning in self._simpler(look):
            steps.append((rest, mentioning))
            rest = simpler
            found = self._known.get(rest)
            if found is not None:
                break
        if found is None:
            steps.append((rest, range(len(self._devices))))
        usable = list[bool | None]([None] * len(self._devices)) if found is None else list(found.devices)
        for each, positions in reversed(steps):
            found = self._update(usable, each, positions)
        assert found is not None  # noqa: S101 - known, or the last step
        return found

    def _simpler(self, look: _Look) -> Iterator[tuple[_Look, Sequence[int]]]:
        """Looks with one value less each, and the devices that mention that value."""
        for at in reversed(range(len(look))):
            rank, value = look[at]
            key = self._keys[rank]
            if value != _OTHER and key not in self._numeric:
                look = (*look[:at], (rank, _OTHER), *look[at + 1 :])
                yield look, self._mentions[key][value]

    def _update(self, usable: list[bool | None], look: _Look, positions: Iterable[int]) -> Reached:
        """Matches the devices at these positions with the look, and remembers it."""
        labels = {self._keys[rank]: value for rank, value in look}
        name = labels.pop(_NAME, _OTHER)
        for position in paced(positions, 16):
            usable[position] = _is_usable(self._devices[position], name, labels)
        if len(self._known) >= _MAX_LOOKS:
            self._known.clear()
        found = self._known[look] = self._reached(usable)
        return found

    def _reached(self, usable: Sequence[bool | None]) -> Reached:
        first = next((position for position, value in enumerate(usable) if value is not False), None)
        selector = None if first is None else self._devices[first].node_selector
        malformed = first is not None and usable[first] is None and selector is not None
        error = selector.error if malformed and selector is not None else ""
        return Reached(tuple(usable), any(usable), error)


def _is_usable(device: Device, name: str, labels: dict[str, str]) -> bool | None:
    if device.node_name:
        return name == device.node_name
    selector = device.node_selector
    if device.all_nodes or selector is None:
        return device.all_nodes
    return None if selector.error else selector.matches(name, labels)
