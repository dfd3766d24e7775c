"""Pods, as far as placing them goes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.core.json_object import JsonObject
from app.core.model import fields
from app.core.model.claim_amounts import ClaimAmounts, read_claim_amounts
from app.core.model.errors import FieldError
from app.core.model.extended_resources import ResourceRequest, read_resource_requests
from app.core.model.meta import Meta, read_meta
from app.core.model.node_selector import NodeSelector, read_node_selector, read_term
from app.core.model.pod_affinity import (
    PreferredTerm,
    SoftSpread,
    has_unweighed_preferences,
    read_preferred_terms,
    read_soft_spread,
)
from app.core.model.pod_claim import PodClaim, read_claim_status, read_pod_claim
from app.core.model.pod_parts import PodParts, limits_and_requests, read_claim_users, read_parts
from app.core.model.quantity import Quantity
from app.core.model.taints import Toleration, read_toleration
from app.core.pauses import paced_if_many

MAX_PREFERENCES = 100
"""Preferred terms, or soft constraints, that are weighed for each node. A Pod may have thousands of them."""


ENDED_PHASES = ("Succeeded", "Failed")
"""The phases of a Pod that has run to its end."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A Pod. ``requests`` is what it takes of a node in all: containers, init containers, overhead.

    ``claim_statuses`` maps a pod claim's name to the generated claim, or to None if kube-controller-manager
    has decided that none is needed. ``extended`` is what its containers ask for of extended resources,
    ``extended_claim`` the claim that a scheduler has made for that. ``preferred_affinity`` are the preferred
    terms of its node affinity with their weights, ``preferred_terms`` those about other Pods. ``unweighed``:
    see ``has_unweighed_preferences``, or there are more than ``MAX_PREFERENCES`` of a kind, and these three
    are empty. ``never_preempts`` is preemptionPolicy Never, ``started`` status.startTime (RFC 3339),
    ``group`` the PodGroup it is scheduled with. ``refusal`` is why a scheduler has not placed it: the message
    of its condition PodScheduled, or the condition's reason. ``nominated_node`` is the node that
    kube-scheduler intends for it. ``generation`` is metadata.generation, 0 if there is none. ``only_on`` are
    the nodes of kube-scheduler's request for it, None for any: it refuses the others for what is not known
    here, like volumes. ``claim_users`` are the containers that use each of ``claims``, and ``parts`` their
    resources: None if ``requests`` is all that matters. ``amounts`` is what a scheduler has written of what
    its devices take of the node, beside ``requests``.
    """

    meta: Meta
    claims: tuple[PodClaim, ...] = ()
    node_name: str = ""
    scheduler_name: str = ""
    priority: int = 0
    phase: str = ""
    requests: Mapping[str, Quantity] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    required_affinity: NodeSelector | None = None
    preferred_affinity: tuple[tuple[int, NodeSelector], ...] = ()
    preferred_terms: tuple[PreferredTerm, ...] = ()
    soft_spread: tuple[SoftSpread, ...] = ()
    unweighed: bool = False
    tolerations: tuple[Toleration, ...] = ()
    claim_statuses: Mapping[str, str | None] = field(default_factory=dict)
    extended: tuple[ResourceRequest, ...] = ()
    extended_claim: str | None = None
    scheduling_gates: tuple[str, ...] = ()
    never_preempts: bool = False
    started: str | None = None
    group: str = ""
    refusal: str = ""
    nominated_node: str = ""
    only_on: frozenset[str] | None = None
    claim_users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: PodParts | None = None
    amounts: tuple[ClaimAmounts, ...] = ()
    generation: int = field(default=0, compare=False)

    @property
    def finished(self) -> bool:
        """Whether it has run to its end and holds nothing of its node any more."""
        return self.phase in ENDED_PHASES

    @property
    def waits(self) -> bool:
        """Whether it has no node yet, and may get one."""
        return not (self.node_name or self.finished or self.meta.deleted or self.scheduling_gates)

    def claim_name_of(self, entry: PodClaim) -> str | None:
        """The name of the claim of an entry; None while it has not been made from its template."""
        return entry.claim_name or self.claim_statuses.get(entry.name)

    @property
    def named_claims(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of the claims that it names, and does not get from a template; each once."""
        names = dict.fromkeys(item.claim_name for item in self.claims if item.claim_name is not None)
        return tuple((self.meta.namespace, name) for name in names)


def read_pod(raw: Any, before: Pod | None = None) -> Pod:
    """Reads a core/v1 Pod.

    ``before``: an earlier version of it. Its spec is not read again unless it has changed.
    """
    source = fields.mapping(raw)
    meta = read_meta(raw, namespaced=True, name_required=False)
    if not meta.name and not meta.generate_name:
        raise FieldError("is missing", "metadata", "name")
    spec, status = fields.required(source, "spec", fields.mapping), fields.child(source, "status")
    try:
        generation = fields.default(fields.child(source, "metadata"), "generation", fields.integer, 0)
    except FieldError as error:
        raise error.under("metadata") from None
    if before is None or not _has_spec_of(before, meta, generation):
        return pod_from_spec(meta, spec, status, generation)
    return replace(before, meta=meta, node_name=_node_name(spec), **_status_parts(status))


def _has_spec_of(before: Pod, meta: Meta, generation: int) -> bool:
    """Whether all but spec.nodeName of the spec, as far as it is read here, is that of an earlier version.

    The API server increases metadata.generation with each change of a Pod's spec (KEP-5067,
    pkg/registry/core/pod/strategy.go), but not when it sets spec.nodeName in a binding (storage/storage.go).
    Some of what is read of a spec depends on labels and owners.
    """
    known = before.meta
    return (
        generation > 0
        and (generation, meta.uid) == (before.generation, known.uid)
        and (meta.labels, meta.owners) == (known.labels, known.owners)
    )


def pod_from_spec(meta: Meta, spec: JsonObject, status: JsonObject, generation: int = 0) -> Pod:
    """Builds a Pod from a PodSpec and a PodStatus (empty for a Pod that does not exist yet)."""
    known: dict[str, Any] = {"meta": meta, "generation": generation, "node_name": _node_name(spec)}
    return Pod(**known, **_spec_parts(meta, spec), **_status_parts(status))


def _spec_parts(meta: Meta, spec: JsonObject) -> dict[str, Any]:
    """The fields of ``Pod`` that are of the spec, but the node. Some depend on labels and owners, too."""
    try:
        claims = fields.listed(spec, "resourceClaims", read_pod_claim)
        affinity = fields.optional(spec, "affinity", _node_affinity) or _Affinity()
        near = fields.optional(spec, "affinity", lambda raw: read_preferred_terms(raw, meta.namespace)) or ()
        spread = read_soft_spread(spec, meta.labels)
        countless = max(len(affinity.preferred), len(near), len(spread)) > MAX_PREFERENCES
        extended = read_resource_requests(spec)
        requests, own = _requests(spec)
        return {
            "claims": claims,
            "claim_users": read_claim_users(spec),
            "parts": read_parts(spec, own) if claims or extended else None,
            "requests": requests,
            "required_affinity": affinity.required,
            "scheduler_name": fields.default(spec, "schedulerName", fields.text, ""),
            "priority": fields.default(spec, "priority", fields.integer, 0),
            "preferred_affinity": () if countless else affinity.preferred,
            "preferred_terms": () if countless else near,
            "soft_spread": () if countless else spread,
            "unweighed": countless or has_unweighed_preferences(spec, meta.controller),
            "node_selector": fields.mapped(spec, "nodeSelector", fields.text),
            "tolerations": fields.listed(spec, "tolerations", read_toleration),
            "extended": extended,
            "scheduling_gates": fields.listed(spec, "schedulingGates", _gate),
            "never_preempts": fields.default(spec, "preemptionPolicy", fields.text, "") == "Never",
            "group": fields.optional(spec, "schedulingGroup", _group) or "",
        }
    except FieldError as error:
        raise error.under("spec") from None


def _node_name(spec: JsonObject) -> str:
    try:
        return fields.default(spec, "nodeName", fields.text, "")
    except FieldError as error:
        raise error.under("spec") from None


def _status_parts(status: JsonObject) -> dict[str, Any]:
    """The fields of ``Pod`` that are of the status."""
    try:
        refusals = [text for text in fields.listed(status, "conditions", _refusal) if text]
        return {
            "phase": fields.default(status, "phase", fields.text, ""),
            "started": fields.optional(status, "startTime", fields.text),
            "claim_statuses": dict(fields.listed(status, "resourceClaimStatuses", read_claim_status)),
            "extended_claim": fields.optional(status, "extendedResourceClaimStatus", _extended_claim),
            "refusal": refusals[0] if refusals else "",
            "nominated_node": fields.default(status, "nominatedNodeName", fields.text, ""),
            "amounts": fields.listed(status, "nodeAllocatableResourceClaimStatuses", read_claim_amounts),
        }
    except FieldError as error:
        raise error.under("status") from None


def _refusal(raw: Any) -> str:
    """The message of the condition PodScheduled=False; empty for other conditions."""
    source = fields.mapping(raw)
    told = {
        name: fields.default(source, name, fields.text, "")
        for name in ("type", "status", "message", "reason")
    }
    if (told["type"], told["status"]) != ("PodScheduled", "False"):
        return ""
    return told["message"] or told["reason"]


def _extended_claim(raw: Any) -> str:
    return fields.required(fields.mapping(raw), "resourceClaimName", fields.text)


def _group(raw: Any) -> str | None:
    return fields.optional(fields.mapping(raw), "podGroupName", fields.text)


def _gate(raw: Any) -> str:
    return fields.required(fields.mapping(raw), "name", fields.text)


@dataclass(frozen=True, slots=True)
class _Affinity:
    required: NodeSelector | None = None
    preferred: tuple[tuple[int, NodeSelector], ...] = ()


def _node_affinity(raw: Any) -> _Affinity:
    return fields.optional(fields.mapping(raw), "nodeAffinity", _affinity) or _Affinity()


def _affinity(raw: Any) -> _Affinity:
    source = fields.mapping(raw)
    when = "DuringSchedulingIgnoredDuringExecution"
    return _Affinity(
        fields.optional(source, f"required{when}", read_node_selector),
        fields.listed(source, f"preferred{when}", _preferred),
    )


def _preferred(raw: Any) -> tuple[int, NodeSelector]:
    source = fields.mapping(raw)
    term = fields.required(source, "preference", read_term)
    return fields.default(source, "weight", fields.integer, 0), NodeSelector((term,))


@dataclass(frozen=True, slots=True)
class _Container:
    requests: Mapping[str, Quantity]
    sidecar: bool


def _container(raw: Any) -> _Container:
    source = fields.mapping(raw)
    return _Container(
        requests=fields.optional(source, "resources", _resource_requests) or {},
        sidecar=fields.default(source, "restartPolicy", fields.text, "") == "Always",
    )


def _resource_requests(raw: Any) -> dict[str, Quantity]:
    """The requests; the API server lets a limit stand in for a request that is not given."""
    source = fields.mapping(raw)
    return fields.mapped(source, "limits", fields.quantity) | fields.mapped(
        source, "requests", fields.quantity
    )


def _requests(spec: JsonObject) -> tuple[dict[str, Quantity], dict[str, int]]:
    """What the Pod takes of a node, and of that its requests as a whole: the rule of
    component-helpers/resource PodRequests.

    Containers and sidecars together, or the largest init container beside the sidecars started
    before it, whichever is more; a request of the Pod as a whole replaces that (for cpu, memory
    and huge pages); plus overhead. Cost: O(requests of all containers).
    """
    total: dict[str, int] = {}
    for container in paced_if_many(fields.listed(spec, "containers", _container)):
        _add(total, container.requests)
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in paced_if_many(fields.listed(spec, "initContainers", _container)):
        if container.sidecar:
            _add(total, container.requests)
            _add(sidecars, container.requests)
            continue
        # Of other resources the sidecars before it need no more than all sidecars together.
        for name, amount in paced_if_many(container.requests.items()):
            peak[name] = max(peak.get(name, 0), sidecars.get(name, 0) + amount.nanos)
    for name, nanos in paced_if_many(peak.items()):
        total[name] = max(total.get(name, 0), nanos)
    own = _pod_level(spec, total)
    total |= own
    _add(total, fields.mapped(spec, "overhead", fields.quantity))
    return {name: Quantity(nanos) for name, nanos in paced_if_many(total.items())}, own


def _pod_level(spec: JsonObject, containers: Mapping[str, int]) -> dict[str, int]:
    """The requests of the Pod as a whole, in nano units.

    A limit stands in for a request of cpu or memory only if no container requests any, as
    defaultPodRequests in the API server has it.
    """
    limits, requests = limits_and_requests(spec)
    result: dict[str, int] = {}
    for name, amount in paced_if_many((limits | requests).items()):
        huge = name.startswith("hugepages-")
        if huge or (name in ("cpu", "memory") and (name in requests or name not in containers)):
            result[name] = amount.nanos
    return result


def _add(total: dict[str, int], more: Mapping[str, Quantity]) -> None:
    for name, amount in paced_if_many(more.items()):
        total[name] = total.get(name, 0) + amount.nanos
