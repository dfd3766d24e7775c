import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from app.cluster.client.client import ApiClient
from app.cluster.client.discovery import NODE, POD, discover
from app.cluster.controllers.requeuer import ANNOTATION, Requeuer
from app.cluster.informers.feed import Feed
from app.cluster.informers.group import InformerGroup
from app.core.model.allocation import read_allocation
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.pauses import pause
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.nominations import Nomination
from app.core.state.state import State
from tests.cluster.fake_apiserver import FakeApiServer, Fault, InMemoryTransport
from tests.cluster.virtual_time import in_virtual_time
from tests.node_allocatable import mapped, using, with_room
from tests.objects import DRIVER, allocation, claim, device, device_class, node, pod, slice_of

DRA = "resource.k8s.io/v1"
ONE = allocation("n1", "d0")


class Waking:
    """Nodes without devices, Pods that were refused, and a waker."""

    def __init__(self, server: FakeApiServer) -> None:
        self.server = server
        self.state = State()
        self.gang_labels: tuple[str, ...] = ()

    async def start(self) -> None:
        client = ApiClient("http://fake", InMemoryTransport(self.server))
        numbers = count()
        rules = Rules(SelectorCache(), lambda: f"share-{next(numbers)}")
        clock = asyncio.get_running_loop().time
        self.requeuer = Requeuer(client, self.state, rules, gang_labels=self.gang_labels, cpu_clock=clock)
        feed = Feed(
            self.state,
            self.requeuer.changed,
            pod_gone=self.requeuer.gone,
        )
        served = await discover(client)
        self.group = InformerGroup(client, (NODE, POD, *served.resources()), feed.handle)
        self.tasks = [asyncio.create_task(self.group.run()), asyncio.create_task(self.requeuer.run())]
        await self.group.wait_synced()
        for pending in list(self.state.pods.values()):
            self.refuse(pending)
        await asyncio.sleep(5)

    def refuse(self, refused: Pod, *, everywhere: bool = False, allocated: int = 0) -> None:
        position = self.state.inventory.changes.position
        self.requeuer.refused(refused, position, everywhere=everywhere, allocated=allocated)

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def requeued(self) -> set[str]:
        pods = self.server.store.select(("", "pods"))
        return {
            raw["metadata"]["name"] for raw in pods if ANNOTATION in raw["metadata"].get("annotations", {})
        }


async def waiting(number: int, *more: dict[str, Any], priorities: tuple[int, ...] = ()) -> Waking:
    server = FakeApiServer()
    server.put(DRA, "deviceclasses", device_class())
    for name in ("n1", "n2"):
        server.put("v1", "nodes", node(name))
    for index in range(number):
        server.put(DRA, "resourceclaims", claim(f"c{index}"))
        raw = pod(f"p{index}", f"c{index}")
        raw["spec"]["priority"] = priorities[index] if priorities else 0
        server.put("v1", "pods", raw)
    for item in more:
        server.put(DRA, "resourceslices", item)
    made = Waking(server)
    await made.start()
    return made


@in_virtual_time
async def test_one_new_device_wakes_one_of_a_thousand_pods() -> None:
    made = await waiting(1000)
    assert made.requeued() == set()
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert len(made.requeued()) == 1
    assert made.requeuer.requeued == 1
    await made.stop()


@in_virtual_time
async def test_the_most_urgent_pods_are_woken() -> None:
    made = await waiting(4, priorities=(1, 5, 3, 9))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert made.requeued() == {"p1", "p3"}
    await made.stop()


@in_virtual_time
async def test_a_slice_that_helps_nobody_wakes_nobody() -> None:
    made = await waiting(2)
    raw = slice_of("n1", device("d0"))
    raw["spec"]["devices"][0]["taints"] = [{"key": "k", "effect": "NoSchedule"}]
    made.server.put(DRA, "resourceslices", raw)
    await asyncio.sleep(5)
    assert made.requeued() == set()
    await made.stop()


@in_virtual_time
async def test_a_taint_rule_that_goes_away_wakes() -> None:
    rule = {
        "metadata": {"name": "r"},
        "spec": {"deviceSelector": {"pool": "n1"}, "taint": {"key": "k", "effect": "NoSchedule"}},
    }
    server_slice = slice_of("n1", device("d0"))
    made = await waiting(0)
    made.server.put(DRA, "devicetaintrules", rule)
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", server_slice)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    made.server.put("v1", "pods", pod("p0", "c0"))
    await asyncio.sleep(5)
    made.refuse(made.state.pods["default", "p0"])
    assert made.requeued() == set()
    made.server.remove(DRA, "devicetaintrules", "r")
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_a_new_class_wakes() -> None:
    made = await waiting(0)
    raw = claim("c0")
    raw["spec"]["devices"]["requests"][0]["exactly"]["deviceClassName"] = "later"
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    made.server.put(DRA, "resourceclaims", raw)
    made.server.put("v1", "pods", pod("p0", "c0"))
    await asyncio.sleep(5)
    made.refuse(made.state.pods["default", "p0"], everywhere=True)
    await asyncio.sleep(5)
    assert made.requeued() == set()
    made.server.put(DRA, "deviceclasses", device_class("later"))
    await asyncio.sleep(1)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_could_not_run_there_for_other_reasons_sleeps_on() -> None:
    made = await waiting(1)
    made.server.put("v1", "nodes", node("n1") | {"spec": {"unschedulable": True}})
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.requeued() == set()
    await made.stop()


@in_virtual_time
async def test_a_pod_whose_claim_was_deallocated_is_tried_on_all_nodes() -> None:
    made = await waiting(0, slice_of("n1", device("d0")), slice_of("n2", device("d0")))
    made.server.put("v1", "nodes", node("n2", zone="b"))
    held = claim("held") | {"status": {"allocation": allocation("n1", "d0")}}
    stored = made.server.put(DRA, "resourceclaims", held)
    raw = pod("p", "held")
    raw["spec"]["nodeSelector"] = {"zone": "b"}
    made.server.put("v1", "pods", raw)
    await asyncio.sleep(1)
    refused = made.state.pods["default", "p"]
    made.refuse(refused)
    made.server.put(DRA, "resourceclaims", stored | {"status": {}})
    await asyncio.sleep(5)
    assert made.requeued() == set()  # only n1 has changed
    made.requeuer.may_fit_anywhere(refused)
    await asyncio.sleep(5)
    assert made.requeued() == {"p"}
    made.requeuer.may_fit_anywhere(refused)  # it is not refused any more
    await asyncio.sleep(5)
    assert made.requeuer.requeued == 1
    await made.stop()


@pytest.mark.parametrize("published", [True, False])
@in_virtual_time
async def test_a_pod_whose_claim_another_client_deallocates_is_tried_on_all_nodes(published: bool) -> None:
    """kube-scheduler tries it at once, and if our watch is later, it is refused again by the old state."""
    slices = [slice_of(name, device("d0")) for name in ("n1", "n2")]
    made = await waiting(0, *slices[not published :])
    made.server.put("v1", "nodes", node("n2", zone="b"))
    stored = made.server.put(
        DRA, "resourceclaims", claim("held") | {"status": {"allocation": allocation("n1", "d0")}}
    )
    raw = pod("p", "held")
    raw["spec"]["nodeSelector"] = {"zone": "b"}
    made.server.put("v1", "pods", raw)
    await asyncio.sleep(1)
    made.refuse(made.state.pods["default", "p"], allocated=1)
    await asyncio.sleep(10)
    assert made.requeued() == set()
    tried = made.requeuer.looked_at
    made.server.put("v1", "pods", pod("another"))
    await asyncio.sleep(10)
    assert made.requeuer.looked_at == tried  # there is no node to try it on
    made.server.put(DRA, "resourceclaims", stored | {"status": {}})
    await asyncio.sleep(5)
    assert made.requeued() == {"p"}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_has_failed_leaves_the_device_to_the_next() -> None:
    """A job that is over its deadline fails before it has a node."""
    made = await waiting(2, priorities=(9, 0))
    pods = made.server.store.select(("", "pods"))
    (failed,) = (raw for raw in pods if raw["metadata"]["name"] == "p0")
    made.server.put("v1", "pods", failed | {"status": {"phase": "Failed"}})
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.requeued() == {"p1"}
    await made.stop()


@in_virtual_time
async def test_pods_that_are_gone_or_passed_are_not_woken() -> None:
    made = await waiting(2)
    made.requeuer.passed(made.state.pods["default", "p0"], ())
    made.server.remove("v1", "pods", "p1", "default")
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert made.requeued() == set()
    await made.stop()


@in_virtual_time
async def test_a_refused_patch_is_reported_and_the_next_pod_is_woken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await waiting(2)
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", status=403))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
    await asyncio.sleep(5)
    assert len(made.requeued()) == 1
    assert len(caplog.messages) == 1
    assert "cannot requeue" in caplog.messages[0]
    await made.stop()


def refuse(made: Waking, name: str, *claims: str, everywhere: bool = False) -> None:
    """Refuses a Pod as kube-scheduler has sent it, whatever the informers know."""
    item = parse(made.server.put("v1", "pods", pod(name, *claims)))
    assert isinstance(item, Pod)
    made.refuse(item, everywhere=everywhere)


async def full() -> Waking:
    """The only device is held, and a Pod was refused just now."""
    made = await waiting(0)
    holder = claim("holder") | {"status": {"allocation": allocation("n1", "d0")}}
    for raw in (holder, claim("c0")):
        made.server.put(DRA, "resourceclaims", raw)
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(10)
    refuse(made, "p0", "c0")
    return made


@in_virtual_time
async def test_a_pod_that_is_refused_before_it_is_heard_of_is_woken() -> None:
    """kube-scheduler's watch of Pods may be ahead of ours."""
    made = await waiting(0)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    await asyncio.sleep(1)
    made.server.faults.append(Fault(lambda call: call.path == "/api/v1/pods", times=99, status=500))
    made.server.break_watches()
    await asyncio.sleep(0)
    refuse(made, "late", "c0")
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(60)
    assert ("default", "late") not in made.state.pods
    assert made.requeued() == {"late"}
    await made.stop()


@in_virtual_time
async def test_a_pod_that_is_gone_unheard_leaves_its_device_to_the_next(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await waiting(1)
    item = parse(pod("never-heard-of", "c0") | {"spec": {"priority": 9}})
    assert isinstance(item, Pod)
    made.refuse(item)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    assert not caplog.messages
    await made.stop()


@in_virtual_time
async def test_a_claim_that_is_heard_of_after_the_refusal_wakes_its_pod() -> None:
    made = await waiting(0, slice_of("n1", device("d0")))
    refuse(made, "early", "c0", everywhere=True)
    await asyncio.sleep(1)
    assert made.requeued() == set()
    made.server.put(DRA, "resourceclaims", claim("c0"))
    await asyncio.sleep(5)
    assert made.requeued() == {"early"}
    await made.stop()


@in_virtual_time
async def test_a_device_that_gets_free_wakes_whom_kube_scheduler_has_tried_too_early() -> None:
    made = await full()
    await asyncio.sleep(100)
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(2)
    assert made.requeued() == set()
    await asyncio.sleep(3)
    assert made.requeued() == {"p0"}
    await made.stop()


def _user(cpu: str = "5", phase: str = "Running") -> dict[str, Any]:
    """A Pod without devices on n1."""
    raw = using("user", cpu=cpu)
    del raw["metadata"]["uid"]
    return raw | {"spec": raw["spec"] | {"nodeName": "n1"}, "status": {"phase": phase}}


def _nominated(node_name: str = "n1") -> dict[str, Any]:
    """A Pod without devices that kube-scheduler has evicted others for."""
    raw = _user("8")
    spec = {key: value for key, value in raw["spec"].items() if key != "nodeName"}
    return raw | {"spec": spec | {"priority": 9}, "status": {"nominatedNodeName": node_name}}


ROOM_IS_MADE: dict[str, Callable[[FakeApiServer], object]] = {
    "a Pod is deleted": lambda server: server.remove("v1", "pods", "user", "default"),
    "a Pod ends": lambda server: server.put("v1", "pods", _user(phase="Succeeded")),
    "a Pod gets smaller": lambda server: server.put("v1", "pods", _user("1")),
    "the node gets larger": lambda server: server.put("v1", "nodes", with_room("n1", cpu="20")),
}


NOT_NOMINATED: dict[str, Callable[[FakeApiServer], object]] = {
    "a nominated Pod is deleted": lambda server: server.remove("v1", "pods", "user", "default"),
    "a Pod is nominated for another node": lambda server: server.put("v1", "pods", _nominated("n2")),
}


@pytest.mark.parametrize(
    ("user", "room_is_made"),
    [
        *(pytest.param(_user(), change, id=name) for name, change in ROOM_IS_MADE.items()),
        *(pytest.param(_nominated(), change, id=name) for name, change in NOT_NOMINATED.items()),
    ],
)
@in_virtual_time
async def test_room_beside_devices_that_take_cpu_wakes_whom_kube_scheduler_has_tried_too_early(
    user: dict[str, Any], room_is_made: Callable[[FakeApiServer], object]
) -> None:
    made = await waiting(0, slice_of("n1", mapped("d0", "6")))
    made.server.put("v1", "nodes", with_room("n1"))
    made.server.put("v1", "pods", user)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    await asyncio.sleep(10)
    refuse(made, "p0", "c0")
    await asyncio.sleep(100)
    assert made.requeued() == set()
    room_is_made(made.server)
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_who_is_asked_about_again_in_time_is_not_woken() -> None:
    made = await full()
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(1)
    made.requeuer.passed(made.state.pods["default", "p0"], ())
    await asyncio.sleep(60)
    assert made.requeued() == set()
    await made.stop()


@in_virtual_time
async def test_a_watch_that_is_resumed_late_wakes() -> None:
    made = await full()
    broken = Fault(lambda call: call.path.endswith("/resourceclaims") and call.is_watch, times=4, status=500)
    made.server.faults.append(broken)
    made.server.break_watches()
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(90)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_what_is_heard_while_the_filter_is_under_way_counts() -> None:
    made = await full()
    await asyncio.sleep(1)
    position = made.state.inventory.changes.position
    waiting_pod = made.state.pods["default", "p0"]
    made.requeuer.passed(waiting_pod, ())
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(60)
    made.requeuer.refused(waiting_pod, position)
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_what_changes_while_others_are_woken_counts() -> None:
    made = await waiting(100)
    holder = claim("holder") | {"status": {"allocation": allocation("n2", "x0")}}
    for raw in (holder, claim("cz")):
        made.server.put(DRA, "resourceclaims", raw)
    await asyncio.sleep(1)
    made.server.put(DRA, "resourceslices", slice_of("n2", device("x0")))
    await asyncio.sleep(10)
    made.server.put(DRA, "resourceslices", slice_of("n1", *(device(f"d{i}") for i in range(100))))
    await asyncio.sleep(1)
    assert 0 < made.requeuer.requeued < 50
    refuse(made, "z", "cz")
    await asyncio.sleep(0.5)
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(60)
    assert "z" in made.requeued()
    await made.stop()


@in_virtual_time
async def test_the_end_of_an_earlier_pod_of_that_name_does_not_count() -> None:
    """A StatefulSet's: kube-scheduler may ask for the new one before the old one's end is heard of here."""
    made = await waiting(1)
    made.server.remove("v1", "pods", "p0", "default")
    refuse(made, "p0", "c0")
    await asyncio.sleep(5)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_who_passes_while_its_wake_waits_is_not_woken() -> None:
    made = await waiting(40)
    made.server.put(DRA, "resourceslices", slice_of("n1", *(device(f"d{i}") for i in range(40))))
    await asyncio.sleep(0.6)
    for item in made.state.pods.values():
        made.requeuer.passed(item, ())
    before = made.requeued()
    assert len(before) < 40
    await asyncio.sleep(10)
    assert len(made.requeued() - before) <= 1  # one may have been on its way
    await made.stop()


@in_virtual_time
async def test_a_wake_that_the_server_was_too_busy_for_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = await waiting(1)
    made.server.faults.append(Fault(lambda call: call.method == "PATCH", status=503, times=1))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(60)
    assert made.requeued() == {"p0"}
    assert len(caplog.messages) == 1
    await made.stop()


@in_virtual_time
async def test_pods_alike_are_tried_on_a_node_once() -> None:
    made = await waiting(300)
    searches = 0
    ask = PodEvaluation.answer

    def counted(evaluation: PodEvaluation, name: str) -> Any:
        nonlocal searches
        searches += 1
        return ask(evaluation, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEvaluation, "answer", counted)
        made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
        await asyncio.sleep(5)
    assert made.requeuer.looked_at == 300
    assert searches == 2  # the first finds the device, the second that there is no other
    await made.stop()


@in_virtual_time
async def test_others_are_served_while_a_claim_is_hard() -> None:
    """A search that is given up after a second, with the loop free all the time."""
    made = await waiting(0)
    made.server.put(DRA, "resourceclaims", claim("c0"))
    refuse(made, "hard", "c0")
    await asyncio.sleep(5)
    turns = 0
    clock = asyncio.get_running_loop()._counter  # type: ignore[attr-defined]

    def endless(_evaluation: PodEvaluation, _name: str) -> Any:
        nonlocal turns
        while True:
            turns += 1
            clock.now += 0.01  # what each step takes
            pause()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PodEvaluation, "answer", endless)
        made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
        await asyncio.sleep(0.4)
        served = 0
        while served < 100:
            served += 1
            await asyncio.sleep(0)
        assert turns >= 50
        await asyncio.sleep(5)
        ended = turns
        await asyncio.sleep(5)
        assert turns == ended
    assert made.requeued() == set()
    await made.stop()


@in_virtual_time
async def test_a_list_made_again_wakes_whom_it_shows_a_device_for() -> None:
    """What happened while a watch was away may be long heard of by kube-scheduler."""
    made = await full()
    made.server.faults.append(
        Fault(lambda call: call.path.endswith("/resourceclaims") and call.is_watch, times=1, status=410)
    )
    made.server.break_watches()
    made.server.remove(DRA, "resourceclaims", "holder", "default")
    await asyncio.sleep(40)
    assert made.requeued() == {"p0"}
    await made.stop()


@in_virtual_time
async def test_only_so_many_refused_pods_are_remembered() -> None:
    made = await waiting(0)
    requeuer = made.requeuer
    for index in range(10_005):
        item = parse(pod(f"q{index}"))
        assert isinstance(item, Pod)
        made.refuse(item)
    assert len(requeuer._refused) == 10_000
    await made.stop()


async def held(made: Waking, name: str) -> None:
    """The device is held for the Pod, as after a preemption, and its last holder goes."""
    holder = made.server.put(DRA, "resourceclaims", claim("low") | {"status": {"allocation": ONE}})
    await asyncio.sleep(10)
    waits = made.state.pods["default", name]
    made.refuse(waits)
    allocations = ((("default", "c0"), read_allocation(ONE)),)
    made.state.hold(Nomination(waits.meta.key, waits.meta.uid, waits.priority, "n1", allocations))
    made.server.put(DRA, "resourceclaims", holder | {"status": {}})


@in_virtual_time
async def test_a_pod_is_woken_for_what_is_held_for_it() -> None:
    made = await waiting(1, slice_of("n1", device("d0")), priorities=(9,))
    await held(made, "p0")
    await asyncio.sleep(10)
    assert made.requeued() == {"p0"}
    await made.stop()


@pytest.mark.parametrize(("priority", "woken"), [(8, set[str]()), (9, set[str]()), (10, {"p1"})])
def test_what_is_held_for_one_pod_wakes_only_more_urgent_ones(priority: int, woken: set[str]) -> None:
    @in_virtual_time
    async def run() -> None:
        made = await waiting(2, slice_of("n1", device("d0")), priorities=(9, priority))
        await held(made, "p0")
        first = made.state.pods["default", "p0"]
        made.requeuer.gone(first.meta.key, first.meta.uid)
        made.refuse(made.state.pods["default", "p1"])
        await asyncio.sleep(10)
        assert made.requeued() == woken
        await made.stop()

    run()


@in_virtual_time
async def test_a_pod_that_does_not_take_what_it_was_woken_for_leaves_it_to_the_next() -> None:
    """Its group has no room, say, or kube-scheduler does not want the node."""
    made = await waiting(4, priorities=(9, 5, 3, 1))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(5)
    assert made.requeued() == {"p0"}
    made.refuse(made.state.pods["default", "p0"])
    await asyncio.sleep(1)
    assert made.requeued() == {"p0", "p1"}
    # Nor does one that gets another node, or does not come back.
    made.requeuer.passed(made.state.pods["default", "p1"], ("n2",))
    await asyncio.sleep(1)
    assert made.requeued() == {"p0", "p1", "p2"}
    await asyncio.sleep(20)
    assert made.requeued() == {"p0", "p1", "p2", "p3"}
    assert made.requeuer.requeued == 4
    await made.stop()


@in_virtual_time
async def test_who_is_deleted_when_woken_leaves_it_to_the_next() -> None:
    made = await waiting(2, priorities=(9, 5))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(1)
    assert made.requeued() == {"p0"}
    made.server.remove("v1", "pods", "p0", "default")
    await asyncio.sleep(1)
    assert made.requeued() == {"p1"}
    await made.stop()


@in_virtual_time
async def test_the_others_are_not_tried_again_when_a_pod_takes_what_it_was_woken_for() -> None:
    made = await waiting(3, priorities=(9, 5, 3))
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(1)
    tried = made.requeuer.looked_at
    made.requeuer.passed(made.state.pods["default", "p0"], ("n1",))
    await asyncio.sleep(100)
    assert made.requeuer.looked_at == tried
    await made.stop()


@in_virtual_time
async def test_a_class_that_changes_while_a_pod_is_to_come_back_wakes_it_if_it_does_not() -> None:
    """It was woken for a device that is gone by then; with the new class it may have one elsewhere."""
    made = await waiting(1)
    narrow = f"device.attributes['{DRIVER}'].model == 'a'"
    made.server.put(DRA, "deviceclasses", device_class(expression=narrow))
    made.server.put(DRA, "resourceslices", slice_of("n2", device("d0", model="b")))
    await asyncio.sleep(5)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0", model="a")))
    await asyncio.sleep(1)
    assert made.requeuer.requeued == 1
    made.server.put(DRA, "resourceclaims", claim("holder") | {"status": {"allocation": ONE}})
    made.server.put(DRA, "deviceclasses", device_class())
    await asyncio.sleep(30)
    assert made.requeuer.requeued == 2
    await made.stop()


async def full_of_others(priority: int, **spec: Any) -> Waking:
    """A Pod of priority 5 requests 2 CPUs; all 4 CPUs of its only node are used by another Pod."""
    made = await waiting(0)
    allocatable = {"status": {"allocatable": {"cpu": "4", "pods": "10"}}}
    made.server.remove("v1", "nodes", "n2")
    made.server.put("v1", "nodes", node("n1") | allocatable)
    made.server.put(DRA, "resourceclaims", claim("c"))
    for raw, cpu in ((pod("other"), "4"), (pod("p", "c"), "2")):
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
        raw["spec"] |= {"nodeName": "n1", "priority": priority} if cpu == "4" else {"priority": 5, **spec}
        made.server.put("v1", "pods", raw)
    await asyncio.sleep(1)
    made.refuse(made.state.pods["default", "p"])
    return made


@pytest.mark.parametrize(
    ("priority", "policy", "woken"),
    [(4, "PreemptLowerPriority", {"p"}), (4, "Never", set[str]()), (5, "PreemptLowerPriority", set[str]())],
)
def test_a_device_wakes_a_pod_that_others_are_evicted_for(
    priority: int, policy: str, woken: set[str]
) -> None:
    """In-tree it is tried when the slice appears, and kube-scheduler evicts the other one."""

    @in_virtual_time
    async def run() -> None:
        made = await full_of_others(priority, preemptionPolicy=policy)
        made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
        await asyncio.sleep(5)
        assert made.requeued() == woken
        await made.stop()

    run()


@pytest.mark.parametrize(("cpu", "woken"), [("3", {"p"}), ("2", {"p", "q"})])
def test_a_pod_that_others_are_evicted_for_counts_beside_the_next_one(cpu: str, woken: set[str]) -> None:
    """These two cannot evict each other: devices are there for both, CPU is not."""

    @in_virtual_time
    async def run() -> None:
        made = await full_of_others(4)
        made.server.put(DRA, "resourceclaims", claim("d"))
        raw = pod("q", "d")
        raw["spec"] |= {"priority": 5}
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": cpu}}
        made.server.put("v1", "pods", raw)
        await asyncio.sleep(1)
        made.refuse(made.state.pods["default", "q"])
        made.server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
        await asyncio.sleep(5)
        assert made.requeued() == woken
        await made.stop()

    run()


@in_virtual_time
async def test_a_pod_that_kube_scheduler_does_not_send_again_is_woken_for_the_next_device() -> None:
    """It refuses all nodes itself, and a budget protects those that it would evict."""
    made = await full_of_others(4)
    made.server.put(DRA, "resourceslices", slice_of("n1", device("d0")))
    await asyncio.sleep(60)
    assert made.requeuer.requeued == 1
    made.server.put("v1", "nodes", node("n2"))
    made.server.put(DRA, "resourceslices", slice_of("n2", device("d0")))
    await asyncio.sleep(5)
    assert made.requeuer.requeued == 2
    await made.stop()


@pytest.mark.parametrize("ending", ["deleted", "failed"])
def test_the_end_of_a_pod_wakes_the_rest_of_its_labelled_group(ending: str) -> None:
    """They were refused because they did not fit together with it. kube-scheduler has no event for them."""

    @in_virtual_time
    async def run() -> None:
        server = FakeApiServer()
        server.put("v1", "nodes", node("n1"))
        server.put(DRA, "deviceclasses", device_class())
        server.put(DRA, "resourceslices", slice_of("n1", device("d0"), device("d1")))
        # Filter groups a Pod by the first of the labels that it has.
        labels = {
            "a": {"group": "g"},
            "b": {"group": "g", "set": "s"},
            "c": {"group": "other"},
            "d": {"set": "s"},
        }
        for name, own in labels.items():
            server.put(DRA, "resourceclaims", claim(name))
            raw = pod(name, name)
            raw["metadata"]["labels"] = own
            server.put("v1", "pods", raw)
        made = Waking(server)
        made.gang_labels = ("group", "set")
        await made.start()
        server.put("v1", "pods", pod("unrelated"))
        await asyncio.sleep(10)
        assert made.requeued() == set()
        (gone,) = (raw for raw in server.store.select(("", "pods")) if raw["metadata"]["name"] == "b")
        if ending == "deleted":
            server.remove("v1", "pods", "b", "default")
        else:
            server.put("v1", "pods", gone | {"status": {"phase": "Failed"}})
        await asyncio.sleep(1)
        assert made.requeued() == {"a"}
        await made.stop()

    run()
