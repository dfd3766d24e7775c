"""Which Pods to move: the fewest, by brute force over small cases, and never one that has to stay."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.dry_run import repack as module
from app.core.dry_run.repack import Repack, follow, repack
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.core.dry_run.moving import SIZES, Running, built, cluster, drawn, reachable, run, wanting
from tests.core.dry_run.states import rules
from tests.pausing import interrupted_after, interrupted_once_after


def planned(state: State, *waiting: Pod, most: int = module.MAX_MOVES) -> Repack:
    before = state.revision
    found = repack(state, waiting, sorted(state.nodes), rules(), most=most)
    assert state.revision == before
    return found


def shown(found: Repack) -> list[tuple[str, str, str]]:
    return [(move.pod.meta.name, move.source, move.answer.node) for move in found.moves]


def test_one_pod_makes_room_for_one_that_needs_a_whole_node() -> None:
    state = cluster(4, 4)
    run(state, wanting("a", "three"), "n0")
    run(state, wanting("b", "one"), "n1")

    found = planned(state, wanting("w", "four"))

    assert (found.outcome, found.minimal, shown(found)) == ("fits", True, [("b", "n1", "n0")])
    assert [item.chosen.node for item in found.placements if item.chosen] == ["n1"]
    assert [[device.device.device for device in claim.allocation.devices] for claim in found.moves[0].before
            if claim.allocation] == [["g0"]]  # fmt: skip


def test_nothing_moves_where_the_pod_fits_already() -> None:
    found = planned(cluster(4), wanting("w", "four"))
    assert (found.outcome, found.minimal, found.moves, found.text) == ("fits", True, (), "no Pod has to move")


def test_a_chain_is_found_that_no_single_node_shows() -> None:
    """``big`` fits nowhere until ``small`` has left, on a node that the waiting Pod cannot use."""
    state = cluster(4, 3, 1)
    run(state, wanting("big", "three"), "n0")
    run(state, wanting("small", "one"), "n1")

    found = planned(state, wanting("w", "four"))

    assert (found.outcome, found.minimal) == ("fits", True)
    assert shown(found) == [("small", "n1", "n2"), ("big", "n0", "n1")]


def test_a_detour_is_built_without_trying_all_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """``big`` fits on n1 once the small Pod there that may move has left."""
    monkeypatch.setattr(module, "MAX_TRIES", 0)
    state = cluster(4, 4, 1)
    run(state, wanting("big", "three"), "n0")
    run(state, wanting("small", "one"), "n1")
    run(state, wanting("fixed", "one", owner=None), "n1")

    found = planned(state, wanting("w", "four"))

    assert (found.outcome, found.minimal) == ("fits", False)
    assert shown(found) == [("small", "n1", "n2"), ("big", "n0", "n1")]


def test_a_detour_counts_against_the_limit_of_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TRIES", 0)
    state = cluster(4, 3, 1)
    run(state, wanting("big", "three"), "n0")
    run(state, wanting("small", "one"), "n1")
    assert planned(state, wanting("w", "four"), most=1).outcome != "fits"
    assert planned(state, wanting("w", "four"), most=2).outcome == "fits"


def test_several_waiting_pods_are_planned_together() -> None:
    state = cluster(4, 4, 4)
    for number in range(3):
        run(state, wanting(f"r{number}", "one"), f"n{number}")

    found = planned(state, wanting("w0", "four"), wanting("w1", "four"))

    assert (found.outcome, found.minimal, len(found.moves)) == ("fits", True, 2)
    assert len({item.chosen.node for item in found.placements if item.chosen}) == 2


def test_waiting_pods_that_fit_in_other_places_than_the_best_ones_need_no_move() -> None:
    """The first of them alone would go to the node that the second one needs."""
    state = cluster(4, 2)
    run(state, wanting("r", "one"), "n0")

    found = planned(state, wanting("w0", "one"), wanting("w1", "three"))

    assert (found.outcome, found.minimal, found.moves) == ("fits", True, ())
    assert [item.chosen.node for item in found.placements if item.chosen] == ["n1", "n0"]


STAYING: list[tuple[str, dict[str, Any]]] = [
    ("no controller would create it again", {"owner": None}),
    ("DaemonSet", {"owner": "DaemonSet"}),
    ("static Pod", {"annotations": {"kubernetes.io/config.mirror": "x"}}),
    ("annotated to stay", {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}}),
    ("annotated to stay", {"annotations": {"karpenter.sh/do-not-disrupt": "true"}}),
    ("being deleted", {"deletionTimestamp": "2026-11-29T00:00:00Z"}),
]


@pytest.mark.parametrize(
    ("reason", "metadata"), STAYING, ids=[f"{row[0]}-{n}" for n, row in enumerate(STAYING)]
)
def test_a_pod_that_may_not_move_stays_and_is_counted(reason: str, metadata: dict[str, Any]) -> None:
    state = cluster(2, 2)
    run(state, wanting("a", "one"), "n0")
    run(state, wanting("b", "one", **metadata), "n1")

    # The other one may move.
    found = planned(state, wanting("w", "two"))
    assert shown(found) == [("a", "n0", "n1")]
    assert found.stays == {reason: 1}


def test_pods_of_higher_priority_stay() -> None:
    state = cluster(2, 2)
    for number in range(2):
        run(state, replace(wanting(f"r{number}", "one"), priority=10), f"n{number}")

    found = planned(state, wanting("w", "two"))
    assert (found.outcome, found.stays) == ("impossible", {"higher priority": 2})
    assert planned(state, replace(wanting("w", "two"), priority=10)).outcome == "fits"


def budget(allowed: int) -> JsonObject:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "budget", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": "x"}}},
        "status": {"disruptionsAllowed": allowed},
    }


@pytest.mark.parametrize(("allowed", "outcome"), [(0, "impossible"), (1, "impossible"), (2, "fits")])
def test_a_budget_counts_each_move_of_the_plan(allowed: int, outcome: str) -> None:
    state = cluster(4, 1, 1)
    for number in range(2):
        run(state, wanting(f"r{number}", "one", labels={"app": "x"}), "n0")
    state.upsert(parse(budget(allowed)))  # type: ignore[arg-type]

    assert planned(state, wanting("w", "four")).outcome == outcome


def test_no_more_moves_than_allowed() -> None:
    state = cluster(4, 1, 1)
    for number in range(2):
        run(state, wanting(f"r{number}", "one"), "n0")
    assert planned(state, wanting("w", "four"), most=1).outcome == "impossible"


def test_what_is_interrupted_says_that_it_is_not_proven() -> None:
    state = cluster(4, 4)
    run(state, wanting("a", "one"), "n0")
    run(state, wanting("b", "one"), "n1")
    with interrupted_after(1):
        found = repack(state, [wanting("w", "four")], ["n0", "n1"], rules())
    assert (found.outcome, found.minimal) == ("unknown", False)


"""Node and devices of each running Pod."""


@pytest.mark.parametrize("pauses", range(1, 150, 12))
def test_the_search_ends_at_an_interruption(pauses: int) -> None:
    """Also at one while the waiting Pods are placed, which is most of the time."""
    state = cluster(4, 4, 4)
    for number in range(3):
        run(state, wanting(f"r{number}", "one"), f"n{number}")
    with interrupted_once_after(pauses) as since:
        planned(state, wanting("w0", "four"), wanting("w1", "four"))
    assert since[0] < 10


def fits_all(free: list[int], sizes: Sequence[int]) -> bool:
    """Whether Pods of these sizes fit beside each other."""
    if not sizes:
        return True
    return any(
        room >= sizes[0] and fits_all([*free[:at], room - sizes[0], *free[at + 1 :]], sizes[1:])
        for at, room in enumerate(free)
    )


def fewest(gpus: Sequence[int], running: Running, waiting: Sequence[int]) -> int | None:
    """The fewest moves, over all sequences in which each Pod moves once; None if none is enough."""
    enough = (moves for moves, free in reachable(gpus, running) if fits_all(free, waiting))
    return next(enough, None)


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_as_few_as_brute_force_finds(data: st.DataObject) -> None:
    gpus, running = drawn(data)
    waiting = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=2), label="waiting")
    names = {count: name for name, count in SIZES.items()}
    state = built(gpus, running)

    found = planned(state, *(wanting(f"w{number}", names[size]) for number, size in enumerate(waiting)))

    expected = fewest(gpus, running, waiting)
    if expected is None:
        assert found.outcome == "impossible"
    else:
        assert (found.outcome, found.minimal, len(found.moves)) == ("fits", True, expected)


def test_a_plan_that_holds_is_followed_and_one_that_does_not_says_where() -> None:
    state = cluster(4, 3, 1)
    run(state, wanting("big", "three"), "n0")
    run(state, wanting("small", "one"), "n1")
    waiting = [wanting("w", "four")]
    nodes = sorted(state.nodes)

    def followed(*steps: tuple[str, str]) -> Repack:
        before = state.revision
        found = follow(state, waiting, nodes, rules(), [(("default", name), to) for name, to in steps])
        assert state.revision == before
        return found

    found = followed(("small", "n2"), ("big", "n1"))
    assert (found.outcome, found.minimal, found.text) == ("fits", False, "2 Pod(s) to move, as planned")
    assert shown(found) == [("small", "n1", "n2"), ("big", "n0", "n1")]
    assert [item.chosen.node for item in found.placements if item.chosen] == ["n0"]

    assert followed(("big", "n1")).text == "step 1: Pod default/big does not fit on n1 (any more)"
    assert shown(followed(("small", "n2"), ("big", "n2"))) == [("small", "n1", "n2")]
    assert followed(("gone", "n1")).text == "step 1: Pod default/gone may not move (any more)"
    short = followed(("small", "n2"))
    assert (short.outcome, short.text[:45]) == ("impossible", "after these moves the waiting Pods do not fit")
    with interrupted_after(1):
        assert followed(("small", "n2")).outcome == "unknown"
