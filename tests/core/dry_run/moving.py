"""Nodes with GPUs, and Pods that want whole ones and may be moved."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from hypothesis import strategies as st

from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.core.diagnosis.inventory import cls, dev, node, pod, pool, req, template
from tests.core.dry_run.states import rules, state_with

SIZES = {"one": 1, "two": 2, "three": 3, "four": 4}
Running = Mapping[str, tuple[int, int]]
"""The number of its node, and how many GPUs it has, by the name of a Pod."""


def cluster(*gpus: int) -> State:
    """Nodes n0, n1, ... with so many GPUs, and a template for each of ``SIZES``."""
    objects: list[JsonObject] = [cls(), *(template(name, req(count=count)) for name, count in SIZES.items())]
    for number, count in enumerate(gpus):
        objects += [node(f"n{number}"), pool(f"n{number}", *(dev(f"g{device}") for device in range(count)))]
    return state_with(*objects)


def wanting(name: str, size: str, *, owner: str | None = "ReplicaSet", **metadata: Any) -> Pod:
    """A Pod with a claim from a template, created by a controller."""
    meta: JsonObject = {"name": name, "namespace": "default", "uid": f"uid-{name}", **metadata}
    if owner is not None:
        meta["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": owner, "name": "w", "uid": "w", "controller": True}
        ]
    item = parse(pod(templates=(size,)) | {"metadata": meta})
    assert isinstance(item, Pod)
    return item


def run(state: State, item: Pod, where: str) -> None:
    """Places the Pod on the node in this state."""
    (placed,) = place(state, [item], [where], rules())
    assert placed.chosen is not None


def drawn(data: st.DataObject) -> tuple[list[int], Running]:
    """A small case: the GPUs of each node, and Pods that run there."""
    gpus = data.draw(st.lists(st.integers(1, 4), min_size=2, max_size=3), label="GPUs")
    free = list(gpus)
    running: dict[str, tuple[int, int]] = {}
    for number in range(data.draw(st.integers(0, 4), label="running")):
        at = data.draw(st.integers(0, len(gpus) - 1))
        size = data.draw(st.integers(1, 2))
        if free[at] >= size:
            free[at] -= size
            running[f"r{number}"] = (at, size)
    return gpus, running


def built(gpus: Sequence[int], running: Running) -> State:
    """The state of such a case."""
    names = {count: name for name, count in SIZES.items()}
    state = cluster(*gpus)
    for name, (at, size) in running.items():
        run(state, wanting(name, names[size]), f"n{at}")
    return state


def reachable(gpus: Sequence[int], running: Running) -> Iterator[tuple[int, list[int]]]:
    """Brute force: all sequences in which each Pod moves once to where it fits, the shortest first.

    Yields the number of moves, and the GPUs that are free on each node after them.
    """
    states = {tuple((name, at, size, False) for name, (at, size) in running.items())}
    for moves in range(len(running) + 1):
        following = set()
        for state in states:
            free = [total - sum(size for _, at, size, _ in state if at == number)
                    for number, total in enumerate(gpus)]  # fmt: skip
            yield moves, free
            for index, to in product(range(len(state)), range(len(gpus))):
                name, at, size, moved = state[index]
                if not moved and to != at and free[to] >= size:
                    following.add((*state[:index], (name, to, size, True), *state[index + 1 :]))
        states = following
