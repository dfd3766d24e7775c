"""One Pod, any number of nodes: does it fit, with which devices, and how good is it there."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from app.core.allocator import (
    Fits,
    Invalid,
    Misfit,
    Plan,
    Reason,
    allocate_steps,
    explain_misfit,
    plan_claims,
)
from app.core.allocator.board import NODE_OPERATIONS
from app.core.explain import node_message
from app.core.model.allocation import Allocation
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
from app.core.placement.binding_conditions import Readiness, readiness, timed_out
from app.core.placement.memo import Brief, Memo, Shelf
from app.core.placement.node_checks import check_node
from app.core.placement.pod_claims import ClaimRefusal, HeldClaim, claims_of
from app.core.placement.rules import Rules
from app.core.scoring import policy_named, score
from app.core.state.pools import Pool, PoolError
from app.core.state.state import State

Verdict = Literal["fits", "misfit", "invalid"]


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What is to be said of one node.

    ``allocations`` has one for each of the Pod's claims, in order, if it fits. ``curable`` says
    whether evicting Pods from the node could change a misfit. ``searched``: devices were looked for.
    With ``counted_later``, the reasons are still to be had from ``Question.explained``.
    """

    node: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    score: int | None = None
    curable: bool = True
    searched: bool = False
    counted_later: bool = False


class Question:
    """A Pod made ready to be asked about: its claims found, and planned once for all nodes."""

    def __init__(self, state: State, pod: Pod, rules: Rules) -> None:
        self.state = state
        self.pod = pod
        self.rules = rules
        self.claims: tuple[HeldClaim, ...] = ()
        self._unclaimed: Reason | None = None
        self._policy = policy_named(rules.policy)
        self._unusable: set[tuple[str, str]] = set()
        try:
            self.claims = claims_of(state, pod, generate=rules.generate_claims)
        except ClaimRefusal as refusal:
            self._unclaimed = refusal.reason
        self._missing = tuple(held.claim for held in self.claims if held.claim.allocation is None)
        self._pinned = len(self._missing) < len(self.claims)

    @cached_property
    def refusal(self) -> tuple[Verdict, tuple[Reason, ...]] | None:
        """The answer if it is the same for every node."""
        if self._unclaimed is not None:
            return ("misfit", (self._unclaimed,))
        return ("invalid", self._plan.reasons) if isinstance(self._plan, Invalid) else None

    @cached_property
    def _plan(self) -> Plan | Invalid:
        """The Pod's own plan: its reasons name the Pod's own claims."""
        return plan_claims(self._missing, self.state.classes, self.rules.features, self.rules.selectors)

    def answers(self, nodes: Iterable[str]) -> Generator[NodeAnswer | None, None, None]:
        """An answer for each node, in order; None is a pause at which others may be served."""
        for name in nodes:
            answer = yield from self.answer(name)
            yield answer

    def briefs(self, nodes: Iterable[str], memo: Memo) -> Generator[tuple[str, Brief] | None, None, None]:
        """A short answer for each node, in order; None is a pause.

        Cost: a look-up for each node that the memo knows of, a search for each other one.
        """
        shelf = memo.shelf(self._missing, self.rules) if self._missing and not self._unclaimed else None
        kept = shelf.answers if isinstance(shelf, Shelf) else {}
        direct = not self._pinned and not self.rules.node_checks
        for name in nodes:
            found = kept.get(name)
            if found is not None and (direct or self._early(name) is None):
                memo.reused += 1
                yield name, found
                continue
            answer = yield from self.answer(name)
            found = _brief(self.explained(answer))
            # An invalid answer names the Pod's own claim.
            if isinstance(shelf, Shelf) and answer.searched and answer.verdict != "invalid":
                memo.searches += 1
                # What changes during a pause is entered after the shelf's position, and so will be
                # thrown away when the shelf is asked for again.
                kept[name] = found
            yield name, found

    def answer(self, name: str) -> Generator[None, None, NodeAnswer]:
        """The answer for one node, as the generator's return value; each yield is a pause."""
        early = self._early(name)
        if early is not None:
            return early
        if isinstance(self._plan, Invalid) or not self._missing:
            return self._fits(name, (), Fits(()))
        return (yield from self._allocate(self.state.nodes[name], self._plan))

    def _early(self, name: str) -> NodeAnswer | None:
        """The answer if no search is needed for a misfit."""
        node = self.state.nodes.get(name)
        if node is None:
            reason = Reason("NodeUnknown", "node is not known yet")
            return NodeAnswer(name, "misfit", (reason,), curable=False)
        if self.rules.node_checks:
            found = check_node(self.pod, node, self.state.usage)
            if found is not None:
                return NodeAnswer(name, "misfit", (found,), curable=found.code == "InsufficientResources")
        if self.refusal is not None:
            return NodeAnswer(name, self.refusal[0], self.refusal[1], curable=False)
        return self._unavailable(node) if self._pinned else None

    def explained(self, answer: NodeAnswer) -> NodeAnswer:
        """A misfit with its reasons counted device by device; other answers as they are.

        The search itself gives none, since few nodes of a large cluster are asked about.
        Cost: O(devices of the node) and a few bounded searches, see ``explain_misfit``.
        """
        node = self.state.nodes.get(answer.node)
        if not answer.counted_later or node is None or isinstance(self._plan, Invalid):
            return answer
        pools = self.state.inventory.pools(answer.node, self.rules.features)
        reasons = explain_misfit(node, pools, self._plan, self.state.taken)
        return replace(answer, reasons=reasons, counted_later=False)

    def _unavailable(self, node: Node) -> NodeAnswer | None:
        """Whether a claim that is allocated already cannot be used from here."""
        for held in self.claims:
            if held.claim.allocation is None:
                continue
            try:
                reason = self._against(held, held.claim.allocation, node)
            except SelectorError as error:
                claim = "/".join(held.key)
                text = f"claim {claim}: the node selector of its allocation cannot be evaluated: {error}"
                broken = Reason("AllocationInvalid", text, claim)
                return NodeAnswer(node.name, "invalid", (broken,), curable=False)
            if reason is not None:
                self._unusable.add(held.key)
                return NodeAnswer(node.name, "misfit", (reason,), curable=False)
        return None

    def _against(self, held: HeldClaim, allocation: Allocation, node: Node) -> Reason | None:
        claim, rules = "/".join(held.key), self.rules
        selector = allocation.node_selector
        if selector is not None and not selector.matches(node.name, node.meta.labels):
            return Reason("ClaimOnOtherNode", f"claim {claim} is allocated on other nodes", claim)
        if any(item.skip_node_operations for item in allocation.devices) and (
            NODE_OPERATIONS not in node.declared_features
        ):
            return Reason("NodeUnsuited", f"claim {claim} needs the node to declare {NODE_OPERATIONS}", claim)
        return self._unready(held) if rules.features.device_binding_and_status else None

    def _unready(self, held: HeldClaim) -> Reason | None:
        """Whether the claim's devices cannot be waited for any longer."""
        claim, rules = "/".join(held.key), self.rules
        state = readiness(held.claim)
        if state is Readiness.FAILED:
            return Reason("BindingFailed", f"devices of claim {claim} could not be made ready", claim)
        if state is Readiness.READY or rules.now is None:
            return None
        if not timed_out(held.claim, rules.now(), rules.binding_timeout_seconds):
            return None
        return Reason("BindingTimedOut", f"devices of claim {claim} were not ready in time", claim)

    def releasable(self) -> HeldClaim | None:
        """A claim to deallocate, so that the Pod may find devices elsewhere.

        To be asked when no node fits: the first claim that was in the way on some node, and that
        nobody but this Pod has reserved (PostFilter of the in-tree plugin).
        """
        for held in self.claims:
            others = any(consumer.uid != self.pod.meta.uid for consumer in held.claim.reserved_for)
            if held.key in self._unusable and not others and held.key not in self.state.assumed:
                return held
        return None

    def _allocate(self, node: Node, plan: Plan) -> Generator[None, None, NodeAnswer]:
        try:
            pools = self.state.inventory.pools(node.name, self.rules.features)
        except PoolError as error:
            return NodeAnswer(node.name, "invalid", (Reason("PoolInvalid", str(error)),), curable=False)
        outcome = yield from allocate_steps(
            node,
            pools,
            plan,
            self.state.taken,
            limits=self.rules.limits,
            new_share_id=self.rules.new_share_id,
        )
        match outcome:
            case Fits():
                return self._fits(node.name, pools, outcome)
            case Misfit():
                return NodeAnswer(node.name, "misfit", outcome.reasons, searched=True, counted_later=True)
            case Invalid():
                return NodeAnswer(node.name, "invalid", outcome.reasons, curable=False, searched=True)

    def _fits(self, name: str, pools: tuple[Pool, ...], fits: Fits) -> NodeAnswer:
        new = iter(fits.allocations)
        allocations = tuple(held.claim.allocation or next(new) for held in self.claims)
        if not fits.allocations:
            return NodeAnswer(name, "fits", allocations=allocations, score=0)
        points = score(self._policy, pools, self.state.taken, fits.allocations, fits.ranks)
        return NodeAnswer(name, "fits", allocations=allocations, score=points, searched=True)


def _brief(answer: NodeAnswer) -> Brief:
    message = "" if answer.verdict == "fits" else node_message(answer.reasons)
    return Brief(answer.verdict, answer.score or 0, message, answer.curable)


def finish(steps: Generator[None, None, NodeAnswer]) -> NodeAnswer:
    """Runs an answer to its end without pausing."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: NodeAnswer = end.value
            return answer
