"""Pods that share a claim that is not allocated yet: the first one decides where all of them run.

An allocated claim keeps its Pods on the nodes that can use its devices. If the first Pod takes the best
node for itself alone, later Pods may find no room there, although another node has room for all of them.
The in-tree plugin and the filter webhook judge Pods one by one; a dry run knows the Pods that come next.
"""

from collections.abc import Iterable, Sequence

from app.core.dry_run.ranking import Ranking, settle
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

_MOST_COMPANIONS = 32
"""Later Pods that are taken into account; more of them seldom change which node is best."""
_MOST_NODES = 64
"""Nodes that are tried, the best for the first Pod first."""


class Companions:
    """The users of each claim that Pods of one dry run name. Cost: O(Pods)."""

    def __init__(self, pods: Sequence[Pod]) -> None:
        self._users: dict[Key, list[int]] = {}
        self._pods = pods
        for number, pod in enumerate(pods):
            for name in _shared_names(pod):
                self._users.setdefault((pod.meta.namespace, name), []).append(number)

    def after(self, number: int, evaluation: PodEvaluation) -> list[Pod]:
        """The later Pods that use a claim that this Pod will allocate, at most ``_MOST_COMPANIONS``."""
        pod = evaluation.pod
        missing = {claim.meta.name for claim in evaluation.missing}
        later = {
            user
            for name in _shared_names(pod)
            if name in missing
            for user in self._users.get((pod.meta.namespace, name), ())
            if user > number
        }
        return [self._pods[user] for user in sorted(later)[:_MOST_COMPANIONS]]


def best_for_all(
    evaluation: PodEvaluation, ranking: Ranking, best: NodeResult, companions: Sequence[Pod], rules: Rules
) -> NodeResult:
    """The node with room for the most companions; among equals the best one for the Pod itself.

    Cost: at most ``_MOST_NODES`` forks of the state, each with a search for each companion.
    """
    chosen, most = best, _room(evaluation, best, companions, rules)
    if most == len(companions):
        return best
    others = (answer for answer in ranking.answers(evaluation) if answer.verdict == "fits")
    ordered = sorted(others, key=lambda answer: -(answer.score or 0))
    for answer in ordered[:_MOST_NODES]:
        if answer.node == best.node:
            continue
        pause()
        room = _room(evaluation, answer, companions, rules)
        if room > most:
            chosen, most = answer, room
        if most == len(companions):
            break
    return chosen


def _room(evaluation: PodEvaluation, answer: NodeResult, companions: Iterable[Pod], rules: Rules) -> int:
    """How many companions fit on the node after the Pod."""
    state: State = evaluation.state.fork()
    settle(state, evaluation, answer)
    count = 0
    for pod in companions:
        pause()
        companion = PodEvaluation(state, pod, rules)
        result = companion.answer(answer.node)
        if result.verdict != "fits":
            break
        settle(state, companion, result)
        count += 1
    return count


def _shared_names(pod: Pod) -> set[str]:
    """The claims that the Pod names, and does not get from a template."""
    return {item.claim_name for item in pod.claims if item.claim_name is not None}
