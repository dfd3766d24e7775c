"""A placements request, answered by core alone: objects in, one outcome a node out.

The product does the same in core/state and core/placement; here it is as short as can be, so that
a difference from the oracle is one of the allocator.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from app.core.allocator import Invalid, Limits, Misfit, Outcome, Reason, allocate
from app.core.model import (
    device_class,
    device_taint_rule,
    node,
    pod,
    resource_claim,
    resource_slice,
)
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.resource_slice import PoolId
from app.core.selectors.cache import SelectorCache
from app.core.state.pools import Generation, PoolError, gather_pools, newest_generation
from app.core.state.taint_rules import apply_taint_rules, compiled
from app.core.state.taken import PoolTaken, take
from fuzz import versions

LIMITS = Limits()
_SELECTORS = SelectorCache()


@dataclass(slots=True)
class Inventory:
    """What the objects of a request say."""

    nodes: list[node.Node] = field(default_factory=list)
    slices: list[resource_slice.ResourceSlice] = field(default_factory=list)
    classes: dict[str, device_class.DeviceClass] = field(default_factory=dict)
    claims: dict[tuple[str, str], resource_claim.ResourceClaim] = field(default_factory=dict)
    rules: list[device_taint_rule.DeviceTaintRule] = field(default_factory=list)

    def add(self, raw: Any) -> None:
        item = parse(raw)
        match item:
            case node.Node():
                self.nodes.append(item)
            case resource_slice.ResourceSlice():
                self.slices.append(item)
            case device_class.DeviceClass():
                self.classes[item.meta.name] = item
            case resource_claim.ResourceClaim():
                self.claims[item.meta.key] = item
            case device_taint_rule.DeviceTaintRule():
                self.rules.append(item)
            case _:
                raise TypeError(f"a case has no use for {raw['kind']}")

    def taken(self) -> dict[PoolId, PoolTaken]:
        taken: dict[PoolId, PoolTaken] = {}
        for claim in self.claims.values():
            if claim.allocation is not None:
                take(taken, claim.meta.key, claim.allocation.devices)
        return taken

    def newest(self, features: Features) -> Callable[[PoolId], Generation]:
        """The newest generation of each pool."""
        pools: dict[PoolId, list[resource_slice.ResourceSlice]] = {}
        for item in self.slices:
            pools.setdefault(item.pool_id, []).append(item)
        return lambda pool: newest_generation(pools[pool], features)


def read(request: Mapping[str, Any]) -> Inventory:
    """The objects of a request, with the taints of its rules laid over the slices."""
    inventory = Inventory()
    for raw in request["objects"]:
        inventory.add(raw)
    rules = compiled(inventory.rules, inventory.classes, _SELECTORS)
    inventory.slices = [apply_taint_rules(item, rules) for item in inventory.slices]
    return inventory


def answer(request: Mapping[str, Any], *, limits: Limits = LIMITS) -> dict[str, Outcome]:
    """The outcome on every node of the request (or those in its ``nodes``) for its one Pod."""
    inventory = read(request)
    features = versions.features_of(request)
    the_pod = parse(request["pods"][0])
    assert isinstance(the_pod, pod.Pod)
    claims = [inventory.claims[the_pod.meta.namespace, str(item.claim_name)] for item in the_pod.claims]
    wanted = request.get("nodes")
    taken, newest = inventory.taken(), inventory.newest(features)
    numbers = count()
    outcomes: dict[str, Outcome] = {}
    for target in inventory.nodes:
        if wanted and target.name not in wanted:
            continue
        if not all(_reaches(target, claim) for claim in claims):
            outcomes[target.name] = Misfit((Reason("OtherNode", "a claim's devices are elsewhere"),))
            continue
        try:
            pools = gather_pools(target, inventory.slices, newest, features)
        except PoolError as error:
            outcomes[target.name] = Invalid((Reason("NodeSelectorInvalid", str(error)),))
            continue
        outcomes[target.name] = allocate(
            target,
            pools,
            [claim for claim in claims if claim.allocation is None],
            taken,
            inventory.classes,
            features,
            _SELECTORS,
            limits=limits,
            new_share_id=lambda: f"00000000-0000-4000-8000-{next(numbers):012x}",
        )
    return outcomes


def verdict(outcome: Outcome) -> str:
    """fits, misfit or invalid."""
    return type(outcome).__name__.lower()


def _reaches(target: node.Node, claim: resource_claim.ResourceClaim) -> bool:
    selector = claim.allocation.node_selector if claim.allocation is not None else None
    return selector is None or selector.matches(target.name, target.meta.labels)
