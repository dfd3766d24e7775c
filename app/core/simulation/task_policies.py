"""Policies for lists of tasks, by name."""

from collections.abc import Callable, Mapping, Sequence

from app.core.simulation import published
from app.core.simulation.arrivals import Draw
from app.core.simulation.gradient import ExpectedUsePolicy, Fgd
from app.core.simulation.packing import TaskPolicy
from app.core.simulation.task_list import Task

Make = Callable[[Sequence[Task], Draw], TaskPolicy]

TASK_POLICIES: Mapping[str, Make] = {
    published.Random.name: lambda _, draw: published.Random(draw),
    published.DotProduct.name: lambda *_: published.DotProduct(),
    published.Clustering.name: lambda *_: published.Clustering(),
    published.GpuPacking.name: lambda *_: published.GpuPacking(),
    published.BestFit.name: lambda *_: published.BestFit(),
    Fgd.name: lambda tasks, _: Fgd(tasks),
    ExpectedUsePolicy.name: lambda tasks, _: ExpectedUsePolicy(tasks),
}
"""How each is made: from the tasks of the list, and from random numbers."""

_ALIASES = {"dotproduct": "DotProd", "clustering": "GpuClustering", "packing": "GpuPacking"}


def task_policy(name: str) -> str | None:
    """The policy's own name for one in other letters (``best-fit``, ``packing``); None if there is none."""
    plain = name.replace("-", "").replace("_", "").lower()
    known = {item.replace("-", "").lower(): item for item in TASK_POLICIES}
    return known.get(plain) or _ALIASES.get(plain)
