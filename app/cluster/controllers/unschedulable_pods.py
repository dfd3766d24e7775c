"""The Pods that filter has refused, as long as they may be pending."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, replace

from app.core.model.pod import Pod
from app.core.pauses import FEW, in_order, paced
from app.core.state.state import Key, State


@dataclass(frozen=True, slots=True)
class RefusedPod:
    """One refusal of a Pod, as kube-scheduler sent it."""

    pod: Pod
    position: int
    """Position in the log of changed nodes: later changes are not part of the verdict."""

    everywhere: bool
    """Whether the verdict was the same for all nodes, because a claim or class did not exist, so that all
    nodes may fit after a change.
    """

    allocated: int = 0
    """How many of its claims were allocated, and allowed few nodes: without one, all others may fit."""

    opened: int = 0
    """How often all nodes had been opened for all Pods by then: see ``RefusedPods.open_everywhere``."""


class RefusedPods:
    """Refused Pods, the latest last; at most ``most``, the ones refused longest ago are dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._refused: OrderedDict[Key, RefusedPod] = OrderedDict()
        self._opened = 0

    def __len__(self) -> int:
        return len(self._refused)

    def note(self, refused: RefusedPod) -> None:
        """Replaces an earlier refusal with that name. Cost: O(1), as of all methods without a stated cost."""
        self._add(refused if refused.opened == self._opened else replace(refused, opened=self._opened))

    def _add(self, refused: RefusedPod) -> None:
        self._put(refused)
        self._refused.move_to_end(refused.pod.meta.key)
        while len(self._refused) > self._most:
            self._refused.popitem(last=False)

    def forget(self, key: Key, uid: str) -> None:
        """Removes this Pod, not a later one with its name."""
        refused = self._refused.get(key)
        if refused is not None and refused.pod.meta.uid == uid:
            del self._refused[key]

    def take_back(self, refused: RefusedPod) -> None:
        """Adds it again, unless the Pod was refused again since. What was opened meanwhile is open for it."""
        if refused.pod.meta.key not in self._refused:
            self._add(refused)

    def stands(self, refused: RefusedPod) -> bool:
        """Whether it was neither removed nor refused again since."""
        return self._refused.get(refused.pod.meta.key) is refused and refused.opened == self._opened

    def looked_at(self, refused: RefusedPod, position: int, allocated: int) -> None:
        """Records that no change up to that position helps, if the refusal is still current."""
        if self.stands(refused):
            self._put(replace(refused, position=position, everywhere=False, allocated=allocated))

    def look_again(self, before: RefusedPod) -> None:
        """Records that changes since an earlier refusal may help after all."""
        known = self._refused.get(before.pod.meta.key)
        if known is not None and known.pod.meta.uid == before.pod.meta.uid:
            known = self._current(known)
            everywhere, allocated = (
                known.everywhere or before.everywhere,
                max(known.allocated, before.allocated),
            )
            position = min(known.position, before.position)
            self._put(replace(known, position=position, everywhere=everywhere, allocated=allocated))

    def open_everywhere(self) -> None:
        """Records that all nodes may fit all Pods now."""
        self._opened += 1

    def open(self, pod: Pod) -> bool:
        """Records that all nodes may fit this Pod now, and returns whether it is still refused."""
        refused = self._refused.get(pod.meta.key)
        if refused is None or refused.pod.meta.uid != pod.meta.uid:
            return False
        self._put(replace(refused, everywhere=True))
        return True

    def waiting(self, state: State) -> list[tuple[RefusedPod, Pod]]:
        """The Pods that are still pending, in current form, highest priority first.

        Removes those that are bound or have ended. A Pod that is not in the state counts as pending:
        kube-scheduler's watch may be ahead of ours, by a backoff after an outage of the API server.

        Cost: O(Pods * log Pods), with pauses.
        """
        waiting: list[tuple[RefusedPod, Pod]] = []
        for key, refused in paced(list(self._refused.items()), FEW):
            if self._refused.get(key) is not refused:
                continue  # changed in a pause: that is for the next pass
            known = state.pods.get(key)
            pod = refused.pod if known is None or known.meta.uid != refused.pod.meta.uid else known
            if pod.node_name or pod.finished or pod.meta.deleted is not None:
                del self._refused[key]
            else:
                waiting.append((self._current(refused), pod))
        ranks = ((*_urgency(pod), number) for number, (_, pod) in enumerate(waiting))
        return [waiting[number] for *_, number in in_order(ranks)]

    def _current(self, refused: RefusedPod) -> RefusedPod:
        """With what was opened since."""
        if refused.opened == self._opened:
            return refused
        found = replace(refused, everywhere=True, opened=self._opened)
        self._put(found)
        return found

    def _put(self, refused: RefusedPod) -> None:
        self._refused[refused.pod.meta.key] = refused


class RequeuedPods:
    """The Pods that were requeued, until filter has answered, and those that found no node beside them.

    A Pod may be refused again: its group has no room, or kube-scheduler itself refuses the node. Then the
    devices that it was to have are for the others.
    """

    def __init__(self) -> None:
        self._nodes: dict[str, tuple[str, float, RefusedPod]] = {}
        self._left_out: dict[Key, RefusedPod] = {}
        self.disappointed = False
        """Whether a Pod has not taken its node, since the others were last tried."""

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def due(self) -> float | None:
        """When the first of them is late; None if there are none. O(Pods)."""
        return min((until for _, until, _ in self._nodes.values()), default=None)

    def add(self, refused: RefusedPod, node: str, until: float) -> None:
        """The Pod is to have the node, by then."""
        self._nodes[refused.pod.meta.uid] = (node, until, refused)

    def leave_out(self, refused: RefusedPod) -> None:
        """The Pod found no node, perhaps because of the others."""
        if self._nodes:
            self._left_out.setdefault(refused.pod.meta.key, refused)

    def answered(self, uid: str, nodes: Collection[str]) -> bool:
        """Filter has named these nodes. Returns whether the Pod was to have another one."""
        found = self._nodes.pop(uid, None)
        if found is not None and found[0] not in nodes:
            self.disappointed = True
            return True
        if not self._nodes and not self.disappointed:
            self._left_out.clear()
        return False

    def end_late(self, now: float) -> list[RefusedPod]:
        """Those that have not come in time: kube-scheduler may refuse all nodes itself. O(Pods)."""
        late = [refused for _, until, refused in self._nodes.values() if until <= now]
        for refused in late:
            self.answered(refused.pod.meta.uid, ())
        return late

    def take_left_out(self) -> list[RefusedPod]:
        """The others, to be tried again if a Pod has not taken its node. O(Pods)."""
        if not self.disappointed:
            return []
        found = list(self._left_out.values())
        self._left_out.clear()
        self.disappointed = False
        return found


def _urgency(pod: Pod) -> tuple[int, str, Key]:
    return (-pod.priority, pod.meta.created or "", pod.meta.key)
