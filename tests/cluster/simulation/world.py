"""One run: a cluster, two replicas of the extender, and everything that can go wrong, from one seed."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextvars import copy_context
from dataclasses import dataclass, fields, replace
from typing import Any

from app.cluster.client.errors import NotLeaderError
from app.core.model.allocation import Allocation
from app.core.state.state import State
from app.core.state.taken import ClaimKey
from tests.cluster.fake_apiserver import FakeApiServer
from tests.cluster.fake_store import Backup
from tests.cluster.simulation.actors import Wish, controller, end, foreigner, nominate, schedule, user
from tests.cluster.simulation.invariants import FOREIGN, PODS, Watchdog, mistaken, unrest
from tests.cluster.simulation.loop import OWNER, SimulationLoop
from tests.cluster.simulation.network import TRANSIT_SECONDS
from tests.cluster.simulation.replica import RESERVATION_SECONDS, Replica, inventory
from tests.objects import claim as new_claim
from tests.objects import pod as new_pod

CHAOS_SECONDS = 6.0
OLD_VERSIONS = "old versions"
ONE_PLACE = "one place"
REST_SECONDS = 90.0
ACCIDENTS = ("crash", "crash", "stop", "cut off", "outage", "resign")
ACCIDENTS_OF = {"no fence": ("stop",), "no barrier": ("resign", "crash"), "no last look": ("cut off",)}
"""What brings a broken rule to light soonest."""
REQUEST_SECONDS = 4.0
"""kube-scheduler's httpTimeout."""


@dataclass(frozen=True, slots=True)
class Chaos:
    """Probabilities, for each request or event."""

    lost_answer: float = 0.0
    slow_request: float = 0.0
    refused: float = 0.0
    late_event: float = 0.0
    cut_watch: float = 0.0


CALM = Chaos()


@dataclass(slots=True)
class Outcome:
    """What a run has shown. `broken` is empty if all is well; `story` is for people."""

    seed: int
    broken: list[str]
    bound: int
    crashes: int
    leaders: int
    steps: int
    story: list[str]
    clashes: int = 0


class Logged(logging.Handler):
    """What the replicas log, each line with whose it is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{OWNER.get()}: {record.getMessage()}")


class LateState(State):
    """Assumes only when somebody else has had a turn: the rule broken on purpose."""

    def assume(self, *arguments: Any) -> None:
        asyncio.get_running_loop().call_later(0, super().assume, *arguments)


class StubbornState(State):
    """Insists on what it has written, whatever a list shows: the rule broken on purpose."""

    def relisted(self, _writes: int) -> set[tuple[str, str]]:
        return set()


class ForgetfulState(State):
    """Keeps devices on the first of the named nodes only: the rule broken on purpose."""

    def reserve(self, allocations: Iterable[tuple[ClaimKey, Allocation]]) -> None:
        super().reserve(list(allocations)[:1])

    def unreserve(self, allocations: Iterable[tuple[ClaimKey, Allocation]]) -> None:
        super().unreserve(list(allocations)[:1])


class World:
    """See ``run``."""

    def __init__(self, seed: int, loop: SimulationLoop, sabotage: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seed that replays
        self.loop = loop
        self.sabotage = sabotage
        self.context = copy_context()
        self.server = FakeApiServer(now=lambda: 0.0)
        self.watchdog = Watchdog(self.server.store)
        self.chaos = self._chaos()
        self.slowest_seconds = 0.7
        self.node_count = self.random.choice((1, 2))
        self.per_node = self.random.choice((1, 2))
        # Of its own, so that what it draws changes no other choice.
        self.foreign = random.Random(f"foreign {seed}")  # noqa: S311 - a seed that replays
        self.strangers = self._strangers()
        self.slots = self.foreign.choice((1, 1, 2, 32)) if self.strangers else 32
        self.busy = self.foreign.choice((0.0, 0.0, 0.1, 0.3)) if self.strangers else 0.0
        # Drawn last, so that the seeds that show a broken rule stay as they are.
        self.grace_seconds = self.foreign.choice((0.3, 0.5, 1.0, 3.0))
        self.fickle = 0.0 if sabotage else self.foreign.choice((0.0, 0.2, 0.5))
        self.slow = 0.0 if sabotage else self.foreign.choice((0.0, 0.1, 0.4))
        self.late_volumes = 0.0 if sabotage else self.foreign.choice((0.0, 0.2, 0.6))
        self.reserves = sabotage in ("", ONE_PLACE)
        self.candidates = 1 if sabotage else self.foreign.choice((1, 2))
        if sabotage == ONE_PLACE:
            self.candidates, self.late_volumes = 2, 0.6
        if self.candidates > 1:
            self.node_count, self.per_node = self.foreign.choice((2, 3)), 1
        self.restores = sabotage == OLD_VERSIONS or (not sabotage and self.foreign.random() < 0.2)
        self.restored = False
        self.protects = not sabotage and seed % 2 == 1
        """Claims are created with the finalizer, as the chart's admission policy does it."""
        self.replicas: list[Replica] = []
        self.crashes = 0
        self.story: list[str] = []
        self._cut_off: dict[str, float] = {}
        self._down_until = 0.0
        self._kept: set[asyncio.Task[Any]] = set()
        self._number = 0

    @property
    def nodes(self) -> list[str]:
        return [f"n{number}" for number in range(self.node_count)]

    @property
    def devices(self) -> list[tuple[str, str]]:
        return [(node, f"d{place}") for node in self.nodes for place in range(self.per_node)]

    def state(self) -> State:
        state = inventory(self.node_count, self.per_node).fork()
        if self.sabotage == "late assume":
            state.__class__ = LateState
        elif self.sabotage == OLD_VERSIONS:
            state.__class__ = StubbornState
        elif self.sabotage == ONE_PLACE:
            state.__class__ = ForgetfulState
        return state

    def state_of(self, name: str) -> State:
        """What a replica knows."""
        return next(replica.state for replica in self.replicas if replica.name == name)

    async def run(self) -> list[str]:
        """Chaos, then rest; the rules that did not hold."""
        self.keep(self.loop.create_task(controller(self)))
        for _ in range(2):
            self._start()
        for wish in self._wishes():
            self.keep(self.loop.create_task(user(self, wish)))
        for number in range(self.strangers):
            self.keep(self.loop.create_task(foreigner(self, number)))
        for _ in range(3 if self.sabotage else self.random.choice((0, 1, 2, 3))):
            self.keep(self.loop.create_task(self._accident()))
        backups: list[Backup] = []
        if self.restores:
            self.loop.call_later(CHAOS_SECONDS / 2, lambda: backups.append(self.server.store.backup()))
        await asyncio.sleep(CHAOS_SECONDS)
        self.chaos = CALM
        await self._rest()
        if self.restores and not self.watchdog.broken:
            await asyncio.sleep(CHAOS_SECONDS)  # what users and other allocators had in mind is done
            await self._restore(await self._unheard() if self.foreign.random() < 0.5 else backups[0])
            await self._rest()
        return self.watchdog.broken

    async def _rest(self) -> None:
        await asyncio.sleep(1.5)  # what was sent has arrived, or never will

        def left() -> Iterator[str]:
            yield from unrest(self.server.store, self.node_count, self.per_node)
            yield from (f"{item.name} still keeps devices" for item in self.replicas if item.reservations)
            yield from self._mistaken()

        await self._until_none(left)

    async def _until_none(self, left: Callable[[], Iterator[str]]) -> None:
        """Waits until nothing is left that must not stay; what does is broken."""
        deadline = self.loop.time() + REST_SECONDS
        while not self.watchdog.broken and (found := list(left())):
            if self.loop.time() > deadline:
                self.watchdog.broken += found
            await asyncio.sleep(0.5)

    def _mistaken(self) -> Iterator[str]:
        for item in self.replicas:
            yield from (f"for {item.name} {text}" for text in mistaken(self.server.store, item.state))

    async def _unheard(self) -> Backup:
        """A backup from before a bind of which no watch tells: the replica knows it from its own writes."""
        self.server.put("resource.k8s.io/v1", "resourceclaims", new_claim("own-late-a"))
        self.server.put("v1", "pods", new_pod("late", "own-late-a"))
        await asyncio.sleep(2)
        backup = self.server.store.backup()
        self.server.frozen = True
        self.keep(self.loop.create_task(schedule(self, "late")))
        await asyncio.sleep(3)
        return backup

    async def _restore(self, backup: Backup) -> None:
        """etcd is as it was in the middle of the chaos. Whoever watches must list again.

        As ``etcdutl snapshot restore --bump-revision --mark-compacted`` does it: without that, a watch may go
        on from a version that has come again for something else, which no client notices.
        kube-scheduler goes on when the replicas know what is: as long as its cache and theirs are those of
        before, either side may bind a Pod by claims that are not there, the in-tree plugin as well.
        """
        self.story.append(f"{self.loop.time():.3f} etcd is restored")
        store = self.server.store
        self.restored = True
        before = store.version
        store.restore(backup)
        store.version = before + 1000
        store.compact()
        self.server.frozen = False
        self.watchdog.restored()
        for pod in store.select(PODS):
            # It waits for nothing any more.
            nominate(self, pod["metadata"]["name"], "")
        self.server.break_watches()
        await self._until_none(self._mistaken)
        for pod in store.select(PODS):
            if pod["metadata"].get("deletionTimestamp"):
                end(self, pod["metadata"]["name"])
            elif not pod["spec"].get("nodeName"):
                self.keep(self.loop.create_task(schedule(self, pod["metadata"]["name"])))

    async def ask(self, evaluation: Callable[[Replica], Coroutine[Any, Any, Any]]) -> Any:
        """kube-scheduler's call of a webhook: no answer where the replica is gone, stopped or no leader."""
        leading = [replica for replica in self.replicas if replica.election.fence.open]
        # A Service, too, may not have noticed yet who leads.
        choice = leading if leading and self.random.random() < 0.9 else self.replicas
        if not choice:
            return None
        replica = self.random.choice(choice)
        task = replica.spawn(_refusable(evaluation, replica))
        await asyncio.wait({task, replica.dead}, timeout=REQUEST_SECONDS, return_when="FIRST_COMPLETED")
        return task.result() if task.done() else None

    async def pause(self) -> None:
        """One step of a network: mostly nothing, sometimes a while."""
        await asyncio.sleep(self.random.choice((0, 0, 0.001, TRANSIT_SECONDS * self.random.random())))

    def happens(self, probability: float) -> bool:
        return probability > 0 and self.random.random() < probability

    def offered(self) -> list[str]:
        """The nodes where kube-scheduler's own filters would have a Pod now: they change their minds."""
        if self.chaos is CALM or self.foreign.random() >= self.fickle:
            return self.nodes
        return [self.foreign.choice(self.nodes)]

    def backoff(self) -> float:
        """How much later kube-scheduler comes back to a Pod now and then."""
        return (
            self.foreign.uniform(0.5, 3)
            if self.chaos is not CALM and self.foreign.random() < self.slow
            else 0.0
        )

    def volumes(self) -> float:
        """How long kube-scheduler waits for volumes and permits, between a filter and its bind."""
        if not self.late_volumes or self.chaos is CALM:
            return 0.0
        late = self.foreign.random() < self.late_volumes
        return self.foreign.uniform(0.1, 2 * RESERVATION_SECONDS) if late else 0.0

    def broken_promise(self, text: str) -> None:
        """A bind found devices in use that its filter had reserved: with no other allocator, nobody may."""
        if not self.strangers:
            self.watchdog.broken.append(text)

    def is_busy(self) -> bool:
        """Whether the API server has no time for a write now."""
        return self.chaos is not CALM and self.foreign.random() < self.busy

    def unreachable(self, name: str) -> bool:
        return self.loop.time() < max(self._down_until, self._cut_off.get(name, 0.0))

    def keep(self, task: asyncio.Task[Any]) -> None:
        self._kept.add(task)

    def failures(self) -> list[str]:
        """Tasks that ended with an error: a defect of the product or of the simulation."""
        done = [task for task in self._kept if task.done() and not task.cancelled()]
        return [repr(task.exception()) for task in done if task.exception() is not None]

    async def end(self) -> None:
        self.loop.raise_all()
        for _ in range(10):
            waiting = [task for task in self._kept if not task.done()]
            for task in waiting:
                task.cancel()
            if waiting:
                await asyncio.wait(waiting, timeout=1)

    def _start(self) -> None:
        self._number += 1
        replica = Replica(self, f"r{self._number}")
        self.replicas.append(replica)
        replica.start()

    def _chaos(self) -> Chaos:
        levels = (0.0, 0.0, 0.05, 0.2)
        drawn = Chaos(*(self.random.choice(levels) for _ in fields(Chaos)))
        # What is known late is what a broken rule is about.
        return replace(drawn, late_event=0.5) if self.sabotage else drawn

    def _strangers(self) -> int:
        """Devices that another allocator takes."""
        if self.sabotage:
            return 6 if self.sabotage == "no last look" else 0
        return self.foreign.choice((0, 0, 1, 3, 6))

    def _wishes(self) -> list[Wish]:
        wishes = []
        for number in range(self.random.randint(2, 5)):
            name = f"p{number}"
            kind = self.random.choice(("own", "own", "shared", "two"))
            claims = {
                "own": (f"own-{name}-a",),
                "shared": ("shared",),
                "two": (f"own-{name}-a", f"own-{name}-b"),
            }
            at = self.random.uniform(0, 3)
            until = at + self.random.uniform(0, 4) if self.random.random() < 0.5 else None
            wishes.append(Wish(name, claims[kind], at, until, self.random.random() < 0.3))
        return wishes

    async def _accident(self) -> None:
        await asyncio.sleep(self.random.uniform(0.2, CHAOS_SECONDS - 1))
        if not self.replicas:
            return
        replica = self.random.choice(self.replicas)
        kind = self.random.choice(ACCIDENTS_OF.get(self.sabotage, ACCIDENTS))
        now, seconds = self.loop.time(), self.random.uniform(0.3, 4.5)
        self.story.append(f"{now:.3f} {kind} {replica.name} for {seconds:.1f}")
        if kind == "crash":
            self._crash(replica)
            await asyncio.sleep(seconds / 4)
            self._start()
        elif kind == "stop":
            self.loop.stop_owner(replica.name)
            await asyncio.sleep(seconds)
            self.loop.go_on(replica.name)
        elif kind == "cut off":
            self._cut_off[replica.name] = now + seconds
        elif kind == "outage":
            self._down_until = now + seconds / 3
            self.server.break_watches()
        else:
            replica.spawn(replica.election.resign(2.0))
            await asyncio.sleep(2.1)
            self._crash(replica)
            self._start()

    def _crash(self, replica: Replica) -> None:
        if replica in self.replicas:
            self.crashes += 1
            self.replicas.remove(replica)
            self.loop.kill_owner(replica.name)
            if not replica.dead.done():
                replica.dead.set_result(None)


def run(seed: int, sabotage: str = "") -> Outcome:
    """One run. With `sabotage` a rule of the product is broken: it must show in `broken`."""
    loop, logged = SimulationLoop(seed), Logged()
    asyncio.set_event_loop(None)
    logging.getLogger("app.cluster").addHandler(logged)
    try:
        world = World(seed, loop, sabotage)
        broken = loop.run_until_complete(world.run())
        broken += world.failures()
        store = world.server.store
        pods = [change for change in store.history if change.place.plural == "pods"]
        bound = {change.place.name for change in pods if change.object["spec"].get("nodeName")}
        bound = {name for name in bound if not name.startswith(FOREIGN)}
        leases = [change for change in store.history if change.place.plural == "leases"]
        leaders = {change.object["spec"]["holderIdentity"] for change in leases} - {""}
        story = world.story + _told(world) + logged.lines if broken else []
        steps = loop.steps
        loop.run_until_complete(world.end())
        clashes = world.watchdog.clashes
        return Outcome(seed, broken, len(bound), world.crashes, len(leaders), steps, story, clashes)
    finally:
        logging.getLogger("app.cluster").removeHandler(logged)
        loop.close()


def _told(world: World) -> list[str]:
    lines = []
    for change in world.server.store.history:
        metadata, status = change.object["metadata"], change.object.get("status") or {}
        held = [
            f"{item['pool']}/{item['device']}"
            for item in (status.get("allocation") or {}).get("devices", {}).get("results", ())
        ]
        users = [user["name"] for user in status.get("reservedFor", ())]
        spec = change.object.get("spec") or {}
        where = f"{spec.get('nodeName', '')}{spec.get('holderIdentity', '')}"
        name = f"{change.place.plural}/{change.place.name}"
        seen = (change.version, change.type, name, held, users, where, metadata.get("finalizers"))
        lines.append(" ".join(str(value) for value in seen if value))
    return lines


async def _refusable(evaluation: Callable[[Replica], Coroutine[Any, Any, Any]], replica: Replica) -> Any:
    try:
        return await evaluation(replica)
    except NotLeaderError:
        return None
