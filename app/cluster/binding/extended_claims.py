"""The claims for a Pod's extended resources, which the scheduler creates itself.

The bind creates such a claim, and writes it to pod.status.extendedResourceClaimStatus for the kubelet
before it binds the Pod. The Pod owns the claim: the garbage collector deletes it with the Pod, and a
failed bind deletes it at once.
"""

from typing import Any

from app.cluster.binding.claim_writer import ClaimLostError, read_claim
from app.cluster.binding.field_manager import DEFAULT_MANAGER
from app.cluster.client.discovery import POD, Resource
from app.cluster.client.errors import ConflictError, ConnectionFailedError, NotFoundError, ServerError
from app.cluster.client.retrying import Requests
from app.core.model.pod import Pod
from app.core.model.resource_claim import FINALIZER, ClaimSpec, ResourceClaim
from app.core.placement.pod_claims import HeldClaim
from app.core.state.state import State

_TRIES = 4


class ExtendedClaims:
    """Creates, publishes and removes claims for extended resources.

    ``created`` and ``removed`` count claims. ``manager``: see ``ClaimWriter``.
    """

    def __init__(
        self, client: Requests, resource: Resource, state: State, manager: str = DEFAULT_MANAGER
    ) -> None:
        self._client = client
        self._resource = resource
        self._state = state
        self._params = {"fieldManager": manager}
        self.created = 0
        self.removed = 0

    async def create(self, held: HeldClaim) -> ResourceClaim:
        """Creates the claim, or finds the one that an attempt without a response has created.

        Raises:
            ClaimLostError: another claim has its name.
            ClusterError: the API server does not respond or refuses.
        """
        meta = held.claim.meta
        try:
            path = self._resource.path(meta.namespace)
            body = _body(held.claim, self._resource)
            claim = read_claim(await self._client.post(path, body, params=self._params))
            self.created += 1
        except (ConflictError, ConnectionFailedError, ServerError) as error:
            if isinstance(error, ConnectionFailedError) and not error.sent:
                raise
            existing = await self._existing(held)
            if existing is None:
                raise
            claim = existing
        self._state.put_created(claim)
        return claim

    async def _existing(self, held: HeldClaim) -> ResourceClaim | None:
        meta = held.claim.meta
        try:
            claim = read_claim(await self._client.get(self._resource.path(*meta.key)))
        except NotFoundError:
            return None
        owner = claim.meta.controller
        ours = owner is not None and meta.controller is not None and owner.uid == meta.controller.uid
        if not ours or claim.spec != held.claim.spec or claim.meta.deleted is not None:
            raise ClaimLostError(f"another ResourceClaim has the name {'/'.join(meta.key)}")
        return claim

    async def announce(self, pod: Pod, held: HeldClaim) -> None:
        """Writes the claim, and the request of each container, into the Pod's status.

        Raises: ClusterError.
        """
        status = {
            "resourceClaimName": held.claim.meta.name,
            "requestMappings": [
                {
                    "containerName": item.container,
                    "resourceName": item.resource,
                    "requestName": item.request,
                }
                for item in held.mappings
            ],
        }
        patch = {"metadata": {"uid": pod.meta.uid}, "status": {"extendedResourceClaimStatus": status}}
        await self._client.patch(POD.path(*pod.meta.key, "status"), patch)

    async def take_back(self, held: HeldClaim) -> None:
        """Removes the claim after a failed bind, as ``remove`` does. Raises: ClusterError."""
        known = self._state.stored_claim(held.key)
        owner = None if known is None else known.meta.controller
        if known is not None and owner is not None and owner == held.claim.meta.controller:
            await self.remove(known)

    async def remove(self, claim: ResourceClaim) -> None:
        """Deletes the claim.

        It is not an error if the claim does not exist, or has been replaced. Removes the finalizer first,
        as the in-tree plugin does, since the Pod does not use the claim: its devices are free after the
        deletion.

        Raises: ClusterError.
        """
        path = self._resource.path(*claim.meta.key)
        for _ in range(_TRIES):
            try:
                newest = read_claim(await self._client.get(path))
                if newest.meta.uid != claim.meta.uid:
                    break
                if FINALIZER in newest.meta.finalizers:
                    await self._client.patch(path, _without_finalizer(newest), kind="json")
                await self._client.delete(path, {"preconditions": {"uid": claim.meta.uid}})
            except NotFoundError:
                break
            except ConflictError:
                continue
            self.removed += 1
            break
        else:
            raise ClaimLostError(f"ResourceClaim {'/'.join(claim.meta.key)} changes too often")
        self._state.drop_removed(claim)


def _without_finalizer(claim: ResourceClaim) -> list[dict[str, Any]]:
    index = claim.meta.finalizers.index(FINALIZER)
    return [
        {"op": "replace", "path": "/metadata/resourceVersion", "value": claim.meta.resource_version},
        {"op": "remove", "path": f"/metadata/finalizers/{index}"},
    ]


def _body(claim: ResourceClaim, resource: Resource) -> dict[str, Any]:
    meta = claim.meta
    return {
        "apiVersion": resource.api_version,
        "kind": "ResourceClaim",
        "metadata": {
            "name": meta.name,
            "namespace": meta.namespace,
            "generateName": meta.generate_name,
            "annotations": dict(meta.annotations),
            "finalizers": [FINALIZER],  # before it holds devices, as the bind of any other claim
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": item.kind,
                    "name": item.name,
                    "uid": item.uid,
                    "controller": True,
                }
                for item in meta.owners
            ],
        },
        "spec": {"devices": {"requests": _requests(claim.spec, flat=resource.version == "v1beta1")}},
    }


def _requests(spec: ClaimSpec, *, flat: bool) -> list[dict[str, Any]]:
    """``flat``: in the form of v1beta1, without ``exactly``."""
    found: list[dict[str, Any]] = []
    for request in spec.requests:
        if request.exactly is None:
            raise TypeError(f"request {request.name} has alternatives: no claim for extended resources")
        exactly = {
            "deviceClassName": request.exactly.device_class,
            "allocationMode": request.exactly.allocation_mode,
            "count": request.exactly.count,
        }
        found.append({"name": request.name} | (exactly if flat else {"exactly": exactly}))
    return found
