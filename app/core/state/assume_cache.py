"""Claims, their assumed allocations, and the devices that these take."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.core.model.allocation import Allocation
from app.core.model.resource_claim import EXTENDED_ANNOTATION, ConsumerReference, ResourceClaim
from app.core.model.resource_slice import PoolId
from app.core.pauses import emptied
from app.core.state.taken import ClaimKey, PoolTaken, release, take

_NONE: Collection[PoolId] = ()


@dataclass(frozen=True, slots=True)
class Assumed:
    """An allocation and consumers that the API server has not confirmed yet.

    ``consumers`` are by the uid of the Pod for which they are assumed: the Pod itself or its PodGroup.
    ``uid`` is that of the claim, empty for one that is not created yet.
    """

    allocation: Allocation
    consumers: Mapping[str, ConsumerReference] = field(default_factory=dict)
    uid: str = ""


class AssumeCache:
    """Its maps are read-only for callers; its methods change them and return the affected pools.

    ``extended``: the claim made for a Pod's extended resources, by the Pod's uid.
    """

    def __init__(self) -> None:
        self.claims: dict[ClaimKey, ResourceClaim] = {}
        self.extended: dict[tuple[str, str], ClaimKey] = {}
        self.assumed: dict[ClaimKey, Assumed] = {}
        self.taken: dict[PoolId, PoolTaken] = {}
        # Versions that writes of ours have made, and the number of the write: older events are from before.
        self._floor: dict[ClaimKey, tuple[int, int]] = {}
        self.writes = 0

    def fork(self) -> "AssumeCache":
        """An independent copy. O(claims)."""
        other = AssumeCache()
        other.claims = dict(self.claims)
        other.extended = dict(self.extended)
        other.assumed = dict(self.assumed)
        other.taken = dict(self.taken)
        other._floor = dict(self._floor)
        other.writes = self.writes
        return other

    def let_go(self) -> None:
        """See ``State.let_go``."""
        emptied(self.claims, self.assumed, self.taken)

    def claim(self, key: ClaimKey) -> ResourceClaim | None:
        """A claim with its assumed allocation."""
        claim = self.claims.get(key)
        assumed = self.assumed.get(key)
        if claim is None or assumed is None:
            return claim
        known = {consumer.uid for consumer in claim.reserved_for}
        users = dict.fromkeys(assumed.consumers.values())
        more = tuple(consumer for consumer in users if consumer.uid not in known)
        return replace(
            claim,
            allocation=claim.allocation or assumed.allocation,
            reserved_for=claim.reserved_for + more,
        )

    def all(self) -> Iterable[ResourceClaim]:
        """All claims with their assumed allocations."""
        for key in self.claims:
            claim = self.claim(key)
            if claim is not None:
                yield claim

    def put(self, claim: ResourceClaim) -> Collection[PoolId]:
        """Applies a claim from the API server, unless it predates a write of ours."""
        key = claim.meta.key
        if claim.meta.version < self._floor.get(key, (0, 0))[0]:
            return _NONE
        old, touched = self.claims.get(key), set[PoolId]()
        if old is not None and old.meta.uid != claim.meta.uid:
            # Deleted and created again with the same name: data about the old one is invalid.
            touched.update(self.drop(key))
        assumed = self.assumed.get(key)
        if assumed is not None and assumed.uid not in ("", claim.meta.uid):
            touched.update(self.forget(key))
        before = self._held(key)
        self._floor.pop(key, None)
        self.claims[key] = claim
        if (owner := _owner_of_extended(claim)) is not None:
            self.extended[owner] = key
        return touched | self._exchange(key, before)

    def drop(self, key: ClaimKey) -> Collection[PoolId]:
        """Removes a claim. A bind in progress keeps its assumed allocation until its end."""
        before = self._held(key)
        claim = self.claims.pop(key, None)
        owner = None if claim is None else _owner_of_extended(claim)
        if owner is not None and self.extended.get(owner) == key:
            del self.extended[owner]
        self._floor.pop(key, None)
        return self._exchange(key, before)

    def assume(
        self, key: ClaimKey, allocation: Allocation, consumers: Mapping[str, ConsumerReference]
    ) -> Collection[PoolId]:
        """Counts devices as taken, and consumers by the uids of Pods, before the API server has them."""
        before = self._held(key)
        old, claim = self.assumed.get(key), self.claims.get(key)
        uid = claim.meta.uid if claim is not None else ""
        kept = old.consumers if old is not None and old.uid in ("", uid) else {}
        self.assumed[key] = Assumed(allocation, {**kept, **consumers}, uid)
        return self._exchange(key, before)

    def forget(self, key: ClaimKey, pod_uid: str | None = None) -> Collection[PoolId]:
        """Reverts an assumed allocation; with a Pod, only if it is assumed for no other one."""
        assumed = self.assumed.get(key)
        if assumed is None:
            return _NONE
        before = self._held(key)
        rest = {uid: user for uid, user in assumed.consumers.items() if pod_uid not in (None, uid)}
        if rest:
            self.assumed[key] = replace(assumed, consumers=rest)
        else:
            del self.assumed[key]
        return self._exchange(key, before)

    def is_news(self, written: ResourceClaim) -> bool:
        """Whether the response to a write is newer than the known claim, and of the same claim."""
        known = self.claims.get(written.meta.key)
        return (
            known is not None
            and known.meta.uid == written.meta.uid
            and written.meta.version >= known.meta.version
        )

    def wrote(self, claim: ResourceClaim) -> None:
        """From now on, events with an older version are ignored."""
        self.writes += 1
        self._floor[claim.meta.key] = (claim.meta.version, self.writes)

    def relisted(self, writes: int) -> set[ClaimKey]:
        """Forgets what is expected of versions by our first ``writes`` writes: a list was begun after them.

        It has them, or they are lost: etcd was restored from a backup. Returns the claims concerned.
        """
        listed = {key for key, (_, number) in self._floor.items() if number <= writes}
        for key in listed:
            del self._floor[key]
        return listed

    def is_echo(self, key: ClaimKey, uid: str, version: str) -> bool:
        """Whether an event repeats a write of ours.

        After the last such event, the next one is applied regardless of its version.
        """
        known, (floor, _) = self.claims.get(key), self._floor.get(key, (-1, 0))
        if known is None or floor < 0 or known.meta.uid != uid or not version.isdecimal():
            return False
        if int(version) == floor:
            del self._floor[key]
        return int(version) <= floor

    def _held(self, key: ClaimKey) -> Allocation | None:
        claim = self.claims.get(key)
        if claim is not None and claim.allocation is not None:
            return claim.allocation
        assumed = self.assumed.get(key)
        return assumed.allocation if assumed is not None else None

    def _exchange(self, key: ClaimKey, before: Allocation | None) -> set[PoolId]:
        after = self._held(key)
        if after is before:
            return set()
        if after is not None and before is not None and after.devices == before.devices:
            return set()  # the assumed allocation was written: no node changes
        if before is not None:
            release(self.taken, key, before.devices)
        if after is not None:
            take(self.taken, key, after.devices)
        return {item.device.pool_id for held in (before, after) if held for item in held.devices}


def _owner_of_extended(claim: ResourceClaim) -> tuple[str, str] | None:
    """Namespace and uid of the Pod whose extended resources a claim was made for (findExtendedResourceClaim).

    A Pod uses only claims of its namespace. A claim elsewhere that names its uid is another tenant's,
    who would get the Pod's devices.
    """
    if claim.meta.annotations.get(EXTENDED_ANNOTATION) != "true":
        return None
    owner = claim.meta.controller
    return (claim.meta.namespace, owner.uid) if owner is not None and owner.kind == "Pod" else None
