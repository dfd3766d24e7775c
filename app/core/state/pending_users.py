"""The Pods that wait for a node, by the claims that they name."""

from app.core.model.pod import Pod
from app.core.state.taken import ClaimKey

PodKey = tuple[str, str]


class PendingUsers:
    """Only claims that Pods name, not those that are made for one Pod from a template: these have one user.

    Adding and removing a Pod costs O(claims that it names).
    """

    def __init__(self) -> None:
        self._claims: dict[PodKey, tuple[ClaimKey, ...]] = {}
        self._pods: dict[ClaimKey, dict[PodKey, None]] = {}

    def put(self, pod: Pod) -> None:
        """Adds a Pod that can be scheduled, or removes it if it has a node or cannot get one."""
        key = pod.meta.key
        self.drop(key)
        if not pod.waits:
            return
        named = pod.named_claims
        if not named:
            return
        self._claims[key] = named
        for claim in named:
            self._pods.setdefault(claim, {})[key] = None

    def drop(self, key: PodKey) -> None:
        """Removes a Pod, if it is there."""
        for claim in self._claims.pop(key, ()):
            users = self._pods[claim]
            del users[key]
            if not users:
                del self._pods[claim]

    def of(self, claim: ClaimKey) -> tuple[PodKey, ...]:
        """The Pods that wait for a node and name the claim. O(result)."""
        return tuple(self._pods.get(claim, ()))
