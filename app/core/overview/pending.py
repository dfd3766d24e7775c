"""Pending Pods, those with equal reasons together."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from app.core.diagnosis import causes_of
from app.core.model.pod import Pod
from app.core.overview.requests import text_of_pod
from app.core.pauses import in_order, paced, pause
from app.core.state.state import State

MAX_EXAMPLES = 3
MAX_ASKS = 5
"""Different requests that are named of one group."""


@dataclass(frozen=True, slots=True)
class PodReason:
    """Why a Pod has no node: ``text``, and the ``code`` of the most frequent reason, empty if there is none.

    ``estimated``: it was not kube-scheduler's question that found it out.
    """

    text: str
    code: str = ""
    estimated: bool = False

    @property
    def group(self) -> str:
        """Equal for equal causes, whatever the numbers of nodes; also in another process. O(length)."""
        if not self.text:
            return self.code
        return blake2b("\n".join(sorted(causes_of(self.text))).encode(), digest_size=6).hexdigest()


@dataclass(slots=True)
class PendingGroup:
    """Pods with the same causes; ``reason`` is that of one of them. ``asks``: how many Pods request what."""

    key: str
    reason: PodReason
    pods: int = 0
    oldest: str | None = None
    asks: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)
    created: list[str | None] = field(default_factory=list)
    namespaces: Counter[str] = field(default_factory=Counter)


def waiting(state: State, namespace: str = "") -> Iterator[Pod]:
    """The pending Pods, of one namespace or of all, as ``/api/v1/pods?pending=true`` lists them. O(Pods)."""
    for key, pod in paced(list(state.pods.items())):
        if not pod.node_name and not pod.finished and namespace in ("", key[0]):
            yield pod


def group_pending(
    state: State, reason_of: Callable[[Pod], PodReason], namespace: str = ""
) -> list[PendingGroup]:
    """The groups, the largest first, then the oldest. Cost: O(pending Pods x claims), with pauses."""
    groups: dict[str, PendingGroup] = {}
    for pod in waiting(state, namespace):
        pause()  # each may have a long reason, and many claims
        reason = reason_of(pod)
        key = reason.group
        group = groups.get(key)
        if group is None:
            group = groups[key] = PendingGroup(key, reason)
        group.pods += 1
        group.created.append(pod.meta.created)
        group.namespaces[pod.meta.namespace] += 1
        if pod.meta.created and (group.oldest is None or pod.meta.created < group.oldest):
            group.oldest = pod.meta.created
        group.asks[text_of_pod(state, pod) or "no devices"] += 1
        if len(group.examples) < MAX_EXAMPLES:
            group.examples.append(pod.meta.key)
    ranked = in_order((-item.pods, item.oldest or "", item.reason.text, key) for key, item in groups.items())
    return [groups[key] for *_, key in ranked]
