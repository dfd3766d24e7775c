"""Where the successor of an evicted Pod is sent."""

import pytest

from app.cluster.binding.planned_moves import ANNOTATION, PlannedMoves
from app.cluster.informers.informer import Deleted, Replaced, Upserted
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from tests.objects import owned, pod


def of(name: str, owner: str = "w", to: str | None = None) -> JsonObject:
    raw = owned(pod(name), "ReplicaSet", owner, owner, "apps/v1")
    if to is not None:
        raw["metadata"]["annotations"] = {ANNOTATION: to}
    return raw


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.moves = PlannedMoves(lambda: self.now)

    def seen(self, raw: JsonObject) -> None:
        self.moves.changed("Pod", Upserted(raw))

    def node_for(self, raw: JsonObject) -> str:
        item = parse(raw)
        assert isinstance(item, Pod)
        return self.moves.node_for(item)


def test_the_first_new_pod_of_the_controller_goes_there_and_no_other() -> None:
    scene = Scene()
    scene.seen(of("old", to="n2"))
    scene.moves.changed("Pod", Deleted(of("old", to="n2")))
    assert scene.node_for(of("other", "v")) == ""
    assert scene.node_for(pod("alone")) == ""
    # However often it is filtered.
    assert [scene.node_for(of("new")), scene.node_for(of("new"))] == ["n2", "n2"]
    assert scene.node_for(of("newer")) == ""


def test_each_move_has_its_successor() -> None:
    scene = Scene()
    scene.moves.changed("Pod", Replaced((), (of("a", to="n2"), of("b", to="n3"), of("c")), ()))
    # An old Pod is seen again while it leaves.
    assert scene.node_for(of("d")) == "n2"
    scene.seen(of("a", to="n2"))
    assert [scene.node_for(of("e")), scene.node_for(of("f")), scene.node_for(of("d"))] == ["n3", "", "n2"]


@pytest.mark.parametrize("why", ["taken back", "too old", "of another kind"])
def test_a_move_that_does_not_happen_is_forgotten(why: str) -> None:
    scene = Scene()
    scene.moves.changed("Node" if why == "of another kind" else "Pod", Upserted(of("old", to="n2")))
    if why == "taken back":
        scene.seen(of("old"))
    if why == "too old":
        scene.now = 301
    assert scene.node_for(of("new")) == ""


def test_not_more_are_kept_than_a_thousand() -> None:
    scene = Scene()
    for number in range(1_001):
        scene.seen(of(f"p{number}", f"w{number}", to="n2"))
    assert [scene.node_for(of("new", f"w{number}")) for number in (0, 1, 1_000)] == ["", "n2", "n2"]
