"""Where running Pods could go, kept for Pods of one kind: most Pods of a cluster are of a few kinds."""

from collections.abc import Callable, Iterator, Sequence

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State

_Needs = tuple[tuple[str, int], ...]
KindKey = tuple[tuple[object, ...], _Needs, tuple[object, ...]]


class Destinations:
    """The nodes with room for a Pod besides its own, evaluated when they are needed.

    Args:
        nodes: that Pods may go to.
        claims: of a Pod.
        without: a fork of the state in which the Pod waits for a node.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        rules: Rules,
        claims: Callable[[Pod], Sequence[ResourceClaim]],
        without: Callable[[Pod], State],
    ) -> None:
        self._nodes = nodes
        self._rules = rules
        self._claims = claims
        self._without = without
        self._kinds: dict[KindKey, _Kind] = {}
        self._full: dict[tuple[object, object], list[_Needs]] = {}

    def exist(self, pod: Pod) -> bool:
        """Whether there is any. Cost: a search a node until one fits, for the first Pod of a kind.

        A Pod that needs as much of everything as one without a place is not searched for.
        """
        claims, needs, rest = key = self.key(pod)
        full = self._full.setdefault((claims, rest), [])
        if key not in self._kinds and any(_covers(needs, less) for less in full):
            return False
        if any(name != pod.node_name for name in self._kind(pod).found()):
            return True
        if not self._kind(pod).somewhere:
            full.append(needs)
        return False

    def best_first(self, pod: Pod) -> list[str]:
        """All of them, by score. Cost: a search a node, for the first Pod of a kind."""
        scores = {name: score for name, score in self._kind(pod).scores() if name != pod.node_name}
        return sorted(scores, key=lambda name: -scores[name])

    def key(self, pod: Pod) -> KindKey:
        """What Pods of one kind have in common: their requests, and what restricts their nodes."""
        rest = (
            tuple(sorted(pod.node_selector.items())),
            pod.required_affinity,
            pod.tolerations,
            tuple(map(repr, pod.extended)),
        )
        needs = tuple(sorted((name, amount.nanos) for name, amount in pod.requests.items()))
        return tuple(claim.spec for claim in self._claims(pod)), needs, rest

    def _kind(self, pod: Pod) -> "_Kind":
        key = self.key(pod)
        if key not in self._kinds:
            state = self._without(pod)
            evaluation = PodEvaluation(state, state.pods[pod.meta.key], self._rules)
            # Its own node has room now, but not for others of the kind.
            self._kinds[key] = _Kind(evaluation, [name for name in self._nodes if name != pod.node_name])
        return self._kinds[key]


def _covers(needs: _Needs, less: _Needs) -> bool:
    """Whether they are at least as much of each resource."""
    found = dict(needs)
    return all(found.get(name, 0) >= amount for name, amount in less)


class _Kind:
    def __init__(self, evaluation: PodEvaluation, nodes: Sequence[str]) -> None:
        self._evaluation = evaluation
        self._left = iter(nodes)
        self._scores: dict[str, int] = {}

    def found(self) -> Iterator[str]:
        """The nodes that fit; those that are known already first."""
        yield from list(self._scores)
        for name in self._left:
            pause()
            answer = self._evaluation.answer(name)
            if answer.verdict == "fits":
                self._scores[name] = answer.score or 0
                yield name

    @property
    def somewhere(self) -> bool:
        """Whether any node that was evaluated fits."""
        return bool(self._scores)

    def scores(self) -> Iterator[tuple[str, int]]:
        """All nodes that fit, with their scores."""
        for _ in self.found():
            pass
        yield from self._scores.items()
