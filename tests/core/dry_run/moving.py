"""Nodes with GPUs, and Pods that want whole ones and may be moved."""

from typing import Any

from app.core.dry_run.place import place
from app.core.json_object import JsonObject
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.state import State
from tests.core.diagnosis.inventory import cls, dev, node, pod, pool, req, template
from tests.core.dry_run.states import rules, state_with

SIZES = {"one": 1, "two": 2, "three": 3, "four": 4}


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
