"""Deallocates a claim, so that its pending Pod can use other devices.

The in-tree plugin does this in PostFilter; here it follows a filter that found no node. The write carries
the resourceVersion of the decision, so a claim that was reserved meanwhile keeps its devices. A claim for
the Pod's extended resources has no other user, and is deleted.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from app.cluster.binding.claim_writer import ClaimLostError
from app.cluster.binding.extended_claims import ExtendedClaims
from app.cluster.binding.pods import node_of, read_pod
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ClusterError, ConflictError, InvalidError, NotFoundError
from app.core.model.errors import ObjectError
from app.core.model.parse import parse
from app.core.model.pod_group import reserved_for_group
from app.core.model.resource_claim import EXTENDED_ANNOTATION, ResourceClaim
from app.core.state.state import State
from app.core.state.taken import ClaimKey

log = logging.getLogger(__name__)


class Deallocator:
    """Deallocates claims, each at most once at a time.

    ``results`` counts by outcome: freed, overtaken (the claim has changed, a bind is about to write it,
    or a running Pod uses it), api_error.

    Args:
        alone_with: locks a claim against binds meanwhile: see ``ClusterBinder.freeing``.
    """

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        state: State,
        *,
        alone_with: Callable[[ClaimKey], AbstractAsyncContextManager[None]] = lambda _key: nullcontext(),
    ) -> None:
        self._client = client
        self._resource = resource
        self._state = state
        self._extended = ExtendedClaims(client, resource, state)
        self._alone_with = alone_with
        self._busy: dict[str, ResourceClaim] = {}
        self._next: dict[str, ResourceClaim] = {}
        self.results: Counter[str] = Counter()

    async def deallocate(self, claim: ResourceClaim) -> bool:
        """Frees the claim's devices. Returns False if not, for a reason that is counted or logged.

        While a write for the claim is in progress, a later decision waits for its end: that write may fail
        because the claim has changed, and the later decision knows the change.
        """
        uid = claim.meta.uid
        under_way = self._busy.get(uid)
        if under_way is not None:
            if claim.meta.resource_version != under_way.meta.resource_version:
                self._next[uid] = claim
            return False
        self._busy[uid] = claim
        try:
            freed = await self._attempt(claim)
            while not freed and (later := self._next.pop(uid, None)) is not None:
                freed = await self._attempt(later)
        finally:
            del self._busy[uid]
            self._next.pop(uid, None)
        return freed

    async def _attempt(self, claim: ResourceClaim) -> bool:
        try:
            async with self._alone_with(claim.meta.key):
                await self._take(claim)
        except (ConflictError, InvalidError, NotFoundError, ClaimLostError):
            # InvalidError: the entry to remove does not exist any more.
            self.results["overtaken"] += 1
            return False
        except (ClusterError, ObjectError) as error:
            self.results["api_error"] += 1
            log.warning("ResourceClaim %s could not be deallocated: %s", "/".join(claim.meta.key), error)
            return False
        self.results["freed"] += 1
        return True

    async def _take(self, claim: ResourceClaim) -> None:
        for name, uid in self._users(claim):
            # A bind that kube-scheduler did not wait for may have bound it, without a watch event yet.
            pod = await read_pod(self._client, claim.meta.namespace, name, uid)
            if pod is not None and node_of(pod):
                raise ClaimLostError(f"Pod {name} uses it and runs")
        if claim.meta.key in self._state.assumed:
            raise ClaimLostError(f"ResourceClaim {'/'.join(claim.meta.key)} is in use by a bind")
        if claim.meta.annotations.get(EXTENDED_ANNOTATION) == "true":
            await self._extended.remove(claim)
        else:
            await self._free(claim)

    def _users(self, claim: ResourceClaim) -> Iterator[tuple[str, str]]:
        """Names and uids of the Pods that may use a claim. Cost: O(Pods) for that of a PodGroup."""
        namespace = claim.meta.namespace
        for consumer in claim.reserved_for:
            if consumer.resource == "pods":
                yield consumer.name, consumer.uid
                continue
            for pod in list(self._state.pods.values()):
                if pod.meta.namespace == namespace and reserved_for_group(consumer, pod.group):
                    yield pod.meta.name, pod.meta.uid

    async def _free(self, claim: ResourceClaim) -> None:
        path = self._resource.path(*claim.meta.key, "status")
        written = parse(await self._client.patch(path, _patch(claim), kind="json"))
        if isinstance(written, ResourceClaim):
            self._state.put_written(written)


def _patch(claim: ResourceClaim) -> list[dict[str, Any]]:
    patch: list[dict[str, Any]] = [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": claim.meta.resource_version},
        {"op": "remove", "path": "/status/allocation"},
    ]
    if claim.reserved_for:
        patch.append({"op": "remove", "path": "/status/reservedFor"})
    if claim.device_status:
        # The drivers' status of these devices is not valid for the next ones.
        patch.append({"op": "remove", "path": "/status/devices"})
    return patch
