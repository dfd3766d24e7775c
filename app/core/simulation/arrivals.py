"""In which order tasks of a list come, in the published way (USENIX ATC'23, "Beware of Fragmentation")."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from app.core.simulation.task_list import WHOLE, ListedNode, ListedTask, Task, TaskListError

T = TypeVar("T")
Draw = Callable[[], float]
"""The next random number, from 0 to below 1."""


class Event(NamedTuple):
    """A Pod, by its number, that comes or goes."""

    pod: int
    task: Task
    comes: bool = True


def arrivals(
    listed: Sequence[ListedTask], nodes: Sequence[ListedNode], ratio: float, draw: Draw
) -> list[Event]:
    """The list in random order, then tasks of it at random until all GPUs times ``ratio`` are requested.

    A list that requests more loses tasks at random instead. O(tasks).
    """
    bound = ratio * sum(node.gpus for node in nodes) * WHOLE
    found = shuffled([item.task for item in listed], draw)
    requested = sum(task.gpu for task in found)
    if requested > bound:
        while requested > bound:
            requested -= found.pop(int(draw() * len(found))).gpu
        return _numbered(found)
    while True:
        task = listed[int(draw() * len(listed))].task
        requested += task.gpu
        if requested > bound:
            return _numbered(found)
        found.append(task)


def recorded(listed: Sequence[ListedTask], where: str) -> list[Event]:
    """Arrivals and departures at the times of the list; departures first where times are equal.

    Raises: TaskListError for a list without times.
    """
    timed: list[tuple[float, int, Event]] = []
    for number, item in enumerate(listed):
        if item.created is None or item.deleted is None:
            raise TaskListError(f"{where}: {item.name} has no creation_time or no deletion_time")
        # A task that takes no time leaves after it has come.
        last = 0 if item.deleted > item.created else 2
        timed.append((item.created, 1, Event(number, item.task)))
        timed.append((max(item.deleted, item.created), last, Event(number, item.task, comes=False)))
    return [event for *_, event in sorted(timed, key=lambda entry: entry[:2])]


def shuffled(items: Sequence[T], draw: Draw) -> list[T]:
    """In random order (Fisher and Yates). O(items)."""
    found = list(items)
    for at in range(len(found) - 1, 0, -1):
        other = int(draw() * (at + 1))
        found[at], found[other] = found[other], found[at]
    return found


def _numbered(tasks: Sequence[Task]) -> list[Event]:
    return [Event(number, task) for number, task in enumerate(tasks)]
