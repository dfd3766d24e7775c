"""Fragmentation of a cluster, and of the same cluster after a few nodes have changed."""

from collections.abc import Collection
from typing import NamedTuple

from app.core.overview.groups import room_in
from app.core.overview.requests import Demands
from app.core.overview.tallies import ALL_NODES, tally_of
from app.core.pauses import paced
from app.core.placement.rules import Rules
from app.core.state.device_views import DeviceViews
from app.core.state.state import State


class FragmentedDevices(NamedTuple):
    """Free devices, weighted by the mix: of no use where they are, and all that match a request of it."""

    unusable: float
    matching: float


class Fragmentation:
    """The measure of ``Sums.fragmentation``, for the states that moves of Pods lead to.

    The mix is that of the first state. Cost: O(devices x demands) for the first state, and for another one
    that of the nodes that have changed.
    """

    def __init__(self, state: State, rules: Rules) -> None:
        self._demands = Demands(state.request_mix, state, rules)
        views = DeviceViews(state)
        names = [ALL_NODES, *state.inventory.nodes_with_slices()]
        self._nodes = {name: self._of_node(state, views, name) for name in paced(names, 8)}
        self._total = FragmentedDevices(
            sum(item.unusable for item in self._nodes.values()),
            sum(item.matching for item in self._nodes.values()),
        )

    def now(self) -> float | None:
        """That of the first state, 0 to 1; None if no free device matches any request."""
        return _ratio(self._total.unusable, self._total.matching)

    def after(self, state: State, changed: Collection[str]) -> float | None:
        """That of another state, in which only the devices of these nodes have other holders."""
        views = DeviceViews(state)
        unusable, matching = self._total
        for name in {ALL_NODES, *changed}:
            before = self._nodes.get(name, FragmentedDevices(0.0, 0.0))
            new = self._of_node(state, views, name)
            unusable += new.unusable - before.unusable
            matching += new.matching - before.matching
        return _ratio(unusable, matching)

    def _of_node(self, state: State, views: DeviceViews, name: str) -> FragmentedDevices:
        inventory = state.inventory
        slices = inventory.shared_slices() if name == ALL_NODES else inventory.node_slices(name)
        tally = tally_of(slices, views, self._demands)
        unusable = matching = 0.0
        for number, (free, fits) in room_in(tally, self._demands.items).items():
            weight = self._demands.items[number].share * free
            unusable += 0.0 if fits else weight
            matching += weight
        return FragmentedDevices(unusable, matching)


def _ratio(unusable: float, matching: float) -> float | None:
    # Sums of floating-point numbers that should be 0 may be a little above or below.
    return min(1.0, max(0.0, unusable / matching)) if matching > 1e-9 else None
