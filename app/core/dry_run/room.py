"""Room for one Pod: the Pods in its way on a node go elsewhere, each to where it fits at that time.

First only to nodes where they fit as it is. If no node can be cleared like that, a Pod that fits nowhere may
go to a third node that a few others leave first (``Detours``).
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from heapq import nsmallest

from app.core.dry_run.detours import Detours
from app.core.dry_run.moves import MovedState, Moves
from app.core.model.pod import Pod
from app.core.pauses import FEW, in_order, paced, pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.state.state import Key

_MORE_NODES = 32
"""Nodes that are tried for fewer moves, after a plan is found; and those that are tried with detours."""


class Room:
    """Makes room for a Pod, from one state on.

    Args:
        nodes: for the Pod, and for those that move.
    """

    def __init__(self, moves: Moves, step: MovedState, pod: Pod, nodes: Sequence[str], rules: Rules) -> None:
        self._moves = moves
        self._step = step
        self._nodes = nodes
        self._rules = rules
        self._places = moves.destinations(step, nodes)
        self._there: dict[str, list[Pod]] = {}
        for item in paced(moves.left(step)):
            self._there.setdefault(item.node_name, []).append(item)
        self._stage = EvictionStage(step.state.fork())
        self._evaluation = PodEvaluation(self._stage.state, pod, rules)

    def made(self, most: int) -> MovedState | None:
        """The state after at most ``most`` moves in all, in which the Pod fits on some node.

        Cost: for each node a search for each movable Pod there, and for each kind of Pod one for each node.
        """
        rough: list[tuple[int, int, str]] = []
        for node in paced(self._nodes, FEW):
            victims = self._in_the_way(self._there.get(node, ()), node, self._moves.smallest_first)
            if victims is not None:
                rough.append((len(victims), sum(self._moves.devices(item) for item in victims), node))
        best = self._directly(in_order(rough), most)
        return best if best is not None else self._by_detours([node for _, _, node in rough], most)

    def _directly(self, rough: Iterable[tuple[int, int, str]], most: int) -> MovedState | None:
        best: MovedState | None = None
        more = _MORE_NODES
        for least, _, node in rough:
            if best is not None:
                more -= 1
                if least >= len(best.moves) - len(self._step.moves) or not more:
                    break
            can = [item for item in self._there[node] if self._places.exist(item)]
            for order in (self._moves.smallest_first, self._moves.largest_first):
                victims = self._in_the_way(can, node, order)
                made = None if victims is None else self._moved_away(self._step, victims, {node})
                if made is not None and len(made.moves) <= most:
                    best = made if best is None or len(made.moves) < len(best.moves) else best
        return best

    def _by_detours(self, nodes: Sequence[str], most: int) -> MovedState | None:
        if not nodes:
            return None
        usable = {
            name: sorted(filter(self._places.exist, pods), key=self._moves.smallest_first)
            for name, pods in paced(self._there.items(), 1)
        }
        detours = Detours(
            self._rules,
            lambda item: self._moves.without(self._step.state, item),
            {name: usable[name] for name in self._nodes if usable.get(name)},
            self._places.key,
        )
        for node, victims in self._fewest_stuck(nodes):
            if all(self._places.exist(item) or detours.of(item) for item in victims):
                made = self._moved_away(self._step, victims, {node}, detours)
                if made is not None and len(made.moves) <= most:
                    return made
        return None

    def _fewest_stuck(self, nodes: Sequence[str]) -> list[tuple[str, list[Pod]]]:
        """Nodes and the Pods in the way there, those first with the fewest that fit nowhere else."""
        rated: list[tuple[int, int, str, list[Pod]]] = []
        for node in nodes:
            free = {item.meta.uid for item in self._there[node] if self._places.exist(item)}
            victims = self._in_the_way(self._there[node], node, partial(_stuck_first, free))
            if victims is not None:
                stuck = sum(item.meta.uid not in free for item in victims)
                rated.append((stuck, len(victims), node, victims))
        first = nsmallest(_MORE_NODES, paced(rated), key=lambda item: item[:3])
        return [(node, victims) for _, _, node, victims in first]

    def _in_the_way(
        self, there: Sequence[Pod], node: str, order: Callable[[Pod], tuple[int, Key]]
    ) -> list[Pod] | None:
        """Which Pods ``there`` have to leave the node so that the Pod fits, or None if that does not help.

        Args:
            order: which Pods may stay first. If the smallest do, few have to leave; if the largest do, those
                that leave are easier to place elsewhere.
        """

        def fits() -> bool:
            pause()
            return self._evaluation.answer(node).verdict == "fits"

        self._stage.remove(there)
        helps = bool(there) and fits()
        victims = self._stage.reprieve(sorted(there, key=order), fits) if helps else there
        self._stage.restore(victims)
        return list(victims) if helps else None

    def _moved_away(
        self,
        step: MovedState,
        victims: Sequence[Pod],
        avoided: AbstractSet[str],
        detours: Detours | None = None,
    ) -> MovedState | None:
        """The state after the victims have moved to other nodes, the largest first; None if one cannot."""
        for victim in sorted(victims, key=self._moves.largest_first):
            others = [name for name in self._places.best_first(victim) if name not in avoided]
            made = next(self._moves.of(step, victim, others), None)
            if made is None and detours is not None:
                made = self._by_a_detour(step, victim, avoided, detours)
            if made is None:
                return None
            step = made
        return step

    def _by_a_detour(
        self, step: MovedState, victim: Pod, avoided: AbstractSet[str], detours: Detours
    ) -> MovedState | None:
        moved = step.moved
        for third, pods in detours.of(victim):
            if third in avoided or any(pod.meta.uid in moved for pod in pods):
                continue
            after = self._moved_away(step, pods, {*avoided, third})
            made = None if after is None else next(self._moves.of(after, victim, [third]), None)
            if made is not None:
                return made
        return None


def _stuck_first(free: AbstractSet[str], pod: Pod) -> tuple[int, Key]:
    """Sorts those before that are not among the UIDs of ``free``."""
    return int(pod.meta.uid in free), pod.meta.key
