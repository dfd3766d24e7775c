"""All devices of the inventory with their state, for lists, metrics and the page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.core.model.device import Device, DeviceShape
from app.core.model.node_selector import NodeSelector, SelectorError
from app.core.model.resource_slice import DeviceId, PoolId, ResourceSlice
from app.core.pauses import in_order, paced, paced_if_many
from app.core.state.state import State
from app.core.state.taken import NOTHING_TAKEN, Holding

DeviceState = Literal["free", "taken", "shared", "assumed", "tainted", "unusable"]
STATES: tuple[DeviceState, ...] = ("free", "taken", "shared", "assumed", "tainted", "unusable")
_ALL_NODES = ("*",)
_BLOCKING = ("NoSchedule", "NoExecute")
_MAX_KEPT = 500_000
"""Names of nodes that are remembered of selectors, 4 MB: each device may have its own."""
_PACE = 8
"""Devices between two pauses: thousands of nodes may use each, which readers look through."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device. ``shape`` has its attributes and capacity.

    ``nodes`` is ``("*",)`` if all can use it; ``note`` is why it is tainted or unusable, or the Pod it is
    reserved for.
    """

    id: DeviceId
    nodes: tuple[str, ...]
    state: DeviceState
    claims: tuple[str, ...]
    note: str
    shape: DeviceShape


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """The state of one device, the claims that hold it, and why it is not as usual."""

    device: Device
    state: DeviceState
    holdings: tuple[Holding, ...]
    note: str


class DeviceViews:
    """The devices at one moment, without old generations of a pool."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._troubles: dict[PoolId, str] = {}
        self._newest: dict[PoolId, int] = {}
        self._reached: dict[int, tuple[str, ...]] = {}
        self._selected_by: dict[NodeSelector, tuple[str, ...]] = {}
        self._kept = 0

    def devices(self) -> Iterator[DeviceView]:
        """All devices, slice by slice. O(1) a device, and O(nodes) for each node selector."""
        for slice_ in paced(list(self._state.inventory.effective_slices()), 8):
            yield from paced(self._in_slice(slice_), _PACE)

    def pools(self, driver: str = "") -> list[PoolId]:
        """The pools of a driver, or of all, by driver and name. O(pools)."""
        known = tuple(self._state.inventory.pool_ids())
        found = ((pool.driver, pool.pool) for pool in known if driver in ("", pool.driver))
        return [PoolId(*name) for name in in_order(found)]

    def in_pool(self, pool: PoolId) -> list[DeviceView]:
        """The devices of a pool, by name. O(its devices)."""
        found = [
            view
            for slice_ in self._state.inventory.pool_slices(pool)
            for view in paced(self._in_slice(slice_), _PACE)
        ]
        names = ((view.id.device, number) for number, view in enumerate(found))
        return [found[number] for _, number in in_order(names)]

    def of(self, device_id: DeviceId) -> DeviceView | None:
        """One device, None if there is none of that name. O(devices of its pool), with pauses."""
        for slice_ in self._state.inventory.pool_slices(device_id.pool_id):
            for item in paced(self.of_slice(slice_), 64):
                if item.device.name == device_id.device:
                    return self._view(slice_, item)
        return None

    def of_node(self, node: str) -> Iterator[DeviceView]:
        """The devices of the slices that belong to a node alone. O(1) a device."""
        for slice_ in self._state.inventory.node_slices(node):
            yield from self._in_slice(slice_)

    def shared(self) -> Iterator[DeviceView]:
        """The devices of the slices that belong to no single node. Cost: as ``devices``."""
        for slice_ in self._state.inventory.shared_slices():
            yield from self._in_slice(slice_)

    def counts_of(self, node: str) -> dict[str, dict[str, int]]:
        """The devices of the slices that belong to a node alone: how many by driver and state."""
        counts: dict[str, dict[str, int]] = {}
        for slice_ in self._state.inventory.node_slices(node):
            for view in paced(self._in_slice(slice_), _PACE):
                by_state = counts.setdefault(slice_.driver, dict.fromkeys(STATES, 0))
                by_state[view.state] += 1
        return counts

    def of_slice(self, slice_: ResourceSlice) -> Iterator[DeviceStatus]:
        """The devices of a slice; none if a newer generation of its pool exists. O(1) a device."""
        trouble = self.trouble(slice_.pool_id)
        if slice_.generation < self._newest[slice_.pool_id]:
            return
        taken = self._state.taken.get(slice_.pool_id, NOTHING_TAKEN)
        for device in slice_.devices:
            holdings = taken.holdings.get(device.name, ())
            state, note = self._state_of(device, holdings, trouble)
            yield DeviceStatus(device, state, holdings, note)

    def _in_slice(self, slice_: ResourceSlice) -> Iterator[DeviceView]:
        return (self._view(slice_, item) for item in self.of_slice(slice_))

    def _view(self, slice_: ResourceSlice, item: DeviceStatus) -> DeviceView:
        return DeviceView(
            id=DeviceId(slice_.driver, slice_.pool, item.device.name),
            nodes=self._nodes_of(slice_, item.device),
            state=item.state,
            claims=tuple("/".join(holding.claim) for holding in item.holdings),
            note=item.note,
            shape=item.device.shape,
        )

    def _state_of(
        self, device: Device, holdings: tuple[Holding, ...], trouble: str
    ) -> tuple[DeviceState, str]:
        held = [holding for holding in holdings if not holding.admin]
        if held:
            if all(holding.nominated for holding in held):
                return "assumed", "reserved for a Pod"
            if any(holding.claim in self._state.assumed for holding in held if not holding.nominated):
                return "assumed", ""
            shared = any(holding.share_id is not None for holding in held)
            return ("shared" if shared else "taken"), ""
        if trouble:
            return "unusable", trouble
        blocking = [taint for taint in device.taints if taint.effect in _BLOCKING]
        if blocking:
            return "tainted", ", ".join(f"{taint.key}={taint.value}:{taint.effect}" for taint in blocking)
        return "free", ""

    def trouble(self, pool: PoolId) -> str:
        """Why no device of a pool is usable, from its slices only. Computed once for each pool."""
        if pool not in self._troubles:
            slices = self._state.inventory.pool_slices(pool)
            # At a pause of the caller, the slices that it goes through may be taken back.
            newest = self._newest[pool] = max((slice_.generation for slice_ in slices), default=0)
            current = [slice_ for slice_ in slices if slice_.generation == newest]
            names = [device.name for slice_ in paced_if_many(current) for device in slice_.devices]
            text = ""
            if not current:
                text = "pool incomplete: no slices"
            elif len(current) != current[0].slice_count:
                text = f"pool incomplete: {len(current)} of {current[0].slice_count} slices"
            elif len(set(names)) < len(names):
                text = "pool invalid: a device name is not unique"
            self._troubles[pool] = text
        return self._troubles[pool]

    def _nodes_of(self, slice_: ResourceSlice, device: Device) -> tuple[str, ...]:
        own = slice_.per_device_node_selection
        name = device.node_name if own else slice_.node_name
        if name:
            return (name,)
        if device.all_nodes if own else slice_.all_nodes:
            return _ALL_NODES
        selector = device.node_selector if own else slice_.node_selector
        return self._selected(selector) if selector is not None else ()

    def _selected(self, selector: NodeSelector) -> tuple[str, ...]:
        # By identity: the state, which is that of one moment, keeps its selectors alive. Then by value: each
        # device may have its own selector. Its hash is that of all its values, so it is taken once.
        found = self._reached.get(id(selector))
        if found is None:
            found = self._selected_by.get(selector)
            if found is None:
                found = self._search(selector)
                self._kept += len(found)
                if self._kept > _MAX_KEPT:
                    self._reached.clear()
                    self._selected_by.clear()
                    self._kept = len(found)
                self._selected_by[selector] = found
            self._reached[id(selector)] = found
        return found

    def _search(self, selector: NodeSelector) -> tuple[str, ...]:
        nodes = tuple(self._state.nodes.items())  # they may change at a pause
        try:
            return tuple(name for name, node in paced(nodes, 64) if selector.matches(name, node.meta.labels))
        except SelectorError:
            return ()  # no node reaches it: gather_pools reports the selector to Pods that need the pool
