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
