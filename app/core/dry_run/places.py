"""Where running Pods could go, kept for Pods of one kind: most Pods of a cluster are of a few kinds."""

from collections.abc import Callable, Iterator, Sequence

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.state.state import State


class Places:
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
        self._kinds: dict[object, _Kind] = {}

    def exist(self, pod: Pod) -> bool:
        """Whether there is any. Cost: a search a node until one fits, for the first Pod of a kind."""
        return any(name != pod.node_name for name in self._kind(pod).found())

    def best_first(self, pod: Pod) -> list[str]:
        """All of them, by score. Cost: a search a node, for the first Pod of a kind."""
        scores = {name: score for name, score in self._kind(pod).scores() if name != pod.node_name}
        return sorted(scores, key=lambda name: -scores[name])

    def _kind(self, pod: Pod) -> "_Kind":
        key = (
            tuple(claim.spec for claim in self._claims(pod)),
            tuple(sorted((name, amount.nanos) for name, amount in pod.requests.items())),
            tuple(sorted(pod.node_selector.items())),
            pod.required_affinity,
            pod.tolerations,
            tuple(map(repr, pod.extended)),
        )
        if key not in self._kinds:
            state = self._without(pod)
            evaluation = PodEvaluation(state, state.pods[pod.meta.key], self._rules)
            # Its own node has room now, but not for others of the kind.
            self._kinds[key] = _Kind(evaluation, [name for name in self._nodes if name != pod.node_name])
        return self._kinds[key]


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

    def scores(self) -> Iterator[tuple[str, int]]:
        """All nodes that fit, with their scores."""
        for _ in self.found():
            pass
        yield from self._scores.items()
