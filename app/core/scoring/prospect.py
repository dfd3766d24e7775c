"""The input of a policy: a node's devices, what is taken of them, and what a Pod would get there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.core.model.allocation import AllocatedDevice, Allocation
from app.core.model.resource_claim import ClaimSpec, RequestSpec
from app.core.pauses import paced_if_many
from app.core.scoring.device_demand import DeviceDemand
from app.core.state.common_pools import NodePools
from app.core.state.pools import PlacedDevice, Pool
from app.core.state.taken import NOTHING_TAKEN, Taken


@dataclass(frozen=True, slots=True)
class DriverOccupancy:
    """Devices of the drivers that a Pod uses on a node: all, and those taken once the Pod is there."""

    total: int
    taken: int


@dataclass(frozen=True, slots=True)
class AssignedDevice:
    """A device that the Pod gets, and for which request (claim's position, request's name)."""

    placed: PlacedDevice
    allocated: AllocatedDevice
    claim: int
    spec: RequestSpec | None


class Prospect:
    """A node with a Pod on it that is not there yet.

    All that is read here has to be in ``NodeSignature.key``: devices, what is taken of them, and of their
    attributes those that ``Mix.reads`` names, if ``Mix.groups`` those of ``groups``, and those that
    ``demand`` reads. Devices with admin access take nothing, and do not count.

    Args:
        pools: those of the node.
        taken: what is held before the Pod is placed.
        allocations: what the Pod gets; claims that were allocated before are not among them.
        specs: of the claims of ``allocations``, in order.
        groups: attributes by which claims of others keep devices together.
        demand: the requests of other claims, for policies that use them.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        taken: Taken,
        allocations: Sequence[Allocation],
        specs: Sequence[ClaimSpec] = (),
        groups: frozenset[str] = frozenset(),
        *,
        demand: DeviceDemand | None = None,
    ) -> None:
        self._pools = pools
        self._specs = specs
        self._groups = groups
        self.taken = taken
        self.demand = demand
        self.new = [
            (number, device)
            for number, allocation in enumerate(paced_if_many(allocations))
            for device in allocation.devices
            if not device.admin_access
        ]

    @cached_property
    def pools(self) -> tuple[Pool, ...]:
        """The usable pools of the drivers that the Pod uses."""
        drivers = {item.device.driver for _, item in self.new}
        if isinstance(self._pools, NodePools):
            return tuple([pool for pool in self._pools.of_drivers(drivers) if pool.usable])
        return tuple([pool for pool in self._pools if pool.id.driver in drivers and pool.usable])

    @cached_property
    def occupancy(self) -> DriverOccupancy:
        """How full the node will be. O(devices)."""
        total = used = 0
        for pool in self.pools:
            held = self.taken.get(pool.id, NOTHING_TAKEN)
            new = {item.device.device for _, item in self.new if item.device.pool_id == pool.id}
            taken = held.whole | held.shared | new
            total += len(pool.devices)
            used += sum([item.device.name in taken for item in pool.devices])
        return DriverOccupancy(total, used)

    @cached_property
    def given(self) -> tuple[AssignedDevice, ...]:
        """The devices that the Pod gets, in order. O(devices of the node)."""
        placed = {item.id: item for pool in self.pools for item in pool.devices}
        return tuple(
            [
                AssignedDevice(placed[item.device], item, number, self._requests.get((number, item.request)))
                for number, item in self.new
                if item.device in placed
            ]
        )

    @cached_property
    def matched(self) -> frozenset[str]:
        """The attributes by which claims keep devices together: the Pod's own, and those of others."""
        return self._groups.union(*(spec.matched for spec in paced_if_many(self._specs)))

    @cached_property
    def _requests(self) -> Mapping[tuple[int, str], RequestSpec]:
        found = {}
        for number, spec in enumerate(paced_if_many(self._specs)):
            for request in spec.requests:
                if request.exactly is not None:
                    found[number, request.name] = request.exactly
                for option in request.first_available:
                    found[number, f"{request.name}/{option.name}"] = option
        return found
