"""Devices that are kept for a Pod from its filter to its bind."""

import asyncio
from collections.abc import Callable
from itertools import chain

import pytest

from app.cluster.binding.attempts import SIGN_SECONDS
from app.cluster.binding.reservations import DEFAULT_SECONDS, RESTORED_SECONDS
from app.cluster.informers.informer import Deleted, Event, ObjectKey, Replaced, Upserted
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from tests.attack.loop_meter import LoopMeter
from tests.cluster.binding.kept import Kept
from tests.cluster.virtual_time import in_virtual_time
from tests.objects import allocation, claim, device, pod, slice_of


def unschedulable(message: str, since: str) -> JsonObject:
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": f"2026-01-01T00:{since}Z",
    }


@in_virtual_time
async def test_what_is_kept_for_one_pod_is_taken_for_all_others_until_its_bind_takes_it_over() -> None:
    kept = Kept()
    assert (await kept.reserve("p")).nodes == ("n1",)
    refused = await kept.reserve("q")
    assert refused.nodes == ()
    assert "in use" in refused.refused["n1"]
    assert kept.takes("p") == [("c", "d0")]
    assert kept.taken() == {"n1/d0"}
    assert kept.reservations.ended == {"bound": 1}
    assert kept.lifted == 0


@in_virtual_time
async def test_the_next_filter_of_the_pod_decides_anew() -> None:
    kept = Kept()
    await kept.reserve("p", "n1")
    kept.reservations.release("uid-p", "filtered")
    assert kept.taken() == set()
    await kept.reserve("p", "n2")
    assert kept.taken() == {"n2/d0"}
    assert kept.lifted == 1


ENDS: dict[str, Callable[[Kept], None]] = {
    "being deleted": lambda kept: kept.notify("p", meta={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
    "deleted": lambda kept: kept.reservations.changed("Pod", Deleted(pod("p"))),
    "gone from a list": lambda kept: kept.reservations.changed(
        "Pod", Replaced((), (), (ObjectKey("default", "p", "uid-p"),))
    ),
    "unschedulable since": lambda kept: kept.notify("p", conditions=[unschedulable("no volume", "01:01")]),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
@in_virtual_time
async def test_devices_are_free_as_soon_as_the_pod_is_given_up(end: Callable[[Kept], None]) -> None:
    kept = Kept()
    await kept.reserve("p")
    end(kept)
    assert kept.taken() == set()
    assert kept.reservations.ended == {"given_up": 1}
    assert kept.lifted == 1


STAYS: dict[str, Event] = {
    "an attempt before the filter, written late": Upserted(
        pod("p") | {"status": {"conditions": [unschedulable("no claim yet", "00:59")]}}
    ),
    "an attempt in the same second": Upserted(
        pod("p") | {"status": {"conditions": [unschedulable("no claim yet", "01:00")]}}
    ),
    "another Pod": Upserted(pod("q") | {"status": {"conditions": [unschedulable("no port", "02:00")]}}),
    "an earlier Pod of the name": Deleted(pod("p", uid="another")),
    "an annotation": Upserted(pod("p") | {"metadata": {"uid": "uid-p", "annotations": {"a": "b"}}}),
}


@pytest.mark.parametrize("event", STAYS.values(), ids=STAYS)
@in_virtual_time
async def test_what_says_nothing_of_the_pods_scheduling_ends_nothing(event: Event) -> None:
    kept = Kept()
    await kept.reserve("p")
    kept.reservations.changed("Pod", event)
    assert kept.taken() == {"n1/d0"}


@in_virtual_time
async def test_nothing_is_kept_for_longer_than_its_time() -> None:
    kept = Kept()
    await kept.reserve("p")
    await asyncio.sleep(DEFAULT_SECONDS - 1)
    assert kept.taken() == {"n1/d0"}
    await asyncio.sleep(2)
    assert kept.taken() == set()
    assert kept.reservations.ended == {"expired": 1}
    assert kept.takes("p") is None


@in_virtual_time
async def test_while_kube_scheduler_names_the_node_devices_are_kept_and_no_longer() -> None:
    kept = Kept()
    await kept.reserve("p")
    kept.notify("p", nominatedNodeName="n1")
    await asyncio.sleep(10 * DEFAULT_SECONDS)
    assert kept.taken() == {"n1/d0"}
    kept.notify("p", nominatedNodeName="")
    assert kept.taken() == set()
    assert kept.reservations.ended == {"given_up": 1}


@in_virtual_time
async def test_a_claim_of_several_pods_is_kept_until_the_last_of_them() -> None:
    kept = Kept(pod("r", "c"))
    await kept.reserve("p")
    assert (await kept.reserve("r", "n2")).nodes == ()
    assert (await kept.reserve("r", "n1")).nodes == ("n1",)
    kept.reservations.release("uid-p", "given_up")
    assert kept.taken() == {"n1/d0"}
    kept.reservations.release("uid-r", "given_up")
    assert kept.taken() == set()


OVERTAKEN: dict[str, Callable[[Kept], None]] = {
    "the devices have changed": lambda kept: kept.put(slice_of("n1", device("other"))),
    "the node has gone": lambda kept: kept.state.delete("Node", ("", "n1")),
    "the claim has gone": lambda kept: kept.state.delete("ResourceClaim", ("default", "c")),
    "it is another claim": lambda kept: kept.put(
        claim("c") | {"metadata": {"name": "c", "namespace": "default", "uid": "another"}}
    ),
    "somebody else has allocated it": lambda kept: kept.put(
        claim("c") | {"status": {"allocation": allocation("n2", "d0")}}
    ),
}


@pytest.mark.parametrize("change", OVERTAKEN.values(), ids=OVERTAKEN)
@in_virtual_time
async def test_a_bind_decides_anew_where_what_was_kept_holds_no_more(change: Callable[[Kept], None]) -> None:
    kept = Kept()
    await kept.reserve("p")
    change(kept)
    assert kept.takes("p") is None
    assert kept.state.assumed == {}
    assert kept.reservations.ended == {"overtaken": 1}


@in_virtual_time
async def test_a_bind_to_another_node_takes_nothing_over() -> None:
    kept = Kept()
    await kept.reserve("p", "n1")
    assert kept.takes("p", "n2") is None
    assert kept.taken() == set()


@in_virtual_time
async def test_a_new_term_keeps_nothing_of_the_one_before() -> None:
    kept = Kept(devices=(2, 2))
    await kept.reserve("p")
    await kept.reserve("q")
    kept.reservations.clear()
    assert kept.taken() == set()
    assert len(kept.reservations) == 0


@in_virtual_time
async def test_bind_goes_by_the_pod_as_filter_was_sent_it_where_that_is_newer() -> None:
    kept = Kept()
    old, new = (
        parse(pod("p", "c") | {"metadata": pod("p")["metadata"] | {"resourceVersion": v}}) for v in "12"
    )
    assert isinstance(old, Pod)
    assert isinstance(new, Pod)
    await kept.reservations.reserve(new, ["n1"])
    assert kept.reservations.newest(old) is new
    newest = parse(pod("p", "c") | {"metadata": pod("p")["metadata"] | {"resourceVersion": "3"}})
    assert isinstance(newest, Pod)
    assert kept.reservations.newest(newest) is newest


def chosen_for(raw: JsonObject, on: str, **more: JsonObject) -> JsonObject:
    """A Pod that kube-scheduler has a node for."""
    return raw | {"status": {"nominatedNodeName": on}} | more


@in_virtual_time
async def test_a_new_process_begins_with_the_pods_that_have_a_node_already() -> None:
    kept = Kept(chosen_for(pod("p", "c"), "n2"))
    await kept.reservations.restore()
    assert kept.taken() == {"n2/d0"}
    assert (await kept.reserve("q", "n2")).nodes == ()
    await asyncio.sleep(RESTORED_SECONDS - 1)
    assert kept.takes("p", "n2") == [("c", "d0")]


def test_many_pods_that_have_a_node_already_are_restored_in_short_turns() -> None:
    pods = [
        (chosen_for(pod(f"p{number}", f"c{number}"), f"n{number % 50 + 1}"), claim(f"c{number}"))
        for number in range(300)
    ]
    kept, meter = Kept(*chain.from_iterable(pods), devices=(8,) * 50), LoopMeter()

    async def restored() -> None:
        with meter.measuring():
            await asyncio.create_task(kept.reservations.restore())

    asyncio.run(restored())
    assert len(kept.taken()) == 300
    assert meter.most_calls < 8_000, meter.where


@in_virtual_time
async def test_of_two_pods_for_one_device_the_more_important_one_has_it() -> None:
    q = pod("q", "d")
    q["spec"]["priority"] = 7
    kept = Kept(chosen_for(pod("p", "c"), "n1"), chosen_for(q, "n1"))
    await kept.reservations.restore()
    assert kept.reservations.of("uid-p") is None
    assert kept.takes("q", "n1") == [("d", "d0")]


RESTORED_ENDS: dict[str, Callable[[Kept], None]] = {
    "kube-scheduler names no node any more": lambda kept: kept.notify("p"),
    "it names another": lambda kept: kept.notify("p", nominatedNodeName="n1"),
    "deleted": lambda kept: kept.reservations.changed("Pod", Deleted(pod("p"))),
    "refused since": lambda kept: kept.notify(
        "p", nominatedNodeName="n2", conditions=[unschedulable("no volume", "01:01")]
    ),
}


@pytest.mark.parametrize("end", RESTORED_ENDS.values(), ids=RESTORED_ENDS)
@in_virtual_time
async def test_what_a_new_process_begins_with_ends_as_any_other(end: Callable[[Kept], None]) -> None:
    kept = Kept(chosen_for(pod("p", "c"), "n2"))
    await kept.reservations.restore()
    kept.notify("p", nominatedNodeName="n2", conditions=[unschedulable("earlier", "00:59")])
    assert kept.taken() == {"n2/d0"}
    end(kept)
    assert kept.taken() == set()


@in_virtual_time
async def test_a_new_process_does_not_begin_with_more_than_it_must_nor_for_ever() -> None:
    gated = pod("q", "d")
    gated["spec"]["schedulingGates"] = [{"name": "wait"}]
    kept = Kept(chosen_for(pod("p", "c"), "n2"), chosen_for(gated, "n1"), pod("r", "c"))
    await kept.reservations.restore()
    assert kept.taken() == {"n2/d0"}
    await asyncio.sleep(RESTORED_SECONDS + 1)
    assert kept.taken() == set()


@in_virtual_time
async def test_a_later_term_keeps_what_a_pod_waits_with_that_was_tried_in_vain_before() -> None:
    """Another replica has led meanwhile, and kube-scheduler goes on with the Pod: it waits for its volume."""
    kept = Kept()
    for _ in range(3):
        await kept.reserve("p", "n2")
        kept.reservations.release("uid-p", "filtered")
    kept.reservations.clear()
    kept.put(chosen_for(pod("p", "c"), "n2"))
    await kept.reservations.restore()
    await asyncio.sleep(RESTORED_SECONDS - 1)
    assert kept.takes("p", "n2") == [("c", "d0")]


@in_virtual_time
async def test_a_condition_of_the_same_second_leaves_kube_scheduler_little_time() -> None:
    """It is of this attempt or the one before: if kube-scheduler goes on, a bind or a node follows."""
    kept = Kept()
    await kept.reserve("p")
    kept.notify("p", conditions=[unschedulable("no volume", "01:00")])
    await asyncio.sleep(SIGN_SECONDS - 0.1)
    assert kept.taken() == {"n1/d0"}
    await asyncio.sleep(0.2)
    assert kept.taken() == set()
    assert kept.lifted == 1


@in_virtual_time
async def test_where_kube_scheduler_shows_no_choice_a_pod_that_waits_keeps_its_whole_time() -> None:
    """Before Kubernetes 1.35 a Pod that waits for its volume looks like one that was given up."""
    kept = Kept(version="1.34")
    for _ in range(3):
        await kept.reserve("p")
        kept.reservations.release("uid-p", "filtered")
    await kept.reserve("p")
    kept.notify("p", conditions=[unschedulable("no volume", "01:00")])
    await asyncio.sleep(DEFAULT_SECONDS - 0.1)
    assert kept.taken() == {"n1/d0"}


@in_virtual_time
async def test_a_nominated_node_is_a_sign() -> None:
    kept = Kept()
    await kept.reserve("p")
    kept.notify("p", conditions=[unschedulable("no volume", "01:00")])
    kept.notify("p", nominatedNodeName="n1", conditions=[unschedulable("no volume", "01:00")])
    await asyncio.sleep(DEFAULT_SECONDS)
    assert kept.taken() == {"n1/d0"}


@in_virtual_time
async def test_another_message_of_a_condition_that_stays_false_leaves_little_time() -> None:
    was = pod("p", "c") | {"status": {"conditions": [unschedulable("no port", "00:10")]}}
    kept = Kept(was)
    await kept.reserve("p")
    kept.notify("p", conditions=[unschedulable("no port", "00:10")])
    await asyncio.sleep(SIGN_SECONDS + 0.1)
    assert kept.taken() == {"n1/d0"}
    kept.notify("p", conditions=[unschedulable("no volume", "00:10")])
    await asyncio.sleep(0.1)
    assert kept.taken() == set()


def grouped(name: str, claim_name: str) -> JsonObject:
    raw = pod(name, claim_name)
    raw["spec"]["schedulingGroup"] = {"podGroupName": "g"}
    return raw


async def tried(kept: Kept) -> None:
    """kube-scheduler filters both Pods of the group, as it did before: the cluster shows nothing of that."""
    for name, on in (("p", "n1"), ("q", "n2")):
        kept.reservations.release(f"uid-{name}", "filtered")
        await kept.reserve(name, on)
        await asyncio.sleep(SIGN_SECONDS * 0.75)


@in_virtual_time
async def test_a_group_that_is_tried_again_and_again_holds_its_devices_only_meanwhile() -> None:
    """One of its Pods lacks CPU: the others have devices in each attempt, and none of them is ever bound."""
    kept = Kept(grouped("p", "c"), grouped("q", "d"))
    await tried(kept)
    await asyncio.sleep(10)
    for _ in range(3):
        await tried(kept)
        assert kept.taken() == {"n1/d0", "n2/d0"}
        await asyncio.sleep(SIGN_SECONDS)
        assert kept.taken() == set()
        await asyncio.sleep(10)


@in_virtual_time
async def test_a_pod_that_is_tried_again_and_again_holds_its_devices_only_meanwhile() -> None:
    """Another extender refuses its node each time."""
    kept = Kept()
    await kept.reserve("p")
    await asyncio.sleep(10)
    kept.reservations.release("uid-p", "filtered")
    await kept.reserve("p")
    await asyncio.sleep(SIGN_SECONDS + 0.1)
    assert kept.taken() == {"n1/d0"}  # once may be a chance
    for _ in range(3):
        await asyncio.sleep(10)
        kept.reservations.release("uid-p", "filtered")
        await kept.reserve("p")
        await asyncio.sleep(SIGN_SECONDS + 0.1)
        assert kept.taken() == set()


@in_virtual_time
async def test_a_labelled_group_keeps_its_plan_until_its_pods_are_filtered() -> None:
    """kube-scheduler tries its Pods one by one: those of a large group later than in the short time."""
    kept = Kept()
    for _ in range(3):
        await kept.reserve("p")
        found = kept.reservations.of("uid-p")
        kept.reservations.release("uid-p", "filtered")
    assert found is not None
    kept.reservations.plan(kept.pod("p"), "n1", found.places[0].claim_allocations, "label=g")
    await asyncio.sleep(SIGN_SECONDS * 3)
    assert kept.taken() == {"n1/d0"}
    assert kept.reservations.confirm(kept.pod("p"), "label=g") == "n1"
    await asyncio.sleep(SIGN_SECONDS + 0.1)
    assert kept.taken() == set()


@in_virtual_time
async def test_after_a_bind_that_was_refused_a_pod_keeps_its_devices_as_long_as_at_first() -> None:
    kept = Kept()
    for _ in range(3):
        await kept.reserve("p")
        kept.reservations.release("uid-p", "filtered")
    await kept.reserve("p")
    assert kept.takes("p") == [("c", "d0")]
    kept.state.forget(("default", "c"), "uid-p")
    await kept.reserve("p")
    await asyncio.sleep(DEFAULT_SECONDS - 1)
    assert kept.taken() == {"n1/d0"}


@in_virtual_time
async def test_a_bind_that_comes_too_late_shows_that_the_pod_was_not_given_up() -> None:
    """Before 1.35 kube-scheduler gives no other sign while a volume takes long: the next attempt has time."""
    kept = Kept()
    for _ in range(3):
        await kept.reserve("p")
        kept.reservations.release("uid-p", "filtered")
    await kept.reserve("p")
    await asyncio.sleep(SIGN_SECONDS + 1)
    assert kept.taken() == set()
    assert kept.takes("p") is None
    await kept.reserve("p")
    await asyncio.sleep(DEFAULT_SECONDS - 1)
    assert kept.taken() == {"n1/d0"}


SIGNS: dict[str, Callable[[Kept], None]] = {
    "bound": lambda kept: kept.reservations.take(kept.pod("p"), "n1") and None,
    "waits for its volume": lambda kept: kept.notify("p", nominatedNodeName="n1"),
}


@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
@in_virtual_time
async def test_a_group_that_kube_scheduler_goes_on_with_keeps_its_devices(
    sign: Callable[[Kept], None],
) -> None:
    kept = Kept(grouped("p", "c"), grouped("q", "d"))
    await tried(kept)
    await tried(kept)
    sign(kept)
    await asyncio.sleep(SIGN_SECONDS * 2)
    assert kept.takes("q", "n2") == [("d", "d0")]
