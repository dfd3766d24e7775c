"""Third nodes for Pods that fit on no other node: there they fit once a few Pods have gone elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from app.core.dry_run.destinations import KindKey
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.preemption.eviction_stage import EvictionStage
from app.core.state.state import State

MOST = 3
"""Pods that leave a third node for one that comes."""

Detour = tuple[str, tuple[Pod, ...]]
"""The third node, and the Pods that leave it."""


class Detours:
    """The detours from one state on, found when they are needed and kept for Pods of one kind.

    Args:
        without: a fork of the state in which a Pod waits for a node.
        usable: Pods that fit elsewhere as it is, by the node where they are, those first that leave first.
        key: what Pods of one kind have in common.
    """

    def __init__(
        self,
        rules: Rules,
        without: Callable[[Pod], State],
        usable: Mapping[str, Sequence[Pod]],
        key: Callable[[Pod], KindKey],
    ) -> None:
        self._rules = rules
        self._without = without
        self._usable = usable
        self._key = key
        self._found: dict[KindKey, tuple[Detour, ...]] = {}

    def of(self, pod: Pod) -> tuple[Detour, ...]:
        """Those for a Pod, with the fewest Pods first. Cost: for the first Pod of a kind a few searches for
        each node with Pods that fit elsewhere.
        """
        key = self._key(pod)
        if key not in self._found:
            self._found[key] = self._search(pod)
        return self._found[key]

    def _search(self, pod: Pod) -> tuple[Detour, ...]:
        stage = EvictionStage(self._without(pod))
        evaluation = PodEvaluation(stage.state, stage.state.pods[pod.meta.key], self._rules)

        def fits(name: str) -> bool:
            return evaluation.answer(name).verdict == "fits"

        found: list[Detour] = []
        for name, pods in self._usable.items():
            if name == pod.node_name:
                continue
            gone: list[Pod] = []
            for item in list(pods)[:MOST]:
                pause()
                stage.remove([item])
                gone.append(item)
                if fits(name):
                    # The last one is needed: without it the Pod did not fit.
                    gone = [*stage.reprieve(gone[:-1], partial(fits, name)), item]
                    found.append((name, tuple(gone)))
                    break
            stage.restore(gone)
        return tuple(sorted(found, key=lambda detour: len(detour[1])))
