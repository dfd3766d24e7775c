"""Which running Pods to move so that waiting ones fit: as few as possible.

A move takes a Pod off its node and places it on another one where it fits at that time, so that each step is
safe by itself. First a plan is built for one waiting Pod after another (``Room``): on each node, the fewest
Pods in the way that also fit elsewhere. Then sequences of fewer moves are tried, all of them if there are few
enough. Only then is the plan called minimal.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.core.dry_run.gang import GangAnswer, Outcome, place_gang
from app.core.dry_run.movable import movable_pods
from app.core.dry_run.moves import Move, MovedState, Moves
from app.core.dry_run.place import PodPlacement, place
from app.core.dry_run.room import Room
from app.core.model.pod import Pod
from app.core.pauses import InterruptedWorkError, paced, pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.state.state import Key, State

MAX_MOVES = 50
"""Moves of a plan, unless the caller allows fewer."""
MAX_TRIES = 4_000
"""States in which it is tried whether the waiting Pods fit, in the search for fewer moves."""
_TRIED_EACH = 500
"""Attempts to put a waiting Pod on a node, for each state."""
_NONE_FOUND = "no sequence of moves was found within the limits"
NOT_ALL_CHECKED = "the time limit was reached before all steps were checked"


@dataclass(frozen=True, slots=True)
class Repack:
    """A plan. ``placements`` are those of the waiting Pods after the moves, or without any if none is known.

    ``minimal``: it is proven that no sequence of fewer moves is enough. ``outcome`` "impossible": it is
    proven that no sequence of allowed moves is. ``stays``: running Pods that may not move, by reason.
    """

    outcome: Outcome
    moves: tuple[Move, ...]
    placements: tuple[PodPlacement, ...]
    minimal: bool
    text: str
    stays: dict[str, int]


def unknown(text: str) -> Repack:
    """The answer where time was up before the Pods that may move were read."""
    return Repack("unknown", (), (), minimal=False, text=text, stays={})


def repack(
    state: State,
    waiting: Sequence[Pod],
    nodes: Sequence[str],
    rules: Rules,
    *,
    most: int = MAX_MOVES,
    visible: Callable[[str], bool] | None = None,
) -> Repack:
    """Plans the fewest moves with which all waiting Pods fit on ``nodes``.

    Pods with a priority above that of a waiting Pod stay, and those of namespaces that are not
    ``visible``. A PodDisruptionBudget counts each move of a Pod that it covers. If it is interrupted,
    returns what is known until then.

    Cost: for each waiting Pod a search for each node and each movable Pod there; then at most
    ``MAX_TRIES`` times the cost of placing the waiting Pods.
    """
    try:
        moves = Moves(state, movable_pods(state, _lowest_priority(waiting), visible), rules)
    except InterruptedWorkError:
        return unknown(_NONE_FOUND)
    search = _Search(moves, _Goal(tuple(waiting), tuple(nodes), rules, most))
    with suppress(InterruptedWorkError):
        search.run()
    return search.result()


def follow(
    state: State,
    waiting: Sequence[Pod],
    nodes: Sequence[str],
    rules: Rules,
    steps: Sequence[tuple[Key, str]],
    *,
    visible: Callable[[str], bool] | None = None,
) -> Repack:
    """Whether a plan still holds: each step possible in its turn, and room for all waiting Pods in the end.

    Never ``minimal``: nothing else is tried. "impossible": ``text`` names the first step that is not
    possible, and ``moves`` are those before it.

    Args:
        steps: key of the Pod, and the node that it moves to.

    Cost: a search for each step, then that of placing the waiting Pods.
    """
    try:
        moves = Moves(state, movable_pods(state, _lowest_priority(waiting), visible), rules)
    except InterruptedWorkError:
        return unknown(NOT_ALL_CHECKED)
    return _Search(moves, _Goal(tuple(waiting), tuple(nodes), rules, len(steps))).followed(steps)


def _lowest_priority(waiting: Sequence[Pod]) -> int:
    """Pods above it stay: none of them moves for a Pod that is less important."""
    return min((pod.priority for pod in waiting), default=0)


@dataclass(frozen=True, slots=True)
class _Goal:
    waiting: tuple[Pod, ...]
    nodes: tuple[str, ...]
    rules: Rules
    most: int


class _Search:
    def __init__(self, moves: Moves, goal: _Goal) -> None:
        self._moves = moves
        self._waiting = goal.waiting
        self._nodes = goal.nodes
        self._rules = goal.rules
        self._most = goal.most
        self._none: tuple[PodPlacement, ...] = ()
        self._best: tuple[tuple[Move, ...], tuple[PodPlacement, ...]] | None = None
        self._tries = 0
        self._hopeless = False
        self._exhausted = False
        self._doubtful = False

    def run(self) -> None:
        """Finds the best plan; see ``result``."""
        now = self._together(self._moves.start.state)
        self._none = now.placements
        if now.outcome == "fits":
            self._best = (), self._none
            self._exhausted = True
            return
        if self._without_any() == "impossible":
            self._hopeless = True
            return
        self._build()
        self._try_fewer()

    def result(self) -> Repack:
        """What is known, also before ``run`` has come to its end."""
        stays = self._moves.movable.stays
        if self._best is not None:
            moves, placements = self._best
            minimal = self._exhausted and not self._doubtful
            proof = "no fewer are enough" if minimal else "fewer may be enough"
            text = f"{len(moves)} Pod(s) to move: {proof}" if moves else "no Pod has to move"
            return Repack("fits", moves, placements, minimal, text, stays)
        if self._hopeless:
            text = "not even moving all Pods that may move away would make room"
            return Repack("impossible", (), self._none, minimal=False, text=text, stays=stays)
        if self._exhausted and not self._doubtful:
            text = f"no sequence of up to {self._most} moves is enough"
            return Repack("impossible", (), self._none, minimal=False, text=text, stays=stays)
        return Repack("unknown", (), self._none, minimal=False, text=_NONE_FOUND, stays=stays)

    def followed(self, steps: Sequence[tuple[Key, str]]) -> Repack:
        """See ``follow``."""
        step, stays = self._moves.start, self._moves.movable.stays
        try:
            for made in self._moves.followed(steps):
                if isinstance(made, str):
                    placements = self._together(step.state).placements
                    return Repack("impossible", step.moves, placements, minimal=False, text=made, stays=stays)
                step = made
            answer = self._together(step.state)
        except InterruptedWorkError:
            return Repack("unknown", step.moves, (), minimal=False, text=NOT_ALL_CHECKED, stays=stays)
        text = f"{len(steps)} Pod(s) to move, as planned" if steps else "no Pod has to move"
        if answer.outcome != "fits":
            text = f"after these moves the waiting Pods do not fit: {answer.text}"
        return Repack(answer.outcome, step.moves, answer.placements, minimal=False, text=text, stays=stays)

    def _without_any(self) -> Outcome:
        """Whether the waiting Pods fit if all movable Pods are gone, wherever those would go."""
        state = self._moves.start.state.fork()
        for pod in paced(self._moves.movable.pods, 8):
            self._moves.take_off(state, pod)
        return self._together(state).outcome

    def _build(self) -> None:
        """A plan for one waiting Pod after another, each on the node with the fewest Pods in its way."""
        step = self._moves.start
        placed = step.state.fork()
        for pod in self._waiting:
            (alone,) = place(placed, [pod], self._nodes, self._rules, shown=0)
            if alone.chosen is not None:
                continue
            room = Room(self._moves, MovedState(placed, step.moves), pod, self._nodes, self._rules)
            made = room.made(self._most)
            if made is None:
                return
            step = made
            placed = made.state
            (alone,) = place(placed, [pod], self._nodes, self._rules, shown=0)
            if alone.chosen is None:
                return
        self._found(MovedState(self._replayed(step.moves), step.moves))

    def _replayed(self, moves: tuple[Move, ...]) -> State:
        """The state after the moves alone, without the waiting Pods."""
        state = self._moves.start.state.fork()
        for move in paced(moves, 8):
            self._moves.take_off(state, move.pod)
            state.settle(move.pod, move.answer.node, move.answer.settled, move.answer.amounts)
        return state

    def _try_fewer(self) -> None:
        """All sequences of fewer moves than the best plan, the shortest first, within ``MAX_TRIES``."""
        most = min(self._most, len(self._moves.movable.pods))
        most = most if self._best is None else len(self._best[0]) - 1
        for length in range(1, most + 1):
            seen: set[frozenset[tuple[str, str]]] = set()
            if self._deepen(self._moves.start, length, seen):
                self._exhausted = True
                return
            if self._tries >= MAX_TRIES:
                return
        self._exhausted = True

    def _deepen(self, step: MovedState, length: int, seen: set[frozenset[tuple[str, str]]]) -> bool:
        """Whether a sequence with ``length`` more moves is enough; it is then the best plan."""
        if self._best is None or len(step.moves) + length < len(self._best[0]):
            for pod in self._last_moves(step) if length == 1 else self._moves.left(step):
                for made in self._moves.of(step, pod, self._nodes):
                    if made.where in seen:
                        continue
                    seen.add(made.where)
                    if length > 1:
                        if self._deepen(made, length - 1, seen):
                            return True
                    elif self._found(made):
                        return True
                    if self._tries >= MAX_TRIES:
                        return False
        return False

    def _last_moves(self, step: MovedState) -> Iterator[Pod]:
        """The Pods without which the waiting ones would fit: only such a Pod may be the last to move."""
        stage = EvictionStage(step.state.fork())
        first = PodEvaluation(stage.state, self._waiting[0], self._rules)
        for pod in self._moves.left(step):
            if self._tries >= MAX_TRIES:
                return
            self._tries += 1
            stage.remove([pod])
            # One Pod that fits nowhere may fit where another has left, and nowhere else.
            if len(self._waiting) == 1:
                helps = first.answer(pod.node_name).verdict == "fits"
            else:
                helps = self._together(stage.state).outcome != "impossible"
            stage.restore([pod])
            if helps:
                yield pod

    def _found(self, step: MovedState) -> bool:
        """Keeps the plan if the waiting Pods fit after it and it is the shortest."""
        self._tries += 1
        answer = self._together(step.state, {move.source for move in step.moves})
        if answer.outcome != "fits":
            return False
        if self._best is None or len(step.moves) < len(self._best[0]):
            self._best = step.moves, answer.placements
        return True

    def _together(self, state: State, left: Collection[str] | None = None) -> GangAnswer:
        """Whether all waiting Pods fit, in whatever order and places; remembers if that is not known.

        Args:
            left: nodes that Pods have left. A single Pod that fitted nowhere before fits only there.
        """
        pause()
        nodes = self._nodes
        if left is not None and len(self._waiting) == 1:
            nodes = tuple(name for name in nodes if name in left)
        answer = place_gang(state, self._waiting, nodes, self._rules, _TRIED_EACH, shown=0, passes_on=True)
        self._doubtful |= answer.outcome == "unknown"
        return answer
