"""Who is refused because of Pods that are about to be bound is tried again when one of these ends."""

from collections.abc import Callable, Sequence

import pytest

from app.cluster.binding.node_pledges import NodePledges
from app.cluster.informers.informer import Deleted, Event, Replaced, Upserted
from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.cluster.virtual_time import in_virtual_time
from tests.node_allocatable import mapped, using, with_room
from tests.objects import slice_of

NODES = ("n1", "n2")


class Counting:
    """Three Pods that have been filtered count on both nodes: `refused` had no room beside them."""

    def __init__(self) -> None:
        self.state = State()
        for name in NODES:
            self.state.upsert(read(with_room(name)))
        self.state.upsert(read(slice_of("n1", mapped("a", "6"))))
        self.wakes = 0
        self.pledges = NodePledges(self.state, Features(), self._lifted)
        for name in ("first", "second", "third"):
            self.pledges.filtered(self.pod(name), NODES)
        self.block("refused", ["n1"])

    def _lifted(self) -> None:
        self.wakes += 1

    def block(self, name: str, nodes: Sequence[str]) -> None:
        self.pledges.blocked(self.pod(name), nodes, self.pledges.position)

    def raw(self, name: str) -> JsonObject:
        raw = using(name, cpu="4")
        return raw | {"metadata": raw["metadata"] | {"uid": f"uid-{name}"}}

    def pod(self, name: str) -> Pod:
        return read(self.raw(name))

    def bind(self, name: str, node: str) -> None:
        assert self.pledges.bind(self.pod(name), node, ()) is None

    def release_all(self) -> None:
        for name in ("first", "second", "third", "late"):
            self.pledges.release(f"uid-{name}")

    def come_and_go(self, number: int) -> None:
        for index in range(number):
            self.pledges.filtered(self.pod(f"more-{index}"), ["n2"])
            self.pledges.release(f"uid-more-{index}")

    def heard(self, event: Event) -> None:
        self.pledges.changed("Pod", event)


def read(raw: JsonObject) -> Pod:
    return parse(raw)  # type: ignore[return-value] # for the state, any kind


def test_each_end_is_a_chance_as_long_as_the_pod_waits() -> None:
    @in_virtual_time
    async def run() -> None:
        made = Counting()
        position = made.state.inventory.changes.position
        for number, name in enumerate(("first", "second", "third"), 1):
            made.pledges.release(f"uid-{name}")
            assert made.wakes == number
            assert made.state.inventory.changes.since(position) == {"n1"}

    run()


ENDS: dict[str, Callable[[Counting], None]] = {
    "it passes": lambda made: made.block("refused", ()),
    "it is deleted": lambda made: made.heard(Deleted(made.raw("refused"))),
    "it is gone from a list": lambda made: made.heard(Replaced((), (), (made.pod("refused").meta,))),
    "it has a node": lambda made: made.heard(
        Upserted(made.raw("refused") | {"spec": {"containers": [], "nodeName": "n2"}})
    ),
    "it has failed": lambda made: made.heard(Upserted(made.raw("refused") | {"status": {"phase": "Failed"}})),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_nobody_is_tried_again_for_a_pod_that_does_not_wait(end: Callable[[Counting], None]) -> None:
    @in_virtual_time
    async def run() -> None:
        made = Counting()
        end(made)
        position = made.state.inventory.changes.position
        made.pledges.release("uid-first")
        assert (made.wakes, made.state.inventory.changes.since(position)) == (0, set())
        assert not made.state.pledges.blocked

    run()


def test_the_others_still_wait() -> None:
    @in_virtual_time
    async def run() -> None:
        made = Counting()
        made.block("other", ["n2"])
        made.block("refused", ())
        made.pledges.release("uid-first")
        assert made.wakes == 1

    run()


MEANWHILE: dict[str, tuple[Callable[[Counting], None], set[str]]] = {
    "nothing": (lambda _made: None, set()),
    "another is deleted": (lambda made: made.pledges.release("uid-first"), {"n1"}),
    "another is bound elsewhere": (lambda made: made.bind("first", "n2"), {"n1"}),
    "another is bound here": (lambda made: made.bind("first", "n1"), set()),
    "all are deleted": (lambda made: made.release_all(), {"n1"}),
    "very many end": (lambda made: made.come_and_go(100), {"n1"}),
    "the Pod itself is refused": (lambda made: made.pledges.filtered(made.pod("late"), ()), set()),
}


@pytest.mark.parametrize(("meanwhile", "changed"), MEANWHILE.values(), ids=MEANWHILE)
def test_what_ends_while_a_pod_is_filtered_is_a_chance_for_it(
    meanwhile: Callable[[Counting], None], changed: set[str]
) -> None:
    """kube-scheduler binds one Pod while it filters the next one: that takes long with thousands of nodes."""

    @in_virtual_time
    async def run() -> None:
        made = Counting()
        made.block("refused", ())
        since, position = made.pledges.position, made.state.inventory.changes.position
        made.pledges.filtered(made.pod("late"), NODES)
        meanwhile(made)
        made.pledges.blocked(made.pod("late"), ["n1"], since)
        assert made.state.inventory.changes.since(position) == changed

    run()
