"""Devices on several nodes, each kept for the Pod until it shows which node it goes to."""

import asyncio
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cluster.binding.deciding import Decision, decide_on_nodes, decide_unchanged
from app.cluster.binding.reservations import DEFAULT_SECONDS
from app.cluster.informers.informer import Deleted, Upserted
from app.core.json_object import JsonObject
from app.core.pauses import InterruptedWorkError
from app.core.placement.node_result import NodeResult
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.cluster.binding.kept import Kept, own_claim
from tests.cluster.virtual_time import in_virtual_time, run
from tests.objects import DRIVER, device, pod


def a_and_b(**more: Any) -> Kept:
    return Kept(*own_claim("a"), *own_claim("b"), **more)


@in_virtual_time
async def test_devices_are_kept_on_each_node_until_the_bind_shows_the_choice() -> None:
    kept = a_and_b()
    assert (await kept.reserve("a", "n1", "n2", number=2)).nodes == ("n1", "n2")
    assert kept.taken() == {"n1/d0", "n2/d0"}
    assert (await kept.reserve("b", "n1", "n2", number=2)).nodes == ()
    assert kept.takes("a", "n2") == [("a-claim", "d0")]
    assert kept.taken() == {"n2/d0"}
    assert kept.lifted == 1
    assert (await kept.reserve("b", "n1", "n2", number=2)).nodes == ("n1",)


@in_virtual_time
async def test_the_claim_itself_has_no_devices_before_the_choice() -> None:
    kept = a_and_b()
    await kept.reserve("a", "n1", "n2", number=2)
    found = kept.state.claim(("default", "a-claim"))
    assert found is not None
    assert found.allocation is None
    assert kept.state.assumed == {}


@in_virtual_time
async def test_as_many_nodes_as_wanted_the_first_that_fit() -> None:
    kept = a_and_b(devices=(1, 0, 1, 1))
    reserved = await kept.reserve("a", "n1", "n2", "n3", "n4", number=2)
    assert reserved.nodes == ("n1", "n3")
    assert set(reserved.refused) == {"n2"}
    assert kept.taken() == {"n1/d0", "n3/d0"}


@pytest.mark.parametrize(
    ("name", "more"),
    [
        pytest.param("p", (), id="a claim by name"),
        pytest.param("r", (*own_claim("r"), pod("r", "r-claim", "c")), id="one of two by name"),
    ],
)
@in_virtual_time
async def test_one_node_for_a_claim_that_another_pod_may_share(
    name: str, more: tuple[JsonObject, ...]
) -> None:
    kept = Kept(*more, devices=(2, 2))
    assert (await kept.reserve(name, "n1", "n2", number=2)).nodes == ("n1",)
    assert kept.state.assumed


@in_virtual_time
async def test_the_nominated_node_is_the_choice_and_kept_as_long_as_it_is_named() -> None:
    kept = a_and_b()
    await kept.reserve("a", "n1", "n2", number=2)
    kept.notify("a", nominatedNodeName="n2")
    assert kept.taken() == {"n2/d0"}
    await asyncio.sleep(10 * DEFAULT_SECONDS)
    assert kept.takes("a", "n2") == [("a-claim", "d0")]


@in_virtual_time
async def test_news_from_before_the_filter_shows_no_choice() -> None:
    kept = a_and_b()
    for version in ("7", "8"):
        kept.put(pod("a", "a-claim") | {"metadata": pod("a")["metadata"] | {"resourceVersion": version}})
    await kept.reserve("a", "n1", "n2", number=2)
    kept.notify("a", meta={"resourceVersion": "7"}, nominatedNodeName="n2")
    assert kept.taken() == {"n1/d0", "n2/d0"}
    kept.notify("a", meta={"resourceVersion": "9"}, nominatedNodeName="n2")
    assert kept.taken() == {"n2/d0"}


@in_virtual_time
async def test_a_pod_that_was_bound_by_another_replica_keeps_nothing() -> None:
    kept = a_and_b()
    await kept.reserve("a", "n1", "n2", number=2)
    raw = pod("a")
    raw["spec"]["nodeName"] = "n1"
    kept.reservations.changed("Pod", Upserted(raw | {"status": {"nominatedNodeName": "n1"}}))
    assert kept.taken() == set()


@in_virtual_time
async def test_nothing_is_kept_anywhere_after_its_time() -> None:
    kept = a_and_b()
    await kept.reserve("a", "n1", "n2", number=2)
    await asyncio.sleep(DEFAULT_SECONDS + 1)
    assert kept.taken() == set()
    assert kept.reservations.ended == {"expired": 1}


@in_virtual_time
async def test_a_copy_of_the_state_without_the_pod_has_all_its_devices() -> None:
    kept = a_and_b()
    await kept.reserve("a", "n1", "n2", number=2)
    scratch = kept.state.fork()
    kept.reservations.forget_in(scratch, "uid-a")
    assert scratch.taken == {}
    assert kept.taken() == {"n1/d0", "n2/d0"}


@in_virtual_time
async def test_a_claim_that_another_pod_names_after_all_goes_where_that_pod_was_sent() -> None:
    kept = Kept(*own_claim("a"), pod("guest", "a-claim"), devices=(2, 2, 2))
    await kept.reserve("a", "n1", "n2", number=2)
    assert (await kept.reserve("guest", "n3")).nodes == ("n3",)
    assert kept.takes("a", "n1") is None
    assert kept.takes("guest", "n3") == [("a-claim", "d0")]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("filter", "bind", "nominate", "give up", "delete", "wait")),
        st.integers(0, 4),
        st.integers(0, 3),
    ),
    max_size=30,
)


@given(
    devices=st.lists(st.integers(0, 2), min_size=1, max_size=4),
    wanted=st.lists(st.integers(1, 2), min_size=5, max_size=5),
    shared=st.integers(0, 1),
    steps=STEPS,
)
def test_whoever_was_named_nodes_can_be_bound_on_any_of_them_whatever_the_others_do(
    devices: list[int], wanted: list[int], shared: int, steps: list[tuple[str, int, int]]
) -> None:
    run(Story(tuple(devices), wanted, shared).told(steps))


class Story:
    """Pods that are filtered and then bound, given up, deleted or forgotten, in any order.

    Beside the devices of the nodes there may be one that all nodes reach.
    """

    def __init__(self, devices: tuple[int, ...], wanted: list[int], shared: int) -> None:
        pods = [item for number, count in enumerate(wanted) for item in own_claim(f"p{number}", count)]
        self.kept = Kept(*pods, devices=devices)
        if shared:
            self.kept.put(_fabric())
        self.nodes = [f"n{number}" for number in range(1, len(devices) + 1)]
        self.wanted = dict(zip((f"p{number}" for number in range(5)), wanted, strict=True))
        self.named: dict[str, tuple[str, ...]] = {}
        self.bound: dict[str, set[str]] = {}

    async def told(self, steps: list[tuple[str, int, int]]) -> None:
        for step, number, choice in steps:
            name = f"p{number}"
            if step == "filter":
                await self.filter(name, choice)
            elif step == "wait":
                await asyncio.sleep(DEFAULT_SECONDS / 2 * choice)
            elif name in self.named:
                self.end(step, name, choice)
            self.check()
        for name in list(self.named):
            self.end("bind", name, len(name))
        self.check()
        assert len(self.kept.reservations) == 0

    async def filter(self, name: str, number: int) -> None:
        if name in self.bound:
            return
        self.kept.reservations.release(f"uid-{name}", "filtered")
        self.named.pop(name, None)
        free = self.free()
        reserved = await self.kept.reserve(name, *self.nodes, number=number + 1)
        able = [node for node in self.nodes if self.reachable(node, free) >= self.wanted[name]]
        assert list(reserved.nodes) == able[: number + 1]
        if able:
            self.named[name] = reserved.nodes

    def end(self, step: str, name: str, choice: int) -> None:
        nodes = self.named[name]
        if self.kept.reservations.of(f"uid-{name}") is None:  # expired
            del self.named[name]
        elif step == "bind":
            node = nodes[choice % len(nodes)]
            before = self.promised(name)[node]
            assert self.kept.reservations.take(self.kept.pod(name), node) is not None
            self.bound[name] = before
            del self.named[name]
        elif step == "nominate":
            self.named[name] = (nodes[choice % len(nodes)],)
            self.kept.notify(name, nominatedNodeName=self.named[name][0])
        else:
            metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
            if step == "delete":
                self.kept.reservations.changed("Pod", Deleted(pod(name)))
            else:
                self.kept.notify(name, meta=metadata)
            del self.named[name]

    def promised(self, name: str) -> dict[str, set[str]]:
        """The devices on each node, as long as they are kept."""
        found = self.kept.reservations.of(f"uid-{name}")
        return {
            place.node: {
                f"{item.device.pool}/{item.device.device}"
                for given in place.claim_allocations
                for item in given.allocation.devices
            }
            for place in (found.places if found is not None else ())
        }

    def check(self) -> None:
        """Whichever nodes are chosen, no two Pods get one device; and nothing else is taken."""
        kept = {name: self.promised(name) for name in self.named}
        for name, places in kept.items():
            assert not places or tuple(places) == self.named[name]
        for one, other in combinations([*kept.values(), *({"": held} for held in self.bound.values())], 2):
            assert not set().union(*one.values()) & set().union(*other.values())
        every = [held for places in kept.values() for held in places.values()]
        assert self.kept.taken() == set().union(*every, *self.bound.values())

    def free(self) -> set[str]:
        known = self.kept.state.inventory.slices.values()
        return {f"{item.pool}/{device.name}" for item in known for device in item.devices} - self.kept.taken()

    def reachable(self, node: str, free: set[str]) -> int:
        return sum(name.split("/")[0] in (node, "fabric") for name in free)


def _fabric() -> JsonObject:
    """A device that every node reaches."""
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": "fabric-slice"},
        "spec": {
            "driver": DRIVER,
            "allNodes": True,
            "pool": {"name": "fabric", "generation": 1, "resourceSliceCount": 1},
            "devices": [device("f0")],
        },
    }


class Slow(PodEvaluation):
    """Takes too long on n2; with ``news`` the state changes while it is at work for the first time."""

    news = False

    def renewed(self, state: State) -> PodEvaluation:  # noqa: ARG002 - as PodEvaluation's
        return self

    def answer(self, name: str, *, scored: bool = True) -> NodeResult:
        if self.news:
            self.news = False
            self.state.delete("Node", ("", "n1"))
        if name == "n2":
            raise InterruptedWorkError("too long")
        return super().answer(name, scored=scored)


@pytest.mark.parametrize(
    ("nodes", "news", "fitting", "late"),
    [
        pytest.param(("n1", "n2"), False, ["n1"], [], id="what was found so far counts"),
        pytest.param(("n2", "n1"), False, [], ["n1", "n2"], id="nothing was found"),
        pytest.param(("n3", "n2"), True, ["n3"], ["n2"], id="again, since the state has changed"),
        pytest.param(("n1", "n2"), True, [], ["n1", "n2"], id="the node has gone"),
    ],
)
@in_virtual_time
async def test_a_decision_that_takes_too_long_is_for_the_nodes_before(
    nodes: tuple[str, ...], news: bool, fitting: list[str], late: list[str]
) -> None:
    kept = a_and_b(devices=(1, 1, 1))
    evaluation = Slow(kept.state, kept.pod("a"), Rules(SelectorCache(), lambda: "s"))
    evaluation.news = news
    found = await decide_on_nodes(kept.state, evaluation, nodes, number=2, seconds=5.0)
    assert list(found.fitting) == fitting
    assert sorted(name for name, text in found.refused.items() if "timed out" in text) == late


class TooLongForOneStep(PodEvaluation):
    """The state changes in the first attempt, and the one without a pause takes too long."""

    attempts = 0

    def answer(self, name: str, *, scored: bool = True) -> NodeResult:
        TooLongForOneStep.attempts += 1
        match TooLongForOneStep.attempts:
            case 1:
                self.state.delete("Node", ("", "n2"))
            case 2:
                raise InterruptedWorkError("too long for one step")
        return super().answer(name, scored=scored)

    def renewed(self, state: State) -> PodEvaluation:
        return TooLongForOneStep(state, self.pod, self.rules)


@in_virtual_time
async def test_a_decision_begins_again_with_pauses_if_it_takes_too_long_without() -> None:
    kept = a_and_b(devices=(1, 1, 1))
    TooLongForOneStep.attempts = 0
    evaluation = TooLongForOneStep(kept.state, kept.pod("a"), Rules(SelectorCache(), lambda: "s"))
    found = await decide_on_nodes(kept.state, evaluation, ["n1"], number=1, seconds=5.0)
    assert (list(found.fitting), found.refused) == (["n1"], {})
    assert TooLongForOneStep.attempts == 3


@in_virtual_time
async def test_so_does_the_decision_of_a_bind() -> None:
    kept = a_and_b(devices=(1, 1, 1))
    attempts = 0

    def decide() -> Decision:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            kept.state.delete("Node", ("", "n2"))
        if attempts == 2:
            raise InterruptedWorkError("too long for one step")
        return ()

    assert await decide_unchanged(kept.state, decide, seconds=5.0) == ()
    assert attempts == 3
