"""Bind: the only verb that writes. kube-scheduler has no Reserve for extenders, and binds Pod A while it
filters Pod B. So a bind decides again on the newest state and assumes the devices before its first await:
without a lock, no two binds can take the same device. Then it writes the claims, then the Pod. Errors and
their results:

* a claim cannot be written: the writes to the other claims are undone;
* the binding is refused: the same;
* no response to the binding: the Pod may be bound, so nothing is undone until the API server reports that
it is not. A later attempt finds the claims reserved for the Pod.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol
from weakref import WeakValueDictionary

from app.cluster.binding.bind_limiter import BindLimiter
from app.cluster.binding.claim_writer import ClaimLostError, ClaimWriter, check_kept
from app.cluster.binding.deciding import Decision, decide_unchanged
from app.cluster.binding.extended_claims import ExtendedClaims
from app.cluster.binding.field_manager import DEFAULT_MANAGER
from app.cluster.binding.node_pledges import NodePledges
from app.cluster.binding.pods import PodLostError, PodWriter, UnknownError
from app.cluster.binding.reservations import Reservations
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import (
    ClusterError,
    ConnectionFailedError,
    NotFoundError,
    NotLeaderError,
    ServerError,
    TooManyRequestsError,
    may_be_under_way,
)
from app.cluster.client.fence import Fence
from app.cluster.client.retrying import Requests, RetryingClient
from app.core.diagnosis import node_message
from app.core.kept_error import kept
from app.core.model.claim_amounts import ClaimAmounts
from app.core.model.errors import ObjectError
from app.core.model.pod import Pod
from app.core.model.resource_claim import ConsumerReference, ResourceClaim
from app.core.placement.binding_conditions import Readiness, readiness, timed_out
from app.core.placement.decision import ClaimAllocation, Refused, amounts_of, assume, decide, forget
from app.core.placement.rules import Rules
from app.core.state.double_allocations import double_allocations
from app.core.state.state import State
from app.core.state.taken import ClaimKey

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_RETRY_SECONDS = 0.5
_DECIDE_SECONDS = 20.0
_AT_A_TIME = 32
"""Concurrent binds: see app.cluster.binding.bind_limiter."""


class Binder(Protocol):
    """Binds Pods.

    ``results`` counts how binds ended: bound, misfit, invalid, waiting, conflict, api_error,
    not_leader or unknown.
    """

    results: Counter[str]

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str | None:
        """Binds a Pod, with devices for its claims. Returns None on success, else the error."""

    def under_way(self, uid: str) -> str | None:
        """The node of a bind in progress for the Pod, if there is one."""

    def stop_waiting(self) -> None:
        """The process ends: binds that wait for devices are to answer now."""


class ClusterBinder:
    """Binds in a cluster.

    ``withdrawn`` counts binds that were aborted because another allocator took a device.

    Args:
        client: with permission to patch claims and their status, and to create pods/binding.
        claims: how ResourceClaims are served.
        now: the time, RFC 3339.
        wait_seconds: for an earlier bind and binding conditions, in one bind; below httpTimeout.
        fence: decisions are written in the same term. A write without a response is not executed later
            than its ``write_seconds``, since the client sends that timeout (``ApiClient.guarded``).
        manager: see ``ClaimWriter``.
        reservations: the devices that filters have reserved; none by default.
        pledges: what Pods take of nodes without an event; new ones by default.
    """

    def __init__(
        self,
        client: Requests,
        claims: Resource,
        state: State,
        rules: Rules,
        *,
        now: Callable[[], str],
        fence: Fence,
        wait_seconds: float = 20.0,
        manager: str = DEFAULT_MANAGER,
        reservations: Reservations | None = None,
        pledges: NodePledges | None = None,
    ) -> None:
        self._client = client = RetryingClient(client)
        self._pledges = pledges or NodePledges(state, rules.features)
        self._state = state
        self._wait_seconds = wait_seconds
        self._rules = rules
        self._now = now
        self._fence = fence
        self._reservations = reservations
        self._under_way: dict[str, str] = {}
        self._ending = False
        self._locks: WeakValueDictionary[ClaimKey, asyncio.Lock] = WeakValueDictionary()
        self._doubtful: set[ClaimKey] = set()
        self._reserving: dict[ClaimKey, dict[str, ConsumerReference]] = {}
        self._pod_locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
        self._pods = PodWriter(client, state, fence.write_seconds)
        self._slots = BindLimiter(_AT_A_TIME)
        self.writer = ClaimWriter(client, claims, state, manager)
        self.extended = ExtendedClaims(client, claims, state, manager)
        self.withdrawn = 0
        self.results: Counter[str] = Counter()

    @property
    def retries(self) -> int:
        """Number of requests repeated because the API server was too busy."""
        return self._client.retries

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str | None:
        """See ``Binder``. Cost: one request for a Pod without claims; two or three more for each claim."""
        known = self._state.pods.get((namespace, name))
        if not uid and known is not None:
            uid = known.meta.uid  # as those in progress and pledges are known
        pod = (namespace, name, uid)
        lock = self._pod_locks.get(pod)
        if lock is None:
            lock = self._pod_locks[pod] = asyncio.Lock()
        # kube-scheduler retries after its timeout while the first attempt may be in progress: undoing the
        # first must not remove what the second depends on.
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        try:
            async with asyncio.timeout_at(deadline):
                await lock.acquire()
        except TimeoutError:
            return self._ended("waiting", "waiting for an earlier bind of the Pod")
        try:
            self._under_way[uid] = node
            return await self._bind(namespace, name, uid, node, deadline)
        finally:
            self._under_way.pop(uid, None)
            lock.release()

    def under_way(self, uid: str) -> str | None:
        """See ``Binder``."""
        return self._under_way.get(uid)

    def stop_waiting(self) -> None:
        """See ``Binder``."""
        self._ending = True

    async def _bind(self, namespace: str, name: str, uid: str, node: str, deadline: float) -> str | None:
        try:
            pod = await self._pods.find(namespace, name, uid)
            if self._reservations is not None:
                pod = self._reservations.newest(pod)
            self._fence.begin()
        except NotLeaderError as error:
            return self._ended("not_leader", str(error))
        except (ClusterError, ObjectError, PodLostError) as error:
            if self._reservations is not None and isinstance(error, PodLostError | NotFoundError):
                # Deleted while its filter was answered: no event about it comes any more.
                self._reservations.release(uid, "given_up")
            return self._ended("api_error", str(error))
        if pod.node_name == node:
            return self._ended("bound", None)
        claim_allocations = await self._granted(pod, node)
        if isinstance(claim_allocations, Refused):
            return self._ended(
                "invalid" if claim_allocations.invalid else "misfit", claim_allocations.message
            )
        assume(self._state, claim_allocations, pod)
        try:
            ended = await self._not_to_bind(pod, node, claim_allocations)
            if ended is None:
                failed = await self._carry_out(pod, node, claim_allocations, deadline)
            else:
                failed = self._ended(*ended)
                if failed is not None:
                    self._pledges.release(pod.meta.uid)
        finally:
            # By now the claims contain the devices, or the bind has been undone.
            forget(self._state, claim_allocations, pod)
            self._pledges.bound(pod)
        if failed is not None and self._reservations is not None:
            self._reservations.not_bound(pod)
            # Without a write there is no event, and only the kube-scheduler of this Pod learns of it.
            self._reservations.lifted()
        return failed

    async def _granted(self, pod: Pod, node: str) -> Decision:
        """The devices that filter has reserved, if still valid; else a decision on the current state.

        Assume it before the next await.
        """
        reserved = self._reservations.take(pod, node) if self._reservations is not None else None
        if reserved is not None:
            return tuple(self._stamped(claim_allocation) for claim_allocation in reserved)
        return await decide_unchanged(
            self._state,
            lambda: decide(self._state, pod, node, self._rules, self._timestamp()),
            _DECIDE_SECONDS,
        )

    def _stamped(self, claim_allocation: ClaimAllocation) -> ClaimAllocation:
        """Adds the allocation time, which is when it is written."""
        claim = self._state.stored_claim(claim_allocation.held.key)
        if claim is not None and claim.allocation is not None:
            allocation = claim.allocation
        else:
            allocation = replace(claim_allocation.allocation, timestamp=self._timestamp())
        return replace(claim_allocation, allocation=allocation)

    async def _not_to_bind(
        self, pod: Pod, node: str, claim_allocations: tuple[ClaimAllocation, ...]
    ) -> tuple[str, str | None] | None:
        """The result of a bind that must not be executed; None if it must.

        What the Pod takes of the node counts from the first step on.
        """
        full = self._pledges.bind(pod, node, amounts_of(claim_allocations))
        if full is not None:
            return "misfit", node_message(full.reasons)
        if any(_came_before(claim_allocation, pod) for claim_allocation in claim_allocations):
            return await self._seen_to_run(pod, node)
        return None

    async def _seen_to_run(self, pod: Pod, node: str) -> tuple[str, str | None] | None:
        """As ``_not_to_bind``, by where the Pod is.

        An earlier bind may have bound the Pod without a watch event yet: failing now would take the
        devices from a running Pod.
        """
        try:
            where = await self._pods.node_of(pod)
        except (ClusterError, PodLostError) as error:
            return "api_error", str(error)
        if where and where != node:
            return "conflict", f"the Pod is already bound to {where}"
        return ("bound", None) if where else None

    async def _carry_out(
        self,
        pod: Pod,
        node: str,
        claim_allocations: tuple[ClaimAllocation, ...],
        deadline: float,
    ) -> str | None:
        try:
            await self._reserve_all(pod, claim_allocations)
            await self._write_amounts(pod, amounts_of(claim_allocations))
            if not await self._ready(pod, claim_allocations, deadline):
                # Claims and reservation stay: the next attempt finds them and continues to wait.
                self._pledges.release(pod.meta.uid)
                return self._ended("waiting", "waiting for devices to become ready (binding conditions)")
            async with self._slots.end:
                await self._pods.bind(pod, node, lambda: self._give_way_of_all(claim_allocations, pod))
        except UnknownError as error:
            # The Pod may run on the node: its devices stay assumed.
            return self._ended("unknown", str(error))
        except NotLeaderError as error:
            # Undoing would be a write: the new leader repairs what remains.
            return self._ended("not_leader", str(error))
        except (ClusterError, ClaimLostError, ObjectError) as error:
            await self._undo(claim_allocations, pod)
            self._pledges.release(pod.meta.uid)
            return self._ended("conflict" if isinstance(error, ClaimLostError) else "api_error", str(error))
        return self._ended("bound", None)

    async def _write_amounts(self, pod: Pod, amounts: tuple[ClaimAmounts, ...]) -> None:
        """Writes what the devices take of the node, as the in-tree plugin does before the binding.

        What is there from an attempt before is removed: the Pod may have got other devices now.
        """
        if amounts or pod.amounts:
            await self._pods.write_amounts(pod, amounts)

    async def _reserve_all(self, pod: Pod, claim_allocations: tuple[ClaimAllocation, ...]) -> None:
        """Writes the claims concurrently, and returns when all writes have ended.

        Raises: the error of a write; ``NotLeaderError`` before all others, since nothing may be undone
        then.
        """
        if len(claim_allocations) == 1:
            await self._reserve(pod, claim_allocations[0])
            return
        writes = (self._reserve(pod, claim_allocation) for claim_allocation in claim_allocations)
        ended = await asyncio.gather(*writes, return_exceptions=True)
        failed = [error for error in ended if error is not None]
        failed.sort(key=lambda error: not isinstance(error, NotLeaderError))
        try:
            if failed:
                raise failed[0]
        finally:
            del ended, failed  # otherwise a cycle: the error refers to this frame

    def _give_way(self, claim_allocation: ClaimAllocation, consumer: ConsumerReference) -> None:
        """Aborts if another allocator has given a device to another claim.

        Does not abort for a claim that other Pods already use: that would help no one.

        Raises: ClaimLostError.
        """
        found = double_allocations(self._state.taken, claim_allocation.held.key, claim_allocation.allocation)
        if not found:
            return
        claim = self._state.claim(claim_allocation.held.key)
        users = claim.reserved_for if claim is not None else ()
        if all(user.uid == consumer.uid for user in users):
            self.withdrawn += 1
            other = "/".join(found[0].claim)
            raise ClaimLostError(
                f"ResourceClaim {other} was allocated device {found[0].device} by another allocator"
            )

    def _give_way_of_all(self, claim_allocations: tuple[ClaimAllocation, ...], pod: Pod) -> None:
        """The last check before the binding, since events may have shown a double allocation meanwhile."""
        for claim_allocation in claim_allocations:
            self._give_way(claim_allocation, claim_allocation.consumer(pod))

    async def _reserve(self, pod: Pod, claim_allocation: ClaimAllocation) -> None:
        waiting = self._reserving.setdefault(claim_allocation.held.key, {})
        consumer = waiting[pod.meta.uid] = claim_allocation.consumer(pod)
        try:
            await self._reserve_with_others(claim_allocation, consumer, waiting)
        finally:
            del waiting[pod.meta.uid]
            if not waiting:
                self._reserving.pop(claim_allocation.held.key, None)
        if claim_allocation.held.mappings:
            await self.extended.announce(pod, claim_allocation.held)

    async def _reserve_with_others(
        self,
        claim_allocation: ClaimAllocation,
        consumer: ConsumerReference,
        waiting: Mapping[str, ConsumerReference],
    ) -> None:
        """Writes the claim for all Pods that wait to be written into it: for most of them it is done then."""
        async with self.alone_with(claim_allocation.held.key), self._slots.begin:
            if claim_allocation.held.generated:
                await self.extended.create(claim_allocation.held)
            # The state may have a newer version that this process wrote for another Pod.
            claim = self._state.stored_claim(claim_allocation.held.key)
            if claim is None or not (
                claim_allocation.held.generated or claim.meta.uid == claim_allocation.held.claim.meta.uid
            ):
                key = "/".join(claim_allocation.held.key)
                raise ClaimLostError(f"ResourceClaim {key} was deleted in the meantime")
            if claim_allocation.held.key in self._doubtful:
                claim = await self.writer.refetch(claim)
                self._doubtful.discard(claim_allocation.held.key)
            self._give_way(claim_allocation, consumer)
            users = dict.fromkeys((consumer, *waiting.values()))  # of one group, only one
            await self.writer.reserve(claim, claim_allocation.allocation, tuple(users))

    async def _ready(self, pod: Pod, claim_allocations: tuple[ClaimAllocation, ...], deadline: float) -> bool:
        """Waits for binding conditions, for as long as kube-scheduler waits for an answer.

        Raises:
            ClaimLostError: a device failed or took too long, a claim has lost its devices, or the Pod has
                ended: free the claims.
        """
        loop = asyncio.get_running_loop()
        known = self._is_known(pod)
        waits = any(
            item.binding_conditions
            for claim_allocation in claim_allocations
            for item in claim_allocation.allocation.devices
        )
        while True:
            pending = False
            if known and not self._is_known(pod):
                raise ClaimLostError(f"Pod {'/'.join(pod.meta.key)} was deleted or has ended in the meantime")
            for claim_allocation in claim_allocations:
                claim = self._state.stored_claim(claim_allocation.held.key)
                if claim is None:
                    raise ClaimLostError(f"ResourceClaim {'/'.join(claim_allocation.held.key)} was deleted")
                if waits:
                    check_kept(claim, claim_allocation)
                pending = pending or self._pending(claim)
            if not pending or self._ending or loop.time() >= deadline:
                return not pending
            await asyncio.sleep(_POLL_SECONDS)

    def _is_known(self, pod: Pod) -> bool:
        """Whether the watch has delivered the Pod, and it is still meant to run."""
        known = self._state.pods.get(pod.meta.key)
        if known is None or known.meta.uid != pod.meta.uid:
            return False
        return known.meta.deleted is None and not known.finished

    def _pending(self, claim: ResourceClaim) -> bool:
        rules = self._rules
        state = readiness(claim) if rules.features.device_binding_and_status else Readiness.READY
        name = "/".join(claim.meta.key)
        if state is Readiness.FAILED:
            raise ClaimLostError(f"devices of ResourceClaim {name} failed to become ready")
        if state is Readiness.READY:
            return False
        if rules.now is not None and timed_out(claim, rules.now(), rules.binding_timeout_seconds):
            raise ClaimLostError(
                f"device binding timeout: ResourceClaim {name} has devices that are not ready"
            )
        return True

    async def _undo(self, claim_allocations: tuple[ClaimAllocation, ...], pod: Pod) -> None:
        """Undoes the writes.

        Devices stay assumed until that has succeeded, or until writes in flight can no longer be
        executed: a late write may still take the devices. A PodGroup's allocated claim stays reserved for
        the group, whose other Pods may use it (Unreserve of the in-tree plugin).
        """
        await self._undo_amounts(claim_allocations, pod)
        loop = asyncio.get_running_loop()
        over = loop.time() + self._fence.write_seconds
        for claim_allocation in reversed(claim_allocations):
            consumer = claim_allocation.consumer(pod)
            while (error := await self._undo_one(claim_allocation, consumer)) is not None:
                # The claim's content is unknown: it is read again before the next use.
                self._doubtful.add(claim_allocation.held.key)
                if isinstance(error, ConnectionFailedError) and error.sent and error.is_write:
                    over = loop.time() + self._fence.write_seconds
                # Without a response it retries: the devices are not free while the outcome is unknown.
                passing = isinstance(error, ConnectionFailedError | ServerError | TooManyRequestsError)
                if isinstance(error, NotLeaderError) or (loop.time() >= over and not passing):
                    claim = "/".join(claim_allocation.held.key)
                    log.warning(
                        "ResourceClaim %s may stay reserved for Pod %s: %s", claim, consumer.name, error
                    )
                    break
                await asyncio.sleep(_RETRY_SECONDS)

    async def _undo_amounts(self, claim_allocations: tuple[ClaimAllocation, ...], pod: Pod) -> None:
        """Removes the amounts from the Pod. What stays, the next bind replaces or removes."""
        if not amounts_of(claim_allocations):
            return
        try:
            await self._pods.write_amounts(pod, ())
        except ClusterError as error:
            log.warning(
                "Pod %s keeps the amounts of a bind that was undone: %s", "/".join(pod.meta.key), error
            )

    async def _undo_one(
        self, claim_allocation: ClaimAllocation, consumer: ConsumerReference
    ) -> Exception | None:
        try:
            async with self.alone_with(claim_allocation.held.key):
                if self._stays(claim_allocation):
                    return None
                if claim_allocation.held.mappings:
                    await self.extended.take_back(claim_allocation.held)
                else:
                    await self.writer.undo(claim_allocation.held.claim, claim_allocation.allocation, consumer)
        except (ClusterError, ClaimLostError, ObjectError) as error:
            return kept(error)
        return None

    def _stays(self, claim_allocation: ClaimAllocation) -> bool:
        """Whether it is a PodGroup's claim that is known to be allocated.

        If that is not known, a write without a response may still be executed, and is undone.
        """
        claim = self._state.stored_claim(claim_allocation.held.key)
        return claim_allocation.held.group is not None and claim is not None and claim.allocation is not None

    def alone_with(self, key: ClaimKey) -> asyncio.Lock:
        """One write at a time for a claim that several Pods share: avoids conflicts with our own writes."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def freeing(self, key: ClaimKey) -> AsyncIterator[None]:
        """As ``alone_with``, for a controller that deallocates the claim.

        A bind that finds its claim reserved for its Pod does not write the claim, so no resourceVersion
        detects such a write. After a write without a response, the lock is held as long as the write may
        be executed, and the claim is read again before the next use.
        """
        async with self.alone_with(key):
            try:
                yield
            except ClusterError as error:
                if may_be_under_way(error):
                    self._doubtful.add(key)
                    await asyncio.sleep(self._fence.write_seconds)
                raise

    def _timestamp(self) -> str | None:
        return self._now() if self._rules.features.device_binding_and_status else None

    def _ended(self, result: str, error: str | None) -> str | None:
        self.results[result] += 1
        return error


def _came_before(claim_allocation: ClaimAllocation, pod: Pod) -> bool:
    """Whether an earlier bind of the Pod has reserved the claim.

    That of a PodGroup's claim may have been another Pod's; and it is not undone.
    """
    users = claim_allocation.held.claim.reserved_for
    return not claim_allocation.fresh and any(user.uid == pod.meta.uid for user in users)
