"""From Kubernetes JSON to the values of this package."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from app.core.model import workload
from app.core.model.device_class import DeviceClass, read_device_class
from app.core.model.device_taint_rule import DeviceTaintRule, read_device_taint_rule
from app.core.model.disruption_budget import DisruptionBudget, read_disruption_budget
from app.core.model.errors import FieldError, ObjectError, ObjectRef, path_text
from app.core.model.node import Node, read_node
from app.core.model.pod import Pod, read_pod
from app.core.model.resource_claim import ResourceClaim, ResourceClaimTemplate, read_claim, read_template
from app.core.model.resource_slice import ResourceSlice, read_resource_slice
from app.core.model.versions import GROUP, to_v1
from app.core.model.workload import Workload

InventoryObject = (
    Node
    | ResourceSlice
    | DeviceClass
    | DeviceTaintRule
    | ResourceClaim
    | ResourceClaimTemplate
    | Pod
    | DisruptionBudget
)
Object = InventoryObject | Workload

_READERS: dict[str, Callable[[Any], InventoryObject]] = {
    "Node": read_node,
    "Pod": read_pod,
    "ResourceSlice": read_resource_slice,
    "DeviceClass": read_device_class,
    "DeviceTaintRule": read_device_taint_rule,
    "ResourceClaim": read_claim,
    "ResourceClaimTemplate": read_template,
    "PodDisruptionBudget": read_disruption_budget,
}
_GROUPS = {
    "Node": "",
    "Pod": "",
    "Job": "batch",
    "CronJob": "batch",
    "PodDisruptionBudget": "policy",
} | dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps")
NAMESPACED = (
    frozenset({"Pod", "ResourceClaim", "ResourceClaimTemplate", "PodDisruptionBudget"}) | workload.KINDS
)
KINDS = frozenset(_READERS) | workload.KINDS


def is_of(raw: Any, kinds: Collection[str]) -> bool:
    """Whether this is an object of one of the kinds, whatever it may be: a kind need not be text."""
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return isinstance(kind, str) and kind in kinds


def ref_of(raw: Any) -> ObjectRef:
    """Names an object for a message, however broken it is."""
    source = raw if isinstance(raw, dict) else {}
    meta = source.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    kind = str(source.get("kind") or "object")
    namespace = str(meta.get("namespace") or "default") if kind in NAMESPACED else ""
    return ObjectRef(kind, namespace, str(meta.get("name") or meta.get("generateName") or "(no name)"))


def parse(raw: Any) -> Object:
    """Reads one object of ``KINDS``, of any served version.

    Raises:
        ObjectError: names the object, the field and what is wrong with it.
    """
    try:
        source = _checked(raw)
        kind = source["kind"]
        reader = _READERS.get(kind)
        return reader(to_v1(source)) if reader is not None else workload.read_workload(kind, source)
    except FieldError as error:
        raise ObjectError(ref_of(raw), path_text(error.path), error.reason) from None


def reread_claim(raw: Any, before: ResourceClaim) -> ResourceClaim:
    """Reads a claim of which an earlier version is known: its spec, which never changes, is not read again.

    Raises: ObjectError; it is another kind of object, or another claim.
    """
    try:
        return _claim_like(before, _checked(raw))
    except FieldError as error:
        raise ObjectError(ref_of(raw), path_text(error.path), error.reason) from None


def _claim_like(before: ResourceClaim, source: dict[str, Any]) -> ResourceClaim:
    if source["kind"] != "ResourceClaim":
        raise FieldError(f"must be ResourceClaim, not {source['kind']}", "kind")
    claim = read_claim(source, before.spec)
    if claim.meta.uid != before.meta.uid:
        raise FieldError("is that of another claim", "metadata", "uid")
    return claim


def _checked(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise FieldError("is no Kubernetes object")
    for name in ("apiVersion", "kind"):
        if not isinstance(raw.get(name), str):
            raise FieldError("is missing" if raw.get(name) is None else "must be a string", name)
    kind = raw["kind"]
    if kind not in KINDS:
        raise FieldError(f"{kind} is not a kind known here ({', '.join(sorted(KINDS))})", "kind")
    group = raw["apiVersion"].rpartition("/")[0]
    expected = _GROUPS.get(kind, GROUP)
    if group != expected:
        raise FieldError(f"a {kind} is in group {expected or 'core'!r}, not {group!r}", "apiVersion")
    return raw


def flatten(documents: Iterable[Any]) -> Iterator[Any]:
    """The objects themselves: lists (``kind: List`` and typed ones) are opened, empty documents left out.

    Items of a typed list get the kind and apiVersion that the API server leaves out.
    """
    for document in documents:
        if document is None:
            continue
        items = document.get("items") if isinstance(document, dict) else None
        kind = document.get("kind") if isinstance(document, dict) else None
        if not isinstance(items, list) or not isinstance(kind, str) or not kind.endswith("List"):
            yield document
            continue
        item_kind = kind.removesuffix("List")
        for item in items:
            if item_kind and isinstance(item, dict) and "kind" not in item:
                yield {"apiVersion": document.get("apiVersion"), "kind": item_kind} | item
            else:
                yield item
