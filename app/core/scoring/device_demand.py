"""The demand of the mix's claims for devices, prepared to value the free devices of a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.core.allocator import Invalid, plan_claims
from app.core.allocator.capacity import Charge
from app.core.allocator.matching import SelectorSource
from app.core.allocator.plan import Alternative, ClaimPlan
from app.core.model.device import DeviceShape
from app.core.model.device_class import DeviceClass
from app.core.model.features import Features
from app.core.model.meta import Meta
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced
from app.core.scoring.expected_use import WHOLE, DemandGroup, PodDemand
from app.core.scoring.places import value_of
from app.core.state.request_mix import RequestMix

_AT_ONCE = 8
"""Requests whose attributes are put together between two pauses: each may have 32 selectors."""
_MAX_NAMES = 100
"""Attributes of a request that counts: these are read of every device, for the filters of all Pods."""
_MAX_KEPT = 10_000
"""Sets of free devices whose worth is kept."""


@dataclass(frozen=True, slots=True)
class FreeDevice:
    """A device of a node. ``free`` is the weight that may still be taken of ``weight``."""

    shape: DeviceShape
    weight: float
    free: float


@dataclass(slots=True, eq=False)
class _Group:
    """Requests for the same devices: by class, selectors, count and what keeps the devices together."""

    alternatives: list[tuple[Alternative, float]]
    match: str | None
    weight: float
    made: dict[tuple[int, ...], DemandGroup] = field(default_factory=dict)

    def worth(self, devices: Sequence[FreeDevice]) -> float:
        """Devices of which Pods of the group would make use."""
        first = self.alternatives[0][0]
        apart: dict[object, list[FreeDevice]] = {}
        for item in devices:
            if first.matcher.verdict(item.shape) is True:
                value = value_of(item.shape, self.match) if self.match else None
                if not self.match or value is not None:
                    apart.setdefault(value, []).append(item)
        return sum(self._together(items) for items in apart.values())

    def _together(self, devices: Sequence[FreeDevice]) -> float:
        weight = sum(item.weight for item in devices) / len(devices)
        shares = sorted(round(WHOLE * item.free / item.weight) for item in devices if item.weight)
        if self.alternatives[0][0].takes_all:
            return weight * len(shares) if shares and shares[0] == WHOLE else 0.0
        free = tuple([share for share in shares if share > 0])
        if not free:
            return 0.0
        # Devices that one group matches are mostly alike: the first shows what each request takes of one.
        return weight * self._group(devices[0].shape).worth(0, 0, free) / WHOLE

    def _group(self, shape: DeviceShape) -> DemandGroup:
        shares = tuple([_share(item, shape) for item, _ in self.alternatives])
        found = self.made.get(shares)
        if found is None:
            count = max(1, self.alternatives[0][0].spec.count)
            demands = [
                PodDemand(0, 0, count, share, "", weight)
                for share, (_, weight) in zip(shares, self.alternatives, strict=True)
            ]
            found = self.made[shares] = DemandGroup(count, "", demands, self.weight)
        return found


class DeviceDemand:
    """The mix over devices. ``attributes_read`` are those by which devices differ to it."""

    def __init__(
        self,
        mix: RequestMix,
        classes: Mapping[str, DeviceClass],
        features: Features,
        selectors: SelectorSource,
    ) -> None:
        # Kept, so that a comparison by identity shows what they were made from.
        self.classes = [classes.get(name) for name in mix.class_names]
        attributes: set[str] = set()
        self._kept: dict[tuple[tuple[int, float, float], ...], tuple[float, Sequence[FreeDevice]]] = {}
        groups: dict[object, list[tuple[Alternative, float]]] = {}
        matches: dict[object, str | None] = {}
        for spec, weight in mix.kinds:
            plan = plan_claims([ResourceClaim(Meta("mix", ""), spec)], classes, features, selectors)
            if isinstance(plan, Invalid):
                continue
            for item in paced(_firsts(plan.claims[0]), _AT_ONCE):
                match = _match(plan.claims[0], item)
                read = _read(item, match)
                if read is not None:
                    attributes |= read
                    key = (item.spec.device_class, item.spec.selectors, item.spec.allocation_mode,
                           item.spec.count, match)  # fmt: skip
                    matches[key] = match
                    groups.setdefault(key, []).append((item, weight))
        self.attributes_read = frozenset(attributes)
        total = sum(weight for items in groups.values() for _, weight in items)
        self._groups = [
            _Group(items, matches[key], sum(weight for _, weight in items) / total)
            for key, items in groups.items()
        ]

    def worth(self, devices: Sequence[FreeDevice]) -> float:
        """What is free of a node's devices is worth this number of devices in use.

        Cost: O(devices log devices) for devices like some that were valued before, else O(kinds x devices).
        """
        key = tuple(sorted([(id(item.shape), item.weight, item.free) for item in devices]))
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            sum_ = sum(group.weight * group.worth(devices) for group in self._groups)
            # The devices are held as well, so that the ids of their shapes stay their own.
            found = self._kept[key] = sum_, devices
        return found[0]


def _firsts(plan: ClaimPlan) -> list[Alternative]:
    """The request itself, or its preferred alternative; requests with admin access take nothing."""
    return [item.alternatives[0] for item in plan.requests if not item.alternatives[0].admin]


def _match(plan: ClaimPlan, item: Alternative) -> str | None:
    names = (plan.constraints[at].match_attribute for at in item.constraints)
    return next((name for name in names if name), None)


def _read(item: Alternative, match: str | None) -> frozenset[str] | None:
    """Attributes by which the request distinguishes devices; None: it does not count.

    That is if it reads any or too many, so that no two nodes are alike, or if its selectors may be dear.
    """
    found = {match} if match else set()
    if item.spec.derived_attributes:
        return None
    for named in item.matcher.selectors:
        read = named.selector.attributes_read
        # Any tenant's selector is evaluated here for the filters of all Pods, who pay for it.
        if read is None or named.selector.outcome == "interpreted":
            return None
        found |= read
    return frozenset(found) if len(found) <= _MAX_NAMES else None


def _share(item: Alternative, shape: DeviceShape) -> int:
    """What one device gives for the request, in thousandths of it."""
    found = item.charge(shape) if shape.allow_multiple_allocations else None
    if not isinstance(found, Charge):
        return WHOLE
    parts = [min(amount, held) * WHOLE / held for _, amount, held in found.amounts if held > 0]
    return max(1, round(max(parts, default=WHOLE)))
