"""Simulates changes of the cluster: a drained node, a tainted device, more nodes, a removed object."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from app.core.model.device_taint_rule import DeviceTaintRule, DeviceTaintSelector
from app.core.model.meta import Meta
from app.core.model.node import Node
from app.core.model.pod import Pod
from app.core.model.resource_slice import ResourceSlice
from app.core.model.taints import Taint
from app.core.pauses import FEW, paced, paced_if_many, pause
from app.core.state.state import State

MAX_ADDED = 10_000
"""Maximum number of nodes that one request may add."""
_HOSTNAME = "kubernetes.io/hostname"
_CORDONED = "node.kubernetes.io/unschedulable"
"""The taint that a cordoned node has; see Kubernetes' documentation of taints and tolerations."""


class WhatIfError(ValueError):
    """A change that is not possible: its object does not exist."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """A Pod that a drain has evicted: pending again, with deallocated claims."""

    pod: Pod
    node: str


def drain(state: State, name: str) -> list[Evicted]:
    """Makes a node unschedulable and evicts its Pods, like ``kubectl drain --ignore-daemonsets``.

    Claims without other consumers are deallocated. Pods without claims are removed and not returned:
    their placement does not matter here.

    Raises: WhatIfError: the node does not exist. Cost: O(Pods with claims + claims), with pauses.
    """
    node = state.nodes.get(name)
    if node is None:
        raise WhatIfError(f"Node {name} not found")
    state.upsert(replace(node, unschedulable=True))
    here = [pod for pod in paced(state.pods.values()) if pod.node_name == name and not pod.finished]
    leaving = [pod for pod in here if pod.meta.controller is None or pod.meta.controller.kind != "DaemonSet"]
    _let_go(state, {(pod.meta.namespace, pod.meta.uid) for pod in leaving})
    for pod in paced(leaving, 8):
        state.upsert(replace(pod, node_name=""))
    return [Evicted(state.pods[pod.meta.key], name) for pod in leaving]


def _let_go(state: State, leaving: Collection[tuple[str, str]]) -> None:
    """Removes Pods from their claims, and deallocates claims without other consumers.

    Args:
        leaving: namespace and UID of each.
    """
    for claim in paced(list(paced(state.claims())) if leaving else (), FEW):
        rest = tuple(
            consumer
            for consumer in paced_if_many(claim.reserved_for)
            if (claim.meta.namespace, consumer.uid) not in leaving
        )
        if len(rest) < len(claim.reserved_for):
            state.forget(claim.meta.key)
            state.upsert(replace(claim, reserved_for=rest, allocation=claim.allocation if rest else None))


def unselected(state: State, selectors: Sequence[DeviceTaintSelector]) -> int | None:
    """The index of the first selector that selects no device. Cost: O(selectors), and O(devices) for all."""
    missing = {(item.driver, item.pool, item.device): None for item in selectors}
    for slice_ in paced(state.inventory.slices.values(), 16):
        if not missing:
            break
        for driver, pool in product((None, slice_.driver), (None, slice_.pool)):
            missing.pop((driver, pool, None), None)
            for device in slice_.devices:
                missing.pop((driver, pool, device.name), None)
    for index, item in enumerate(selectors):
        if (item.driver, item.pool, item.device) in missing:
            return index
    return None


def name_of(selector: DeviceTaintSelector) -> str:
    """Driver, pool and device, with a star for all."""
    return "/".join(part or "*" for part in (selector.driver, selector.pool, selector.device))


def taint_devices(state: State, taints: Iterable[tuple[DeviceTaintSelector, Taint]]) -> None:
    """Taints devices, as DeviceTaintRules would.

    A device with NoExecute keeps its claims: the taint matters here only for new Pods.

    Cost: O(devices and taints).
    """
    first = len(state.inventory.rules)
    state.taint(
        DeviceTaintRule(Meta(f"what-if-{number}"), taint, selector)
        for number, (selector, taint) in enumerate(taints, first)
    )


def add_nodes(state: State, like: str, count: int, template: Node | None = None) -> list[str]:
    """Adds nodes like an existing one, with copies of its local devices, all free.

    Returns their names. They are schedulable, even if that node is cordoned. They can also use devices
    that select nodes by labels. For a pool that several nodes publish together, each new node gets a
    separate pool with the devices of the copied node.

    Args:
        template: what a new node is except for its name and devices, if not like the existing one.

    Raises: WhatIfError: the node does not exist, or too many are requested.
    Cost: O(devices added).
    """
    model = state.nodes.get(like)
    if model is None:
        raise WhatIfError(f"Node {like} not found")
    model = template or model
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
    """The slice in a pool without devices of other nodes."""
    elsewhere = sum(
        item.generation == slice_.generation and item.node_name not in (None, slice_.node_name)
        for item in state.inventory.pool_slices(slice_.pool_id)
    )
    return replace(slice_, slice_count=slice_.slice_count - elsewhere)


def _slice_for(slice_: ResourceSlice, like: str, name: str) -> ResourceSlice:
    pool = name if slice_.pool == like else f"{slice_.pool}-{name}"
    meta = replace(slice_.meta, name=f"{slice_.meta.name}-{name}", uid="")
    return replace(slice_, meta=meta, node_name=name, pool=pool)
