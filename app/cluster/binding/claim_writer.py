"""Writes one ResourceClaim for a bind, and undoes the writes.

Every write is a JSON patch that carries the resourceVersion it was decided on, so the API server
refuses it (409) after any other write; fields that are not named stay as they are. After such a conflict,
the next one carries the fields that it was decided on instead: a write of other fields, a driver's status
or a user's annotations, is no conflict then. The finalizer goes on before the allocation: a claim that holds
devices cannot vanish. It stays when they are freed, as in-tree: kube-controller-manager removes it from a
claim without users that is deleted, and the next bind need not write it again. Only ``undo`` removes it, so
that a write without a response, which may still be on its way, finds another claim than it was decided on.
"""

from collections.abc import Callable, Container, Sequence
from typing import Any

from app.cluster.binding.field_manager import DEFAULT_MANAGER
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ConflictError, InvalidError, NotFoundError
from app.cluster.client.retrying import Requests
from app.core.model.allocation import Allocation
from app.core.model.parse import parse, reread_claim
from app.core.model.resource_claim import FINALIZER, MAX_RESERVED_FOR, ConsumerReference, ResourceClaim
from app.core.placement.decision import ClaimAllocation
from app.core.state.state import State

Patch = list[dict[str, Any]]
Guard = Callable[[ResourceClaim], Patch]

_TRIES = 4  # as client-go's retry.DefaultRetry, without its delays


class ClaimLostError(Exception):
    """The claim has changed since the decision: decide again."""


class OvertakenError(Exception):
    """The claim has changed since it was read."""


class ClaimWriter:
    """Writes allocation and reservedFor of claims, and updates the state from the responses.

    ``manager``: the field manager of the writes.
    """

    def __init__(
        self, client: Requests, resource: Resource, state: State, manager: str = DEFAULT_MANAGER
    ) -> None:
        self._client = client
        self._resource = resource
        self._state = state
        self._params = {"fieldManager": manager}
        self.conflicts = 0

    async def reserve(
        self, claim: ResourceClaim, allocation: Allocation, consumers: Sequence[ConsumerReference]
    ) -> None:
        """Makes the claim hold ``allocation`` and be reserved for ``consumers``.

        An allocated claim is only reserved; a reserved one is not changed. Of many
        consumers the first come first: a claim has room for a limited number.

        Raises:
            ClaimLostError: it was deleted, or allocated by another client, meanwhile.
            ClusterError: the API server does not respond or refuses.
        Cost: one request, and one more for a claim without the finalizer; two more for each conflict.
        """
        guard = _by_version
        for _ in range(_TRIES):
            try:
                await self._reserve_once(claim, allocation, consumers, guard)
            except OvertakenError:
                self.conflicts += 1
                claim, guard = await self.refetch(claim), _by_fields
                continue
            return
        raise ClaimLostError(f"ResourceClaim {_name(claim)} is changed too often by other clients")

    async def _reserve_once(
        self,
        claim: ResourceClaim,
        allocation: Allocation,
        consumers: Sequence[ConsumerReference],
        guard: Guard,
    ) -> None:
        _check(claim, allocation)
        if claim.allocation is None and FINALIZER not in claim.meta.finalizers:
            patch = _append(claim.meta.finalizers, "/metadata/finalizers", [FINALIZER])
            claim = await self._write(claim, patch, guard=guard)
        patch = []
        if claim.allocation is None:
            patch.append({"op": "add", "path": "/status/allocation", "value": allocation.to_json()})
        known = {user.uid for user in claim.reserved_for}
        room = max(1, MAX_RESERVED_FOR - len(known))
        more = [user.to_json() for user in consumers if user.uid not in known][:room]
        if more:
            patch += _append(claim.reserved_for, "/status/reservedFor", more)
        if patch:
            await self._write(claim, patch, "status", guard=guard)

    async def undo(self, claim: ResourceClaim, allocation: Allocation, consumer: ConsumerReference) -> None:
        """Undoes ``reserve``; later writes of others stay.

        Removes the reservation, and also the allocation if it is the given one and the claim has no other
        consumers. Removes the finalizer from a claim without an allocation: after that, no write of
        ``reserve`` can be applied any more, whichever fields or version it carries.

        Raises:
            ClusterError: the API server does not respond or refuses; the controllers repair the rest: a
                Pod's reservation ends with the Pod.
        """
        guard = _by_version
        for _ in range(_TRIES):
            try:
                claim = await self.refetch(claim)
                await self._undo_once(claim, allocation, consumer, guard)
            except (NotFoundError, ClaimLostError):
                return
            except OvertakenError:
                self.conflicts += 1
                guard = _by_fields
                continue
            return

    async def _undo_once(
        self, claim: ResourceClaim, allocation: Allocation, consumer: ConsumerReference, guard: Guard
    ) -> None:
        ours = claim.allocation is not None and _same_devices(claim.allocation, allocation)
        claim = await self._release(claim, {consumer.uid}, guard, free=ours)
        if claim.allocation is None and FINALIZER in claim.meta.finalizers:
            index = claim.meta.finalizers.index(FINALIZER)
            await self._write(claim, [{"op": "remove", "path": f"/metadata/finalizers/{index}"}], guard=guard)

    async def release(self, claim: ResourceClaim, uids: Container[str], *, free: bool) -> None:
        """Removes reservations from exactly this version of the claim, and what is then unused.

        With ``free``, removes the allocation with the last reservation.

        Raises:
            OvertakenError: the claim has changed since.
            ClaimLostError: it is gone.
            ClusterError: the API server does not respond or refuses.
        """
        await self._release(claim, uids, _by_version, free=free)

    async def _release(
        self, claim: ResourceClaim, uids: Container[str], guard: Guard, *, free: bool
    ) -> ResourceClaim:
        patch: Patch = []
        for index, known in reversed(list(enumerate(claim.reserved_for))):
            if known.uid in uids:
                patch.append({"op": "remove", "path": f"/status/reservedFor/{index}"})
        alone = len(patch) == len(claim.reserved_for)
        if claim.allocation is not None and free and alone:
            patch.append({"op": "remove", "path": "/status/allocation"})
        return await self._write(claim, patch, "status", guard=guard) if patch else claim

    async def refetch(self, claim: ResourceClaim) -> ResourceClaim:
        """The current claim from the API server.

        Raises:
            ClaimLostError: it is gone, or another one has its name.
        """
        path = self._resource.path(*claim.meta.key)
        try:
            newest = read_claim(await self._client.get(path))
        except NotFoundError:
            raise ClaimLostError(f"ResourceClaim {_name(claim)} was deleted meanwhile") from None
        if newest.meta.uid != claim.meta.uid:
            raise ClaimLostError(f"ResourceClaim {_name(claim)} was deleted and created again meanwhile")
        self._state.put_written(newest)
        return newest

    async def _write(
        self, claim: ResourceClaim, patch: Patch, subresource: str = "", *, guard: Guard
    ) -> ResourceClaim:
        version = claim.meta.resource_version
        path = self._resource.path(*claim.meta.key, subresource)
        try:
            raw = await self._client.patch(path, guard(claim) + patch, kind="json", params=self._params)
        except ConflictError:
            raise OvertakenError from None
        except InvalidError:
            # The API server applies the patch to the newest object before it checks the version: a
            # removed entry is "invalid", although it only means that the claim has changed.
            if (await self.refetch(claim)).meta.resource_version != version:
                raise OvertakenError from None
            raise
        delivered = self._delivered(raw, claim)
        if delivered is not None:
            return delivered
        written = reread_claim(raw, claim) if claim.spec.requests else read_claim(raw)
        self._state.put_written(written)
        return written

    def _delivered(self, raw: dict[str, Any], before: ResourceClaim) -> ResourceClaim | None:
        """The written claim, if the watch was faster than the response, so that it is parsed once.

        Not the readable part of a malformed claim, which has no requests.
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
        raise ClaimLostError(f"ResourceClaim {_name(claim)} was allocated by another allocator meanwhile")


def check_kept(claim: ResourceClaim, written: ClaimAllocation) -> None:
    """Raises ``ClaimLostError`` if another client has taken away what was written. Cost: O(devices)."""
    uid = written.held.claim.meta.uid
    if uid and not written.held.generated and claim.meta.uid != uid:
        raise ClaimLostError(f"ResourceClaim {_name(claim)} was deleted and created again meanwhile")
    if claim.allocation is None:
        raise ClaimLostError(f"ResourceClaim {_name(claim)} was deallocated by another client meanwhile")
    if not _same_devices(claim.allocation, written.allocation):
        raise ClaimLostError(f"ResourceClaim {_name(claim)} was allocated by another allocator meanwhile")


def _same_devices(one: Allocation, other: Allocation) -> bool:
    return [(item.request, item.device, item.share_id) for item in one.devices] == [
        (item.request, item.device, item.share_id) for item in other.devices
    ]


def _by_version(claim: ResourceClaim) -> Patch:
    """No other client has written to the claim."""
    return [{"op": "replace", "path": "/metadata/resourceVersion", "value": claim.meta.resource_version}]


def _by_fields(claim: ResourceClaim) -> Patch:
    """The fields that a decision depends on are unchanged; null is for an absent field.

    Without a resourceVersion in it, the API server applies such a patch to the newest object, and again when
    it is overtaken itself.
    """
    reserved = [user.to_json() for user in claim.reserved_for] or None
    expected: dict[str, Any] = {
        "/metadata/uid": claim.meta.uid,
        "/metadata/deletionTimestamp": None,
        "/metadata/finalizers": list(claim.meta.finalizers) or None,
        "/status/reservedFor": reserved,
    }
    if claim.allocation is None:
        expected["/status/allocation"] = None
    for index, item in enumerate(claim.allocation.devices if claim.allocation is not None else ()):
        result = f"/status/allocation/devices/results/{index}"
        expected |= {f"{result}/pool": item.device.pool, f"{result}/device": item.device.device}
    return [{"op": "test", "path": path, "value": value} for path, value in expected.items()]


def _append(existing: tuple[Any, ...], path: str, values: Sequence[Any]) -> Patch:
    """Appends to a list that may not exist yet."""
    if existing:
        return [{"op": "add", "path": f"{path}/-", "value": value} for value in values]
    return [{"op": "add", "path": path, "value": list(values)}]


def read_claim(raw: dict[str, Any]) -> ResourceClaim:
    """Parses a claim from a response of the API server. Raises: ObjectError."""
    claim = parse(raw)
    if not isinstance(claim, ResourceClaim):
        raise TypeError(f"the API server returned a {type(claim).__name__} for a ResourceClaim")
    return claim


def _name(claim: ResourceClaim) -> str:
    return "/".join(claim.meta.key)
