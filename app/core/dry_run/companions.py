"""Pods that share a claim that is not allocated yet: the first one decides where all of them run.

An allocated claim keeps its Pods on the nodes that can use its devices. If the first Pod takes the best
node for itself alone, later Pods may find no room there, although another node has room for all of them.
The in-tree plugin judges Pods one by one. A dry run knows the Pods that come next, and filter those that
wait already.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from app.core.dry_run.ranking import Ranking
from app.core.model.meta import Meta
from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced, pause
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import Key, State

MAX_COMPANIONS = 32
"""Other Pods that are taken into account; more of them seldom change which node is best."""
_MOST_NODES = 64
"""Nodes that are tried, from each score some."""
_NOBODY = Meta("")


class Companions:
    """The users of each claim that Pods of one dry run name. Cost: O(Pods)."""

    def __init__(self, pods: Sequence[Pod]) -> None:
        self._users: dict[Key, list[int]] = {}
        self._pods = pods
        for number, pod in enumerate(paced(pods)):
            for claim in pod.named_claims:
                self._users.setdefault(claim, []).append(number)

    def after(self, number: int, evaluation: PodEvaluation) -> list[Pod]:
        """The later Pods that use a claim that this Pod will allocate, at most ``MAX_COMPANIONS``."""
        later = {
            user
            for claim in shared_claims(evaluation)
            for user in self._users.get(claim, ())
            if user > number
        }
        return [self._pods[user] for user in sorted(later)[:MAX_COMPANIONS]]


def shared_claims(evaluation: PodEvaluation) -> list[Key]:
    """The claims that the Pod names and will allocate. Cost: O(claims)."""
    missing = {claim.meta.key for claim in evaluation.missing}
    return [claim for claim in evaluation.pod.named_claims if claim in missing]


def waiting_companions(state: State, evaluation: PodEvaluation) -> list[Pod]:
    """The other Pods that wait for a node and use a claim that this Pod will allocate.

    At most ``MAX_COMPANIONS``, those of higher priority first. Cost: O(claims), O(n log n) for n such Pods.
    """
    keys = {key for claim in shared_claims(evaluation) for key in state.pending_users.of(claim)}
    keys.discard(evaluation.pod.meta.key)
    found = sorted((state.pods[key] for key in keys), key=lambda pod: (-pod.priority, pod.meta.key))
    return found[:MAX_COMPANIONS]


def best_for_all(
    evaluation: PodEvaluation, ranking: Ranking, best: NodeResult, companions: Sequence[Pod], rules: Rules
) -> NodeResult:
    """The node with room for the most companions; among equals the best one for the Pod itself.

    Cost: see ``roomier``.
    """
    others = [
        answer
        for answer in ranking.answers(evaluation)
        if answer.verdict == "fits" and answer.node != best.node
    ]
    others.sort(key=lambda answer: -(answer.score or 0))
    answers = {answer.node: answer for answer in (best, *others)}
    tried = worth_trying(list(answers), lambda node: answers[node].score or 0)
    for answer in roomier(evaluation, (answers[node] for node in tried), companions, rules):
        best = answer
    return best


def worth_trying(nodes: Sequence[str], score: Callable[[str], int]) -> list[str]:
    """At most ``_MOST_NODES``, in order: some of each score, since nodes of one score are often alike."""
    by_score: dict[int, list[str]] = {}
    for node in nodes:
        by_score.setdefault(score(node), []).append(node)
    share = max(1, _MOST_NODES // max(1, len(by_score)))
    chosen = {node for alike in by_score.values() for node in alike[:share]}
    return [node for node in nodes if node in chosen]


def roomier(
    evaluation: PodEvaluation, answers: Iterable[NodeResult], companions: Sequence[Pod], rules: Rules
) -> Iterator[NodeResult]:
    """Of the nodes where the Pod fits the first, then each with room for more companions than those before.

    Cost: a fork of the state, and for each node until one has room for all a search for each companion, but
    one for those alike that have no room.
    """
    trial = _Trial(evaluation.state, [evaluation.pod, *companions], rules)
    most = -1
    for answer in answers:
        room = trial.room(evaluation.pod, answer, companions) if answer.verdict == "fits" else -1
        if room > most:
            most = room
            yield answer
        if most == len(companions):
            return


class _Trial:
    """Puts a Pod and its companions on one node after the other, and takes them off again."""

    def __init__(self, state: State, pods: Iterable[Pod], rules: Rules) -> None:
        self._state = state.fork()
        self._rules = rules
        for pod in pods:
            # What was held for them is theirs.
            self._state.clear_nomination(pod.meta.key)

    def room(self, pod: Pod, answer: NodeResult, companions: Iterable[Pod]) -> int:
        """How many companions fit on the node after the Pod."""
        claims: dict[Key, ResourceClaim | None] = {}
        pods: dict[Key, Pod | None] = {}
        self._put(pod, answer, claims, pods)
        count, refused = 0, list[Pod]()
        for companion in companions:
            pause()
            kind = replace(companion, meta=_NOBODY, claim_statuses={}, refusal="")
            if kind in refused:
                continue
            result = PodEvaluation(self._state, companion, self._rules).answer(answer.node)
            if result.verdict == "fits":
                self._put(companion, result, claims, pods)
                count += 1
            else:
                refused.append(kind)
        self._take_back(claims, pods)
        return count

    def _put(
        self,
        pod: Pod,
        answer: NodeResult,
        claims: dict[Key, ResourceClaim | None],
        pods: dict[Key, Pod | None],
    ) -> None:
        """Makes the state as if the Pod ran there; ``claims`` and ``pods`` keep what was before."""
        for claim, _, _ in answer.settled:
            claims.setdefault(claim.meta.key, self._state.stored_claim(claim.meta.key))
        pods[pod.meta.key] = self._state.pods.get(pod.meta.key)
        self._state.settle(pod, answer.node, answer.settled, answer.amounts)

    def _take_back(self, claims: dict[Key, ResourceClaim | None], pods: dict[Key, Pod | None]) -> None:
        for kind, before in (("ResourceClaim", claims), ("Pod", pods)):
            for key, item in before.items():
                if item is None:
                    self._state.delete(kind, key)
                else:
                    self._state.upsert(item)
