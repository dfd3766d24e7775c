"""What a bind writes into one ResourceClaim, and how it is taken back.

Every write is a JSON patch that carries the resourceVersion it was decided on, so the API server
refuses it (409) if anybody has written since; fields that are not named stay as they are. The
finalizer goes on before the allocation: a claim that holds devices cannot vanish.
"""

from collections.abc import Container
from typing import Any

from app.cluster.binding.field_manager import DEFAULT_MANAGER
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ConflictError, InvalidError, NotFoundError
from app.cluster.client.retrying import Requests
from app.core.model.allocation import Allocation
from app.core.model.parse import parse, reread_claim
from app.core.model.resource_claim import FINALIZER, Consumer, ResourceClaim
from app.core.state.state import State

Patch = list[dict[str, Any]]

_TRIES = 4  # as many as client-go's retry.DefaultRetry makes, less the waiting


class ClaimLostError(Exception):
    """The claim is not what the decision was made on any more: decide again."""


class OvertakenError(Exception):
    """Somebody has written to the claim since it was read."""


class ClaimWriter:
    """Writes allocation and reservedFor of claims, and keeps the state abreast of the answers.

    ``manager`` is the name that the API server keeps with what is written.
    """

    def __init__(
        self, client: Requests, resource: Resource, state: State, manager: str = DEFAULT_MANAGER
    ) -> None:
        self._client = client
        self._resource = resource
        self._state = state
        self._params = {"fieldManager": manager}
        self.conflicts = 0

    async def reserve(self, claim: ResourceClaim, allocation: Allocation, consumer: Consumer) -> None:
        """Makes the claim hold ``allocation`` and be reserved for ``consumer``.

        A claim that has an allocation already is only reserved; one reserved already is not touched.

        Raises:
            ClaimLostError: it was deleted, or allocated by somebody else, in the meantime.
            ClusterError: the API server does not answer or refuses.
        Cost: one request for a claim that is allocated, else two; two more for each conflict.
        """
        for _ in range(_TRIES):
            try:
                await self._reserve_once(claim, allocation, consumer)
            except OvertakenError:
                self.conflicts += 1
                claim = await self.refetch(claim)
                continue
            return
        raise ClaimLostError(f"ResourceClaim {_name(claim)} is being written to by others all the time")

    async def _reserve_once(self, claim: ResourceClaim, allocation: Allocation, consumer: Consumer) -> None:
        _check(claim, allocation)
        if claim.allocation is None and FINALIZER not in claim.meta.finalizers:
            claim = await self._write(
                claim, _append(claim.meta.finalizers, "/metadata/finalizers", FINALIZER)
            )
        patch: Patch = []
        if claim.allocation is None:
            patch.append({"op": "add", "path": "/status/allocation", "value": allocation.to_json()})
        if all(known.uid != consumer.uid for known in claim.reserved_for):
            patch += _append(claim.reserved_for, "/status/reservedFor", _consumer(consumer))
        if patch:
            await self._write(claim, patch, "status")

    async def undo(self, claim: ResourceClaim, allocation: Allocation, consumer: Consumer) -> None:
        """Takes back what ``reserve`` wrote; what others have written since stays.

        The reservation goes; the allocation and the finalizer too if it is the one given here and
        nobody else has reserved the claim.

        Raises:
            ClusterError: the API server does not answer or refuses; what is left is for the
                controllers: a Pod's reservation ends with the Pod.
        """
        for _ in range(_TRIES):
            try:
                claim = await self.refetch(claim)
                await self._undo_once(claim, allocation, consumer)
            except (NotFoundError, ClaimLostError):
                return
            except OvertakenError:
                self.conflicts += 1
                continue
            return

    async def _undo_once(self, claim: ResourceClaim, allocation: Allocation, consumer: Consumer) -> None:
        ours = claim.allocation is not None and _same_devices(claim.allocation, allocation)
        await self.release(claim, {consumer.uid}, free=ours)

    async def release(self, claim: ResourceClaim, uids: Container[str], *, free: bool) -> None:
        """Takes reservations from exactly this version of the claim, and what nobody needs then.

        With ``free``, the allocation goes with the last reservation; the finalizer goes from a claim
        without an allocation.

        Raises:
            OvertakenError: somebody has written to the claim since.
            ClaimLostError: it is gone.
            ClusterError: the API server does not answer or refuses.
        """
        patch: Patch = []
        for index, known in reversed(list(enumerate(claim.reserved_for))):
            if known.uid in uids:
                patch.append({"op": "remove", "path": f"/status/reservedFor/{index}"})
        alone = len(patch) == len(claim.reserved_for)
        if claim.allocation is not None and free and alone:
            patch.append({"op": "remove", "path": "/status/allocation"})
        if patch:
            claim = await self._write(claim, patch, "status")
        if claim.allocation is None and FINALIZER in claim.meta.finalizers:
            index = claim.meta.finalizers.index(FINALIZER)
            await self._write(claim, [{"op": "remove", "path": f"/metadata/finalizers/{index}"}])

    async def refetch(self, claim: ResourceClaim) -> ResourceClaim:
        """The claim as the API server has it now.

        Raises:
            ClaimLostError: it is gone, or another one has its name.
        """
        path = self._resource.path(*claim.meta.key)
        try:
            newest = read_claim(await self._client.get(path))
        except NotFoundError:
            raise ClaimLostError(f"ResourceClaim {_name(claim)} was deleted in the meantime") from None
        if newest.meta.uid != claim.meta.uid:
            raise ClaimLostError(f"ResourceClaim {_name(claim)} was deleted and made anew in the meantime")
        self._state.put_written(newest)
        return newest

    async def _write(self, claim: ResourceClaim, patch: Patch, subresource: str = "") -> ResourceClaim:
        version = claim.meta.resource_version
        guard: Patch = [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}]
        path = self._resource.path(*claim.meta.key, subresource)
        try:
            raw = await self._client.patch(path, guard + patch, kind="json", params=self._params)
        except ConflictError:
            raise OvertakenError from None
        except InvalidError:
            # The patch is tried on the newest object before its version is looked at: an entry that
            # is not there any more is "invalid", though it only means that somebody has written.
            if (await self.refetch(claim)).meta.resource_version != version:
                raise OvertakenError from None
            raise
        heard = self._heard(raw, claim)
        if heard is not None:
            return heard
        written = reread_claim(raw, claim) if claim.spec.requests else read_claim(raw)
        self._state.put_written(written)
        return written

    def _heard(self, raw: dict[str, Any], before: ResourceClaim) -> ResourceClaim | None:
        """The claim that was written, if the watch was quicker than the answer: it is read once.

        Not what could be read of a claim that is broken: that has no requests.
        """
        known = self._state.stored_claim(before.meta.key)
        if known is None or not known.spec.requests or known.meta.uid != before.meta.uid:
            return None
        metadata = raw.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        return known if known.meta.resource_version == version else None


def _check(claim: ResourceClaim, allocation: Allocation) -> None:
    if claim.meta.deleted is not None:
        raise ClaimLostError(f"ResourceClaim {_name(claim)} is being deleted")
    if claim.allocation is not None and not _same_devices(claim.allocation, allocation):
        raise ClaimLostError(f"ResourceClaim {_name(claim)} was allocated by somebody else in the meantime")


def _same_devices(one: Allocation, other: Allocation) -> bool:
    return [(item.request, item.device, item.share_id) for item in one.devices] == [
        (item.request, item.device, item.share_id) for item in other.devices
    ]


def _append(existing: tuple[Any, ...], path: str, value: Any) -> Patch:
    """Appends to a list that may not be there yet."""
    if existing:
        return [{"op": "add", "path": f"{path}/-", "value": value}]
    return [{"op": "add", "path": path, "value": [value]}]


def _consumer(consumer: Consumer) -> dict[str, str]:
    return {"resource": consumer.resource, "name": consumer.name, "uid": consumer.uid}


def read_claim(raw: dict[str, Any]) -> ResourceClaim:
    """A claim as the API server answers with it. Raises: ObjectError."""
    claim = parse(raw)
    if not isinstance(claim, ResourceClaim):
        raise TypeError(f"the API server answered with a {type(claim).__name__} for a ResourceClaim")
    return claim


def _name(claim: ResourceClaim) -> str:
    return "/".join(claim.meta.key)
