"""Repairs claims after a process that stopped in the middle of a bind, and claims that no controller
freed. kube-scheduler retries the Pod, and then the bind continues with the claims as they are. The
reconciler is for Pods that are not retried: their claims would hold devices as long as the Pod exists.
Before a write three conditions hold: the claim has been in this state longer than any bind takes, its Pod
is certainly not bound or does not exist (by the API server, not the watch), and the fields to remove were
written by this program and by no other since (``field_manager``). The write carries the resourceVersion
of the examined claim. Doubtful claims wait for the next round.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice

from app.cluster.binding.claim_writer import ClaimLostError, ClaimWriter, OvertakenError, read_claim
from app.cluster.binding.extended_claims import ExtendedClaims
from app.cluster.binding.field_manager import DEFAULT_MANAGER, Ownership
from app.cluster.binding.pods import node_of, read_pod
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import ClusterError, NotFoundError, NotLeaderError
from app.cluster.client.fence import Fence
from app.core.model.errors import ObjectError
from app.core.model.resource_claim import ResourceClaim
from app.core.pauses import paced
from app.core.placement.binding_conditions import Readiness, readiness, timed_out
from app.core.placement.rules import Rules
from app.core.state.stale_claims import StaleClaim, gone_consumers, stale_claim, unbound_consumers
from app.core.state.state import State
from app.core.state.taken import ClaimKey
from app.event_loop.time_slice import TimeSlice

log = logging.getLogger(__name__)

_AT_ONCE = 8
"""Claims checked between two pauses."""
_CAUSES = {
    StaleClaim.RESERVATION: "was reserved by an interrupted bind",
    StaleClaim.EXTENDED: "was created by an interrupted bind",
    StaleClaim.ABANDONED: "was reserved for a deleted Pod",
}


@dataclass(frozen=True, slots=True)
class ReconcilerSettings:
    """``grace_seconds``: how long a claim must be stale before it is repaired; longer than a bind can
    take. Repairs at most ``most`` claims in a round, ``mends_per_second`` at a time.
    """

    grace_seconds: float = 120.0
    interval_seconds: float = 15.0
    most: int = 200
    mends_per_second: float = 10.0


class _SkippedError(Exception):
    """Why a claim is not touched: not_ours, overtaken, in_use or not_leader."""


class Reconciler:
    """Finishes or undoes interrupted binds.

    ``results`` counts claims: repaired ones by their kind (``StaleClaim``), and others by why they were
    skipped: not_ours, overtaken, in_use, not_leader, api_error.

    Args:
        client: reads Pods and claims.
        writer: writes claims, under the name ``manager``.
        alone_with: locks a claim against binds during the repair.
        fence: binds each write to the term of the decision.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: ApiClient,
        resource: Resource,
        state: State,
        rules: Rules,
        *,
        writer: ClaimWriter,
        extended: ExtendedClaims,
        alone_with: Callable[[ClaimKey], AbstractAsyncContextManager[None]],
        fence: Fence,
        clock: Callable[[], float],
        manager: str = DEFAULT_MANAGER,
        settings: ReconcilerSettings | None = None,
    ) -> None:
        self._client = client
        self._resource = resource
        self._state = state
        self._rules = rules
        self._writer = writer
        self._extended = extended
        self._alone_with = alone_with
        self._fence = fence
        self._clock = clock
        self._manager = manager
        self._settings = settings or ReconcilerSettings()
        self._since: dict[tuple[ClaimKey, str], float] = {}
        self._settled: set[tuple[ClaimKey, str]] = set()
        self.results: Counter[str] = Counter()

    @property
    def suspects(self) -> int:
        """Claims that are stale now, those of other managers included."""
        return len(self._since)

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await asyncio.sleep(self._settings.interval_seconds)
            if self._fence.open:
                await self.round()
            else:
                # A later leader waits the whole grace time again: the previous leader may still be active.
                self._since.clear()

    async def round(self) -> None:
        """Checks all claims, and repairs those that have been stale for the grace time. Cost: O(claims)."""
        due = await TimeSlice(asyncio.get_running_loop().time).run(self._due)
        for claim, what in islice(due, self._settings.most):
            if not self._fence.open:
                return
            await self._mend_and_tell(claim, what)
            await asyncio.sleep(1 / self._settings.mends_per_second)

    def _due(self) -> list[tuple[ResourceClaim, StaleClaim]]:
        """With pauses: a claim may be reserved for hundreds of Pods."""
        now, seen = self._clock(), dict[tuple[ClaimKey, str], float]()
        settled, due = set[tuple[ClaimKey, str]](), list[tuple[ResourceClaim, StaleClaim]]()
        for key in paced(self._state.keys("ResourceClaim"), _AT_ONCE):
            claim = self._state.stored_claim(key)
            what = None if claim is None else stale_claim(self._state, claim)
            if claim is None or what is None or self._is_getting_ready(claim):
                continue
            version = (claim.meta.key, claim.meta.uid + claim.meta.resource_version)
            seen[version] = self._since.get(version, now)
            if version in self._settled:
                settled.add(version)
            elif now - seen[version] >= self._settings.grace_seconds:
                due.append((claim, what))
        self._since, self._settled = seen, settled
        return due

    def _is_getting_ready(self, claim: ResourceClaim) -> bool:
        """Whether a bind waits for binding conditions, and may be retried."""
        if not self._rules.features.device_binding_and_status or readiness(claim) is not Readiness.PENDING:
            return False
        now = self._rules.now
        return now is None or not timed_out(claim, now(), self._rules.binding_timeout_seconds)

    async def _mend_and_tell(self, claim: ResourceClaim, what: StaleClaim) -> None:
        name = "/".join(claim.meta.key)
        try:
            async with self._alone_with(claim.meta.key):
                await self._mend(claim, what)
        except _SkippedError as doubt:
            self.results[str(doubt)] += 1
            if str(doubt) == "not_ours":
                self._settled.add((claim.meta.key, claim.meta.uid + claim.meta.resource_version))
        except (OvertakenError, ClaimLostError, NotFoundError):
            self.results["overtaken"] += 1
        except NotLeaderError:
            self.results["not_leader"] += 1
        except (ClusterError, ObjectError) as error:
            self.results["api_error"] += 1
            log.warning("ResourceClaim %s %s, and the repair failed: %s", name, _CAUSES[what], error)
        else:
            self.results[what.value] += 1
            log.warning("ResourceClaim %s repaired: it %s", name, _CAUSES[what])

    async def _mend(self, seen: ResourceClaim, what: StaleClaim) -> None:
        self._fence.begin()
        raw = await self._client.get(self._resource.path(*seen.meta.key))
        claim = read_claim(raw)
        if (claim.meta.uid, claim.meta.resource_version) != (seen.meta.uid, seen.meta.resource_version):
            raise _SkippedError("overtaken")
        owned = Ownership(raw, self._manager)
        match what:
            case StaleClaim.RESERVATION:
                await self._take_back(claim, await self._never_bound(claim), owned)
            case StaleClaim.ABANDONED:
                await self._take_back(claim, await self._gone(claim), owned)
            case StaleClaim.EXTENDED:
                await self._delete(claim, owned)

    async def _take_back(self, claim: ResourceClaim, uids: set[str], owned: Ownership) -> None:
        ours = {uid for uid in uids if owned.reservation(uid)}
        await self._free(claim, ours, owned, ours=bool(ours))

    async def _free(self, claim: ResourceClaim, uids: set[str], owned: Ownership, *, ours: bool) -> None:
        self._last_look(claim, ours=ours)
        await self._writer.release(claim, uids, free=owned.allocation)

    async def _delete(self, claim: ResourceClaim, owned: Ownership) -> None:
        owner = claim.meta.controller
        pod = None
        if owner is not None:
            pod = await read_pod(self._client, claim.meta.namespace, owner.name, owner.uid)
        if pod is None:
            # The garbage collector deletes it, but its devices must not wait for that.
            await self._take_back(claim, await self._gone(claim), owned)
            return
        status = (pod.get("status") or {}).get("extendedResourceClaimStatus") or {}
        if node_of(pod) and status.get("resourceClaimName") == claim.meta.name:
            raise _SkippedError("in_use")
        self._last_look(claim, ours=owned.spec)
        await self._extended.remove(claim)

    def _last_look(self, claim: ResourceClaim, *, ours: bool) -> None:
        """Right before the write, without an await in between."""
        if not ours:
            raise _SkippedError("not_ours")
        if claim.meta.key in self._state.assumed:
            raise _SkippedError("in_use")
        if not self._fence.open:
            raise _SkippedError("not_leader")

    async def _never_bound(self, claim: ResourceClaim) -> set[str]:
        """The UIDs of consumers that are Pods without a node on the API server."""
        found = set[str]()
        for consumer in unbound_consumers(self._state, claim):
            pod = await read_pod(self._client, claim.meta.namespace, consumer.name, consumer.uid)
            if pod is not None and not node_of(pod):
                found.add(consumer.uid)
        if not found:
            raise _SkippedError("in_use")
        return found

    async def _gone(self, claim: ResourceClaim) -> set[str]:
        """The UIDs of consumers that no longer exist as Pods on the API server."""
        found = set[str]()
        for consumer in gone_consumers(self._state, claim):
            pod = await read_pod(self._client, claim.meta.namespace, consumer.name, consumer.uid)
            if pod is None:
                found.add(consumer.uid)
        if not found:
            raise _SkippedError("in_use")
        return found
