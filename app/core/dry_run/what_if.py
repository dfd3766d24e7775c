"""The cluster as it would be: a node drained, a device tainted, more nodes, something gone."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.core.model.device_taint_rule import DeviceTaintRule, DeviceTaintSelector
from app.core.model.meta import Meta
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.model.resource_slice import ResourceSlice
from app.core.model.taints import Taint
from app.core.pauses import paced, pause
from app.core.state.state import State

MAX_ADDED = 10_000
"""Nodes that one question may add."""
_HOSTNAME = "kubernetes.io/hostname"
_CORDONED = "node.kubernetes.io/unschedulable"
"""The taint that a cordoned node has; see Kubernetes' documentation of taints and tolerations."""


class WhatIfError(ValueError):
    """A change that cannot be made: what it is about does not exist."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """A Pod that a drain has driven out: pending again, its claims without devices."""

    pod: Pod
    node: str


def drain(state: State, name: str) -> list[Evicted]:
    """Makes a node unschedulable and drives out its Pods, as ``kubectl drain --ignore-daemonsets`` would.

    Claims that nobody else has reserved lose their devices. Pods without claims are gone from the node,
    and not among those returned: it does not matter here where they go.

    Raises:
        WhatIfError: there is no such node.
    Cost: O(Pods with claims).
    """
    node = state.nodes.get(name)
    if node is None:
        raise WhatIfError(f"there is no Node {name}")
    state.upsert(replace(node, unschedulable=True))
    here = [pod for pod in state.pods.values() if pod.node_name == name and not pod.finished]
    leaving = [pod for pod in here if pod.meta.controller is None or pod.meta.controller.kind != "DaemonSet"]
    for pod in leaving:
        pause()
        _let_go(state, pod)
        state.upsert(replace(pod, node_name=""))
    return [Evicted(state.pods[pod.meta.key], name) for pod in leaving]


def _let_go(state: State, pod: Pod) -> None:
    """Takes the Pod out of its claims; a claim that it was the last to use loses its devices."""
    for claim in list(state.claims()):
        if claim.meta.namespace != pod.meta.namespace:
            continue
        rest = tuple(consumer for consumer in claim.reserved_for if consumer.uid != pod.meta.uid)
        if len(rest) < len(claim.reserved_for):
            state.forget(claim.meta.key)
            state.upsert(replace(claim, reserved_for=rest, allocation=claim.allocation if rest else None))


def check_selects(state: State, selector: DeviceTaintSelector) -> None:
    """Raises: WhatIfError, if no device is selected. O(slices), with the devices of those selected."""
    if not any(_selects(selector, slice_) for slice_ in paced(state.inventory.slices.values())):
        raise WhatIfError(f"there is no device {_name(selector)}")


def taint_devices(state: State, taints: Iterable[tuple[DeviceTaintSelector, Taint]]) -> None:
    """Taints devices, as DeviceTaintRules would. A device with NoExecute keeps its claims: they matter here
    only for who comes next.

    Cost: O(devices and taints), and of those that match each other.
    """
    first = len(state.inventory.rules)
    state.taint(
        DeviceTaintRule(Meta(f"what-if-{number}"), taint, selector)
        for number, (selector, taint) in enumerate(taints, first)
    )


def _selects(selector: DeviceTaintSelector, slice_: ResourceSlice) -> bool:
    return (
        selector.driver in (None, slice_.driver)
        and selector.pool in (None, slice_.pool)
        and (selector.device is None or any(item.name == selector.device for item in slice_.devices))
    )


def _name(selector: DeviceTaintSelector) -> str:
    return "/".join(part or "*" for part in (selector.driver, selector.pool, selector.device))


def add_nodes(state: State, like: str, count: int) -> list[str]:
    """More nodes like one there is, with the devices of its own, all free; the names of the new ones.

    They are schedulable, even if that one is cordoned. Devices that nodes reach by their labels are within
    reach of the new ones as well; of a pool that several nodes publish together, each new node gets one of
    its own with what is this node's.

    Raises:
        WhatIfError: there is no such node, or too many are wanted.
    Cost: O(devices added).
    """
    model = state.nodes.get(like)
    if model is None:
        raise WhatIfError(f"there is no Node {like}")
    if count > MAX_ADDED:
        raise WhatIfError(f"at most {MAX_ADDED} nodes can be added, not {count}")
    inventory = state.inventory
    slices = [_alone(state, inventory.slices[item.meta.name]) for item in inventory.node_slices(like)]
    names: list[str] = []
    number = 0
    while len(names) < count:
        number += 1
        name = f"{like}-more-{number}"
        if name in state.nodes:
            continue
        pause()
        state.upsert(_copy_of(model, name))
        for slice_ in slices:
            state.upsert(_slice_for(slice_, like, name))
        names.append(name)
    return names


def _copy_of(node: Node, name: str) -> Node:
    labels = dict(node.meta.labels)
    if _HOSTNAME in labels:
        labels[_HOSTNAME] = name
    meta = replace(node.meta, name=name, uid="", labels=labels)
    taints = tuple(taint for taint in node.taints if taint.key != _CORDONED)
    return replace(node, meta=meta, unschedulable=False, taints=taints)


def _alone(state: State, slice_: ResourceSlice) -> ResourceSlice:
    """The slice as of a pool that has nothing of other nodes in it."""
    elsewhere = sum(
        item.generation == slice_.generation and item.node_name not in (None, slice_.node_name)
        for item in state.inventory.pool_slices(slice_.pool_id)
    )
    return replace(slice_, slice_count=slice_.slice_count - elsewhere)


def _slice_for(slice_: ResourceSlice, like: str, name: str) -> ResourceSlice:
    pool = name if slice_.pool == like else f"{slice_.pool}-{name}"
    meta = replace(slice_.meta, name=f"{slice_.meta.name}-{name}", uid="")
    return replace(slice_, meta=meta, node_name=name, pool=pool)
