"""Who is evicted, what is held meanwhile, and what is left when something goes wrong."""

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.cluster.binding.reservations import Reservations
from app.cluster.client.client import ApiClient
from app.cluster.client.fence import Fence
from app.cluster.controllers.preemptor import Attempt, Preemptor, PreemptorSettings
from app.cluster.events.event_writer import EventWriter
from app.cluster.events.preemption_events import PreemptionEvents
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.model.workload import Workload
from app.core.placement.decision import Refused, assume, decide
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.cluster.fake_apiserver import Call, FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, device_class, node, owned, pod, slice_of

RULES = Rules(selectors=SelectorCache(16), new_share_id=lambda: str(uuid4()))


class Scene:
    """One node with devices that Pods of priority 0 hold, one each."""

    def __init__(self, devices: int, rules: Rules = RULES, **settings: Any) -> None:
        self.server = FakeApiServer()
        self.state = State()
        self.attempts: list[Attempt] = []
        self.lifted: list[dict[Any, Any]] = []
        self.fence = Fence.always_open()
        client = ApiClient("http://fake", InMemoryTransport(self.server))
        self.reservations = Reservations(self.state, rules)
        events = PreemptionEvents(EventWriter(client, "replica-1", lambda: dt.datetime.now(dt.UTC)))
        self.preemptor = Preemptor(
            client,
            self.state,
            rules,
            events,
            fence=self.fence,
            attempted=self.attempts.append,
            reservations=self.reservations,
            lifted=lambda: self.lifted.append(dict(self.state.nominations)),
            settings=PreemptorSettings(**settings),
        )
        self.put(node("n"), device_class(), slice_of("n", *(device(f"d{i}") for i in range(devices))))
        for number in range(devices):
            self.running(f"low-{number}", f"d{number}")

    def put(self, *raws: dict[str, Any]) -> None:
        for raw in raws:
            item = parse(raw)
            assert not isinstance(item, Workload)
            self.state.upsert(item)

    def running(self, name: str, held: str) -> None:
        raw = pod(name, f"{name}-claim")
        raw["spec"]["nodeName"] = "n"
        raw = self.server.put("v1", "pods", raw)
        consumer = {"resource": "pods", "name": name, "uid": raw["metadata"]["uid"]}
        status = {"allocation": allocation("n", held), "reservedFor": [consumer]}
        self.put(claim(f"{name}-claim") | {"status": status}, raw)

    def waiting(self, name: str, count: int = 1, priority: int = 10, **spec: Any) -> Pod:
        raw = pod(name, f"{name}-claim")
        raw["spec"] |= {"priority": priority, **spec}
        self.put(claim(f"{name}-claim", count), self.server.put("v1", "pods", raw))
        return self.state.pods["default", name]

    async def refuse(self, *pods: Pod, seconds: float = 5) -> None:
        task = asyncio.create_task(self.preemptor.run())
        for item in pods:
            self.preemptor.refused(item, ["n"])
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    def left(self) -> set[str]:
        return {item["metadata"]["name"] for item in self.server.store.select(("", "pods"))}

    def events(self) -> list[tuple[str, str]]:
        found = self.server.store.select(("events.k8s.io", "events"))
        return sorted((item["regarding"]["name"], item["reason"]) for item in found)


def evicting(name: str, *, dry_run: bool) -> Any:
    def matches(call: Call) -> bool:
        return call.path.endswith(f"/{name}/eviction") and (b"dryRun" in call.body) == dry_run

    return matches


async def half_evicted() -> tuple[Scene, Pod, asyncio.Task[None]]:
    """A budget let one of the two go that `high` needs; the preemptor goes on for 27 s."""
    scene = Scene(2, hold_seconds=30, retry_seconds=5)
    high = scene.waiting("high", count=2)
    scene.server.faults.append(Fault(evicting("low-1", dry_run=False), times=1, status=429))
    task = asyncio.create_task(scene.refuse(high, seconds=29))
    await asyncio.sleep(2)
    assert scene.preemptor.victims == 1
    return scene, high, task


def pod_group(name: str, least: int) -> dict[str, Any]:
    policy = {"gang": {"minCount": least}}
    metadata = {"name": name, "namespace": "default", "uid": f"uid-{name}"}
    spec = {"schedulingPolicy": policy}
    return {
        "apiVersion": "scheduling.k8s.io/v1beta1",
        "kind": "PodGroup",
        "metadata": metadata,
        "spec": spec,
    }


@pytest.mark.parametrize(
    ("groups", "outcome"),
    [
        ([pod_group("g", 3)], "incomplete"),
        ([], "incomplete"),
        ([pod_group("g", 2)], "evicted"),
        ([pod_group("g", 1)], "evicted"),
    ],
    ids=["a Pod is not known yet", "the group is not known yet", "enough Pods", "more than enough Pods"],
)
def test_nobody_is_evicted_for_a_part_of_a_pod_group(groups: list[dict[str, Any]], outcome: str) -> None:
    @in_virtual_time
    async def run() -> None:
        scene = Scene(2, replace(RULES, groups_known=True))
        scene.put(*groups)
        gang = [scene.waiting(f"high-{n}", schedulingGroup={"podGroupName": "g"}) for n in range(2)]
        await scene.refuse(gang[0])
        assert [attempt.outcome for attempt in scene.attempts] == [outcome]
        evicted = {"low-0", "low-1"} if outcome == "evicted" else set()
        assert scene.left() == {"low-0", "low-1", "high-0", "high-1"} - evicted

    run()


@in_virtual_time
async def test_one_is_evicted_and_its_device_held(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(2)
    high, rival = scene.waiting("high"), scene.waiting("rival", priority=5)
    await scene.refuse(high)
    assert not caplog.messages
    assert len(scene.left()) == 3
    assert scene.preemptor.outcomes == {"evicted": 1}
    assert scene.preemptor.victims == 1
    (stored,) = [
        item for item in scene.server.store.select(("", "pods")) if item["metadata"]["name"] == "high"
    ]
    assert stored["status"]["nominatedNodeName"] == "n"
    (victim,) = {"low-0", "low-1"} - scene.left()
    assert scene.events() == [("high", "DevicesPreempted"), (victim, "Preempted")]
    (attempt,) = scene.attempts
    assert (attempt.pod, attempt.outcome, attempt.why) == (high, "evicted", "")
    assert [item.meta.name for plan in attempt.plans for item in plan.victims] == [victim]
    scene.state.delete("Pod", ("default", victim))
    scene.state.delete("ResourceClaim", ("default", f"{victim}-claim"))
    assert isinstance(decide(scene.state, rival, "n", RULES, None), Refused)
    assert not isinstance(decide(scene.state, high, "n", RULES, None), Refused)


@in_virtual_time
async def test_a_pod_that_asks_again_meanwhile_has_nobody_else_evicted() -> None:
    scene = Scene(2)
    high = scene.waiting("high")
    await scene.refuse(high)
    await scene.refuse(high)
    assert scene.preemptor.outcomes == {"evicted": 1, "waiting": 1}
    assert len(scene.left()) == 2


@in_virtual_time
async def test_four_pods_have_victims_of_their_own() -> None:
    scene = Scene(5)
    high = [scene.waiting(f"high-{number}") for number in range(4)]
    await scene.refuse(*high)
    assert scene.preemptor.outcomes == {"evicted": 4}
    assert scene.preemptor.victims == 4
    assert len({name for name in scene.left() if name.startswith("low")}) == 1


@in_virtual_time
async def test_two_pods_do_not_count_on_the_same_disruption() -> None:
    scene = Scene(2)
    scene.put(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "all", "namespace": "default"},
            "spec": {"selector": {}},
            "status": {"disruptionsAllowed": 1},
        }
    )
    await scene.refuse(scene.waiting("high-0"), scene.waiting("high-1"))
    assert scene.preemptor.outcomes == {"evicted": 1, "useless": 1}
    assert scene.preemptor.victims == 1


@in_virtual_time
async def test_a_budget_that_says_no_beforehand_stops_it_and_nothing_is_held(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = Scene(2)
    high = scene.waiting("high", count=2)
    scene.server.faults.append(Fault(evicting("low-1", dry_run=True), times=9, status=429))
    await scene.refuse(high, seconds=60)
    assert scene.preemptor.outcomes == {"budget": 1}
    assert [bool(attempt.why) for attempt in scene.attempts] == [True]
    assert scene.left() == {"low-0", "low-1", "high"}
    assert not scene.state.nominations
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("status", "outcome"), [(429, "budget"), (403, "api_error")])
@pytest.mark.parametrize("dry_run_too", [False, True])
def test_what_broke_off_half_way_is_held_and_finished_later(
    *, status: int, outcome: str, dry_run_too: bool
) -> None:
    @in_virtual_time
    async def run() -> None:
        scene = Scene(2, hold_seconds=30, retry_seconds=5)
        high, rival = scene.waiting("high", count=2), scene.waiting("rival", priority=5)
        scene.server.faults.append(Fault(evicting("low-1", dry_run=False), times=1, status=status))
        task = asyncio.create_task(scene.refuse(high, seconds=29))
        await asyncio.sleep(2)
        assert scene.preemptor.outcomes == {outcome: 1}
        assert scene.left() == {"low-1", "high", "rival"}
        scene.state.delete("Pod", ("default", "low-0"))
        scene.state.delete("ResourceClaim", ("default", "low-0-claim"))
        assert isinstance(decide(scene.state, rival, "n", RULES, None), Refused)
        if dry_run_too:
            scene.server.faults.append(Fault(evicting("low-1", dry_run=True), times=1, status=status))
        await task
        assert scene.preemptor.outcomes[outcome] == 1 + dry_run_too
        assert scene.preemptor.outcomes["evicted"] == 1
        assert scene.preemptor.victims == 2
        assert scene.left() == {"high", "rival"}
        assert list(scene.state.nominations) == [("default", "high")]

    run()


@in_virtual_time
async def test_a_group_that_broke_off_holds_for_all_and_is_finished_together() -> None:
    scene = Scene(2, hold_seconds=30, retry_seconds=5)
    group = {"podGroupName": "g"}
    high = [scene.waiting(f"high-{number}", schedulingGroup=group) for number in range(2)]
    for name in ("low-0", "low-1"):
        scene.server.faults.append(Fault(evicting(name, dry_run=False), times=1, status=429))
    task = asyncio.create_task(scene.refuse(high[0], seconds=29))
    await asyncio.sleep(2)
    assert not scene.state.nominations  # the first eviction was refused: nobody has gone
    scene.preemptor.refused(high[1], ["n"])
    await asyncio.sleep(2)
    assert len(scene.left()) == 3
    assert len(scene.state.nominations) == 2
    await task
    assert scene.preemptor.outcomes == {"budget": 2, "evicted": 1}
    assert scene.left() == {"high-0", "high-1"}
    assert len(scene.state.nominations) == 2


@in_virtual_time
async def test_what_cannot_be_finished_is_given_up_when_the_time_of_its_hold_is_over() -> None:
    scene = Scene(2, hold_seconds=30, retry_seconds=5)
    high = scene.waiting("high", count=2)
    scene.server.faults.append(Fault(evicting("low-1", dry_run=False), times=99, status=429))
    await scene.refuse(high, seconds=29)
    assert scene.state.nominations
    tries = scene.preemptor.outcomes["budget"]
    assert tries == 6
    await scene.refuse(seconds=30)
    assert not scene.state.nominations
    assert scene.preemptor.outcomes == {"budget": tries}
    assert scene.left() == {"low-1", "high"}


@in_virtual_time
async def test_nobody_more_is_evicted_once_the_rest_would_not_help() -> None:
    scene, high, task = await half_evicted()
    low = scene.state.pods["default", "low-1"]
    scene.state.upsert(replace(low, priority=high.priority))
    await task
    assert scene.preemptor.outcomes.keys() == {"budget", "useless"}
    assert scene.preemptor.victims == 1
    assert "low-1" in scene.left()


@in_virtual_time
async def test_a_preemptor_that_has_gone_is_not_tried_for_again() -> None:
    scene, high, task = await half_evicted()
    scene.state.delete("Pod", high.meta.key)
    await task
    assert scene.preemptor.outcomes == {"budget": 1}
    assert "low-1" in scene.left()
    assert not scene.state.nominations


@in_virtual_time
async def test_nobody_is_evicted_for_a_pod_that_has_failed() -> None:
    scene = Scene(1)
    high = scene.waiting("high")
    raw = next(item for item in scene.server.store.select(("", "pods")) if item["metadata"]["name"] == "high")
    scene.put(raw | {"status": {"phase": "Failed"}})
    await scene.refuse(high)
    assert scene.left() == {"low-0", "high"}


@in_virtual_time
async def test_devices_are_not_held_for_ever() -> None:
    scene = Scene(1, hold_seconds=30)
    await scene.refuse(scene.waiting("high"))
    assert list(scene.state.nominations) == [("default", "high")]
    await asyncio.sleep(30)
    assert not scene.state.nominations
    assert {item.nominated for pool in scene.state.taken.values() for item in pool.holdings["d0"]} == {False}


@in_virtual_time
async def test_the_end_of_a_hold_is_told() -> None:
    """kube-scheduler knows nothing of it: who was refused for it must be tried again."""
    scene = Scene(1, hold_seconds=30)
    await scene.refuse(scene.waiting("high"))
    assert scene.lifted == []
    await asyncio.sleep(30)
    assert scene.lifted == [{}]


@pytest.mark.parametrize(("chosen", "evicted"), [("m", set[str]()), ("n", {"low-0"})])
def test_nobody_is_evicted_while_others_have_yet_to_choose_one_of_their_nodes(
    chosen: str, evicted: set[str]
) -> None:
    @in_virtual_time
    async def run() -> None:
        scene = Scene(1)
        scene.put(node("m"), slice_of("m", device("d0")), slice_of("n", device("d0"), device("d1")))
        other = scene.waiting("other", priority=0)
        scene.put(owned(claim("other-claim"), "Pod", "other", other.meta.uid))
        assert (await scene.reservations.reserve(other, ["n", "m"], 2)).nodes == ("n", "m")
        high = scene.waiting("high")
        task = asyncio.create_task(scene.refuse(high, seconds=20))
        await asyncio.sleep(3)
        assert "low-0" in scene.left()
        taken = scene.reservations.take(other, chosen)
        assert taken is not None
        assume(scene.state, taken, other)
        await task
        assert {"low-0", "high", "other"} - scene.left() == evicted
        assert [attempt.outcome for attempt in scene.attempts] == [
            "waiting",
            "evicted" if evicted else "waiting",
        ]

    run()


@in_virtual_time
async def test_who_does_not_lead_evicts_nobody() -> None:
    scene = Scene(1)
    high = scene.waiting("high")
    task = asyncio.create_task(scene.preemptor.run())
    scene.preemptor.refused(high, ["n"])
    scene.fence.end()
    await asyncio.sleep(5)
    task.cancel()
    assert scene.preemptor.outcomes == {"not_leader": 1}
    assert scene.left() == {"low-0", "high"}


@in_virtual_time
async def test_nobody_is_evicted_where_it_does_not_help() -> None:
    scene = Scene(2)
    await scene.refuse(scene.waiting("high", count=3))
    assert scene.preemptor.outcomes == {"useless": 1}
    assert [attempt.why for attempt in scene.attempts] == [
        "evicting Pods of lower priority would not free enough devices"
    ]
    assert len(scene.left()) == 3
    assert not scene.state.nominations
