"""A state to simulate evictions and their reversal.

A claim is deallocated when the last Pod in reservedFor is deleted, as in kube-controller-manager. So a
shared claim keeps its devices as long as one of its Pods stays, and evictions do not free a claim that is
reserved for other consumers than Pods, or for none.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from app.core.model.pod import Pod
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import FEW, paced
from app.core.state.pools import Pool
from app.core.state.state import State
from app.core.state.taken import ClaimKey


def uid_of(pod: Pod) -> str:
    """The UID, or a substitute for Pods without one (see ``State.settle``)."""
    return pod.meta.uid or "/".join(pod.meta.key)


class EvictionStage:
    """``state`` is a fork. Cost of the constructor: O(Pods + claims), with pauses."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.pods = {uid_of(pod): pod for pod in paced(state.pods.values())}
        self._away: set[str] = set()
        self._freed: dict[ClaimKey, ResourceClaim] = {}
        self._users: dict[ClaimKey, frozenset[str]] = {}
        self._claims: dict[str, list[ClaimKey]] = {}
        for claim in paced(state.claims(), FEW):
            if claim.allocation is not None and claim.reserved_for:
                self._enter(claim)

    def remove(self, pods: Iterable[Pod]) -> None:
        """Removes Pods, their usage of nodes, and the devices that only they hold."""
        for pod in paced(pods, FEW):
            uid = uid_of(pod)
            self._away.add(uid)
            if uid in self.pods:  # or it may be the usage of a successor of the same name
                self.state.usage.drop(pod.meta.key)
            for key in self._claims.get(uid, ()):
                if key not in self._freed and self._users[key] <= self._away:
                    claim = self._freed[key] = self._stored(key)
                    self.state.upsert(replace(claim, allocation=None, reserved_for=()))

    def restore(self, pods: Iterable[Pod]) -> None:
        """Reverts ``remove``."""
        for pod in paced(pods, FEW):
            uid = uid_of(pod)
            self._away.discard(uid)
            if uid in self.pods:
                self.state.usage.put(pod)
            for key in self._claims.get(uid, ()):
                claim = self._freed.pop(key, None)
                if claim is not None:
                    self.state.upsert(claim)

    def reprieve(self, pods: Iterable[Pod], fits: Callable[[], bool]) -> list[Pod]:
        """Reverts ``remove`` of each Pod, in their order, as long as ``fits`` holds.

        Returns those without which it would not. Cost: a call of ``fits`` for each Pod.
        """
        away: list[Pod] = []
        for pod in pods:
            self.restore([pod])
            if not fits():
                self.remove([pod])
                away.append(pod)
        return away

    def users(self, key: ClaimKey) -> frozenset[str]:
        """The UIDs of the Pods that use a claim, empty if no eviction frees its devices."""
        return self._users.get(key, frozenset()) - self._away

    def holders(self, pools: Iterable[Pool]) -> set[ClaimKey]:
        """The claims that hold devices of these pools. O(devices taken there)."""
        found: set[ClaimKey] = set()
        for pool in pools:
            taken = self.state.taken.get(pool.id)
            for holdings in paced(taken.holdings.values()) if taken is not None else ():
                found.update(item.claim for item in holdings if not item.admin and not item.nominated)
        return found

    def _enter(self, claim: ResourceClaim) -> None:
        if any(consumer.resource != "pods" or consumer.api_group for consumer in claim.reserved_for):
            return
        key = claim.meta.key
        self._users[key] = frozenset(consumer.uid for consumer in claim.reserved_for)
        for uid in self._users[key]:
            self._claims.setdefault(uid, []).append(key)

    def _stored(self, key: ClaimKey) -> ResourceClaim:
        claim = self.state.stored_claim(key)
        assert claim is not None  # noqa: S101 - entered from the state, which only the stage changes
        return claim
