"""The figure of the repack on the published trace, on a trace that is small enough to see it."""

import pytest

from app.core.simulation.task_list import WHOLE, ListedNode, Task
from bench.repack_openb import cluster, filled, repacked

NODES = [ListedNode(name, 64_000, 65_536, gpus, "A") for name, gpus in (("n0", 8), ("n1", 8), ("n2", 2))]
LARGE = Task(8_000, 8_192, 8, WHOLE, frozenset())
SMALL = Task(1_000, 1_024, 1, 500, frozenset({"A"}))


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, (0, 0, 0)), (1, (0, 1, 1)), (5, (0, 2, 3))],
    ids=["none may move", "one may", "all three fit on the small node"],
)
def test_pods_that_fit_without_and_with_moves(most: int, expected: tuple[int, int, int]) -> None:
    running = [(SMALL, 0, [3]), (SMALL, 1, [0]), (SMALL, 1, [1])]
    state = cluster(NODES, running)

    found = repacked(state, LARGE, most)

    assert (found["fitWithoutMoves"], found["fitAfterMoves"], found["moved"]) == expected


def test_the_cluster_is_filled_up_to_the_share() -> None:
    nodes, running = filled(NODES, [SMALL] * 40, "BestFit", 1, 0.5)
    assert sum(task.gpu for task, _, _ in running) == 9 * WHOLE
    state = cluster(nodes, running)
    assert len(state.pods) == 18
    held = [item for claim in state.claims() if claim.allocation for item in claim.allocation.devices]
    assert {str(dict(item.consumed_capacity)["shares"]) for item in held} == {"500"}


def test_what_stops_it_is_counted() -> None:
    """On n0 a Pod without GPUs holds the CPU. One of two Pods of n1 could go there, that of n3 could not."""
    full = Task(60_000, 1_024, 0, 0, frozenset())
    wide = Task(4_000, 1_024, 1, WHOLE, frozenset())
    small = Task(1_000, 1_024, 1, 500, frozenset())
    taken = Task(63_000, 1_024, 2, WHOLE, frozenset())
    state = cluster(
        [*NODES, ListedNode("n3", 64_000, 65_536, 8, "A")],
        [
            (full, 0, []),
            (wide, 1, [0]),
            (wide, 1, [1]),
            (small, 1, [2]),
            (taken, 2, [0, 1]),
            (LARGE, 3, range(8)),
        ],
    )

    stopped = repacked(state, Task(60_000, 8_192, 8, WHOLE, frozenset()), 5)["stopped"]

    assert stopped == {
        "nodes": 3,
        "noRoomWithoutAll": 1,
        "somePodFitsNowhereElse": 1,
        "eachFitsElsewhereNotAllTogether": 1,
        "pods": 5,
        "fitNowhereElse": 1,
        "nodesByPodsInTheWayThatFitNowhereElse": {1: 1},
    }
