"""Which nodes to add so that Pods fit: the fewest, or the cheapest.

Sets of new nodes are tried in the order of their price. More nodes never make Pods fit worse, so a set that
is too small rules out its parts. Whether a set is enough is a question of all or nothing (``place_gang``),
which answers with a placement, or with a proof that there is none, or does not know: then what is found is
enough, but is not called minimal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from app.core.dry_run.gang import GangAnswer, Outcome, place_gang
from app.core.dry_run.place import PodPlacement
from app.core.dry_run.what_if import add_nodes
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State

MAX_SETS = 200
"""Sets of new nodes that are tried in all."""
_TRIED_EACH = 2_000
"""Attempts to put a Pod on a node, for each set."""

Counts = tuple[int, ...]
"""New nodes by shape."""


@dataclass(frozen=True, slots=True)
class NodeShape:
    """Nodes that can be added.

    Args:
        like: the node of the state that they are like.
        price: of one, above 0, in any unit.
        limit: how many there can be.
    """

    like: str
    price: float = 1.0
    limit: int = 1_000


@dataclass(frozen=True, slots=True)
class Sizing:
    """The nodes to add. ``minimal``: it is proven that nothing cheaper is enough.

    ``outcome`` is "impossible" if it is proven that no number of these nodes is enough, and "unknown" if no
    number was found to be; ``placements`` are then those without new nodes.
    """

    outcome: Outcome
    counts: Mapping[str, int]
    price: float
    minimal: bool
    text: str
    placements: tuple[PodPlacement, ...]
    sets_tried: int


def size(
    state: State, pods: Sequence[Pod], nodes: Sequence[str], rules: Rules, shapes: Sequence[NodeShape]
) -> Sizing:
    """The cheapest new nodes with which all Pods fit, beside ``nodes``.

    If it is interrupted, the best that is found until then, not called minimal.
    Cost: at most ``MAX_SETS`` runs of ``place_gang``, each on a fork with the new nodes.
    Raises: WhatIfError: there is no node like that.
    """
    search = _Search(state, pods, nodes, rules, shapes)
    try:
        search.run()
    except InterruptedWorkError:
        search.cut_off = True
    return search.result()


class _Search:
    def __init__(
        self,
        state: State,
        pods: Sequence[Pod],
        nodes: Sequence[str],
        rules: Rules,
        shapes: Sequence[NodeShape],
    ) -> None:
        self._state = state
        self._pods = pods
        self._nodes = nodes
        self._rules = rules
        self._shapes = shapes
        self._none: GangAnswer | None = None
        self._misfit: Pod | None = None
        self._best: tuple[float, Counts, GangAnswer] | None = None
        self._short: list[Counts] = []
        self._doubtful = False
        self._tried = 0
        self.cut_off = False

    def run(self) -> None:
        """Finds the best set; see ``result``."""
        state, nodes = self._with(tuple(1 for _ in self._shapes))
        self._none = self._ask(tuple(0 for _ in self._shapes))
        if self._none.outcome == "fits":
            return
        self._misfit = next((pod for pod in self._pods if not self._somewhere(state, nodes, pod)), None)
        if self._misfit is not None:
            # More of the same nodes would not help: it fits on none.
            self._short.append(tuple(shape.limit for shape in self._shapes))
            return
        for at in range(len(self._shapes)):
            self._alone(at)
        self._in_order_of_price()

    def result(self) -> Sizing:
        """The result of the search."""
        if self._best is None:
            most = tuple(shape.limit for shape in self._shapes)
            proven = not self.cut_off and self._is_short(most)
            text = (
                "no number of these nodes is enough" if proven else "no set of nodes that is enough was found"
            )
            placements = self._none.placements if self._none is not None else ()
            why = self._none.text if self._none is not None else "time was up before the first set"
            if self._misfit is not None:
                why = f"Pod {'/'.join(self._misfit.meta.key)} fits neither on these nor on the existing nodes"
            outcome: Outcome = "impossible" if proven else "unknown"
            return Sizing(outcome, {}, 0.0, minimal=False, text=f"{text}: {why}", placements=placements,
                          sets_tried=self._tried)  # fmt: skip
        price, counts, answer = self._best
        minimal = not self.cut_off and not self._doubtful
        added = ", ".join(
            f"{count} like {shape.like}" for shape, count in zip(self._shapes, counts, strict=True) if count
        )
        proof = "nothing cheaper is enough" if minimal else "cheaper ones may be enough"
        return Sizing(
            "fits",
            {shape.like: count for shape, count in zip(self._shapes, counts, strict=True)},
            price,
            minimal=minimal,
            text=f"{added or 'no node is needed'}: {proof}",
            placements=answer.placements,
            sets_tried=self._tried,
        )

    def _alone(self, at: int) -> None:
        """The fewest of one shape: doubled until it is enough, then halved."""

        def of(count: int) -> Counts:
            return tuple(count if other == at else 0 for other in range(len(self._shapes)))

        short, enough = 0, 1
        limit = self._shapes[at].limit
        while self._verdict(of(min(enough, limit))) != "fits":
            if enough >= limit or self._spent():
                return
            short, enough = enough, 2 * enough
        enough = min(enough, limit)
        while enough - short > 1 and not self._spent():
            middle = (short + enough) // 2
            if self._verdict(of(middle)) == "fits":
                enough = middle
            else:
                short = middle

    def _in_order_of_price(self) -> None:
        """Sets cheaper than the best so far, the cheapest first; ends with a proof or after the last try."""
        queue: list[tuple[float, Counts, int]] = [(0.0, tuple(0 for _ in self._shapes), 0)]
        while queue and (self._best is None or queue[0][0] < self._best[0]):
            if self._spent():
                return
            _, counts, last = heappop(queue)
            if any(counts) and self._verdict(counts) == "fits":
                return
            # Each set once: shapes are added in their order.
            for at in range(last, len(self._shapes)):
                if counts[at] < self._shapes[at].limit:
                    more = (*counts[:at], counts[at] + 1, *counts[at + 1 :])
                    heappush(queue, (self._price(more), more, at))

    def _verdict(self, counts: Counts) -> Outcome:
        if self._is_short(counts):
            return "impossible"
        if self._best is not None and counts == self._best[1]:
            return "fits"
        answer = self._ask(counts)
        return answer.outcome

    def _ask(self, counts: Counts) -> GangAnswer:
        pause()
        self._tried += 1
        state, nodes = self._with(counts)
        answer = place_gang(state, self._pods, nodes, self._rules, _TRIED_EACH, shown=0, passes_on=True)
        price = self._price(counts)
        if answer.outcome == "fits":
            if self._best is None or price < self._best[0]:
                self._best = price, counts, answer
        elif answer.outcome == "impossible":
            self._short.append(counts)
        else:
            self._doubtful = True
        return answer

    def _with(self, counts: Counts) -> tuple[State, list[str]]:
        """The cluster with these nodes, and the nodes to use."""
        state = self._state.fork()
        new = [
            name
            for shape, count in zip(self._shapes, counts, strict=True)
            for name in (add_nodes(state, shape.like, count) if count else ())
        ]
        return state, [*self._nodes, *new]

    def _somewhere(self, state: State, nodes: Sequence[str], pod: Pod) -> bool:
        """Whether the Pod fits on a node by itself; the new ones are the likeliest."""
        evaluation = PodEvaluation(state, pod, self._rules)
        return any(evaluation.answer(name).verdict == "fits" for name in reversed(nodes))

    def _is_short(self, counts: Counts) -> bool:
        return any(
            all(one <= other for one, other in zip(counts, short, strict=True)) for short in self._short
        )

    def _price(self, counts: Counts) -> float:
        return sum(count * shape.price for count, shape in zip(counts, self._shapes, strict=True))

    def _spent(self) -> bool:
        if self._tried >= MAX_SETS:
            self.cut_off = True
        return self.cut_off
