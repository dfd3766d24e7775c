"""Allocated claims: they only restrict the nodes of the Pod."""

from collections.abc import Iterator, Sequence

from app.core.allocator import Reason
from app.core.allocator.evidence import named
from app.core.allocator.node_devices import NODE_OPERATIONS
from app.core.model.allocation import Allocation
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.pauses import paced, paced_if_many
from app.core.placement.binding_conditions import Readiness, readiness, timed_out, unready_devices
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_claims import HeldClaim
from app.core.placement.rules import Rules
from app.core.state.taken import ClaimKey


class AllocatedClaims:
    """The allocated claims of one Pod. ``unusable`` are those that prevent a node, by node."""

    def __init__(self, claims: Sequence[HeldClaim], rules: Rules) -> None:
        self._rules = rules
        self._claims = [(held, held.claim.allocation) for held in claims if held.claim.allocation is not None]
        self.unusable: dict[str, tuple[ClaimKey, ...]] = {}

    def __len__(self) -> int:
        return len(self._claims)

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
