"""Reading lists, and the order in which their tasks come."""

import pytest

from app.core.simulation.arrivals import Event, arrivals, recorded
from app.core.simulation.task_list import (
    WHOLE,
    ListedNode,
    ListedTask,
    Task,
    TaskListError,
    read_nodes,
    read_tasks,
)
from tests.core.simulation.openb_like import draws, node_list, task_list

NODE_HEAD = "sn,cpu_milli,memory_mib,gpu,model"
TASK_HEAD = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time"


def test_nodes_and_tasks_are_read_with_all_they_say() -> None:
    assert read_nodes([NODE_HEAD, "n,64000,262144,2,P100"], "n.csv") == [
        ListedNode("n", 64000, 262144, 2, "P100")
    ]
    (found,) = read_tasks([TASK_HEAD, "a,3152,5600,1,810,T4|P100,7,9"], "t.csv")
    assert found == ListedTask("a", Task(3152, 5600, 1, 810, frozenset({"T4", "P100"})), 7, 9)
    assert found.task.gpu == 810


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("a,1,1,0,0,,,", "0"),
        ("a,1,1,1,810,,,", "810m"),
        ("a,1,1,1,1000,,,", "1"),
        ("a,1,1,1,2000,,,", "1"),
        ("a,1,1,8,1000,,,", "8"),
    ],
)
def test_a_kind_is_named_by_its_gpus(row: str, kind: str) -> None:
    found = read_tasks([TASK_HEAD, "x,1,1,1,1000,,,", row], "t.csv")
    assert found[1].task.kind == kind


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "t.csv: has no column cpu_milli, gpu_milli, memory_mib, name, num_gpu"),
        ([TASK_HEAD.replace("num_gpu", "gpus")], "t.csv: has no column num_gpu"),
        ([TASK_HEAD], "t.csv: holds no task that requests GPUs"),
        ([TASK_HEAD, "a,x,1,1,1000,,,"], "t.csv:2: cpu_milli is 'x', not a number of 0 or more"),
        ([TASK_HEAD, "a,-1,1,1,1000,,,"], "t.csv:2: cpu_milli is '-1'"),
        ([TASK_HEAD, "a,nan,1,1,1000,,,"], "t.csv:2: cpu_milli is 'nan'"),
        ([TASK_HEAD, "a,1,1"], "t.csv:2: num_gpu is ''"),
        ([TASK_HEAD, "a,1,1,1,0,,,"], "t.csv:2: gpu_milli is 0, though num_gpu is not"),
        ([TASK_HEAD, "a,1,1,2,500,,,"], "t.csv:2: gpu_milli is 500 with 2 GPUs"),
        ([TASK_HEAD, "a,1,1,1,500,,soon,"], "t.csv:2: creation_time is 'soon'"),
    ],
)
def test_a_broken_task_is_reported_with_line_and_column(lines: list[str], message: str) -> None:
    with pytest.raises(TaskListError) as caught:
        read_tasks(lines, "t.csv")
    assert str(caught.value).startswith(message)


def test_a_list_of_nodes_without_gpus_is_refused() -> None:
    with pytest.raises(TaskListError, match=r"n\.csv: holds no node with GPUs"):
        read_nodes([NODE_HEAD, "n,1,1,0,"], "n.csv")


@pytest.mark.parametrize("ratio", [0.3, 1.0, 1.3, 4.0])
def test_arrivals_ask_for_as_many_gpus_as_wanted(ratio: float) -> None:
    nodes, listed = read_nodes(node_list(), "n"), read_tasks(task_list(1), "t")
    bound = ratio * sum(node.gpus for node in nodes) * WHOLE
    events = arrivals(listed, nodes, ratio, draws(5))
    asked = sum(event.task.gpu for event in events)
    assert bound - 8 * WHOLE < asked <= bound
    assert {event.task for event in events} <= {item.task for item in listed}
    assert events == arrivals(listed, nodes, ratio, draws(5))
    assert events != arrivals(listed, nodes, ratio, draws(6))


def test_recorded_times_order_departures_before_arrivals() -> None:
    task = Task(1, 1, 1, WHOLE, frozenset())
    listed = [ListedTask("a", task, 0, 5), ListedTask("b", task, 5, 5), ListedTask("c", task, 4, 9)]
    come, go = (
        lambda pod: Event(pod, task),
        lambda pod: Event(pod, task, comes=False),
    )
    assert recorded(listed, "t") == [come(0), come(2), go(0), come(1), go(1), go(2)]


def test_a_list_without_times_has_no_departures() -> None:
    with pytest.raises(TaskListError, match="pod-0000 has no creation_time or no deletion_time"):
        recorded(read_tasks(task_list(1), "t"), "t")
