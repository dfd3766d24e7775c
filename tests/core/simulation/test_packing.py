"""Tasks placed on nodes: the engine against a plain one, and the published policies point by point."""

from collections import Counter
from collections.abc import Sequence
from math import exp

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.simulation import published
from app.core.simulation.arrivals import Event, arrivals, recorded, shuffled
from app.core.simulation.gradient import ExpectedUsePolicy, Fgd
from app.core.simulation.packing import NodeState, Packing, PackingResult, TaskPolicy
from app.core.simulation.task_list import WHOLE, ListedNode, Task, read_nodes, read_tasks
from app.core.simulation.task_policies import TASK_POLICIES, task_policy
from tests.core.simulation.openb_like import draws, node_list, task_list

ANY: frozenset[str] = frozenset()


def task(cpu: int = 0, gpus: int = 1, share: int = WHOLE, memory: int = 0, models: str = "") -> Task:
    return Task(cpu, memory, gpus, share if gpus else 0, frozenset(filter(None, models.split("|"))))


def state(cpu: int, *shares: int, model: str = "A", guests: tuple[int, ...] = ()) -> NodeState:
    return NodeState(cpu, 1 << 20, tuple(sorted(shares)), model, guests)


@pytest.mark.parametrize(
    ("asked", "there", "fits"),
    [
        (task(cpu=1000), state(1000, WHOLE), True),
        (task(cpu=1001), state(1000, WHOLE), False),
        (task(memory=1 << 21), state(1000, WHOLE), False),
        (task(), state(1000, 999), False),
        (task(share=999), state(1000, 999), True),
        (task(gpus=2), state(1000, WHOLE, 500), False),
        (task(gpus=2), state(1000, WHOLE, WHOLE, 0), True),
        (task(gpus=0, cpu=5), state(5), True),
        (task(models="B"), state(1000, WHOLE), False),
        (task(models="A|B"), state(1000, WHOLE), True),
    ],
)
def test_a_task_fits_where_everything_it_asks_for_is_free(asked: Task, there: NodeState, fits: bool) -> None:
    assert there.fits(asked) is fits


def placed(policy: TaskPolicy, asked: Task, there: NodeState) -> tuple[float, int]:
    return policy.place(asked, there)


@pytest.mark.parametrize(
    ("policy", "asked", "there", "points"),
    [
        # 1 - (64/128 x 8/128 + 4/8 x 1/8) / 2
        (published.DotProduct(), task(cpu=8000), state(64000, *[WHOLE] * 4), 95),
        # a node that is idle: a third of 100 less a point for each GPU
        (published.GpuPacking(), task(), state(64000, *[WHOLE] * 8), 25),
        (published.GpuPacking(), task(gpus=2), state(64000, *[WHOLE] * 4, 0), 48),
        (published.GpuPacking(), task(share=300), state(64000, 400, WHOLE), 96),
        (published.GpuPacking(), task(gpus=0), state(64000, WHOLE), 0),
        # guests of the same kind alone, among others, none, only others; and a quarter for what is in use
        (published.Clustering(), task(), state(1, *[WHOLE] * 4, guests=(1,)), 87),
        (published.Clustering(), task(), state(1, *[WHOLE] * 4, guests=(0, 1)), 62),
        (published.Clustering(), task(), state(1, *[WHOLE] * 4), 37),
        (published.Clustering(), task(), state(1, *[WHOLE] * 4, guests=(0,)), 12),
        # 1 - (56/128 + 3/8) / 2
        (published.BestFit(), task(cpu=8000), state(64000, *[WHOLE] * 4), 59),
    ],
)
def test_points_of_published_policies(
    policy: TaskPolicy, asked: Task, there: NodeState, points: float
) -> None:
    assert placed(policy, asked, there)[0] == points


def test_fgd_counts_what_kinds_of_task_could_not_use() -> None:
    kinds = [task(cpu=8000)] * 2 + [task(cpu=8000, share=400)] * 2
    policy = Fgd(kinds)
    # Half of the tasks take 400: all but the GPU with 300 left is of use; the others want a whole one.
    assert policy.fragments(state(8000, 300, 500, WHOLE)) == pytest.approx(0.5 * 300 + 0.5 * 800)
    assert policy.fragments(state(7999, 300, 500, WHOLE)) == pytest.approx(1800)
    points, share = policy.place(task(cpu=0, share=300), state(8000, 300, 500, WHOLE))
    assert share == 300  # it is of no use to anybody
    assert points == int(100 / (1 + exp(-300 / WHOLE)))


def test_fgd_looks_at_the_kinds_that_make_most_of_the_list() -> None:
    rare = Fgd([task()] * 99 + [task(share=10)])
    assert rare.fragments(state(1, 500)) == pytest.approx(500)


def test_tasks_without_gpus_find_every_free_gpu_of_no_use() -> None:
    assert Fgd([task(gpus=0), task()]).fragments(state(1, WHOLE)) == pytest.approx(500)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FGD", "FGD"),
        ("fgd", "FGD"),
        ("best-fit", "BestFit"),
        ("dot-product", "DotProd"),
        ("packing", "GpuPacking"),
        ("clustering", "GpuClustering"),
        ("random", "Random"),
        ("expected-use", "expected-use"),
        ("best", None),
    ],
)
def test_policies_have_the_published_names_and_plain_ones(text: str, name: str | None) -> None:
    assert task_policy(text) == name


class PlainRun:
    """Each node by itself, all of them looked at for each task."""

    def __init__(self, nodes: Sequence[ListedNode], policy: TaskPolicy) -> None:
        self.states = [NodeState(n.cpu, n.memory, (WHOLE,) * n.gpus, n.model) for n in nodes]
        self.policy = policy

    def place(self, asked: Task) -> bool:
        best = None
        for rank, there in enumerate(self.states):
            if there.fits(asked):
                score, share = self.policy.place(asked, there)
                if best is None or score > best[0]:
                    best = score, rank, share
        if best is None:
            return False
        self.states[best[1]] = self.states[best[1]].after(asked, best[2])
        return True


TASKS = st.builds(
    task,
    cpu=st.sampled_from([0, 1000, 4000]),
    gpus=st.sampled_from([0, 1, 1, 1, 2]),
    memory=st.sampled_from([0, 10]),
).flatmap(
    lambda found: (
        st.just(found)
        if found.gpus != 1
        else st.sampled_from([300, 500, WHOLE]).map(lambda share: task(found.cpu, 1, share, found.memory))
    )
)
NODES = st.lists(
    st.builds(
        ListedNode,
        name=st.just("n"),
        cpu=st.sampled_from([4000, 9000]),
        memory=st.just(30),
        gpus=st.integers(0, 3),
        model=st.sampled_from("AB"),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(
    nodes=NODES,
    tasks=st.lists(TASKS, min_size=1, max_size=25),
    name=st.sampled_from(["GpuPacking", "FGD", "expected-use"]),
)
def test_nodes_in_one_state_are_judged_once_and_placed_as_if_looked_at_one_by_one(
    nodes: list[ListedNode], tasks: list[Task], name: str
) -> None:
    made = [TASK_POLICIES[name]([*tasks, task()], draws(1)) for _ in range(2)]
    nodes = [*nodes, ListedNode("last", 9000, 30, 2, "A")]
    plain = PlainRun(nodes, made[0])
    expected = Counter[str]()
    for asked in tasks:
        if plain.place(asked):
            expected[asked.kind] += 1
    run = Packing(nodes, made[1], 1)
    assert list(run.run([Event(at, asked) for at, asked in enumerate(tasks)])) == list(
        range(1, len(tasks) + 1)
    )
    assert run.result.placed == expected
    assert run.result.placed.total() + run.result.refused.total() == len(tasks)


def test_what_leaves_can_be_used_again() -> None:
    nodes = [ListedNode("n", 8000, 100, 2, "A")]
    half = task(share=500)
    run = Packing(nodes, published.GpuPacking(), 1)
    events = [Event(at, half) for at in range(4)] + [Event(1, half, comes=False), Event(2, half, comes=False)]
    events += [Event(9, task()), Event(10, half), Event(11, half)]
    list(run.run(events))
    assert run.result.placed == Counter({"500m": 6})
    assert run.result.refused == Counter({"1": 1})
    assert run.result.mean == pytest.approx(100 * (0.5 + 1 + 1.5 + 2 + 1 + 1.5 + 2) / 7 / 2)


def run_all(name: str, seed: int, *, models: bool = False) -> PackingResult:
    nodes, listed = read_nodes(node_list(), "n"), read_tasks(task_list(3, models=models), "t")
    draw = draws(seed)
    events = arrivals(listed, nodes, 1.3, draw)
    policy = TASK_POLICIES[name]([item.task for item in listed], draw)
    run = Packing(shuffled(nodes, draw), policy, seed)
    list(run.run(events))
    return run.result


@pytest.mark.parametrize("models", [False, True])
def test_expected_use_allocates_more_than_the_published_policies(models: bool) -> None:
    at_end = {
        name: sum(run_all(name, seed, models=models).at(130) for seed in range(5)) / 5
        for name in TASK_POLICIES
    }
    assert max(at_end, key=lambda name: at_end[name]) == ExpectedUsePolicy.name, at_end
    assert all(0 < share <= 100 for share in at_end.values())


def test_a_run_is_the_same_each_time() -> None:
    assert run_all("Random", 7) == run_all("Random", 7)


def test_departures_by_recorded_times_leave_the_nodes_empty() -> None:
    nodes, listed = read_nodes(node_list(), "n"), read_tasks(task_list(3, times=True), "t")
    run = Packing(nodes, ExpectedUsePolicy([item.task for item in listed]), 1)
    events = recorded(listed, "t")
    assert list(run.run(events))[-1] == len(events)
    run_again = run.run([Event(10_000, task(gpus=8, cpu=96000))])
    list(run_again)
    assert run.result.placed["8"] >= 1
    assert run.result.mean == pytest.approx(100 * 8 / 76)
