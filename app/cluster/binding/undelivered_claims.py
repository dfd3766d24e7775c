"""Claims that the watch of kube-scheduler has delivered, and the watch of this program not yet."""

import asyncio
import logging
from collections.abc import Container

from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ClusterError
from app.cluster.client.retrying import Requests
from app.cluster.informers.informer import Event
from app.core.model.pod import Pod
from app.core.state.state import State
from app.core.state.taken import ClaimKey

log = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
"""For all claims of a Pod: kube-scheduler filters no other Pod meanwhile."""


class UndeliveredClaims:
    """kube-scheduler filters a Pod as soon as its own watch has delivered the Pod's claims (PreEnqueue of the
    in-tree plugin). The watch of this program may be later, and would refuse the Pod for a claim that exists.

    Args:
        client: with permission to get claims.
        claims: how the cluster serves ResourceClaims.
    """

    def __init__(self, client: Requests, claims: Resource, state: State) -> None:
        self._client = client
        self._claims = claims
        self._state = state
        self._news = asyncio.Event()

    def changed(self, kind: str, _event: Event) -> None:
        """To be called after each event of an informer."""
        if kind == "ResourceClaim":
            self._news.set()

    async def wait_for(self, pod: Pod, broken: Container[tuple[str, ClaimKey]]) -> None:
        """Waits until the watch has delivered the claims of a Pod, as long as they exist.

        Args:
            broken: kind and key of objects that were delivered and cannot be read.

        Cost: nothing if all were delivered. Else a request for each of them up to the first that does not
        exist, since a Pod that names such claims must not hold up others, and at most ``WAIT_SECONDS``.
        """

        def delivered(key: ClaimKey) -> bool:
            return self._state.stored_claim(key) is not None or ("ResourceClaim", key) in broken

        undelivered = [key for key in _names(pod) if not delivered(key)]
        if not undelivered:
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                for key in undelivered:
                    if not delivered(key) and not await self._exists(key):
                        return
                    while not delivered(key):
                        self._news.clear()
                        await self._news.wait()
        except TimeoutError:
            log.warning("the watch of ResourceClaims is behind", extra={"pod": "/".join(pod.meta.key)})

    async def _exists(self, key: ClaimKey) -> bool:
        """Whether a claim exists; False if that cannot be found out."""
        try:
            await self._client.get(self._claims.path(*key))
        except (ClusterError, ValueError) as error:  # ValueError: no claim can have that name
            log.debug("claim %s: %s", "/".join(key), error)
            return False
        return True


def _names(pod: Pod) -> list[ClaimKey]:
    """The claims that a Pod names itself, or that kube-controller-manager has made for it. O(claims)."""
    namespace, made = pod.meta.namespace, pod.claim_statuses
    names = (entry.claim_name or made.get(entry.name) for entry in pod.claims)
    return [(namespace, name) for name in names if name is not None]
