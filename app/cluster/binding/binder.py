"""Bind: the one verb that writes.

kube-scheduler has no Reserve for extenders, and binds Pod A while Pod B is filtered. So a bind
decides again on the newest state and assumes the devices before its first await: no two binds can
take one device, without a lock. After that come the claims, then the Pod.

What can go wrong, and what is left then:

* a claim cannot be written: what was written for the other claims is undone;
* the binding is refused: as above;
* no answer to the binding: the Pod may be bound, so nothing is undone until the API server says it
  is not. A Pod that comes again finds its claims reserved for it.
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
from app.cluster.binding.claim_writer import ClaimLostError, ClaimWriter
from app.cluster.binding.deciding import Decision, decide_unchanged
from app.cluster.binding.extended_claims import ExtendedClaims
from app.cluster.binding.field_manager import DEFAULT_MANAGER
from app.cluster.binding.pods import PodLostError, PodWriter, UnknownError
from app.cluster.binding.reservations import Reservations
from app.cluster.client.discovery import Resource
from app.cluster.client.errors import (
    ClusterError,
    ConnectionFailedError,
    NotLeaderError,
    ServerError,
    TooManyRequestsError,
    may_be_under_way,
)
from app.cluster.client.fence import Fence
from app.cluster.client.retrying import Requests, RetryingClient
from app.core.model.errors import ObjectError
from app.core.model.pod import Pod
from app.core.model.resource_claim import Consumer, ResourceClaim
from app.core.placement.binding_conditions import Readiness, readiness, timed_out
from app.core.placement.decision import ClaimAllocation, Refused, assume, decide, forget
from app.core.placement.rules import Rules
from app.core.state.double_allocations import double_allocations
from app.core.state.state import State
from app.core.state.taken import ClaimKey

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_RETRY_SECONDS = 0.5
_DECIDE_SECONDS = 20.0
_AT_A_TIME = 32
"""Binds that write: see app.cluster.slots."""


class Binder(Protocol):
    """Binds Pods.

    ``results`` counts how binds ended: bound, misfit, invalid, waiting, conflict, api_error,
    not_leader or unknown.
    """

    results: Counter[str]

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str | None:
        """Binds a Pod, with devices for its claims. None when it is done, else what kept it from it."""

    def under_way(self, uid: str) -> str | None:
        """The node that a Pod is being bound to now, if it is."""

    def stop_waiting(self) -> None:
        """The process ends: binds that wait for devices are to answer now."""


class ClusterBinder:
    """Binds in a cluster. ``withdrawn`` counts binds given up since another allocator took a device.

    Args:
        client: with rights to patch claims and their status, and to create pods/binding.
        claims: how ResourceClaims are served.
        now: the time, RFC 3339.
        wait_seconds: for an earlier bind and binding conditions, in one bind; below httpTimeout.
        fence: what is decided is written in the same term. A write that got no answer is not carried out
            later than its ``write_seconds``: the client asks the API server so (``ApiClient.guarded``).
        manager: see ``ClaimWriter``.
        reservations: what filters have promised; none are taken over by default.
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
    ) -> None:
        self._client = client = RetryingClient(client)
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
        self._reserving: dict[ClaimKey, dict[str, Consumer]] = {}
        self._pod_locks: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
        self._pods = PodWriter(client, state, fence.write_seconds)
        self._slots = BindLimiter(_AT_A_TIME)
        self.writer = ClaimWriter(client, claims, state, manager)
        self.extended = ExtendedClaims(client, claims, state, manager)
        self.withdrawn = 0
        self.results: Counter[str] = Counter()

    @property
    def retries(self) -> int:
        """Requests sent again since the API server was too busy for them."""
        return self._client.retries

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> str | None:
        """See ``Binder``. Cost: one request for a Pod without claims; two or three more for each claim."""
        pod = (namespace, name, uid)
        lock = self._pod_locks.get(pod)
        if lock is None:
            lock = self._pod_locks[pod] = asyncio.Lock()
        # kube-scheduler asks again when it has waited for long enough, and the first attempt may still be
        # under way: its undoing must not take away what the second builds on.
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
            del self._under_way[uid]
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
            return self._ended("api_error", str(error))
        if pod.node_name == node:
            return self._ended("bound", None)
        claim_allocations = await self._granted(pod, node)
        if isinstance(claim_allocations, Refused):
            return self._ended(
                "invalid" if claim_allocations.invalid else "misfit", claim_allocations.message
            )
        consumer = Consumer("", "pods", pod.meta.name, pod.meta.uid)
        assume(self._state, claim_allocations, consumer)
        try:
            if any(_came_before(claim_allocation, consumer) for claim_allocation in claim_allocations):
                ended = await self._seen_to_run(pod, node)
                if ended is not None:
                    return self._ended(*ended)
            return await self._carry_out(pod, node, claim_allocations, consumer, deadline)
        finally:
            # By now either the claims have it, or it has been undone.
            forget(self._state, claim_allocations, consumer)

    async def _granted(self, pod: Pod, node: str) -> Decision:
        """What the filter has reserved, if it holds still; else decided on the state as it is now.

        To be assumed before the next await.
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
        """With the time of the allocation, which begins when it is written."""
        claim = self._state.stored_claim(claim_allocation.held.key)
        if claim is not None and claim.allocation is not None:
            return replace(claim_allocation, allocation=claim.allocation)
        return replace(
            claim_allocation, allocation=replace(claim_allocation.allocation, timestamp=self._timestamp())
        )

    async def _seen_to_run(self, pod: Pod, node: str) -> tuple[str, str | None] | None:
        """How a bind ends that is not to be carried out; None if it is.

        An earlier one may have bound the Pod, and the watch not have told of it yet: to fail now, of whatever
        cause, would take the devices back from a Pod that runs.
        """
        try:
            where = await self._pods.node_of(pod)
        except (ClusterError, PodLostError) as error:
            return "api_error", str(error)
        if where and where != node:
            return "conflict", f"the Pod is bound to {where} already"
        return ("bound", None) if where else None

    async def _carry_out(
        self,
        pod: Pod,
        node: str,
        claim_allocations: tuple[ClaimAllocation, ...],
        consumer: Consumer,
        deadline: float,
    ) -> str | None:
        try:
            await self._reserve_all(pod, claim_allocations, consumer)
            if not await self._ready(pod, claim_allocations, deadline):
                # Claims and reservation stay: the next attempt finds them and waits on.
                return self._ended("waiting", "waiting for devices to be made ready (binding conditions)")
            async with self._slots.end:
                await self._pods.bind(pod, node, lambda: self._give_way_of_all(claim_allocations, consumer))
        except UnknownError as error:
            # The Pod may run on the node: its devices stay its own.
            return self._ended("unknown", str(error))
        except NotLeaderError as error:
            # Nothing is undone, that would be writing: what is left is for the leader now.
            return self._ended("not_leader", str(error))
        except (ClusterError, ClaimLostError, ObjectError) as error:
            await self._undo(claim_allocations, consumer)
            return self._ended("conflict" if isinstance(error, ClaimLostError) else "api_error", str(error))
        return self._ended("bound", None)

    async def _reserve_all(
        self, pod: Pod, claim_allocations: tuple[ClaimAllocation, ...], consumer: Consumer
    ) -> None:
        """Writes the claims side by side; comes back when none is being written any more.

        Raises: what kept a claim from being written; ``NotLeaderError`` before all else, since nothing may be
        undone then.
        """
        if len(claim_allocations) == 1:
            await self._reserve(pod, claim_allocations[0], consumer)
            return
        writes = (self._reserve(pod, claim_allocation, consumer) for claim_allocation in claim_allocations)
        ended = await asyncio.gather(*writes, return_exceptions=True)
        failed = [error for error in ended if error is not None]
        for error in sorted(failed, key=lambda error: not isinstance(error, NotLeaderError)):
            raise error

    def _give_way(self, claim_allocation: ClaimAllocation, consumer: Consumer) -> None:
        """Withdraws from a device that another allocator has given to another claim.

        Not from a claim that other Pods hold already: withdrawing now would spare nobody anything.

        Raises: ClaimLostError.
        """
        found = double_allocations(self._state.taken, claim_allocation.held.key, claim_allocation.allocation)
        claim = self._state.claim(claim_allocation.held.key)
        users = claim.reserved_for if claim is not None else ()
        if found and all(user.uid == consumer.uid for user in users):
            self.withdrawn += 1
            other = "/".join(found[0].claim)
            raise ClaimLostError(f"ResourceClaim {other} was given device {found[0].device} by somebody else")

    def _give_way_of_all(self, claim_allocations: tuple[ClaimAllocation, ...], consumer: Consumer) -> None:
        """The last look before the binding: what was heard while it waited may be a rival."""
        for claim_allocation in claim_allocations:
            self._give_way(claim_allocation, consumer)

    async def _reserve(self, pod: Pod, claim_allocation: ClaimAllocation, consumer: Consumer) -> None:
        waiting = self._reserving.setdefault(claim_allocation.held.key, {})
        waiting[consumer.uid] = consumer
        try:
            await self._reserve_with_others(claim_allocation, consumer, waiting)
        finally:
            del waiting[consumer.uid]
            if not waiting:
                self._reserving.pop(claim_allocation.held.key, None)
        if claim_allocation.held.mappings:
            await self.extended.announce(pod, claim_allocation.held)

    async def _reserve_with_others(
        self, claim_allocation: ClaimAllocation, consumer: Consumer, waiting: Mapping[str, Consumer]
    ) -> None:
        """Writes the claim for all Pods that wait to be written into it: for most of them it is done then."""
        async with self.alone_with(claim_allocation.held.key), self._slots.begin:
            if claim_allocation.held.generated:
                await self.extended.create(claim_allocation.held)
            # The state may have a newer version: one that this process wrote for another Pod.
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
            others = [other for other in waiting.values() if other is not consumer]
            await self.writer.reserve(claim, claim_allocation.allocation, (consumer, *others))

    async def _ready(self, pod: Pod, claim_allocations: tuple[ClaimAllocation, ...], deadline: float) -> bool:
        """Waits for binding conditions, for as long as kube-scheduler waits for an answer.

        Raises:
            ClaimLostError: a device failed or took too long, or the Pod has gone: the claims are to be freed.
        """
        loop = asyncio.get_running_loop()
        known = self._is_known(pod)
        while True:
            pending = False
            if known and not self._is_known(pod):
                raise ClaimLostError(f"Pod {'/'.join(pod.meta.key)} was deleted in the meantime")
            for claim_allocation in claim_allocations:
                claim = self._state.stored_claim(claim_allocation.held.key)
                if claim is None:
                    raise ClaimLostError(f"ResourceClaim {'/'.join(claim_allocation.held.key)} was deleted")
                pending = pending or self._pending(claim)
            if not pending or self._ending or loop.time() >= deadline:
                return not pending
            await asyncio.sleep(_POLL_SECONDS)

    def _is_known(self, pod: Pod) -> bool:
        """Whether the watch has told of the Pod, and that it is to run."""
        known = self._state.pods.get(pod.meta.key)
        return known is not None and known.meta.uid == pod.meta.uid and known.meta.deleted is None

    def _pending(self, claim: ResourceClaim) -> bool:
        rules = self._rules
        state = readiness(claim) if rules.features.device_binding_and_status else Readiness.READY
        name = "/".join(claim.meta.key)
        if state is Readiness.FAILED:
            raise ClaimLostError(f"devices of ResourceClaim {name} could not be made ready")
        if state is Readiness.READY:
            return False
        if rules.now is not None and timed_out(claim, rules.now(), rules.binding_timeout_seconds):
            raise ClaimLostError(f"devices of ResourceClaim {name} were not ready in time")
        return True

    async def _undo(self, claim_allocations: tuple[ClaimAllocation, ...], consumer: Consumer) -> None:
        """Takes back what was written.

        Devices stay assumed until that has succeeded, or until what is under way is carried out no more:
        a late write may still take them.
        """
        loop = asyncio.get_running_loop()
        over = loop.time() + self._fence.write_seconds
        for claim_allocation in reversed(claim_allocations):
            while (error := await self._undo_one(claim_allocation, consumer)) is not None:
                # What the claim holds is not known: it is read again before anything is built on it.
                self._doubtful.add(claim_allocation.held.key)
                if isinstance(error, ConnectionFailedError) and error.sent and error.is_write:
                    over = loop.time() + self._fence.write_seconds
                # Without an answer it goes on: the devices are not free as long as nobody knows.
                passing = isinstance(error, ConnectionFailedError | ServerError | TooManyRequestsError)
                if isinstance(error, NotLeaderError) or (loop.time() >= over and not passing):
                    claim = "/".join(claim_allocation.held.key)
                    log.warning(
                        "ResourceClaim %s may stay reserved for Pod %s: %s", claim, consumer.name, error
                    )
                    break
                await asyncio.sleep(_RETRY_SECONDS)

    async def _undo_one(self, claim_allocation: ClaimAllocation, consumer: Consumer) -> Exception | None:
        try:
            async with self.alone_with(claim_allocation.held.key):
                if claim_allocation.held.mappings:
                    await self.extended.take_back(claim_allocation.held)
                else:
                    await self.writer.undo(claim_allocation.held.claim, claim_allocation.allocation, consumer)
        except (ClusterError, ClaimLostError, ObjectError) as error:
            return error
        return None

    def alone_with(self, key: ClaimKey) -> asyncio.Lock:
        """One write at a time for a claim that several Pods share: spares conflicts with oneself."""
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock

    @asynccontextmanager
    async def freeing(self, key: ClaimKey) -> AsyncIterator[None]:
        """As ``alone_with``, for those who take back what a claim holds.

        A bind that finds its claim reserved for its Pod writes nothing to it, so no resourceVersion keeps it
        apart from such a write. One that got no answer is waited for as long as it may be carried out, and
        the claim is read again before anything is built on it.
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


def _came_before(claim_allocation: ClaimAllocation, consumer: Consumer) -> bool:
    """Whether an earlier bind of the Pod has reserved the claim."""
    users = claim_allocation.held.claim.reserved_for
    return not claim_allocation.fresh and any(user.uid == consumer.uid for user in users)
