"""Places all Pods or none, or enough of them or none, by a search over assignments of Pods to nodes.

In greedy one-by-one placement the first Pod may allocate a shared claim on a node without room for the
second, or take the only node for another Pod. So this search backtracks. It does not try equivalent Pods
and nodes in every order, and evaluates a set of Pods once for all equivalent nodes. "impossible" is
proven: the search covers all assignments. If the search was cut off, or several nodes can use the same
devices (see ``Joint.exact``), the result is "unknown".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.core.diagnosis import summary
from app.core.dry_run.joint import Joint, Member, Solved
from app.core.dry_run.place import PodPlacement, place
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, emptied, in_order, paced, pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State

MAX_TRIED = 20_000
"""Maximum number of attempts to place one more Pod on a node."""

MAX_HINTED = 16
"""Pods of a dry run for which it is tried, unasked, whether they fit together."""
_HINT_TRIED = 500
_AT_ONCE = 8
"""Pods between two pauses, each with results for thousands of nodes."""
Outcome = Literal["fits", "impossible", "unknown"]
Assignment = dict[str, list[Member]]


@dataclass(frozen=True, slots=True)
class GangAnswer:
    """``placements`` contains all Pods with their nodes if they fit, or enough of them with one; else none
    has one, and those that greedy placement refused have reasons (the first ones, after a timeout). ``text``
    is how the result was found.
    """

    outcome: Outcome
    text: str
    placements: tuple[PodPlacement, ...]
    tried: int = 0


def place_gang(
    state: State,
    pods: Sequence[Pod],
    nodes: Sequence[str],
    rules: Rules,
    most_tried: int = MAX_TRIED,
    *,
    shown: int | None = None,
    named: int | None = None,
    enough: int | None = None,
    passes_on: bool = False,
) -> GangAnswer:
    """Places all Pods or none. If it is interrupted, the result is "unknown".

    Cost: that of ``place`` for the greedy attempt, which has ``shown`` and ``named`` as well, then at
    most ``most_tried`` attempts.

    Args:
        enough: the number of Pods that suffices if all are not found to fit (``minCount`` of a PodGroup).
        passes_on: for callers that do more than this: an interruption is raised only once.
    Raises: InterruptedWorkError, with ``passes_on``.
    """
    greedy: list[PodPlacement] = []
    try:
        greedy.extend(place(state.fork(), pods, nodes, rules, shown=shown, named=named))
        number = sum(item.chosen is not None for item in greedy)
        if number == len(greedy):
            return GangAnswer("fits", "placed one by one", tuple(greedy))
        search = _Searches(state, pods, nodes, rules, _refused(greedy))
        try:
            if enough is None or enough >= len(pods):
                return search.find(len(pods), most_tried)
            if number < enough:
                return search.find(enough, most_tried)
            every = search.find(len(pods), _HINT_TRIED)
        finally:
            search.let_go()
        text = f"{number} of {len(pods)} Pods placed one by one"
        return every if every.outcome == "fits" else GangAnswer("fits", text, tuple(greedy))
    except InterruptedWorkError:
        if passes_on:
            raise
        text = "the time limit was reached before all Pods were evaluated; they may fit"
        return GangAnswer("unknown", text, _refused(greedy))


def all_together(state: State, pods: Sequence[Pod], nodes: Sequence[str], rules: Rules) -> list[str]:
    """A note if Pods that do not all fit one after the other do fit together.

    ``state`` is that from before the Pods were placed. Cost: that of ``place``, and a few hundred attempts.
    """
    answer = place_gang(state, pods, nodes, rules, _HINT_TRIED, shown=0)
    if answer.outcome != "fits":
        return []
    text = f"all {len(pods)} Pods fit together, though not one after the other"
    return [f"{text}: --all-or-nothing (allOrNothing over HTTP) has the placement"]


def _refused(greedy: Sequence[PodPlacement]) -> tuple[PodPlacement, ...]:
    """Without their nodes, in one step: when time is up, nothing may pause. ``replace`` takes five times as
    long, for 10,000 Pods 50 ms.
    """
    return tuple(
        [
            PodPlacement(
                item.pod,
                item.claims,
                item.answers,
                None,
                item.summary,
                item.nodes,
                item.near_misses,
                item.groups,
            )
            for item in greedy
        ]
    )


class _Searches:
    """Searches beyond greedy placement, for all Pods or enough of them."""

    def __init__(
        self,
        state: State,
        pods: Sequence[Pod],
        nodes: Sequence[str],
        rules: Rules,
        refused: tuple[PodPlacement, ...],
    ) -> None:
        self._state = state
        self._rules = rules
        self._refused = refused
        self._members = _members(state, pods, nodes, rules)

    def find(self, enough: int, most_tried: int) -> GangAnswer:
        members, refused = self._members, self._refused
        lonely = [member for member in members if not member.alone]
        if len(members) - len(lonely) < enough:
            text = f"Pod {lonely[0].pod.meta.name} fits on no node, even without the others"
            return GangAnswer("impossible", text, refused)
        search = _Search(Joint(self._state, self._rules), members, enough, most_tried)
        try:
            return self._answer(search)
        finally:
            search.let_go()

    def let_go(self) -> None:
        """Frees with pauses what is known of each Pod: the results of its searches."""
        emptied(self._members)

    def _answer(self, search: "_Search") -> GangAnswer:
        members, refused = self._members, self._refused
        found = search.run()
        if found is not None:
            text = f"found by trying other nodes, {search.tried} attempts"
            placements = tuple(
                _placed(search.joint, member, *found[member.index]) if member.index in found else unplaced
                for member, unplaced in zip(members, refused, strict=True)
            )
            return GangAnswer("fits", text, placements, search.tried)
        if search.proof:
            return GangAnswer("impossible", search.proof, refused, search.tried)
        text = f"none found within the limits ({search.tried} attempts); one may exist"
        return GangAnswer("unknown", text, refused, search.tried)


def _members(state: State, pods: Sequence[Pod], nodes: Sequence[str], rules: Rules) -> list[Member]:
    """The Pods with the nodes that each fits on alone: on other nodes it never fits."""
    members: list[Member] = []
    try:
        members.extend(_each_alone(state, pods, nodes, rules))
    except InterruptedWorkError:
        # Each has kept the results of its searches: the end of this list would free all in one step.
        emptied(members)
        raise
    return members


def _each_alone(state: State, pods: Sequence[Pod], nodes: Sequence[str], rules: Rules) -> Iterator[Member]:
    kinds: dict[object, int] = {}
    answers: dict[int, dict[str, NodeResult]] = {}
    for index, pod in enumerate(pods):
        evaluation = PodEvaluation(state, pod, rules)
        kind = kinds.setdefault(_kind(pod, evaluation), len(kinds))
        alone = {}
        for name in answers.get(kind, nodes):
            answer = evaluation.answer(name)
            if answer.verdict == "fits":
                alone[name] = answer
        answers.setdefault(kind, alone)
        yield Member(index, pod, evaluation, kind, alone)


def _kind(pod: Pod, evaluation: PodEvaluation) -> object:
    claims = tuple(
        held.key if held.by_name or held.group or held.claim.allocation else held.claim.spec
        for held in evaluation.claims
    )
    resources = tuple(sorted((name, amount.nanos) for name, amount in pod.requests.items()))
    labels = tuple(sorted(pod.node_selector.items()))
    extended = tuple(map(repr, pod.extended))
    refusal = evaluation.refusal
    users = tuple(sorted(pod.claim_users.items()))
    return (
        claims,
        users,
        repr(pod.parts),
        resources,
        labels,
        pod.required_affinity,
        pod.only_on,
        pod.tolerations,
        pod.node_name,
        extended,
        refusal,
        evaluation.rules.policy,
    )


class _Search:
    """Depth first over the Pods; those that share claims first, then those with the fewest nodes.

    A Pod may be left out, after all nodes were tried for it, as long as ``enough`` Pods remain.
    """

    def __init__(self, joint: Joint, members: Sequence[Member], enough: int, most_tried: int) -> None:
        self.joint = joint
        self._members = members
        self._enough = enough
        self._most = most_tried
        ranks = (
            (not member.shared(), len(member.alone), member.kind, member.index, place)
            for place, member in enumerate(paced(members, _AT_ONCE))
        )
        self._order = [members[place] for *_, place in in_order(ranks)]
        self._open: dict[str, tuple[int, ...]] = {}
        self._assigned: Assignment = {}
        self._left_out: set[int] = set()
        self._cut_off = False
        self.tried = 0
        self.proof = ""

    def run(self) -> dict[int, tuple[NodeResult, Solved]] | None:
        """For each placed Pod its node's result and allocations; None: see ``proof``, or none was found."""
        short = self._too_many()
        if short:
            self.proof = short if self._exact else ""
            return None
        found = self._descend()
        if found is None and self._exact:
            number = "all" if self._enough == len(self._members) else f"{self._enough} of"
            text = f"no assignment of {number} {len(self._members)} Pods exists"
            self.proof = f"{text}: every one was ruled out"
        return found

    def let_go(self) -> None:
        """See ``_Searches.let_go``."""
        self._assigned.clear()
        emptied(self._order)

    @property
    def _spare(self) -> int:
        """How many more Pods may be left out."""
        return len(self._members) - self._enough - len(self._left_out)

    @property
    def _exact(self) -> bool:
        return self.joint.exact and not self._cut_off

    def _too_many(self) -> str:
        """Whether there are more Pods of a kind than fit on all nodes, each filled with them only."""
        by_kind: dict[int, list[Member]] = {member.kind: [] for member in paced(self._members)}
        for member in paced(self._order):
            by_kind[member.kind].append(member)
        for same in paced(by_kind.values(), _AT_ONCE):
            needed = len(same) - self._spare
            if needed <= 1 or same[0].shared():
                continue
            room = 0
            for node in same[0].alone:
                fit = 1
                while fit < needed - room and self._fits(node, same[: fit + 1]):
                    fit += 1
                room += fit
                if room >= needed:
                    break
            if room < needed:
                return (
                    f"all nodes together have room for {room} of {needed} Pods like {same[0].pod.meta.name}"
                )
        return ""

    def _descend(self) -> dict[int, tuple[NodeResult, Solved]] | None:
        """A stack of iterators, one for each placed Pod."""
        stack = [iter(self._choices(0))]
        placed: list[str | None] = []
        while stack:
            depth = len(stack) - 1
            if depth == len(self._order):
                found = self._solved()
                if found is not None:
                    return found
                stack.pop()
                self._take_back(placed)
                continue
            member = self._order[depth]
            for node in stack[-1]:
                if self._cut_off:
                    return None
                if node is None or self._fits(node, [*self._assigned.get(node, ()), member]):
                    self._assign(member, node)
                    placed.append(node)
                    stack.append(iter(self._choices(depth + 1)))
                    break
            else:
                stack.pop()
                self._take_back(placed)
        return None

    def _assign(self, member: Member, node: str | None) -> None:
        if node is None:
            self._left_out.add(member.index)
        else:
            self._assigned.setdefault(node, []).append(member)

    def _take_back(self, placed: list[str | None]) -> None:
        if not placed:
            return
        node = placed.pop()
        if node is None:
            self._left_out.discard(self._order[len(placed)].index)
            return
        self._assigned[node].pop()
        if not self._assigned[node]:
            del self._assigned[node]

    def _choices(self, depth: int) -> list[str | None]:
        """The nodes to try for a Pod, in the order of score, and one of several equivalent empty ones; last
        None, to leave it out.

        Of equivalent Pods, later ones do not go to a node before that of the previous one, since that is
        the same assignment; nor to any node if that one is left out.
        """
        if depth >= len(self._order):
            return []
        member = self._order[depth]
        leave: list[str | None] = [None] if self._spare > 0 else []
        names = sorted(member.alone, key=lambda name: -(member.alone[name].score or 0))
        if depth and self._order[depth - 1].kind == member.kind:
            if self._order[depth - 1].index in self._left_out:
                return leave
            before = next(node for node, on in self._assigned.items() if self._order[depth - 1] in on)
            names = names[names.index(before) :]
        seen: set[object] = set()
        choices: list[str | None] = []
        for name in names:
            if name not in self._assigned:
                look = (self.joint.likeness(name), self._openness(name))
                if look in seen:
                    continue
                seen.add(look)
            choices.append(name)
        return choices + leave

    def _openness(self, node: str) -> tuple[int, ...]:
        """The kinds of Pods that fit on the node alone. O(Pods) once for each node, with pauses."""
        known = self._open.get(node)
        if known is None:
            kinds = {member.kind for member in paced(self._members) if node in member.alone}
            known = self._open[node] = tuple(sorted(kinds))
        return known

    def _fits(self, node: str, members: Sequence[Member]) -> bool:
        self.tried += 1
        pause()
        if self.tried > self._most:
            self._cut_off = True
        if self._cut_off or self._split(node, members[-1]):
            return False
        return self.joint.fits(node, members)

    def _split(self, node: str, member: Member) -> bool:
        """Whether the Pod would use a shared claim that is allocated on another node.

        With devices local to a node that never works; with others it may, which the end of the search
        checks.
        """
        shared = member.shared()
        if not shared or not self.joint.exact:
            return False
        return any(
            other != node and any(shared & companion.shared() for companion in on)
            for other, on in self._assigned.items()
        )

    def _solved(self) -> dict[int, tuple[NodeResult, Solved]] | None:
        """The allocations of a complete assignment."""
        found: dict[int, tuple[NodeResult, Solved]] = {}
        given = self.joint.nothing_given
        for node, on in self._assigned.items():
            solved = self.joint.solve(node, on, given)
            if solved is None:
                # Another node took devices that several nodes can use.
                self._cut_off = self._cut_off or self.joint.exact
                return None
            given = given.with_more(solved)
            for member in on:
                found[member.index] = member.alone[node], given.solved
        return found


def _placed(joint: Joint, member: Member, answer: NodeResult, solved: Solved) -> PodPlacement:
    allocations = tuple(
        held.claim.allocation or solved[identity] for identity, held in member.claims_on(answer.node)
    )
    amounts = joint.amounts(member, answer.node, solved) or ()
    chosen = replace(answer, allocations=allocations, amounts=amounts)
    others = (chosen if item is answer else item for item in member.alone.values())
    text, number = summary(len(member.alone), ()), len(member.alone)
    return PodPlacement(member.pod, chosen.claims, tuple(others), chosen, text, number)
