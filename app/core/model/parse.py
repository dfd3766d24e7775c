"""Parses Kubernetes JSON into the values of this package."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from app.core.model import workload
from app.core.model.device_class import DeviceClass, read_device_class
from app.core.model.device_taint_rule import DeviceTaintRule, read_device_taint_rule
from app.core.model.disruption_budget import DisruptionBudget, read_disruption_budget
from app.core.model.errors import FieldError, ObjectError, ObjectRef, path_text
from app.core.model.node import Node, read_node
from app.core.model.pod import ENDED_PHASES, Pod, read_pod
from app.core.model.pod_group import GROUP as SCHEDULING_GROUP
from app.core.model.pod_group import PodGroup, read_pod_group
from app.core.model.resource_claim import ResourceClaim, ResourceClaimTemplate, read_claim, read_template
from app.core.model.resource_slice import ResourceSlice, read_resource_slice
from app.core.model.versions import GROUP, to_v1
from app.core.model.workload import Workload
from app.core.model.workload_kinds import BUILT_IN, rules_of

InventoryObject = (
    Node
    | ResourceSlice
    | DeviceClass
    | DeviceTaintRule
    | ResourceClaim
    | ResourceClaimTemplate
    | Pod
    | DisruptionBudget
    | PodGroup
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
    "PodGroup": read_pod_group,
}
_GROUPS = {
    "Node": "",
    "Pod": "",
    "PodDisruptionBudget": "policy",
    "PodGroup": SCHEDULING_GROUP,
} | {kind: group for group, kind in BUILT_IN}
NAMESPACED = (
    frozenset({"Pod", "PodGroup", "ResourceClaim", "ResourceClaimTemplate", "PodDisruptionBudget"})
    | workload.KINDS
)
KINDS = frozenset(_READERS) | workload.KINDS
"""Kinds of Kubernetes itself that are read here. Others are, if they hold a Pod template: see ``is_read``."""
_OF_OTHERS = KINDS - {kind for kind in _READERS if kind not in _GROUPS}
"""Those of which other API groups have kinds of the same name, such as Volcano's Job."""


def is_of(raw: Any, kinds: Collection[str]) -> bool:
    """Whether this is an object of one of the kinds, whatever it may be: a kind need not be text."""
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return isinstance(kind, str) and kind in kinds


def is_read(raw: Any) -> bool:
    """Whether ``parse`` reads objects of this kind, or reports an error in the kind.

    Cost: O(values of the object) for kinds that Kubernetes does not have.
    """
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if not isinstance(kind, str) or is_broken_list(raw):
        return True
    return (kind in KINDS and not _foreign(raw)) or workload.is_workload(raw)


def is_namespaced(raw: Any) -> bool:
    """Whether an object that is read has a namespace. Cost: as ``is_read``."""
    if not is_of(raw, KINDS) or _foreign(raw):
        return workload.is_workload(raw)
    return is_of(raw, NAMESPACED)


def is_to_be_placed(raw: Any) -> bool:
    """Whether an object is a workload, or a Pod that has no node yet and has not run to its end."""
    if not is_of(raw, KINDS) or _foreign(raw) or raw["kind"] in workload.KINDS:
        return workload.is_workload(raw)
    if raw["kind"] != "Pod":
        return False
    spec, status = raw.get("spec"), raw.get("status")
    bound = isinstance(spec, dict) and bool(spec.get("nodeName"))
    return not bound and not (isinstance(status, dict) and status.get("phase") in ENDED_PHASES)


def _foreign(raw: dict[str, Any]) -> bool:
    """Whether the kind is that of another API group, not of Kubernetes, that has the same name."""
    if raw["kind"] not in _OF_OTHERS:
        return False
    group = str(raw.get("apiVersion")).rpartition("/")[0]
    return "." in group and group not in (GROUP, _GROUPS[raw["kind"]])


def ref_of(raw: Any) -> ObjectRef:
    """Names an object for a message, however broken it is."""
    source = raw if isinstance(raw, dict) else {}
    meta = source.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    kind = str(source.get("kind") or "object")
    namespace = "" if kind in KINDS - NAMESPACED else str(meta.get("namespace") or "")
    namespace = namespace or ("default" if kind in NAMESPACED else "")
    return ObjectRef(kind, namespace, str(meta.get("name") or meta.get("generateName") or "(no name)"))


def has_name(raw: Any) -> bool:
    """Whether an object has its own name: the API server makes one if it has a generateName."""
    meta = raw.get("metadata") if isinstance(raw, dict) else None
    return isinstance(meta, dict) and bool(meta.get("name"))


def parse(raw: Any) -> Object:
    """Reads one object of ``KINDS`` in any served version, or of any other kind that holds a Pod template.

    Raises:
        ObjectError: names the object, the field and what is wrong with it.
    """
    try:
        source = _checked(raw)
        kind = source["kind"]
        reader = None if _foreign(source) else _READERS.get(kind)
        return reader(to_v1(source)) if reader is not None else workload.read_workload(kind, source)
    except FieldError as error:
        raise ObjectError(ref_of(raw), path_text(error.path), error.reason) from None


def reread_claim(raw: Any, before: ResourceClaim) -> ResourceClaim:
    """Reads a claim of which an earlier version is known: its spec, which never changes, is not read again.

    Raises: ObjectError; it is another kind of object, or another claim.
    """
    try:
        return _claim_like(before, _of_kind("ResourceClaim", raw))
    except FieldError as error:
        raise ObjectError(ref_of(raw), path_text(error.path), error.reason) from None


def reread_pod(raw: Any, before: Pod) -> Pod:
    """Reads a Pod of which an earlier version is known: see ``read_pod``.

    Raises: ObjectError; it is another kind of object.
    """
    try:
        return read_pod(_of_kind("Pod", raw), before)
    except FieldError as error:
        raise ObjectError(ref_of(raw), path_text(error.path), error.reason) from None


def _claim_like(before: ResourceClaim, source: dict[str, Any]) -> ResourceClaim:
    claim = read_claim(source, before.spec)
    if claim.meta.uid != before.meta.uid:
        raise FieldError("is that of another claim", "metadata", "uid")
    return claim


def _of_kind(kind: str, raw: Any) -> dict[str, Any]:
    source = _checked(raw)
    if source["kind"] != kind:
        raise FieldError(f"must be {kind}, not {source['kind']}", "kind")
    return source


def _checked(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise FieldError("is not a Kubernetes object")
    for name in ("apiVersion", "kind"):
        if not isinstance(raw.get(name), str):
            raise FieldError("is missing" if raw.get(name) is None else "must be a string", name)
    kind = raw["kind"]
    if is_broken_list(raw):
        raise FieldError("must be a list", "items")
    if kind not in KINDS or _foreign(raw):
        if workload.is_workload(raw):
            return raw
        if rules_of(raw):
            raise workload.without_template(kind, raw)
        raise FieldError(f"{kind} is an unknown kind ({', '.join(sorted(KINDS))})", "kind")
    group = raw["apiVersion"].rpartition("/")[0]
    expected = _GROUPS.get(kind, GROUP)
    if group != expected:
        raise FieldError(_misplaced(kind, raw["apiVersion"], expected), "apiVersion")
    return raw


def _misplaced(kind: str, version: str, expected: str) -> str:
    group = version.rpartition("/")[0]
    if version == expected:
        return f"lacks a version: {expected}/v1"
    if not group and expected:
        return f"a {kind} is in group {expected!r}: {expected}/{version}"
    return f"a {kind} is in group {expected or 'core'!r}, not {group!r}"


def _is_list(raw: Any) -> bool:
    """Whether this is a ``kind: List`` or a typed one, whatever its items are."""
    kind = raw.get("kind") if isinstance(raw, dict) else None
    return isinstance(kind, str) and (kind == "List" or (kind.endswith("List") and "items" in raw))


def is_broken_list(raw: Any) -> bool:
    """Whether this is a list whose items are none."""
    return _is_list(raw) and not isinstance(raw.get("items"), list | None)


def flatten(documents: Iterable[Any]) -> Iterator[Any]:
    """The objects themselves: lists (``kind: List`` and typed ones) are opened, empty documents left out.

    Items of a typed list get the kind and apiVersion that the API server leaves out.
    """
    for document in documents:
        if document is None:
            continue
        items = document.get("items") if isinstance(document, dict) else None
        if not isinstance(items, list | None) or not _is_list(document):
            yield document
            continue
        item_kind = document["kind"].removesuffix("List")
        for item in items or ():
            if item_kind and isinstance(item, dict) and "kind" not in item:
                yield {"apiVersion": document.get("apiVersion"), "kind": item_kind} | item
            else:
                yield item
