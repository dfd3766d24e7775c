"""The inventory of a dry run: the live one or an empty one, with the objects of the request added."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from app.api.dry_run.request_objects import read_given
from app.api.errors import HttpError
from app.api.models.questions import ObjectName, Scenario
from app.core.dry_run.what_if import (
    MAX_ADDED,
    Evicted,
    WhatIfError,
    add_nodes,
    drain,
    name_of,
    taint_devices,
    unselected,
)
from app.core.model.admin_access import (
    Labels,
    admin_requests,
    is_namespace,
    labels_of_namespaces,
    refusal,
)
from app.core.model.device_taint_rule import DeviceTaintSelector
from app.core.model.generated import Generated, generated_by
from app.core.model.meta import Meta
from app.core.model.parse import NAMESPACED, InventoryObject, flatten, is_read
from app.core.model.resource_claim import ClaimSpec, ResourceClaim, ResourceClaimTemplate
from app.core.model.taints import Taint
from app.core.model.workload import Workload
from app.core.pauses import pause
from app.core.state.state import State, kind_of
from app.core.versions import KubernetesVersion

_KINDS = (
    "Node",
    "ResourceSlice",
    "DeviceClass",
    "DeviceTaintRule",
    "ResourceClaim",
    "ResourceClaimTemplate",
    "Pod",
    "PodDisruptionBudget",
)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """The state of a dry run, and the Pods that drained nodes have lost."""

    state: State
    evicted: tuple[Evicted, ...] = ()
    notes: tuple[str, ...] = ()


def lay_over(live: State, scenario: Scenario, version: KubernetesVersion) -> Overlay:
    """The state to evaluate. ``version``: whose API server takes the objects.

    Raises: HttpError: 422, names the object and the field. Cost: O(objects of both).
    """
    state = live.fork() if scenario.inventory == "live" else State()
    made = [Generated(item.kind, item.namespace or "default", item.name, "") for item in scenario.generated]
    state.usage.count_overhead(by_container=version.overhead_by_container)
    objects = list(flatten(scenario.objects))
    labels = labels_of_namespaces(objects)
    for index, raw in enumerate(objects):
        pause()
        generated = () if is_read(raw) else tuple(generated_by(raw))
        made += generated
        if not generated and not is_namespace(raw):
            item = read_inventory_object(raw, f"objects[{index}]", version)
            _admit(item, labels, version.admin_access_label, f"objects[{index}]")
            put(state, item)
    notes = tuple(filter(None, (_generate(state, item) for item in made)))
    for index, name in enumerate(scenario.remove):
        pause()
        _remove(state, name, f"remove[{index}]")
    evicted: list[Evicted] = []
    for path, change in _changes(state, scenario, evicted):
        pause()
        try:
            change()
        except WhatIfError as error:
            raise HttpError(422, "NotFound", str(error), path) from None
    return Overlay(state, tuple(evicted), notes)


def _admit(item: InventoryObject, labels: Labels, label: str, where: str) -> None:
    """Refuses adminAccess where the API server would. Raises: HttpError, 422."""
    if not isinstance(item, ResourceClaim | ResourceClaimTemplate):
        return
    text = refusal(item.meta.namespace, labels, label)
    below = "spec" if isinstance(item, ResourceClaim) else "spec.spec"
    for path in admin_requests(item.spec) if text else ():
        raise HttpError(422, "InvalidObject", text, f"{where}.{below}.{path}")


def _generate(state: State, item: Generated) -> str:
    """Adds an empty claim or template for one that a controller has not created yet. Returns a note."""
    if state.has(item.kind, item.key):
        return ""
    meta = Meta(item.name, item.namespace)
    empty = ClaimSpec()
    is_claim = item.kind == "ResourceClaim"
    state.upsert(ResourceClaim(meta, empty) if is_claim else ResourceClaimTemplate(meta, empty, Meta("")))
    maker = f"the controller of {item.owner}" if item.owner else "a controller"
    return f"{item.kind} {item.namespace}/{item.name} is created by {maker}: treated as one without requests"


def _changes(
    state: State, scenario: Scenario, evicted: list[Evicted]
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Adds nodes before it drains others, so that the evicted Pods can use them."""
    added = 0
    for index, more in enumerate(scenario.add_nodes):
        added += more.count
        if added > MAX_ADDED:
            text = f"at most {MAX_ADDED} nodes can be added in all"
            raise HttpError(422, "InvalidField", text, f"addNodes[{index}].count")
        yield f"addNodes[{index}]", partial(add_nodes, state, more.like, more.count)
    selectors = [DeviceTaintSelector(item.driver, item.pool, item.device) for item in scenario.taints]
    missing = unselected(state, selectors)
    if missing is not None:
        text = f"device {name_of(selectors[missing])} not found"
        raise HttpError(422, "NotFound", text, f"taints[{missing}]")
    if selectors:
        taints = [Taint(item.key, item.value, item.effect) for item in scenario.taints]
        yield "taints", partial(taint_devices, state, zip(selectors, taints, strict=True))
    for index, name in enumerate(dict.fromkeys(scenario.drain)):
        yield f"drain[{index}]", partial(_drain, state, name, evicted)


def _drain(state: State, name: str, evicted: list[Evicted]) -> None:
    evicted += drain(state, name)


def put(state: State, item: InventoryObject) -> None:
    """Replaces the object with the same kind and name."""
    # The resourceVersion of another cluster has no meaning here, and may not be a number.
    item = replace(item, meta=replace(item.meta, resource_version=""))
    state.delete(kind_of(item), item.meta.key)
    state.upsert(item)


def read_inventory_object(raw: Any, where: str, version: KubernetesVersion) -> InventoryObject:
    """Raises: HttpError, 422."""
    item = read_given(raw, where, version)
    if isinstance(item, Workload):
        text = f"a {item.kind} is not part of the inventory; put workloads into their own field"
        raise HttpError(422, "InvalidObject", text, where)
    if isinstance(raw, Mapping) and not item.meta.name:
        raise HttpError(422, "InvalidObject", "name is missing", f"{where}.metadata.name")
    return item


def names_of(state: State, names: Iterable[str] | None) -> list[str]:
    """The nodes to evaluate: the requested ones in their order, each once, or all by name.

    Raises: HttpError, 422.
    """
    if names is None:
        return sorted(state.nodes)
    known = state.nodes
    for index, name in enumerate(names):
        if name not in known:
            raise HttpError(422, "NotFound", f"Node {name} not found", f"nodes[{index}]")
    return list(dict.fromkeys(names))


def _remove(state: State, name: ObjectName, where: str) -> None:
    # kubectl also accepts node/worker-1.
    kind = next((known for known in _KINDS if known.lower() == name.kind.lower()), None)
    if kind is None:
        text = f"{name.kind} is not part of the inventory, only {', '.join(_KINDS)}"
        raise HttpError(422, "InvalidField", text, f"{where}.kind")
    namespace = (name.namespace or "default") if kind in NAMESPACED else ""
    key = (namespace, name.name)
    if not state.has(kind, key):
        text = f"{kind} {'/'.join(part for part in key if part)} not found"
        raise HttpError(422, "NotFound", text, f"{where}.name")
    state.delete(kind, key)
