"""The devices that a node can use, and which of them each request can use.

Everything here is fixed while the search runs: what other claims hold, selectors, taints, static
capacity. The module ``partial_allocation`` holds what the search itself takes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.allocator.capacity import Charge
from app.core.allocator.counters import Ledger
from app.core.allocator.outcome import AllocationError, Reason
from app.core.allocator.plan import Alternative, Plan
from app.core.model.device import Device, DeviceShape, intern_shape
from app.core.model.features import Features
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.resource_claim import MAX_DEVICES
from app.core.model.resource_slice import PoolId
from app.core.pauses import paced, pause
from app.core.state.pools import PlacedDevice, Pool, node_matches
from app.core.state.taken import NOTHING_TAKEN, PoolTaken, Taken

NODE_OPERATIONS = "DRAOptionalNodeOperations"
"""Declared by a kubelet that can leave out what a driver's skipNodeOperations names."""

USABLE = True
_REJECTED = "SelectorRejected"
Status = bool | str | Reason
"""``USABLE``, a cause why the device cannot be used for the request, or an error."""


class PoolView:
    """A pool and its allocated devices."""

    __slots__ = (
        "_groups",
        "_ledger",
        "_own_counters_only",
        "capacity",
        "marked",
        "pool",
        "shared",
        "taken",
        "whole",
    )

    def __init__(self, pool: Pool, taken: PoolTaken, features: Features) -> None:
        self.pool = pool
        self.taken = taken
        sharing, channel = features.consumable_capacity, features.channel
        self.capacity = taken.capacity
        if channel.qualified_names and taken.capacity:
            self.capacity = taken.by_short_names(pool.id.driver)
        # With ConsumableCapacity off, a share counts as the whole device.
        self.whole = taken.whole if sharing else taken.whole | taken.shared
        self.shared = taken.shared if sharing else frozenset[str]()
        # Devices that count as shared: a further share of theirs draws no counters.
        self.marked = self.shared & taken.capacity.keys() if channel.marked_by_capacity else self.shared
        self._groups = features.compatibility_groups
        self._own_counters_only = channel.own_counters_only
        self._ledger: Ledger | None = None

    @property
    def ledger(self) -> Ledger:
        """The pool's counters, added up when the first device needs them."""
        if self._ledger is None:
            self._ledger = Ledger(
                self.pool,
                self.whole | self.shared,
                groups=self._groups,
                own_counters_only=self._own_counters_only,
            )
        return self._ledger


@dataclass(slots=True, eq=False)
class NodeDevices:
    """One node's devices in the order of the search. Devices are named by their position in it.

    By variant: ``wanted`` is how many devices it needs, ``members`` which ones if that is all.
    ``counters`` is False for the question whether the claims would fit without counters. ``barrier`` is what
    ends a search that comes to a position: the invalid pool of Kubernetes 1.34.
    """

    plan: Plan
    node: Node
    devices: Sequence[PlacedDevice]
    views: Sequence[PoolView]
    shapes: Sequence[DeviceShape]
    statuses: list[list[Status | None]]
    wanted: list[int]
    members: list[tuple[int, ...]]
    counters: bool = True
    barrier: tuple[int, Reason] | None = None

    def status(self, alternative: Alternative, position: int) -> Status:
        """Whether the request may use the device, as far as it does not depend on the search."""
        statuses = self.statuses[alternative.index]
        found = statuses[position]
        if found is None:
            found = statuses[position] = self._status(alternative, position)
        return found

    def shareable(self, position: int) -> bool:
        """Whether several claims may have the device at once."""
        return (
            self.plan.features.consumable_capacity
            and self.devices[position].device.allow_multiple_allocations
        )

    def charge(self, alternative: Alternative, position: int) -> Charge | None:
        """What the request takes of a usable device's capacity; None if capacity does not count."""
        if not self.plan.features.consumable_capacity:
            return None
        found = alternative.charge(self.devices[position].device.shape)
        if isinstance(found, Reason):
            raise AllocationError(found)
        return found

    def _status(self, alternative: Alternative, position: int) -> Status:  # noqa: PLR0911 - one a cause
        pause()
        placed, view = self.devices[position], self.views[position]
        device = placed.device
        if device.name in view.whole and not alternative.admin:
            return "DevicesInUse"
        selected = self.selected(alternative, position)
        if selected is not USABLE:
            return selected
        if self.plan.features.consumable_capacity:
            charge = alternative.charge(device.shape)
            if charge is None:
                return "CapacityTooSmall"
            if isinstance(charge, Reason):
                return charge
            # All mode checks the remaining capacity only after the constraints: see trial.
            has_room = alternative.takes_all or charge.fits(view.capacity.get(device.name, {}))
            if not has_room and not self._may_gain_room(device):
                return "CapacityTooSmall"
        if self._still_shared(alternative, device, view):
            return "DevicesInUse"
        return self._refusal(alternative, placed) or USABLE

    def _may_gain_room(self, device: Device) -> bool:
        """Whether a share that the search takes of the device can leave more of it than before.

        Until Kubernetes 1.36 an amount near the largest 64-bit number wraps to a negative one when it is
        rounded up to a step. Only then a device without room now may have some later in the same search.
        """
        if self.plan.channel.exact_amounts or not device.allow_multiple_allocations:
            return False
        charges = (alternative.charge(device.shape) for alternative in self.plan.alternatives)
        return any(isinstance(charge, Charge) and charge.is_negative for charge in charges)

    def _still_shared(self, alternative: Alternative, device: Device, view: PoolView) -> bool:
        """Whether shares are left of a device that cannot be shared any more, and they count."""
        return (
            device.name in view.shared
            and self.plan.channel.live_shares
            and not device.allow_multiple_allocations
            and not alternative.admin
        )

    def _refusal(self, alternative: Alternative, placed: PlacedDevice) -> str | None:
        features, device = self.plan.features, placed.device
        if placed.slice.skip_node_operations and self.plan.channel.node_operations:
            if not features.optional_node_operations:
                return "FeatureDisabled"
            if NODE_OPERATIONS not in self.node.declared_features:
                return "NodeUnsuited"
        if device.old_node_allocatable and features.node_allocatable_resources:
            # What it takes of the node's CPU or memory is not known in the form of Kubernetes 1.36.
            return "Unsupported"
        if device.consumes_counters and not features.partitionable_devices:
            return "FeatureDisabled"
        if (
            features.device_taints
            and device.taints
            and not alternative.tolerates(device.taints, every_effect=self.plan.channel.every_effect)
        ):
            return "DeviceTainted"
        return None

    def selected(self, alternative: Alternative, position: int) -> Status:
        """Whether class and request pick the device (isSelectable in-tree)."""
        pause()
        placed = self.devices[position]
        device = placed.device
        if device.binding_conditions and not self.plan.features.device_binding_and_status:
            return "FeatureDisabled"
        verdict = alternative.matcher.verdict(self.shapes[position])
        if verdict is not True:
            return verdict if isinstance(verdict, Reason) else _REJECTED
        if placed.slice.per_device_node_selection:
            try:
                reachable = node_matches(
                    self.node, device.node_name, device.node_selector, all_nodes=device.all_nodes
                )
            except SelectorError as error:
                return Reason("NodeSelectorInvalid", f"device {placed.id}: {error}")
            if not reachable:
                return "OtherNode"
        return USABLE


Order = Mapping[object, tuple[float, ...]]
"""A sort key for each device id; devices that are not in it come last."""


def set_up(
    node: Node, pools: Sequence[Pool], taken: Taken, plan: Plan, order: Order | None = None
) -> NodeDevices:
    """The devices of a node, with the size of every request known.

    Args:
        order: in which devices are tried; None: as published, which is in-tree's order.

    Raises:
        AllocationError: All mode meets an incomplete or invalid pool or a failing selector, or a claim
            needs more devices than one claim can hold.
    Cost: O(devices), for All mode O(devices) evaluations that are not known yet.
    """
    features = plan.features
    devices = list[PlacedDevice]()
    views = list[PoolView]()
    for pool in pools:
        if pool.usable and pool.devices:
            view = PoolView(pool, taken.get(pool.id, NOTHING_TAKEN), features)
            devices += pool.devices
            views += [view] * len(pool.devices)
    if order is not None:
        last = (float("inf"),)
        positions = sorted(range(len(devices)), key=lambda at: order.get(devices[at].id, last))
        devices, views = [devices[at] for at in positions], [views[at] for at in positions]
    shapes = [placed.device.shape for placed in paced(devices)]
    if not plan.channel.shows_sharing:
        shapes = [_without_sharing(shape) for shape in paced(shapes)]
    node_devices = NodeDevices(
        plan=plan,
        node=node,
        devices=devices,
        views=views,
        shapes=shapes,
        statuses=[_known_statuses(alternative, shapes) for alternative in plan.alternatives],
        wanted=[alternative.spec.count for alternative in plan.alternatives],
        members=[()] * len(plan.alternatives),
        barrier=_barrier(pools, views, as_published=order is None) if plan.channel.partial_pools else None,
    )
    for alternative in plan.alternatives:
        if alternative.takes_all:
            if plan.channel.broken_pools_here and (without := _from_broken(pools)):
                # Claims that are too large, and the pools before a broken one, are errors for all nodes.
                _check_sizes(node_devices, before=alternative)
                _members(node_devices, alternative, without)
            _check_pools(alternative, pools, here=plan.channel.broken_pools_here)
            members = tuple(_members(node_devices, alternative))
            node_devices.members[alternative.index] = members
            node_devices.wanted[alternative.index] = len(members)
    _check_sizes(node_devices)
    return node_devices


def _known_statuses(alternative: Alternative, shapes: Sequence[DeviceShape]) -> list[Status | None]:
    """What is known of devices that other nodes have as well: that a selector rejects them.

    A pool that all nodes can use may have thousands. O(devices), some 0.1 us each.
    """
    pause()
    known = alternative.matcher.verdicts.get
    return [_REJECTED if known(shape).__class__ is int else None for shape in shapes]


def _barrier(
    pools: Sequence[Pool], views: Sequence[PoolView], *, as_published: bool
) -> tuple[int, Reason] | None:
    """Where a search of Kubernetes 1.34 comes to an invalid pool, at the latest, and the reason then.

    Its pools are in the order of a Go map, but those with binding conditions are the last ones.
    """
    broken = next((pool for pool in pools if pool.invalid_reason is not None), None)
    if broken is None:
        return None
    later = [number for number, view in enumerate(views) if view.pool.has_binding_conditions]
    last = not as_published or not later or broken.has_binding_conditions
    reason = Reason("PoolInvalid", f"pool {broken.id} is invalid: {broken.invalid_reason}")
    return (len(views) if last else later[0]), reason


def _without_sharing(shape: DeviceShape) -> DeviceShape:
    """As CEL sees it."""
    if shape.allow_multiple_allocations is None:
        return shape
    return intern_shape(shape.driver, shape.attributes, shape.capacity)


def _check_pools(alternative: Alternative, pools: Sequence[Pool], *, here: bool) -> None:
    for pool in pools:
        if pool.incomplete or pool.invalid_reason is not None:
            code, what = (
                ("PoolIncomplete", "is being updated")
                if pool.incomplete
                else ("PoolInvalid", f"is invalid: {pool.invalid_reason}")
            )
            message = f"requests all devices, but pool {pool.id} {what}"
            raise AllocationError(Reason(code, message, alternative.claim, alternative.name), here=here)


def _from_broken(pools: Sequence[Pool]) -> frozenset[PoolId]:
    """The pools from the first incomplete or invalid one on."""
    broken = [number for number, pool in enumerate(pools) if pool.incomplete or not pool.usable]
    return frozenset(pool.id for pool in pools[broken[0] :]) if broken else frozenset()


def _members(
    node_devices: NodeDevices, alternative: Alternative, without: frozenset[PoolId] = frozenset()
) -> list[int]:
    """The devices that All mode has to take: also those that it will find in use or tainted.

    Except devices of the pools ``without``.
    """
    members = []
    for position, placed in enumerate(node_devices.devices):
        if without and placed.id.pool_id in without:
            continue
        selected = node_devices.selected(alternative, position)
        if isinstance(selected, Reason):
            raise AllocationError(selected)
        if selected is not USABLE:
            continue
        if node_devices.plan.features.consumable_capacity:
            charge = node_devices.charge(alternative, position)
            if charge is None or not charge.fits(*_held(node_devices, position)):
                continue
        members.append(position)
    return members


def _held(node_devices: NodeDevices, position: int) -> Sequence[Mapping[str, int]]:
    """What shares consume of a device already, if All mode leaves out devices without room."""
    if not node_devices.plan.channel.all_with_room:
        return ()
    view, name = node_devices.views[position], node_devices.devices[position].device.name
    return (view.capacity[name],) if name in view.capacity else ()


def _wraps(total: int, limit: int) -> bool:
    """Whether a sum that leaves 64 bits is within the limit then: the search finds no devices for it."""
    return 0 <= (total + 2**63) % 2**64 - 2**63 <= limit


def _check_sizes(node_devices: NodeDevices, before: Alternative | None = None) -> None:
    """Refuses claims for too many devices; only as far as the requests ``before`` that one go."""
    limit, stop = MAX_DEVICES, False
    for claim in paced(node_devices.plan.claims):
        total, blamed = 0, None
        for request in claim.requests:
            stop = stop or before in request.alternatives
            if stop:
                break
            total += min(node_devices.wanted[alternative.index] for alternative in request.alternatives)
            blamed = request if blamed is None and total > limit else blamed
        if blamed is not None and (node_devices.plan.channel.exact_counts or not _wraps(total, limit)):
            subject = "the claim is" if len(claim.requests) == 1 else "the requests together are"
            message = f"{subject} for {total} devices, and a claim holds at most {limit}"
            raise AllocationError(Reason("TooManyDevices", message, claim.name, blamed.request.name))
