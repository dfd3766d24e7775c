"""Allocated claims: they only restrict the nodes of the Pod."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from app.core.allocator import Reason
from app.core.allocator.evidence import named
from app.core.allocator.node_devices import NODE_OPERATIONS
from app.core.model.allocation import Allocation
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
from app.core.pauses import paced, paced_if_many
from app.core.placement.binding_conditions import Readiness, readiness, timed_out, unready_devices
from app.core.placement.node_amounts import is_mapped, takes_of_node
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.rules import Rules
from app.core.state.inventory import Inventory
from app.core.state.taken import ClaimKey

_ELSEWHERE = ("ClaimOnOtherNode", "NodeUnsuited")
"""Codes of reasons after which in-tree checks no more of a claim."""


class AllocatedClaims:
    """The allocated claims of one Pod. ``unusable`` are those that prevent a node, by node."""

    def __init__(self, claims: Sequence[HeldClaim], rules: Rules, inventory: Inventory, pod: Pod) -> None:
        self._rules = rules
        self._inventory = inventory
        self._pod = pod
        self._claims = [(held, held.claim.allocation) for held in claims if held.claim.allocation is not None]
        self.unusable: dict[str, tuple[ClaimKey, ...]] = {}

    def __len__(self) -> int:
        return len(self._claims)

    @cached_property
    def take_of_node(self) -> bool:
        """Whether any of their devices takes CPU, memory or huge pages of its node. O(devices of the pools),
        once."""
        if not self._counts:
            return False
        held = [allocation for _, allocation in self._claims]
        return any(takes_of_node(allocation, self._inventory) for allocation in paced_if_many(held))

    @property
    def _counts(self) -> bool:
        return self._rules.features.node_allocatable_resources and bool(self._inventory.taking)

    @cached_property
    def _unshared(self) -> Mapping[ClaimKey, Reason]:
        """Why claims cannot be used that other Pods use.

        In-tree that is validateNodeAllocatableDRAClaimSharing. O(devices of the pools), once.
        """
        if not self._counts:
            return {}
        return {
            held.key: Reason(
                "ClaimNotShareable",
                f"node allocatable resource claim {held.claim.meta.name} has a mapped device and cannot be "
                "shared across pods",
                "/".join(held.key),
            )
            for held, allocation in paced_if_many(self._claims)
            if self._is_used(held) and is_mapped(allocation, self._inventory)
        }

    def _is_used(self, held: HeldClaim) -> bool:
        """Whether others use the claim, and not the Pod or its group."""
        users = {user.uid for user in held.claim.reserved_for}
        own = {self._pod.meta.uid} | ({held.group.uid} if held.group is not None else set())
        return bool(users) and not users & own

    def refusal(self, node: Node) -> NodeResult | None:
        """The result if the node cannot use one of the claims: the first reason.

        All of them are ``unusable``: the first may be one that cannot be released.
        Cost: O(devices they hold).
        """
        first: Reason | None = None
        unusable: list[ClaimKey] = []
        for held, allocation in paced_if_many(self._claims):
            try:
                reason = self._against(held, allocation, node)
            except SelectorError as error:
                claim = "/".join(held.key)
                text = f"claim {claim}: the node selector of its allocation cannot be evaluated: {error}"
                broken = Reason("AllocationInvalid", text, claim)
                return NodeResult(node.name, "invalid", (broken,), curable=False)
            shared = self._unshared.get(held.key) if reason is None or reason.code not in _ELSEWHERE else None
            if shared is not None:
                return NodeResult(node.name, "misfit", (shared,), curable=False)
            if reason is not None:
                first = first or reason
                unusable.append(held.key)
        if first is None:
            return None
        self.unusable[node.name] = tuple(unusable)
        return NodeResult(node.name, "misfit", (first,), curable=False)

    def unusable_on(self, held: HeldClaim) -> Iterator[str]:
        """The nodes that the claim prevented, so far. Cost: O(such nodes of all claims)."""
        return (name for name, keys in paced(self.unusable.items()) if held.key in keys)

    def _against(self, held: HeldClaim, allocation: Allocation, node: Node) -> Reason | None:
        claim, rules = "/".join(held.key), self._rules
        selector = allocation.node_selector
        if selector is not None and not selector.matches(node.name, node.meta.labels):
            return Reason(
                "ClaimOnOtherNode",
                f"node(s) could not use claim {claim}, which is allocated on other nodes",
                claim,
            )
        if any(item.skip_node_operations for item in allocation.devices) and (
            NODE_OPERATIONS not in node.declared_features
        ):
            return Reason(
                "NodeUnsuited", f"node(s) did not declare {NODE_OPERATIONS}, which claim {claim} needs", claim
            )
        return self._unready(held) if rules.features.device_binding_and_status else None

    def _unready(self, held: HeldClaim) -> Reason | None:
        """Whether waiting for the claim's devices is useless."""
        claim, rules = "/".join(held.key), self._rules
        state = readiness(held.claim)
        if state is Readiness.FAILED:
            text = f"devices of claim {claim} could not be made ready: {_listed(held)}"
            return Reason("BindingFailed", text, claim)
        if state is Readiness.READY or rules.now is None:
            return None
        if not timed_out(held.claim, rules.now(), rules.binding_timeout_seconds):
            return None
        text = f"devices of claim {claim} were not ready in time: {_listed(held)}"
        return Reason("BindingTimedOut", text, claim)


def _listed(held: HeldClaim) -> str:
    return named(unready_devices(held.claim))
