"""Nodes and tasks in the form of the published openb trace (Alibaba, clusterdata): two tables.

Nodes: ``sn, cpu_milli, memory_mib, gpu, model``. Tasks: ``name, cpu_milli, memory_mib, num_gpu, gpu_milli``
and, where the list has them, ``gpu_spec`` (models, separated by ``|``), ``creation_time``, ``deletion_time``.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WHOLE = 1000
_NODE_COLUMNS = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
_EXACT = 1e15
"""Whole numbers beyond it lose digits as floats; infinity and nan are not below it either."""
_TASK_COLUMNS = ("name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli")


class TaskListError(ValueError):
    """A table that cannot be read; the text names the file, the line and the column."""


@dataclass(frozen=True, slots=True)
class ListedNode:
    """A node: ``cpu`` in thousandths of a core, ``memory`` in MiB, a number of GPUs of one model."""

    name: str
    cpu: int
    memory: int
    gpus: int
    model: str


@dataclass(frozen=True, slots=True)
class Task:
    """What Pods of one kind ask for. ``share`` of each GPU is in thousandths; no ``models``: any will do."""

    cpu: int
    memory: int
    gpus: int
    share: int
    models: frozenset[str]

    @property
    def gpu(self) -> int:
        """All the GPUs that it requests, in thousandths of one."""
        return self.gpus * self.share

    @property
    def kind(self) -> str:
        """Its name in results, by the GPUs that it requests: ``0``, ``810m``, ``1``, ``8``."""
        return f"{self.share}m" if self.gpus and self.share < WHOLE else str(self.gpus)


@dataclass(frozen=True, slots=True)
class ListedTask:
    """One Pod of the list; times in seconds, None where the list has none."""

    name: str
    task: Task
    created: float | None
    deleted: float | None


def read_nodes(lines: Iterable[str], where: str) -> list[ListedNode]:
    """The nodes of a table. Raises: TaskListError."""
    found = []
    for row in _Rows(lines, where, _NODE_COLUMNS):
        node = ListedNode(
            row.text("sn"),
            row.amount("cpu_milli"),
            row.amount("memory_mib"),
            row.amount("gpu"),
            row.text("model"),
        )
        found.append(node)
    if not sum(node.gpus for node in found):
        raise TaskListError(f"{where}: holds no node with GPUs")
    return found


def read_tasks(lines: Iterable[str], where: str) -> list[ListedTask]:
    """The tasks of a table, in its order. Raises: TaskListError."""
    known: dict[Task, Task] = {}
    found = []
    for row in _Rows(lines, where, _TASK_COLUMNS):
        gpus = row.amount("num_gpu")
        share = min(row.amount("gpu_milli"), WHOLE) if gpus else 0
        if gpus and not share:
            raise row.error("gpu_milli", "is 0, though num_gpu is not")
        if gpus > 1 and share < WHOLE:
            raise row.error("gpu_milli", f"is {share} with {gpus} GPUs: only a single GPU can be shared")
        models = frozenset(filter(None, row.text("gpu_spec").split("|"))) if gpus else frozenset()
        task = Task(row.amount("cpu_milli"), row.amount("memory_mib"), gpus, share, models)
        found.append(
            ListedTask(
                row.text("name"),
                known.setdefault(task, task),
                row.time("creation_time"),
                row.time("deletion_time"),
            )
        )
    if not any(item.task.gpu for item in found):
        raise TaskListError(f"{where}: holds no task that requests GPUs")
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    fields: dict[str, str]

    def text(self, column: str) -> str:
        return (self.fields.get(column) or "").strip()

    def amount(self, column: str) -> int:
        value = self._number(column)
        if value is None or value < 0:
            raise self.error(column, f"is {self.text(column)!r}, not a number of 0 or more")
        return int(value)

    def time(self, column: str) -> float | None:
        value = self._number(column)
        if value is None and self.text(column):
            raise self.error(column, f"is {self.text(column)!r}, not a number of seconds")
        return value

    def error(self, column: str, reason: str) -> TaskListError:
        return TaskListError(f"{self.where}: {column} {reason}")

    def _number(self, column: str) -> float | None:
        try:
            value = float(self.text(column))
        except ValueError:
            return None
        return value if abs(value) < _EXACT else None


class _Rows:
    def __init__(self, lines: Iterable[str], where: str, columns: Sequence[str]) -> None:
        self._reader = csv.DictReader(lines)
        self._where = where
        try:
            missing = set(columns) - set(self._reader.fieldnames or ())
        except csv.Error as error:
            raise TaskListError(f"{where}: {error}") from None
        if missing:
            raise TaskListError(f"{where}: has no column {', '.join(sorted(missing))}")

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> _Row:
        try:
            fields = next(self._reader)
        except csv.Error as error:
            raise TaskListError(f"{self._where}:{self._reader.line_num}: {error}") from None
        return _Row(f"{self._where}:{self._reader.line_num}", fields)
