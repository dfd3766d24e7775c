"""One Pod, any number of nodes: does it fit, with which devices, and how good is it there."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
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
from app.core.model.allocation import Allocation
from app.core.model.node import Node
from app.core.model.node_selector import SelectorError
from app.core.model.pod import Pod
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
    whether evicting Pods from the node could change a misfit. With ``counted_later``, the reasons
    are still to be had from ``Question.explained``.
    """

    node: str
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    score: int | None = None
    curable: bool = True
    counted_later: bool = False


class Question:
    """A Pod made ready to be asked about: its claims found, and planned once for all nodes.

    ``refusal`` is set if the answer is the same for every node: then ``verdict`` is its kind.
    """

    def __init__(self, state: State, pod: Pod, rules: Rules) -> None:
        self.state = state
        self.pod = pod
        self.rules = rules
        self.claims: tuple[HeldClaim, ...] = ()
        self.refusal: tuple[Verdict, tuple[Reason, ...]] | None = None
        self._policy = policy_named(rules.policy)
        self._plan: Plan | None = None
        try:
            self.claims = claims_of(state, pod, generate=rules.generate_claims)
        except ClaimRefusal as refusal:
            self.refusal = ("misfit", (refusal.reason,))
            return
        self._make_plan()

    def _make_plan(self) -> None:
        missing = [held.claim for held in self.claims if held.claim.allocation is None]
        if not missing:
            return
        plan = plan_claims(missing, self.state.classes, self.rules.features, self.rules.selectors)
        if isinstance(plan, Invalid):
            self.refusal = ("invalid", plan.reasons)
        else:
            self._plan = plan

    def answers(self, nodes: Iterable[str]) -> Generator[NodeAnswer | None, None, None]:
        """An answer for each node, in order; None is a pause at which others may be served."""
        for name in nodes:
            answer = yield from self.answer(name)
            yield answer

    def answer(self, name: str) -> Generator[None, None, NodeAnswer]:
        """The answer for one node, as the generator's return value; each yield is a pause."""
        node = self.state.nodes.get(name)
        if node is None:
            return NodeAnswer(
                name, "misfit", (Reason("NodeUnknown", "node is not known yet"),), curable=False
            )
        if self.rules.node_checks:
            reason = check_node(self.pod, node, self.state.usage)
            if reason is not None:
                return NodeAnswer(name, "misfit", (reason,), curable=reason.code == "InsufficientResources")
        if self.refusal is not None:
            return NodeAnswer(name, self.refusal[0], self.refusal[1], curable=False)
        elsewhere = self._elsewhere(node)
        if elsewhere is not None:
            return elsewhere
        if self._plan is None:
            return self._fits(name, (), Fits(()))
        return (yield from self._allocate(node, self._plan))

    def explained(self, answer: NodeAnswer) -> NodeAnswer:
        """A misfit with its reasons counted device by device; other answers as they are.

        The search itself gives none, since few nodes of a large cluster are asked about.
        Cost: O(devices of the node) and a few bounded searches, see ``explain_misfit``.
        """
        node = self.state.nodes.get(answer.node)
        if answer.verdict != "misfit" or self._plan is None or node is None or not answer.counted_later:
            return answer
        pools = self.state.inventory.pools(answer.node, self.rules.features)
        reasons = explain_misfit(node, pools, self._plan, self.state.taken)
        return replace(answer, reasons=reasons, counted_later=False)

    def _elsewhere(self, node: Node) -> NodeAnswer | None:
        """Whether a claim that is allocated already cannot be used from here."""
        for held in self.claims:
            allocation = held.claim.allocation
            if allocation is None or allocation.node_selector is None:
                continue
            claim = "/".join(held.key)
            try:
                reachable = allocation.node_selector.matches(node.name, node.meta.labels)
            except SelectorError as error:
                text = f"claim {claim}: the node selector of its allocation cannot be evaluated: {error}"
                return NodeAnswer(
                    node.name, "invalid", (Reason("AllocationInvalid", text, claim),), curable=False
                )
            if not reachable:
                text = f"claim {claim} is allocated on other nodes"
                return NodeAnswer(
                    node.name, "misfit", (Reason("ClaimOnOtherNode", text, claim),), curable=False
                )
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
                return NodeAnswer(node.name, "misfit", outcome.reasons, counted_later=True)
            case Invalid():
                return NodeAnswer(node.name, "invalid", outcome.reasons, curable=False)

    def _fits(self, name: str, pools: tuple[Pool, ...], fits: Fits) -> NodeAnswer:
        new = iter(fits.allocations)
        allocations = tuple(held.claim.allocation or next(new) for held in self.claims)
        if not fits.allocations:
            return NodeAnswer(name, "fits", allocations=allocations, score=0)
        points = score(self._policy, pools, self.state.taken, fits.allocations, fits.ranks)
        return NodeAnswer(name, "fits", allocations=allocations, score=points)


def finish(steps: Generator[None, None, NodeAnswer]) -> NodeAnswer:
    """Runs an answer to its end without pausing."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: NodeAnswer = end.value
            return answer
