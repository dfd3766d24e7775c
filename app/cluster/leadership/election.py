"""Leader election with a Lease, by the rules of client-go (tools/leaderelection).

It adds three rules:

* writes depend on time, term and catching up: see ``Fence``;
* a leader that shuts down releases the lease after its last webhook, and the others, which watch the
Lease, acquire it at once;
* a kube-scheduler in the same Pod only calls the extender there, and elects its own leader. So a follower
that receives webhooks requests the lease in an annotation, and a leader without webhooks hands the lease
over;
* the election may live on a second event loop, so that the lease is renewed while the loop that writes is
held, but not for a loop that is dead.
"""

import asyncio
import datetime as dt
import logging
import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, replace

from app.cluster.client.backoff import Clock, spread
from app.cluster.client.errors import ClusterError, ConflictError, NotLeaderError
from app.cluster.client.fence import Fence
from app.cluster.leadership.lease import Leases, Record, Seen, timestamp
from app.event_loop.second_loop import Loops, OneLoop

log = logging.getLogger(__name__)

_TRIES = 3
_JITTER = 1.2  # client-go's: candidates that started together do not stay synchronized


@dataclass(frozen=True, slots=True)
class ElectionSettings:
    """client-go's three durations, with its defaults, and when a leader counts as idle."""

    lease_seconds: float = 15.0
    """A follower acquires the lease when it has seen it unchanged for this long."""

    renew_deadline_seconds: float = 10.0
    """A leader that has not renewed for this long stops writing.

    Writes in flight have the rest of the lease to be executed.
    """

    retry_seconds: float = 2.0
    """Interval between renewals, and between checks of another's lease."""

    idle_seconds: float = 2.0
    """Without a webhook for this long, the leader hands the lease to a follower that receives them."""


def _always() -> bool:
    return True


class Election:
    """One candidate. ``fence``: whether it may write; ``transitions`` and ``renew_failures`` are counters.

    Its public methods are called on the first of its loops, the one that writes.

    Args:
        leases: the Lease; with a client that is not guarded.
        fence: closed until this candidate leads, and afterwards.
        identity: unique among candidates, and different after a restart.
        clock: continues while the process is suspended; see BootClock.
        now: for the times in the Lease, which are for people.
        catch_up: awaited at the beginning of each term, before any write; returns when this replica knows
            all writes of the previous leader. Repeated after a ClusterError. Runs on the first loop.
        loops: the election itself runs on the second; ``leases`` must use its own client there.
        alive: whether the first loop runs. The lease of a dead loop is not renewed.
    """

    def __init__(
        self,
        leases: Leases,
        fence: Fence,
        identity: str,
        *,
        clock: Clock,
        now: Callable[[], dt.datetime],
        catch_up: Callable[[], Awaitable[None]],
        settings: ElectionSettings | None = None,
        uniform: Callable[[float, float], float] = spread,
        loops: Loops | None = None,
        alive: Callable[[], bool] = _always,
    ) -> None:
        self.identity = identity
        self.fence = fence
        self.transitions = 0
        self.renew_failures = 0
        self._leases = leases
        self._clock = clock
        self._now = now
        self._catch_up = catch_up
        self._settings = settings or ElectionSettings()
        self._uniform = uniform
        self._loops: Loops = loops or OneLoop()
        self._alive = alive
        self._seen: Seen | None = None
        self._record = Record()
        self._observed_at = -math.inf
        self._holding = False
        self._opening: asyncio.Task[None] | None = None
        self._led = asyncio.Event()
        self._wake = asyncio.Event()
        self._wanted_until = -math.inf
        self._webhooks = 0
        self._last_webhook = -math.inf
        self._resigning = False
        self._over = asyncio.Event()

    @property
    def leader(self) -> str:
        """The identity of the leader, if known; empty if there is none."""
        return self._record.holder

    def not_ready_reason(self) -> str:
        """Why this replica does not accept webhooks; empty if it does."""
        if self.fence.open:
            return ""
        if self._holding:
            return "leader, but not yet caught up with the previous leader"
        return f"standing by: the leader is {self.leader}" if self.leader else "standing by: no leader yet"

    async def lead(self, wait_seconds: float) -> None:
        """Returns when webhooks may be handled: at once, or when a follower with webhooks has acquired
        the lease.

        Raises: NotLeaderError.
        """
        if not self.fence.open and not self._resigning:
            await self._loops.run(self._wait_to_lead(wait_seconds))
        if self._resigning or not self.fence.open:
            raise NotLeaderError(self.not_ready_reason() or "this replica is shutting down")

    async def _wait_to_lead(self, seconds: float) -> None:
        self._wanted_until = self._clock.now() + self._settings.lease_seconds
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._led.wait()

    @contextmanager
    def answering(self) -> Generator[None, None, None]:
        """Context of one webhook, during which the lease is not handed over."""
        self._webhooks += 1
        try:
            yield
        finally:
            self._webhooks -= 1
            self._last_webhook = self._clock.now()
            if self._resigning and not self._over.is_set():
                self._loops.soon(self._wake.set)

    async def run(self) -> None:
        """Runs until canceled, or until it has resigned."""
        await self._loops.run(self._run())

    async def _run(self) -> None:
        listening = asyncio.create_task(self._listen(), name="lease watch")
        try:
            while not (self._resigning and not self._webhooks):
                await self._turn()
                await self._pause()
            await self._release()
        finally:
            self._end()
            listening.cancel()
            self._over.set()

    async def resign(self, patience_seconds: float) -> None:
        """Stops accepting webhooks, waits for those in flight, and releases the lease.

        If writes are still pending after the time limit, the lease is not released: it expires.
        """
        self._resigning = True
        await self._loops.run(self._wait_until_over(patience_seconds))

    async def _wait_until_over(self, seconds: float) -> None:
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _turn(self) -> None:
        """One attempt to acquire, renew or hand over the lease."""
        try:
            async with asyncio.timeout(self._settings.renew_deadline_seconds / 2):
                if self._alive():
                    await (self._renew() if self._holding else self._stand())
                elif self._holding:
                    log.warning("lease %s is not renewed: the event loop is held", self._leases.name)
        except ConflictError:
            return  # another replica was faster; the next check shows it
        except (ClusterError, TimeoutError) as error:
            self.renew_failures += self._holding
            log.warning("lease %s: %s", self._leases.name, str(error) or "no response")
        if self._holding and not self.fence.held:
            self._lost("it could not be renewed in time")

    async def _renew(self) -> None:
        for _ in range(_TRIES):
            seen, started = self._seen, self._clock.now()
            if seen is None or not self._same_term(seen.record):
                self._lost(f"{seen.record.holder if seen is not None else 'nobody'} holds it")
                return
            wanted = seen.wanted_by not in {"", self.identity}
            if wanted and self._idle() and await self._loops.on_first(self._close_if_idle()):
                await self._hand_over(seen)
                return
            try:
                # Remove a request that is not granted: a follower with webhooks repeats it.
                self._observe(await self._leases.put(seen, self._renewed(seen.record)))
            except ConflictError:
                self._seen = await self._leases.get()
                continue
            self.fence.prolong(started + self._settings.renew_deadline_seconds)
            return

    def _same_term(self, record: Record) -> bool:
        """Not if another replica has held it since, and handed it back."""
        return record.holder == self.identity and record.transitions == self._record.transitions

    async def _stand(self) -> None:
        self._observe(await self._leases.get())
        if self._resigning:
            return
        seen, started = self._seen, self._clock.now()
        if self._free():
            self._observe(await self._leases.put(seen, self._taken(seen)))
            self._begin(started)
        elif seen is not None and started < self._wanted_until and seen.wanted_by != self.identity:
            self._observe(await self._leases.put(seen, seen.record, wanted_by=self.identity))

    def _free(self) -> bool:
        """Whether it can be acquired: without a holder, handed to us, or not renewed for its duration."""
        if self._record.holder in {"", self.identity}:
            return True
        return self._clock.now() > self._observed_at + self._record.duration_seconds

    def _taken(self, seen: Seen | None) -> Record:
        old = seen.record if seen is not None else Record()
        renewed = self._renewed(old)
        again = old.holder == self.identity
        return replace(
            renewed,
            acquired=old.acquired if again else renewed.renewed,
            transitions=old.transitions if again or seen is None else old.transitions + 1,
        )

    def _renewed(self, record: Record) -> Record:
        return replace(
            record,
            holder=self.identity,
            duration_seconds=math.ceil(self._settings.lease_seconds),
            renewed=timestamp(self._now()),
        )

    def _observe(self, seen: Seen | None) -> None:
        self._seen = seen
        record = seen.record if seen is not None else Record()
        if record != self._record:
            if record.holder != self._record.holder:
                log.warning("lease %s: the leader is %s", self._leases.name, record.holder or "nobody")
            self._record, self._observed_at = record, self._clock.now()

    def _begin(self, started: float) -> None:
        self._holding = True
        self.transitions += 1
        self._last_webhook = -math.inf
        self.fence.start_term(started + self._settings.renew_deadline_seconds)
        self._opening = asyncio.create_task(self._open(), name="catching up")

    async def _open(self) -> None:
        while True:
            try:
                await self._loops.on_first(self._caught_up())
            except ClusterError as error:
                log.warning("lease %s is held, but catching up failed: %s", self._leases.name, error)
                await asyncio.sleep(self._settings.retry_seconds)
            else:
                break
        self.fence.admit()
        self._led.set()

    async def _caught_up(self) -> None:
        await self._catch_up()

    async def _close_if_idle(self) -> bool:
        """Ends the term unless a webhook has come. In one step of the loop that writes: there, no write is
        between its check of the fence and its bytes.
        """
        if not self._idle():
            return False
        self.fence.end()
        return True

    async def _close(self) -> None:
        self.fence.end()

    def _idle(self) -> bool:
        return not self._webhooks and self._clock.now() >= self._last_webhook + self._settings.idle_seconds

    async def _hand_over(self, seen: Seen) -> None:
        self._end()
        log.warning("lease %s is handed to %s, which receives webhooks", self._leases.name, seen.wanted_by)
        given = replace(
            self._renewed(seen.record), holder=seen.wanted_by, transitions=seen.record.transitions + 1
        )
        self._observe(await self._leases.put(seen, given))

    async def _release(self) -> None:
        if not self._holding:
            return
        with suppress(ClusterError, TimeoutError):  # then it expires
            async with asyncio.timeout(self._settings.renew_deadline_seconds / 2):
                await self._loops.on_first(self._close())
                self._end()
                for _ in range(_TRIES):
                    seen = self._seen
                    if seen is None or seen.record.holder != self.identity:
                        return
                    free = replace(self._renewed(seen.record), holder="", duration_seconds=1)
                    try:
                        await self._leases.put(seen, free)
                    except ConflictError:
                        self._seen = await self._leases.get()
                    else:
                        return

    def _lost(self, reason: str) -> None:
        log.warning("lost lease %s: %s", self._leases.name, reason)
        self._end()

    def _end(self) -> None:
        """Ends the term: no more writes."""
        self.fence.end()
        self._holding = False
        self._led.clear()
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None

    async def _pause(self) -> None:
        """Waits until the next attempt is due, or the Lease changes."""
        settings = self._settings
        if self._holding:
            seconds = settings.retry_seconds
        else:
            seconds = settings.retry_seconds * self._uniform(1.0, _JITTER)
            runs_out = self._observed_at + self._record.duration_seconds - self._clock.now()
            if self._record.holder and runs_out > 0:
                # At the moment it expires, not up to a pause later.
                seconds = min(seconds, runs_out + settings.retry_seconds * 0.01)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        self._wake.clear()

    async def _listen(self) -> None:
        """Wakes the candidate when the Lease changes; without a watch it polls."""
        while True:
            with suppress(ClusterError):
                async with aclosing(self._leases.watch(self._settings.lease_seconds * 4)) as seen:
                    async for change in seen:
                        if self._concerns(change):
                            self._wake.set()
            await asyncio.sleep(self._settings.retry_seconds)

    def _concerns(self, change: Seen) -> bool:
        if self._holding:
            return change.wanted_by not in {"", self.identity} or change.record.holder != self.identity
        return change.record.holder in {"", self.identity}
