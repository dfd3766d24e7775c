"""Devices that take something of their nodes, for tests."""

from typing import Any

from app.core.json_object import JsonObject
from app.core.model.features import Features
from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.placement.pod_evaluation import PodEvaluation
from app.core.placement.rules import Rules
from app.core.scoring import DEFAULT_POLICY
from app.core.selectors import SelectorCache
from app.core.state.state import State
from tests.objects import device, device_class, node, pod


def with_room(name: str = "n1", **allocatable: str) -> JsonObject:
    """A node with these resources, of CPU 10 and of memory 1000 else."""
    room = {"cpu": "10", "memory": "1000", "pods": "100"} | allocatable
    return node(name) | {"status": {"allocatable": room}}


def taking(name: str, **resources: Any) -> JsonObject:
    """A device that takes these resources of its node."""
    return device(name) | {"nodeAllocatableResources": resources}


def mapped(name: str, number: str, resource: str = "cpu") -> JsonObject:
    """A device that stands for so much of the node."""
    return taking(name, **{resource: {"mapping": {"deviceMultiplier": number}}})


def using(name: str, *claims: str, **requests: str) -> JsonObject:
    """A Pod of one container that uses the claims and requests resources."""
    raw = pod(name, *claims)
    resources = {"claims": [{"name": item} for item in claims], "requests": requests}
    return raw | {"spec": raw["spec"] | {"containers": [{"name": "c", "resources": resources}]}}


def state_of(*objects: JsonObject, classes: bool = True) -> State:
    """A state with these objects."""
    state = State()
    for raw in (*([device_class()] if classes else []), *objects):
        state.upsert(parse(raw))  # type: ignore[arg-type] # no workloads
    return state


def evaluation(
    state: State, name: str = "p", features: Features | None = None, policy: str = DEFAULT_POLICY
) -> PodEvaluation:
    """Of the Pod of this name."""
    rules = Rules(SelectorCache(), lambda: "share", features=features or Features(), policy=policy)
    found: Pod = state.pods["default", name]
    return PodEvaluation(state, found, rules)
