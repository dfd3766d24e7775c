"""One extender process: its informers, election, binder and deallocator, put together as app.main does."""

import asyncio
import datetime as dt
import functools
from typing import TYPE_CHECKING, Any

from app.cluster.binding.bind_limiter import BindLimiter
from app.cluster.binding.binder import ClusterBinder
from app.cluster.binding.reservations import Reservations
from app.cluster.client.backoff import LoopClock
from app.cluster.client.call import Timeouts
from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import POD, Resource
from app.cluster.client.fence import Fence
from app.cluster.controllers.deallocator import Deallocator
from app.cluster.controllers.reconciler import Reconciler, ReconcilerSettings
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup
from app.cluster.leadership.catch_up import catch_up
from app.cluster.leadership.election import Election, ElectionSettings
from app.cluster.leadership.lease import Leases
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from tests.cluster.simulation.loop import OWNER
from tests.cluster.simulation.network import BASE_URL, SimulatedTransport
from tests.objects import device, device_class, node, slice_of

if TYPE_CHECKING:
    from app.core.state.state import State
    from tests.cluster.simulation.world import World

CLAIM = Resource("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", namespaced=True)
SETTINGS = ElectionSettings(lease_seconds=3, renew_deadline_seconds=2, retry_seconds=0.7, idle_seconds=0.5)
WRITE_SECONDS = 1.0
"""0.8 s in the API server, and the way there and back."""
RESERVATION_SECONDS = 3.0
START = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
RULES = Rules(SelectorCache(), lambda: "share")


class Replica:
    """Everything it does is owned by its name: it can be stopped and killed."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.dead = world.loop.create_future()
        self._context = world.context.copy()
        self._context.run(OWNER.set, name)
        sabotage = world.sabotage
        transport = SimulatedTransport(world, name, guarded=sabotage != "no fence")
        client = ApiClient(BASE_URL, transport, timeouts=Timeouts(total=3.0))
        self.state: State = world.state()
        self.reservations = Reservations(self.state, RULES, RESERVATION_SECONDS)
        self._promised: dict[str, tuple[list[str], float]] = {}
        feed = Feed(self.state, self.reservations.changed)
        self.informers = InformerGroup(
            client,
            (POD, CLAIM),
            feed.handle,
            uniform=world.random.uniform,
            mark=lambda: self.state.writes,
        )
        self._caught_up = functools.partial(
            catch_up, client, self.informers.informers["ResourceClaim"], LoopClock()
        )
        fence = (_Termless if sabotage == "no terms" else Fence)(LoopClock(), WRITE_SECONDS)
        self.election = Election(
            Leases(client, "kube-system", "dra-extender"),
            fence,
            name,
            clock=LoopClock(),
            now=lambda: START + dt.timedelta(seconds=world.loop.time()),
            catch_up=_nothing if sabotage == "no barrier" else self._begin_term,
            settings=SETTINGS,
            uniform=world.random.uniform,
        )
        if sabotage == "no fence":
            writes, decides = client, Fence.always_open(WRITE_SECONDS)
        else:
            writes, decides = client.guarded(fence), fence
        self.binder = ClusterBinder(
            writes,
            CLAIM,
            self.state,
            RULES,
            now=lambda: "2026-11-24T00:00:00Z",
            fence=decides,
            reservations=self.reservations,
        )
        self.binder._slots = BindLimiter(world.slots)
        if sabotage == "no last look":
            self.binder._give_way_of_all = _blind  # type: ignore[method-assign]
        self._deallocator = Deallocator(writes, CLAIM, self.state, alone_with=self.binder.freeing)
        self._reconciler = Reconciler(
            writes,
            CLAIM,
            self.state,
            RULES,
            writer=self.binder.writer,
            extended=self.binder.extended,
            alone_with=self.binder.freeing,
            fence=decides,
            clock=world.loop.time,
            settings=ReconcilerSettings(world.grace_seconds, 0.4, mends_per_second=100),
        )

    def start(self) -> None:
        self.spawn(self._run())

    def spawn(self, work: Any) -> asyncio.Task[Any]:
        task = self.world.loop.create_task(work, context=self._context.copy())
        self.world.keep(task)
        return task

    async def filter(self, raw: dict[str, Any], nodes: list[str]) -> list[str]:
        await self.election.lead(0.5)
        with self.election.answering():
            pod = parse({"apiVersion": "v1", "kind": "Pod"} | raw)
            assert isinstance(pod, Pod)
            under_way = self.binder.under_way(pod.meta.uid)
            if under_way is not None:
                return [name for name in nodes if name == under_way]
            self.reservations.release(pod.meta.uid, "filtered")
            evaluation = PodEvaluation(self.state, pod, RULES)
            fitting = [name for name in nodes if evaluation.answer(name).verdict == "fits"]
            held = None if fitting else evaluation.releasable()
            if held is not None:
                self.spawn(self._deallocator.deallocate(held.claim))
            # The seeds that show a broken rule are those of runs without reservations.
            return await self._reserved(pod, fitting) if self.world.reserves else fitting

    async def _reserved(self, pod: Pod, fitting: list[str]) -> list[str]:
        reserved = await self.reservations.reserve(pod, fitting, self.world.candidates)
        until = self.world.loop.time() + RESERVATION_SECONDS
        self._promised[pod.meta.uid] = list(reserved.nodes), until
        return list(reserved.nodes)

    async def bind(self, raw: dict[str, Any], node_name: str) -> str | None:
        await self.election.lead(0.5)
        with self.election.answering():
            metadata = raw["metadata"]
            promised, until = self._promised.pop(metadata["uid"], ([], 0.0))
            in_time = self.world.loop.time() < until
            error = await self.binder.bind(
                metadata["namespace"], metadata["name"], metadata["uid"], node_name
            )
            lost = any(text in (error or "") for text in ("in use", "was allocated device"))
            if node_name in promised and in_time and lost:
                self.world.broken_promise(f"{self.name} promised {metadata['name']} {node_name}: {error}")
            return error

    async def _begin_term(self) -> None:
        self._promised.clear()
        self.reservations.clear()
        await self._caught_up()
        await self.reservations.restore()

    async def _run(self) -> None:
        self.spawn(self.informers.run())
        if not self.world.sabotage:  # the seeds that show a broken rule are those of runs without it
            self.spawn(self._reconciler.run())
        await self.informers.wait_synced()
        await self.election.run()


@functools.cache
def inventory(nodes: int, devices: int) -> "State":
    """A state of so many nodes with so many devices each, to be forked."""
    from app.core.state.state import State  # noqa: PLC0415 - for its type only elsewhere

    state = State()
    state.upsert(_read(device_class()))
    for number in range(nodes):
        name = f"n{number}"
        state.upsert(_read(node(name)))
        state.upsert(_read(slice_of(name, *(device(f"d{place}") for place in range(devices)))))
    return state


def _read(raw: dict[str, Any]) -> Any:
    return parse(raw)


async def _nothing() -> None:
    """What a leader that does not catch up does."""


def _blind(*_: object) -> None:
    """What a bind does that does not look for rivals once its claims are written."""


class _Termless(Fence):
    """Of a process that does not ask in which term it has decided."""

    def begin(self) -> None:
        pass
